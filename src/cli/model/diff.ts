import { AssayError } from '../../errors/index.js';
import type { Catalogue, Member, Place, Policy, RowRule } from '../../model/catalog/index.js';
import { type LoadedModel, probeOf } from '../../model/cube/index.js';
import { compareText, type MetricQuery, typeText } from '../../query/index.js';

/** `breaking`: questions that were answered are refused, or come out in another type. `values`: the same questions may give other numbers. */
export type Effect = 'breaking' | 'values' | 'access' | 'none';

/** One difference between two models. */
export interface Change {
  readonly change: 'added' | 'removed' | 'changed';
  readonly kind: 'view' | 'cube' | Member['kind'] | 'rollup' | 'policy' | 'join';
  readonly name: string;
  readonly effect: Effect;
  /** What is other, in words. */
  readonly what: readonly string[];
  /** What is made of it or reads it: members, rollups, policies, saved queries. */
  readonly dependents: readonly string[];
  readonly place: Place;
}

const NOWHERE: Place = { file: 'cubes', line: 1 };

/** A member's statement: its SQL with its joins, as the engine would read it. */
const definitionOf = ({ catalogue, legs }: LoadedModel, member: Member): string => {
  if (member.ratio) return JSON.stringify(member.ratio);
  try {
    return probeOf(catalogue, legs, member.owner, [member.name]).statement.sql;
  } catch (thrown) {
    if (thrown instanceof AssayError) return thrown.code;
    throw thrown;
  }
};

/** Whether callers can ask for it: a cube that is not public does not exist for them. */
const asked = (catalogue: Catalogue, member: Member): boolean =>
  member.public && catalogue.owners.get(member.owner)?.public === true;

const plainRule = (rule: RowRule): unknown => {
  if ('and' in rule) return { and: rule.and.map(plainRule) };
  if ('or' in rule) return { or: rule.or.map(plainRule) };
  return [rule.member, rule.operator];
};
const plainPolicy = ({ groups, members, masking, rows }: Policy) =>
  JSON.stringify([groups, members, masking, rows?.map(plainRule)]);
const ruleMembers = (rule: RowRule): readonly string[] =>
  'and' in rule ? rule.and.flatMap(ruleMembers) : 'or' in rule ? rule.or.flatMap(ruleMembers) : [rule.member];

/** What reads each member, directly: by the member's name. */
const readersOf = (catalogue: Catalogue, queries: ReadonlyMap<string, MetricQuery>) => {
  const readers = new Map<string, Set<string>>();
  const add = (name: string, reader: string) => {
    const known = readers.get(name) ?? new Set();
    readers.set(name, known.add(reader));
  };
  for (const m of catalogue.members.values()) {
    const reads = [m.aliasOf, m.sameAs, m.pseudonym, m.ratio?.numerator, m.ratio?.denominator, ...(m.reads ?? [])];
    for (const name of reads) if (name !== undefined && name !== m.name) add(name, m.name);
  }
  for (const r of catalogue.rollups)
    for (const name of [...r.measures, ...r.dimensions, ...(r.timeDimension ? [r.timeDimension] : [])])
      add(name, `rollup ${r.id}`);
  for (const policies of catalogue.policies.values())
    for (const { id, members, masking, rows } of policies) {
      const lists = [members?.includes, members?.excludes, masking?.includes, masking?.excludes];
      for (const name of [...lists.flatMap((l) => l ?? []), ...(rows ?? []).flatMap(ruleMembers)])
        add(name, `policy ${id}`);
    }
  for (const [title, query] of queries) {
    const text = JSON.stringify(query);
    for (const name of catalogue.members.keys()) if (text.includes(`"${name}"`)) add(name, `query ${title}`);
  }
  /** Readers, and readers of those. */
  return (name: string): readonly string[] => {
    const found = new Set<string>();
    const open = [name];
    for (let next = open.pop(); next !== undefined; next = open.pop())
      for (const reader of readers.get(next) ?? []) {
        if (found.has(reader) || reader === name) continue;
        found.add(reader);
        open.push(reader);
      }
    return [...found].sort(compareText);
  };
};

