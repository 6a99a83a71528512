import type { Member, Owner, Policy, RowRule } from '../catalog/index.js';
import { invalid, type Places } from './model-files.js';
import type { Compilers, CubePolicy, CubePolicyFilter, EvaluatedCube, SqlFunction } from './parts.js';

type Attributes = Readonly<Record<string, unknown>>;

/** Cube's operators of row rules, by ours. The others have meanings of Cube's own and are refused. */
const OPERATORS: Record<string, string> = {
  equals: 'in',
  in: 'in',
  notEquals: 'notIn',
  notIn: 'notIn',
  gt: 'gt',
  gte: 'gte',
  lt: 'lt',
  lte: 'lte',
  set: 'isNotNull',
  notSet: 'isNull',
  contains: 'icontains',
  startsWith: 'istartsWith',
  endsWith: 'iendsWith',
};
const WITHOUT_VALUES = new Set(['isNull', 'isNotNull']);

const list = (value: string | readonly string[] | undefined): readonly string[] =>
  value === undefined ? [] : typeof value === 'string' ? [value] : value;

/** The member that rollups hold: behind a view's name, and behind a second name for another member. */
const behind = (members: ReadonlyMap<string, Member>, name: string): string => {
  const member = members.get(name);
  const next = member?.aliasOf ?? member?.sameAs;
  return next === undefined ? name : behind(members, next);
};

class PolicyReader {
  constructor(
    private readonly compilers: Compilers,
    private readonly members: ReadonlyMap<string, Member>,
    private readonly places: Places,
  ) {}

  private refuse(id: string, what: string) {
    const place = this.places.of(id);
    return invalid(place.file, place.line, `access_policy of ${id.split('#')[0]}: ${what}`);
  }

  /** The evaluator writes into the context it is given, hence the copy. */
  private evaluate(cube: EvaluatedCube, fn: SqlFunction, attributes: Attributes): unknown {
    return this.compilers.cubeEvaluator.evaluateContextFunction(cube, fn, {
      securityContext: structuredClone(attributes),
    });
  }

  private rule(id: string, cube: EvaluatedCube, filter: CubePolicyFilter): RowRule {
    const group = filter.and ?? filter.or;
    if (group) {
      if (group.length === 0) throw this.refuse(id, 'a group of filters must not be empty');
      const inside = group.map((f) => this.rule(id, cube, f));
      return filter.and ? { and: inside } : { or: inside };
    }
    const operator = OPERATORS[filter.operator ?? ''];
    if (!operator) throw this.refuse(id, `the operator ${filter.operator} is not supported in a row filter`);
    const reference = filter.memberReference ?? '';
    if (this.members.get(reference)?.kind !== 'dimension') throw this.refuse(id, `${reference} is no dimension`);
    const { values } = filter;
    if (!values && !WITHOUT_VALUES.has(operator)) throw this.refuse(id, `${reference} is compared with no values`);
    return {
      member: behind(this.members, reference),
      operator,
      values: (attributes) => {
        const given = values ? this.evaluate(cube, values, attributes) : [];
        return (Array.isArray(given) ? given : [given]).filter((v) => v !== undefined && v !== null);
      },
    };
  }

  private policy(cube: EvaluatedCube, policy: CubePolicy, index: number): Policy {
    const id = `${cube.name}#${index}`;
    const groups = [...list(policy.group), ...list(policy.groups)];
    const filters = policy.rowLevel?.allowAll ? undefined : policy.rowLevel?.filters;
    if (policy.rowLevel && !policy.rowLevel.allowAll && !filters?.length)
      throw this.refuse(id, 'row_level without filters; write allow_all: true where every row is meant');
    const lists = (level: CubePolicy['memberLevel']) =>
      level && { includes: level.includesMembers ?? [], excludes: level.excludesMembers ?? [] };
    const masking = lists(policy.memberMasking);
    for (const name of masking?.includes ?? [])
      if (!masking?.excludes.includes(name) && this.members.get(name)?.pseudonym === undefined)
        throw this.refuse(id, `${name} is masked and has no stand-in; give it meta.pseudonym, or exclude it`);
    const conditions = policy.conditions ?? [];
    return Object.freeze({
      id,
      owner: cube.name,
      groups: groups.length === 0 ? ['*'] : groups,
      condition: (attributes: Attributes) => conditions.every((c) => this.evaluate(cube, c.if, attributes) === true),
      members: lists(policy.memberLevel),
      masking,
      rows: filters && filters.length > 0 ? filters.map((f) => this.rule(id, cube, f)) : undefined,
    });
  }

  of(name: string): readonly Policy[] | undefined {
    const cube = this.compilers.cubeEvaluator.cubeFromPath(name);
    return cube.accessPolicy?.map((policy, i) => this.policy(cube, policy, i));
  }
}

/** The policies of every owner that has any, their value functions bound to Cube's evaluator. Errors: `model-invalid`. */
export const readPolicies = (
  compilers: Compilers,
  owners: ReadonlyMap<string, Owner>,
  members: ReadonlyMap<string, Member>,
  places: Places,
): ReadonlyMap<string, readonly Policy[]> => {
  const reader = new PolicyReader(compilers, members, places);
  const policies = new Map<string, readonly Policy[]>();
  for (const name of owners.keys()) {
    const found = reader.of(name);
    if (found) policies.set(name, found);
  }
  return policies;
};
