import type { Catalogue, Member } from '../../model/catalog/index.js';
import type { LegFilter, MissReason } from '../../query/index.js';
import { waysTo } from './facts.js';
import { type CheckedFilter, checkedLeaves } from './filter.js';
import { addsUpTo, isAligned } from './granularity.js';
import type { ModelParts } from './hypothetical.js';
import { writtenInstant } from './instant.js';
import { cubeMember } from './names.js';
import type { ShapedLeg } from './shape.js';

/** What a rollup must keep to serve a leg: the smallest definition that may. Names are cube members. */
export interface RollupNeed {
  readonly root: string;
  readonly measures: readonly string[];
  readonly dimensions: readonly string[];
  readonly time: string | undefined;
  readonly granularity: string | undefined;
}

/** Why no rollup at all would serve a leg, in the words of `explain`. */
export interface Unservable {
  readonly reason: MissReason;
  readonly members: readonly string[];
}

/** From the coarsest: a coarser rollup has fewer rows. */
const GRANULARITIES = ['year', 'quarter', 'month', 'week', 'day', 'hour', 'minute'];

const isTime = (member: Member | undefined): boolean =>
  member?.cubeType === 'time' || member?.type.kind === 'timestamp';

type Leaf = Extract<CheckedFilter, { member: string }> | Extract<LegFilter, { member: string }>;
const leavesOf = ({ where, rules }: ShapedLeg): readonly Leaf[] => [
  ...where.flatMap(checkedLeaves),
  ...rules.flatMap((f) => checkedLeaves(f as CheckedFilter)),
];

/** The dimensions that a distinct count, least or greatest value follows from; undefined where it follows from none. */
const keysOf = (measure: string, root: string, { catalogue, legs }: ModelParts): readonly string[] | undefined => {
  const dimensions = (of: (owner: string) => boolean) =>
    [...catalogue.members.values()].filter(
      (m) => m.kind === 'dimension' && m.aliasOf === undefined && m.sameAs === undefined && !isTime(m) && of(m.owner),
    );
  const near = (owner: string) => owner === root || waysTo(root, owner, catalogue, 1).length > 0;
  for (const of of [(owner: string) => owner === root, near]) {
    const all = dimensions(of);
    const sql = legs.measureOver(measure, new Map(all.map((m, i) => [m.name, `"k${i}"`])), 'duckdb');
    if (sql !== undefined) return all.flatMap((m, i) => (sql.includes(`"k${i}"`) ? [m.name] : []));
  }
  return undefined;
};

/** The coarsest granularity that every asked bucket is made of and every end of a range begins. */
const granularityFor = (
  asked: readonly string[],
  leaves: readonly Leaf[],
  { calendars }: Catalogue,
): string | undefined => {
  const ends = leaves.flatMap((leaf) => (leaf.values ?? []).map((v) => writtenInstant(String(v))));
  return GRANULARITIES.find(
    (g) =>
      asked.every((a) => addsUpTo(g, a, calendars)) &&
      ends.every((micros) => micros !== undefined && isAligned(micros, g)),
  );
};

const timeNeeded = (leg: ShapedLeg, catalogue: Catalogue): Pick<RollupNeed, 'time' | 'granularity'> | Unservable => {
  const leaves = leavesOf(leg).filter((leaf) => leaf.op !== 'never' && isTime(catalogue.members.get(leaf.member)));
  const times = new Set(
    [...leg.query.time.map((t) => t.dimension), ...leaves.map((leaf) => leaf.member)].map((m) =>
      cubeMember(catalogue, m),
    ),
  );
  const [time] = times;
  if (time === undefined) return { time: undefined, granularity: undefined };
  if (times.size > 1) return { reason: 'member-missing', members: [...times] };
  if (leg.query.time.length > 0 && leg.query.timezone !== 'UTC')
    return { reason: 'time-zone-differs', members: [time] };
  const odd = leaves.filter((leaf) => !['gte', 'lt', 'between', 'isNull', 'isNotNull'].includes(leaf.op));
  if (odd.length > 0) return { reason: 'filter-not-covered', members: [time] };
  const granularity = granularityFor(
    leg.query.time.map((t) => t.granularity),
    leaves,
    catalogue,
  );
  return granularity === undefined ? { reason: 'granularity-too-coarse', members: [time] } : { time, granularity };
};

/** The measures to store and the dimensions to keep besides those that are asked for. */
const measuresNeeded = (
  leg: ShapedLeg,
  model: ModelParts,
): Pick<RollupNeed, 'measures' | 'dimensions'> | Unservable => {
  const { catalogue } = model;
  const names = new Set([
    ...leg.query.measures,
    ...leg.query.having.flatMap((f) => checkedLeaves(f as CheckedFilter)).map((leaf) => leaf.member),
  ]);
  const measures: string[] = [];
  const dimensions: string[] = [];
  for (const name of names) {
    const member = catalogue.members.get(name);
    const own = cubeMember(catalogue, name);
    if (!member || !own.startsWith(`${leg.root}.`)) return { reason: 'member-missing', members: [name] };
    if ((member.semiAdditive?.base ?? member.additivity) !== 'count_distinct') {
      measures.push(own);
      continue;
    }
    const keys = keysOf(own, leg.root, model);
    if (keys === undefined) measures.push(own);
    else dimensions.push(...keys);
  }
  if (measures.length === 0) {
    const count = [...catalogue.members.values()].find((m) => m.owner === leg.root && m.cubeType === 'count');
    if (!count) return { reason: 'member-missing', members: [...names] };
    measures.push(count.name);
  }
  return { measures, dimensions };
};

const sorted = (names: Iterable<string>): readonly string[] => [...new Set(names)].sort();

/** What a leg needs of a rollup, or why none can serve it. */
export const needOf = (leg: ShapedLeg, model: ModelParts): RollupNeed | Unservable => {
  const { catalogue } = model;
  if (leg.query.ungrouped) return { reason: 'granularity-too-coarse', members: leg.query.dimensions };
  if (leg.query.segments.length > 0) return { reason: 'filter-not-covered', members: leg.query.segments };
  const times = timeNeeded(leg, catalogue);
  if ('reason' in times) return times;
  const measured = measuresNeeded(leg, model);
  if ('reason' in measured) return measured;
  const filtered = leavesOf(leg)
    .filter((leaf) => leaf.op !== 'never')
    .map((leaf) => cubeMember(catalogue, leaf.member))
    .filter((name) => name !== times.time);
  const asked = leg.query.dimensions.map((d) => cubeMember(catalogue, d));
  return {
    root: leg.root,
    measures: sorted(measured.measures),
    dimensions: sorted([...asked, ...filtered, ...measured.dimensions]),
    ...times,
  };
};

/** A rollup that keeps what two need, each at its own grain or finer. Undefined where there is none. */
export const bothNeeds = (a: RollupNeed, b: RollupNeed): RollupNeed | undefined => {
  if (a.root !== b.root) return undefined;
  const time = a.time ?? b.time;
  if (a.time !== undefined && b.time !== undefined && a.time !== b.time) return undefined;
  const wanted = [a.granularity, b.granularity].flatMap((g) => g ?? []);
  const granularity = GRANULARITIES.find((g) => wanted.every((w) => addsUpTo(g, w)));
  return {
    root: a.root,
    measures: sorted([...a.measures, ...b.measures]),
    dimensions: sorted([...a.dimensions, ...b.dimensions]),
    time,
    granularity: time === undefined ? undefined : granularity,
  };
};
