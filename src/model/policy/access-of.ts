import { createHash } from 'node:crypto';
import { types } from 'node:util';
import type { Caller, GivenValue, LegFilter, Operator } from '../../query/index.js';
import type { Catalogue, Member, Policy, RowRule } from '../catalog/index.js';
import type { Access, Rules } from './access.js';
import { nearest } from './nearest.js';

type Attributes = Readonly<Record<string, unknown>>;
/** Undefined: every row. `never`: none. */
type Rows = LegFilter | undefined | 'never';

const MOST_KNOWN = 1_000;
const hash = (value: unknown) => createHash('sha256').update(JSON.stringify(value)).digest('hex').slice(0, 32);
const lists = (level: Policy['members'], member: string) =>
  level?.includes.includes(member) === true && !level.excludes.includes(member);

/** A rule that cannot be evaluated, or whose attribute is absent or empty, lets no row pass. */
const rule = (given: RowRule, attributes: Attributes): LegFilter => {
  if ('and' in given) return { and: given.and.map((r) => rule(r, attributes)) };
  if ('or' in given) return { or: given.or.map((r) => rule(r, attributes)) };
  const never: LegFilter = { member: given.member, op: 'never', raw: true };
  const op = given.operator as Operator;
  if (op === 'isNull' || op === 'isNotNull') return { member: given.member, op, raw: true };
  let values: readonly unknown[];
  try {
    values = given.values(attributes);
  } catch (thrown) {
    if (types.isNativeError(thrown)) return never;
    throw thrown;
  }
  const plain = values.filter((v): v is GivenValue => ['string', 'number', 'boolean'].includes(typeof v));
  if (plain.length === 0 || plain.length !== values.length) return never;
  if (op !== 'in' && op !== 'notIn' && plain.length !== 1) return never;
  return { member: given.member, op, values: plain, raw: true };
};

const holds = (policy: Policy, attributes: Attributes): boolean => {
  try {
    return policy.condition(attributes);
  } catch (thrown) {
    // a condition over an absent attribute does not hold; errors of the model's functions come from another realm
    if (types.isNativeError(thrown)) return false;
    throw thrown;
  }
};

/**
 * One group of the caller. A query sees a row if, for every member that it uses, some one group allows that member on that row:
 * so members and rows are decided group by group, and then united.
 */
class Group {
  private readonly mine = new Map<string, readonly Policy[]>();
  constructor(
    private readonly catalogue: Catalogue,
    private readonly name: string,
    private readonly attributes: Attributes,
  ) {}

  /** The policies of an owner that speak to this group; undefined when the owner has none at all. */
  policies(owner: string): readonly Policy[] | undefined {
    const all = this.catalogue.policies.get(owner);
    if (!all) return undefined;
    const known = this.mine.get(owner);
    if (known) return known;
    const made = all.filter((p) => p.groups.some((g) => g === '*' || g === this.name) && holds(p, this.attributes));
    this.mine.set(owner, made);
    return made;
  }

  /** `full`, `masked`, or undefined when the member does not exist for this group. */
  sees(member: Member): 'full' | 'masked' | undefined {
    const policies = this.policies(member.owner);
    const owner = this.catalogue.owners.get(member.owner);
    // a view with policies of its own is the boundary: it also grants what is derived of members that its cubes keep back
    if (policies && owner?.kind === 'view') return this.listed(policies, member);
    if (owner?.kind === 'view') {
      const alias = member.aliasOf === undefined ? undefined : this.catalogue.members.get(member.aliasOf);
      return alias && this.sees(alias);
    }
    const sees = policies ? this.listed(policies, member) : 'full';
    return sees && this.derivedOf(member).every((part) => this.sees(part) !== undefined) ? sees : undefined;
  }

  private listed(policies: readonly Policy[], member: Member): 'full' | 'masked' | undefined {
    if (policies.some((p) => (p.members ? lists(p.members, member.name) : !p.masking))) return 'full';
    return policies.some((p) => lists(p.masking, member.name)) ? 'masked' : undefined;
  }