const changedMember = (a: LoadedModel, b: LoadedModel, before: Member, after: Member) => {
  const what: string[] = [];
  let effect: Effect = 'none';
  const worse = (to: Effect, text: string) => {
    what.push(text);
    if (to === 'breaking' || effect === 'none') effect = to;
  };
  const was = (x: unknown, y: unknown) => `${String(x ?? 'none')} -> ${String(y ?? 'none')}`;
  const visible = asked(a.catalogue, before);
  if (before.kind !== after.kind) worse('breaking', `kind ${was(before.kind, after.kind)}`);
  if (typeText(before.type) !== typeText(after.type))
    worse('breaking', `type ${was(typeText(before.type), typeText(after.type))}`);
  if (visible && !asked(b.catalogue, after)) worse('breaking', 'no longer public');
  if (!visible && asked(b.catalogue, after)) worse('none', 'public now');
  const lost = before.granularities.filter((g) => !after.granularities.includes(g));
  if (lost.length > 0) worse('breaking', `without ${lost.join(', ')}`);
  if (before.unit !== after.unit) worse('values', `unit ${was(before.unit, after.unit)}`);
  if (before.additivity !== after.additivity) worse('values', `adds up as ${was(before.additivity, after.additivity)}`);
  else if (before.kind === after.kind && definitionOf(a, before) !== definitionOf(b, after))
    worse('values', 'another definition');
  if (before.pii !== after.pii) worse('access', `pii ${was(before.pii, after.pii)}`);
  for (const key of ['title', 'description', 'format'] as const)
    if (before[key] !== after[key]) worse('none', `another ${key}`);
  if (before.synonyms.join('\n') !== after.synonyms.join('\n')) worse('none', 'other synonyms');
  return { what, effect: effect as Effect };
};

/** Things of two models by name: those of one only, and those of both. */
const paired = <T>(a: ReadonlyMap<string, T>, b: ReadonlyMap<string, T>) => ({
  removed: [...a].filter(([name]) => !b.has(name)),
  added: [...b].filter(([name]) => !a.has(name)),
  both: [...a].flatMap(([name, one]) => {
    const other = b.get(name);
    return other === undefined ? [] : [[name, one, other] as const];
  }),
});

const ORDER: readonly Effect[] = ['breaking', 'values', 'access', 'none'];

/** What another model changes: members, rollups, policies and joins, the gravest first. `queries` are saved ones, by title. */
export const diffModels = (
  a: LoadedModel,
  b: LoadedModel,
  queries: ReadonlyMap<string, MetricQuery> = new Map(),
): readonly Change[] => {
  const changes: Change[] = [];
  const dependents = readersOf(a.catalogue, queries);
  const put = (of: Omit<Change, 'dependents'>) =>
    changes.push({ ...of, dependents: of.change === 'added' ? [] : dependents(of.name) });

  const owners = paired(a.catalogue.owners, b.catalogue.owners);
  for (const [name, o] of owners.removed)
    put({ change: 'removed', kind: o.kind, name, effect: o.public ? 'breaking' : 'none', what: [], place: o.place });
  for (const [name, o] of owners.added)
    put({ change: 'added', kind: o.kind, name, effect: 'none', what: [], place: o.place });

  const members = paired(a.catalogue.members, b.catalogue.members);
  for (const [name, m] of members.removed)
    put({
      ...{ change: 'removed', kind: m.kind, name, what: [], place: m.place },
      effect: asked(a.catalogue, m) ? 'breaking' : 'none',
    });
  for (const [name, m] of members.added)
    put({ change: 'added', kind: m.kind, name, effect: 'none', what: [], place: m.place });
  for (const [name, before, after] of members.both) {
    const { what, effect } = changedMember(a, b, before, after);
    if (what.length > 0) put({ change: 'changed', kind: after.kind, name, effect, what, place: after.place });
  }

  const byId = (m: LoadedModel) => new Map(m.catalogue.rollups.map((r) => [r.id, r]));
  const rollups = paired(byId(a), byId(b));
  const rollup = (change: Change['change'], r: { id: string; place: Place }, what: readonly string[]) =>
    put({ change, kind: 'rollup', name: r.id, effect: 'none', what, place: r.place });
  for (const [, r] of rollups.removed) rollup('removed', r, ['queries that it served go to the source']);
  for (const [, r] of rollups.added) rollup('added', r, ['is built before it serves']);
  for (const [, before, after] of rollups.both)
    if (before.hash !== after.hash) rollup('changed', after, ['is built anew before it serves']);

  const policiesOf = (m: LoadedModel) =>
    new Map([...m.catalogue.policies.values()].flat().map((p) => [p.id, plainPolicy(p)]));
  const policies = paired(policiesOf(a), policiesOf(b));
  const policy = (change: Change['change'], model: LoadedModel, id: string) =>
    put({
      ...{ change, kind: 'policy', name: id, effect: 'access', what: [] },
      place: model.catalogue.owners.get(id.split('#')[0] ?? '')?.place ?? NOWHERE,
    });
  for (const [id] of policies.removed) policy('removed', a, id);
  for (const [id] of policies.added) policy('added', b, id);
  for (const [id, before, after] of policies.both) if (before !== after) policy('changed', b, id);

  const rank = (c: Change) => ORDER.indexOf(c.effect);
  return changes.sort((x, y) => rank(x) - rank(y) || compareText(x.name, y.name));
};
