import { typeText } from '../../query/index.js';
import type { Join, Member, Owner, Stage } from '../catalog/index.js';
import { nearest } from '../policy/index.js';
import { invalid } from './model-files.js';

const refuse = ({ name, place }: Member, what: string) => invalid(place.file, place.line, `${name}: ${what}`);

const EXACT: readonly string[] = ['integer', 'bigint', 'decimal'];
const scaleOf = ({ type }: Member): number => (type.kind === 'decimal' ? type.scale : 0);

/** What a measure that is composed above legs may not be made of. */
const checkPart = (m: Member, part: Member): void => {
  if (m.period && typeText(part.type) !== typeText(m.type))
    throw refuse(
      m,
      `meta.period: ${part.name} is ${typeText(part.type)}, and this ${typeText(m.type)}: give it that type`,
    );
  if (m.period && part.semiAdditive?.carry === 'forward')
    throw refuse(m, `meta.period: ${part.name} is carried forward, so it reads all before its row already`);
  if (!m.difference) return;
  for (const { name, type } of [m, part])
    if (!EXACT.includes(type.kind))
      throw refuse(m, `meta.difference is of exact numbers; ${name} is ${typeText(type)}`);
  if (scaleOf(part) > scaleOf(m))
    throw refuse(
      m,
      `meta.difference: ${part.name} has ${scaleOf(part)} digits behind the point, meta.type only ${scaleOf(m)}`,
    );
};

const checkConditions = (m: Member, stage: Stage, members: ReadonlyMap<string, Member>): void => {
  const staged = members.get(stage.measure);
  for (const { value } of stage.conditions) {
    if (!/^-?\d{1,30}(\.\d{1,8})?$/.test(value))
      throw refuse(m, `meta.stage.conditions: ${JSON.stringify(value)} is no number to compare ${stage.measure} with`);
    if (!staged || !EXACT.includes(staged.type.kind))
      throw refuse(m, `meta.stage.conditions compare exact numbers; ${stage.measure} is none`);
  }
};

/** Whether going along the path of some member of the same root brings several rows for one of a cube. */
const isMultiplied = (cube: string, paths: readonly (readonly string[])[], joins: readonly Join[]): boolean => {
  const edges = paths.flatMap((path) => path.slice(1).map((to, i) => [path[i] ?? '', to] as const));
  const kind = (from: string, to: string) => joins.find((j) => j.from === from && j.to === to)?.kind;
  const seen = new Set([cube]);
  const open = [cube];
  for (let at = open.pop(); at !== undefined; at = open.pop())
    for (const [from, to] of edges) {
      const next = from === at ? to : to === at ? from : undefined;
      if (next === undefined || seen.has(next)) continue;
      if (kind(from, to) === (next === to ? 'hasMany' : 'belongsTo')) return true;
      seen.add(next);
      open.push(next);
    }
  return false;
};