  /** What a measure is computed from; of a member that does not exist nothing derived exists either. */
  private derivedOf(member: Member): readonly Member[] {
    const parts = [
      ...(member.reads ?? []),
      ...(member.ratio ? [member.ratio.numerator, member.ratio.denominator] : []),
      ...(member.stage ? [member.stage.measure] : []),
      ...(member.level ? [member.level.measure] : []),
    ];
    return parts.flatMap((name) => (name === member.name ? [] : (this.catalogue.members.get(name) ?? [])));
  }

  /** The rows of an owner that this group may read: the union over its policies. */
  rows(owner: string, used: string | undefined): { rows: Rows; policies: readonly Policy[] } {
    const policies = this.policies(owner);
    if (!policies) return { rows: undefined, policies: [] };
    // of several policies of one group, those speak that give the member in use; what only a view gives is decided by all
    const giving = policies.filter(
      (p) => used === undefined || !p.members || lists(p.members, used) || lists(p.masking, used),
    );
    const speaking = giving.length > 0 ? giving : policies;
    if (speaking.length === 0) return { rows: 'never', policies: [] };
    const filters: LegFilter[] = [];
    for (const { rows } of speaking) {
      if (!rows) return { rows: undefined, policies: speaking };
      const made = rows.map((r) => rule(r, this.attributes));
      const [first] = made;
      if (first) filters.push(made.length === 1 ? first : { and: made });
    }
    const [first] = filters;
    return { rows: first && filters.length === 1 ? first : { or: filters }, policies: speaking };
  }
}

/** Names a group's view rule by the cube members behind it: legs are filtered on cubes. */
const onCubes = (catalogue: Catalogue, filter: LegFilter): LegFilter => {
  if ('and' in filter) return { and: filter.and.map((f) => onCubes(catalogue, f)) };
  if ('or' in filter) return { or: filter.or.map((f) => onCubes(catalogue, f)) };
  if ('not' in filter) return { not: onCubes(catalogue, filter.not) };
  return { ...filter, member: catalogue.members.get(filter.member)?.aliasOf ?? filter.member };
};

class CallerAccess implements Access {
  readonly visibilityKey: string;
  readonly attributesKey: string;
  private readonly groups: readonly Group[];
  private readonly seen = new Map<string, 'full' | 'masked'>();
  private readonly known = new Map<string, Rules>();
  private readonly byOwner = new Map<string, readonly string[]>();

  constructor(
    private readonly catalogue: Catalogue,
    caller: Caller,
  ) {
    // a caller without a role is still everybody, to whom `*` speaks
    const names = caller.roles.length === 0 ? [''] : [...new Set(caller.roles)].sort();
    this.groups = names.map((name) => new Group(catalogue, name, caller.attributes));
    for (const owner of catalogue.owners.values()) {
      const members = owner.members.filter((name) => {
        const member = catalogue.members.get(name);
        if (!member) return false;
        const sees = this.bestOf(member);
        if (sees) this.seen.set(name, sees);
        return sees !== undefined && owner.public && member.public;
      });
      if (members.length > 0) this.byOwner.set(owner.name, members);
    }
    const listed = [...this.byOwner.values()].flat();
    this.visibilityKey = hash([catalogue.version, listed, listed.filter((m) => this.masked(m))]);
    this.attributesKey = hash([catalogue.version, names, this.readValues()]);
  }

  private bestOf(member: Member): 'full' | 'masked' | undefined {
    let best: 'masked' | undefined;
    for (const group of this.groups) {
      const sees = group.sees(member);
      if (sees === 'full') return 'full';
      if (sees) best = sees;
    }
    return best;
  }

  /** Every row rule as this caller has it: what it can see depends on nothing else of its attributes. */
  private readValues(): unknown {
    return [...this.catalogue.policies.keys()].map((owner) =>
      this.groups.map((g) => {
        const { rows, policies } = g.rows(owner, undefined);
        return [rows ?? 'all', policies.map((p) => p.id)];
      }),
    );
  }

  owners(): readonly string[] {
    return [...this.byOwner.keys()];
  }
  members(owner: string): readonly string[] {
    return this.byOwner.get(owner) ?? [];
  }
  visible(name: string): boolean {
    const member = this.catalogue.members.get(name);
    return member !== undefined && this.members(member.owner).includes(name);
  }
  masked(name: string): boolean {
    return this.seen.get(name) === 'masked';
  }
  seesOfCube(name: string): 'full' | 'masked' | undefined {
    const own = this.seen.get(name);
    const included = this.included(name);
    if (own === undefined || included.length === 0) return own;
    const shown = included.filter((member) => this.visible(member.name));
    if (shown.length === 0) return undefined;
    return shown.every((member) => this.masked(member.name)) ? 'masked' : own;
  }
  /** The members of public views that stand for a cube's member. */
  private included(name: string): readonly Member[] {
    return [...this.catalogue.members.values()].filter(
      (m) => m.aliasOf === name && m.public && this.catalogue.owners.get(m.owner)?.public === true,
    );
  }
  replacement(name: string): string | undefined {
    const member = this.masked(name) ? this.catalogue.members.get(name) : undefined;
    if (!member?.pseudonym) return undefined;
    const inView = this.catalogue.owners
      .get(member.owner)
      ?.members.find((m) => this.catalogue.members.get(m)?.aliasOf === member.pseudonym);
    return inView ?? member.pseudonym;
  }

  rules(cubes: readonly string[], members: readonly string[]): Rules {
    const key = `${cubes.join()}|${members.join()}`;
    const known = this.known.get(key);
    if (known) return known;
    const made = this.rulesOf(cubes, members);
    if (this.known.size >= MOST_KNOWN) this.known.clear();
    this.known.set(key, made);
    return made;
  }

  private rulesOf(cubes: readonly string[], members: readonly string[]): Rules {
    const asked = members.flatMap((name) => this.catalogue.members.get(name) ?? []);
    const filters = new Map<string, LegFilter>();
    const policies = new Set<string>();
    let denied: string | undefined;
    // for each member in use the groups that give it are united; then all members are intersected
    for (const owner of new Set([...cubes, ...asked.map((m) => m.owner)]))
      for (const member of asked.length > 0 ? asked : [undefined]) {
        const giving = this.groups.filter((g) => member === undefined || g.sees(member) !== undefined);
        const used = [member?.name, member?.aliasOf].find((name) => name?.startsWith(`${owner}.`));
        const rows = this.united(giving, owner, used, policies);
        if (rows === 'never') denied ??= owner;
        else if (rows !== undefined) {
          const filter = onCubes(this.catalogue, rows);
          filters.set(JSON.stringify(filter), filter);
        }
      }
    return {
      denied: denied !== undefined,
      filters: denied === undefined ? [...filters.values()] : [this.nothingOf(denied)],
      policies: [...policies].sort(),
    };
  }

  /** A condition that no row meets, on a cube of the leg, so that it adds no join. */
  private nothingOf(owner: string): LegFilter {
    const cube = this.catalogue.owners.get(this.catalogue.owners.get(owner)?.root ?? owner);
    const member = cube?.members.find((name) => this.catalogue.members.get(name)?.kind === 'dimension');
    return { member: member ?? owner, op: 'never', raw: true };
  }

  private united(groups: readonly Group[], owner: string, used: string | undefined, spoke: Set<string>): Rows {
    const parts = new Map<string, LegFilter>();
    let all = false;
    for (const group of groups) {
      const { rows, policies } = group.rows(owner, used);
      for (const policy of policies) spoke.add(policy.id);
      if (rows === undefined) all = true;
      else if (rows !== 'never') parts.set(JSON.stringify(rows), rows);
    }
    if (all) return undefined;
    const filters = [...parts.values()];
    const [first] = filters;
    return first === undefined ? 'never' : filters.length === 1 ? first : { or: filters };
  }

  suggest(name: string): string | undefined {
    const names = [...this.byOwner.entries()].flatMap(([owner, members]) => [owner, ...members]);
    return nearest(name, names);
  }
}

/** What a caller may see of a catalogue. Errors: none here; rules that cannot be evaluated let no row pass. */
export const accessOf = (catalogue: Catalogue, caller: Caller): Access => new CallerAccess(catalogue, caller);