/** What a measure names in its `meta`: measures that exist, of a kind that it can be made of, without going round in circles. */
export const checkMeasures = (
  members: Map<string, Member>,
  owners: ReadonlyMap<string, Owner>,
  joins: readonly Join[],
): void => {
  // Asked for every measure of every view: paths are gathered once for a view, and looked at once for each cube of it.
  const known = new Map<string, boolean>();
  const pathsFrom = new Map<string, readonly (readonly string[])[]>();
  const multiplied = (owner: string, root: string, cube: string): boolean => {
    const from = `${owner}>${root}`;
    const key = `${from}>${cube}`;
    const before = known.get(key);
    if (before !== undefined) return before;
    let paths = pathsFrom.get(from);
    if (!paths) {
      const all = (owners.get(owner)?.members ?? []).flatMap((name) => {
        const path = members.get(name)?.path;
        return path && path[0] === root ? [[path.join('.'), path] as const] : [];
      });
      paths = [...new Map(all).values()];
      pathsFrom.set(from, paths);
    }
    const found = isMultiplied(cube, paths, joins);
    known.set(key, found);
    return found;
  };
  const partsOf = (m: Member): readonly string[] => [
    ...(m.ratio ? [m.ratio.numerator, m.ratio.denominator] : []),
    ...(m.stage ? [m.stage.measure] : []),
    ...(m.level ? [m.level.measure] : []),
    ...(m.period ? [m.period.measure] : []),
    ...(m.difference ? [m.difference.of, m.difference.less] : []),
  ];
  const keyOf = (m: Member) =>
    `meta.${(['ratio', 'stage', 'period', 'difference'] as const).find((key) => m[key]) ?? 'level'}`;
  const dimension = (m: Member, key: string, name: string): void => {
    if (members.get(name)?.kind === 'dimension') return;
    const like = nearest(
      name,
      [...members.values()].filter((d) => d.kind === 'dimension').map((d) => d.name),
    );
    throw refuse(m, `${key} names ${name}, which is no dimension${like ? `; did you mean ${like}?` : ''}`);
  };
  const follow = (m: Member, above: readonly string[]): void => {
    for (const name of partsOf(m)) {
      if (above.includes(name)) throw refuse(m, `${keyOf(m)} goes round in a circle: ${[...above, name].join(' > ')}`);
      const part = members.get(name);
      if (part?.kind !== 'measure') {
        const siblings = [...members.values()].filter((s) => s.owner === m.owner && s.kind === 'measure');
        const like = nearest(
          name,
          siblings.map((s) => s.name),
        );
        throw refuse(m, `${keyOf(m)} names ${name}, which is no measure${like ? `; did you mean ${like}?` : ''}`);
      }
      if (m.stage && (partsOf(part).length > 0 || part.semiAdditive))
        throw refuse(m, `meta.stage takes a measure that is summed or counted; ${name} is itself composed`);
      checkPart(m, part);
      follow(part, [...above, name]);
    }
  };
  const isPeriodic = (name: string): boolean => {
    const part = members.get(name);
    return part !== undefined && (part.period !== undefined || partsOf(part).some(isPeriodic));
  };
  for (const m of members.values()) {
    if (m.kind !== 'measure') continue;
    follow(m, [m.name]);
    if (m.period && isPeriodic(m.period.measure))
      throw refuse(m, `meta.period: ${m.period.measure} is over periods of its own; take the measure behind it`);
    if (m.semiAdditive) {
      dimension(m, 'meta.non_additive', m.semiAdditive.over);
      if (!['sum', 'count_distinct', 'min', 'max'].includes(m.semiAdditive.base))
        throw refuse(m, 'meta.non_additive is for measures of type sum, count, count_distinct, min or max');
      if (m.semiAdditive.carry === 'forward' && m.semiAdditive.take !== 'last')
        throw refuse(m, `meta.non_additive: what is carried forward is the last value, not ${m.semiAdditive.take}`);
      if (m.semiAdditive.take === 'avg' && !['bigint', 'integer', 'decimal'].includes(m.semiAdditive.type.kind))
        throw refuse(m, 'meta.non_additive: an average is made of exact numbers; meta.type is the type of the levels');
    }
    if (m.stage) {
      if (m.stage.by.length === 0) throw refuse(m, 'meta.stage.by names at least one dimension');
      for (const name of m.stage.by) dimension(m, 'meta.stage', name);
      if (m.stage.take === 'avg' && m.type.kind !== 'decimal')
        throw refuse(m, 'meta.stage: the type of an average is a decimal');
    }
    if (m.stage) checkConditions(m, m.stage, members);
    for (const name of m.level?.by ?? []) dimension(m, 'meta.level', name);
    const cube = m.path?.at(-1);
    if (m.path && cube !== undefined && multiplied(m.owner, m.path[0] ?? '', cube))
      members.set(m.name, Object.freeze({ ...m, multipliable: true }));
  }
  for (const m of members.values())
    for (const name of m.conforms ?? []) {
      dimension(m, 'meta.conforms', name);
      const other = members.get(name);
      const isTime = (d: Member | undefined) => d?.type.kind === 'date' || d?.type.kind === 'timestamp';
      if (other?.aliasOf !== undefined)
        throw refuse(m, `meta.conforms names dimensions of cubes; ${name} is of a view`);
      if (other?.type.kind !== m.type.kind && !(isTime(m) && isTime(other)))
        throw refuse(m, `meta.conforms: ${name} is ${other?.type.kind}, this is ${m.type.kind}`);
    }
};
