import type { RollupEdge, RollupLayout, RollupPartition, RollupState } from '../../build/rollup/index.js';
import type { Publication } from '../../build/transform/index.js';
import type { Catalogue, RollupDefinition } from '../../model/catalog/index.js';
import type { LegCompiler } from '../../model/cube/index.js';
import type { LegFilter, LegQuery, MissReason, Provenance } from '../../query/index.js';
import { waysTo } from './facts.js';
import type { CheckedFilter } from './filter.js';
import { addsUpTo, isAligned } from './granularity.js';
import { instantText, writtenInstant } from './instant.js';
import { cubeMember } from './names.js';
import { covered, holeIn, type Stretch, stretchOf, touched } from './rollup-range.js';

/** How one measure comes out of a rollup: an aggregate's text over the rollup's columns. */
export interface RollupMeasure {
  readonly measure: string;
  readonly sql: string;
}

/** A rollup that can serve a leg exactly. */
export interface RollupMatch {
  readonly definition: RollupDefinition;
  readonly layout: RollupLayout;
  readonly measures: readonly RollupMeasure[];
  readonly partitions: readonly RollupPartition[];
  readonly rows: number;
  /** Tables whose contents moved since the partitions were made. */
  readonly stale: Provenance['stale'];
  /** The part of the moving edge that the query touches: read from the source, in place of partitions. */
  readonly live?: Pick<RollupEdge, 'spans' | 'nulls'>;
}

export interface Miss {
  readonly reason: MissReason;
  readonly members: readonly string[];
  readonly detail?: string;
}

/** What a leg asks of a rollup. `where` are the caller's conditions, `rules` those of policies. */
export interface RollupAsk {
  readonly leg: LegQuery;
  readonly where: readonly CheckedFilter[];
  readonly rules: readonly LegFilter[];
  readonly fresh: 'published' | 'current';
}

export interface RollupWorld {
  readonly catalogue: Catalogue;
  readonly legs: LegCompiler;
  readonly publication: Publication;
  readonly state: RollupState | undefined;
  readonly layout: RollupLayout | undefined;
  readonly unavailable: boolean;
  /** What of it moved, where that is known and the query wants current data. */
  readonly edge?: RollupEdge | undefined;
}

const miss = (reason: MissReason, members: readonly string[] = [], detail?: string): Miss =>
  detail === undefined ? { reason, members } : { reason, members, detail };

type Leaf = Extract<LegFilter, { member: string }>;
export const legLeaves = (filter: LegFilter): readonly Leaf[] =>
  'member' in filter
    ? [filter]
    : 'not' in filter
      ? legLeaves(filter.not)
      : ('and' in filter ? filter.and : filter.or).flatMap(legLeaves);

/** The rollup's view of names: cube members, and its time dimension under its granularity. */
class Kept {
  readonly columns: ReadonlyMap<string, string>;
  readonly time: string | undefined;
  readonly granularity: string;
  constructor(
    readonly definition: RollupDefinition,
    layout: RollupLayout,
    readonly catalogue: Catalogue,
  ) {
    this.columns = layout.columns;
    this.time = definition.granularity === undefined ? undefined : definition.timeDimension;
    this.granularity = definition.granularity ?? '';
  }
  cube(name: string): string {
    return cubeMember(this.catalogue, name);
  }
  isTime = (name: string): boolean => this.time !== undefined && this.cube(name) === this.time;
  dimension(name: string): string | undefined {
    const cube = this.cube(name);
    return this.definition.dimensions.includes(cube) ? this.columns.get(cube) : undefined;
  }
  /** Whether the stored values of a measure add up: its rows are the rollup's own, and no kept dimension multiplies them. */
  addsUp(measure: string): boolean {
    const { cube, dimensions } = this.definition;
    const owners = new Set(dimensions.map((d) => d.split('.')[0] ?? ''));
    return (
      measure.startsWith(`${cube}.`) && [...owners].every((owner) => waysTo(cube, owner, this.catalogue, 1).length > 0)
    );
  }
  get timeColumn(): string | undefined {
    return this.time === undefined ? undefined : this.columns.get(`${this.time}.${this.granularity}`);
  }
  /** Whether a condition reads the same from the rollup as from its rows. */
  covers(leaf: Leaf): boolean {
    if (leaf.op === 'never' || this.dimension(leaf.member) !== undefined) return true;
    if (!this.isTime(leaf.member) || this.timeColumn === undefined) return false;
    if (leaf.op === 'isNull' || leaf.op === 'isNotNull') return true;
    if (leaf.op !== 'gte' && leaf.op !== 'lt' && leaf.op !== 'between') return false;
    return (leaf.values ?? []).every((v) => {
      const micros = writtenInstant(String(v));
      return micros !== undefined && isAligned(micros, this.granularity);
    });
  }
}

/** Members, granularity and zone: what no rebuild of the rollup would change. */
const missingShape = ({ leg }: RollupAsk, kept: Kept): Miss | undefined => {
  const gone = leg.dimensions.filter((d) => kept.dimension(d) === undefined);
  gone.push(...leg.time.filter((t) => !kept.isTime(t.dimension)).map((t) => t.dimension));
  if (gone.length > 0) return miss('member-missing', gone);
  const fine = leg.time.filter((t) => !addsUpTo(kept.granularity, t.granularity, kept.catalogue.calendars));
  if (fine.length > 0)
    return miss(
      'granularity-too-coarse',
      fine.map((t) => t.dimension),
      `the rollup is by ${kept.granularity}`,
    );
  if (leg.time.length > 0 && leg.timezone !== kept.definition.timezone)
    return miss(
      'time-zone-differs',
      leg.time.map((t) => t.dimension),
      `the rollup is in ${kept.definition.timezone}`,
    );
  return undefined;
};

/** Conditions: the caller's first, then those of policies. A range on the rollup's own time is looked at later. */
const missingFilter = ({ leg, where, rules }: RollupAsk, kept: Kept): Miss | undefined => {
  const ranges = new Set<LegFilter>(
    where.filter((f) => 'member' in f && kept.isTime(f.member) && ['gte', 'lt', 'between'].includes(f.op)),
  );
  const uncovered = where
    .filter((f) => !ranges.has(f))
    .flatMap(legLeaves)
    .filter((leaf) => !kept.covers(leaf));
  const members = [...uncovered.map((leaf) => leaf.member), ...leg.segments];
  if (members.length > 0) return miss('filter-not-covered', [...new Set(members)]);
  const barred = rules.flatMap(legLeaves).filter((leaf) => !kept.covers(leaf));
  return barred.length === 0
    ? undefined
    : miss('policy-filter-not-covered', [...new Set(barred.map((leaf) => leaf.member))]);
};

/** True when each group of the leg is exactly one row of the rollup. */
const atGrain = (leg: LegQuery, kept: Kept): boolean => {
  const asked = new Set(leg.dimensions.map((d) => kept.cube(d)));
  return (
    kept.definition.dimensions.every((d) => asked.has(d)) &&
    (kept.time === undefined || leg.time.some((t) => t.granularity === kept.granularity))
  );
};

const known = new WeakMap<LegCompiler, Map<string, string | undefined>>();
/** `LegCompiler.measureOver`, once for each compiled model, definition and measure: rendering it costs a millisecond. */
const measureOver = (
  legs: LegCompiler,
  definition: RollupDefinition,
  measure: string,
  columns: ReadonlyMap<string, string>,
): string | undefined => {
  const mine = known.get(legs) ?? new Map<string, string | undefined>();
  known.set(legs, mine);
  const key = `${definition.hash} ${measure}`;
  if (!mine.has(key)) mine.set(key, legs.measureOver(measure, columns, 'duckdb'));
  return mine.get(key);
};

const measureOf = (name: string, grain: boolean, kept: Kept, legs: LegCompiler): string | 'missing' | undefined => {
  const member = kept.catalogue.members.get(name);
  const cube = kept.cube(name);
  const column = kept.definition.measures.includes(cube) ? kept.columns.get(cube) : undefined;
  if (member && column !== undefined) {
    const counts = member.cubeType === 'count' || member.additivity === 'count_distinct';
    // a level's leg is grouped by what it does not add up over
    const additivity = member.semiAdditive?.base ?? member.additivity;
    if (additivity === 'sum' && kept.addsUp(cube)) return counts ? `coalesce(sum("${column}"), 0)` : `sum("${column}")`;
    if (additivity === 'min' || additivity === 'max') return `${additivity}("${column}")`;
    if (grain) return counts ? `coalesce(any_value("${column}"), 0)` : `any_value("${column}")`;
  }
  // A measure of another cube counts rows that the rollup may not hold (products without a sale), and no proof compared it.
  const own = cube.startsWith(`${kept.definition.cube}.`);
  if (member && own && ['count_distinct', 'min', 'max'].includes(member.additivity)) {
    const dimensions = new Map(
      kept.definition.dimensions.flatMap((d) => {
        const c = kept.columns.get(d);
        return c === undefined ? [] : [[d, `"${c}"`] as const];
      }),
    );
    const over = measureOver(legs, kept.definition, cube, dimensions);
    if (over !== undefined) return over;
  }
  return column === undefined ? 'missing' : undefined;
};

const measuresOf = (ask: RollupAsk, kept: Kept, legs: LegCompiler): readonly RollupMeasure[] | Miss => {
  const grain = atGrain(ask.leg, kept);
  // conditions on measures that are not selected need them as much
  const names = [...new Set([...ask.leg.measures, ...ask.leg.having.flatMap(legLeaves).map((leaf) => leaf.member)])];
  const found = names.map((measure) => ({ measure, sql: measureOf(measure, grain, kept, legs) }));
  const missing = found.filter((m) => m.sql === 'missing').map((m) => m.measure);
  if (missing.length > 0) return miss('member-missing', missing);
  const apart = found.filter((m) => m.sql === undefined).map((m) => m.measure);
  if (apart.length > 0) return miss('not-additive-at-this-grain', apart);
  return found.map(({ measure, sql }) => ({ measure, sql: sql ?? '' }));
};

const missingRange = (stretch: Stretch | undefined, ask: RollupAsk, kept: Kept): Miss | undefined => {
  if (stretch === undefined) return undefined;
  const members = kept.time === undefined ? [] : [kept.time];
  const ends = [stretch.from, stretch.to].filter((end) => end !== undefined);
  const odd = ends.find((end) => !isAligned(end, kept.granularity));
  if (odd !== undefined && ask.leg.timezone !== kept.definition.timezone)
    return miss(
      'time-zone-differs',
      members,
      `the range is cut in ${ask.leg.timezone}, the rollup in ${kept.definition.timezone}`,
    );
  if (odd !== undefined)
    return miss('range-not-covered', members, `${instantText(odd)} is not the start of a ${kept.granularity}`);
  return undefined;
};

const staleness = (
  id: string,
  partitions: readonly RollupPartition[],
  publication: Publication,
): Provenance['stale'] => {
  const moved = new Map<string, { rollup: string; builtFrom: string; now: string }>();
  for (const partition of partitions)
    for (const [table, version] of partition.builtFrom) {
      const now = publication.tables.get(table)?.dataVersion;
      if (now !== undefined && now !== version)
        moved.set(`${table}@${version}`, { rollup: id, builtFrom: `${table}@${version}`, now: `${table}@${now}` });
    }
  return [...moved.values()];
};

/** The difference holds values of rows: it is for operators, not for whoever may ask. */
const unproven = (refused: { readonly partition: string }): string =>
  `partition ${refused.partition} is not equal to raw`;

/** What is built: covers the range without a hole, and is as fresh as asked. */
const builtFor = (
  stretch: Stretch | undefined,
  ask: RollupAsk,
  kept: Kept,
  world: RollupWorld,
): Omit<RollupMatch, 'definition' | 'layout' | 'measures'> | Miss => {
  const { state, publication } = world;
  const members = kept.time === undefined ? [] : [kept.time];
  const refused = state?.refused;
  const built =
    state !== undefined && state.hash === kept.definition.hash && (state.partitions.length > 0 || state.complete);
  if (!built)
    return refused === undefined
      ? miss(
          'partition-not-built',
          [],
          state === undefined || state.hash === kept.definition.hash ? undefined : 'built from another definition',
        )
      : miss('proof-failed', [], unproven(refused));
  const partitions = touched(state, stretch, kept.definition.partitionGranularity !== undefined);
  const hole = state.complete || stretch === undefined ? undefined : holeIn(partitions, stretch);
  if (!covered(state, stretch)) {
    // a withdrawn partition is missing from the whole as it is from a range
    if (refused !== undefined && (hole !== undefined || stretch === undefined))
      return miss('proof-failed', members, unproven(refused));
    return miss(
      'range-not-covered',
      members,
      stretch === undefined ? 'the query has no range, and not all rows are built' : undefined,
    );
  }
  if (hole !== undefined) return miss('partition-not-built', members, `nothing is built at ${instantText(hole)}`);
  if (world.unavailable) return miss('partition-not-built', [], 'its partitions cannot be loaded just now');
  const stale = staleness(kept.definition.id, partitions.length > 0 ? partitions : state.partitions, publication);
  const { edge } = world;
  if (stale.length > 0 && ask.fresh === 'current' && edge && state.complete && isEdgeOf(edge, state))
    return besideEdge(partitions, state, edge, stretch);
  if (stale.length > 0 && ask.fresh === 'current')
    return refused === undefined
      ? miss('stale-not-allowed', [], stale.map((s) => `${s.builtFrom} is now ${s.now}`).join(', '))
      : miss('proof-failed', [], unproven(refused));
  const read = filled(partitions.length > 0 ? partitions : state.partitions);
  if (read.length === 0) return miss('partition-not-built', members, 'it has no rows at all');
  return { partitions: read, rows: read.reduce((sum, p) => sum + p.rows, 0), stale };
};

/** A set that was published since the edge was looked for has another edge. */
const isEdgeOf = (edge: RollupEdge, state: RollupState): boolean =>
  state.builtFrom.size === Object.keys(edge.builtFrom).length &&
  [...state.builtFrom].every(([table, version]) => edge.builtFrom[table] === version);

/** Settled partitions, and of the edge what the query touches. History alone touches nothing of it. */
const besideEdge = (
  partitions: readonly RollupPartition[],
  state: RollupState,
  edge: RollupEdge,
  stretch: Stretch | undefined,
): Pick<RollupMatch, 'partitions' | 'rows' | 'stale' | 'live'> | Miss => {
  const moved = new Set(edge.spans.map((s) => s.key));
  const settled = partitions.filter((p) => (p.span === null ? !edge.nulls : !moved.has(p.key)));
  const spans = edge.spans.filter(
    ({ from, to }) =>
      (stretch?.to === undefined || from < stretch.to) && (stretch?.from === undefined || to > stretch.from),
  );
  const nulls = edge.nulls && stretch === undefined;
  const some = settled.filter((p) => p.rows > 0);
  // one at least, for the columns' types; the range, or that it has no rows, keeps it out
  const spare = settled[0] ?? state.partitions.find((p) => p.rows === 0);
  const read = some.length > 0 ? some : spare ? [spare] : [];
  const live = spans.length > 0 || nulls ? { spans, nulls } : undefined;
  if (read.length === 0 && !live) return miss('partition-not-built', [], 'it has no rows at all');
  const rows = read.reduce((sum, p) => sum + p.rows, 0);
  return { partitions: read, rows, stale: [], ...(live ? { live } : {}) };
};

/** Partitions with rows; where there are none, one that gives the columns' types (the range keeps its rows out). */
const filled = (partitions: readonly RollupPartition[]): readonly RollupPartition[] => {
  const some = partitions.filter((p) => p.rows > 0);
  return some.length > 0 ? some : partitions.slice(0, 1);
};

const isMiss = (x: object): x is Miss => 'reason' in x;

/**
 * Whether one rollup serves a leg exactly. Of several obstacles the first of this order is told: member-missing (dimensions,
 * times), granularity-too-coarse, time-zone-differs, filter-not-covered, policy-filter-not-covered, member-missing (measures),
 * not-additive-at-this-grain, then the range's ends (time-zone-differs where the query's zone cuts them, else range-not-covered),
 * then what is built: partition-not-built or proof-failed, range-not-covered, stale-not-allowed. So a reason that only another
 * definition can mend comes before one that a rebuild mends.
 */
export const matchRollup = (ask: RollupAsk, definition: RollupDefinition, world: RollupWorld): RollupMatch | Miss => {
  if (ask.leg.ungrouped) return miss('granularity-too-coarse', ask.leg.dimensions, 'rows are asked for one by one');
  const layout = world.layout;
  if (!layout) return miss('partition-not-built');
  const kept = new Kept(definition, layout, world.catalogue);
  const early = missingShape(ask, kept) ?? missingFilter(ask, kept);
  if (early) return early;
  const measures = measuresOf(ask, kept, world.legs);
  if ('reason' in measures) return measures;
  const stretch = kept.time === undefined ? undefined : stretchOf(ask.where, kept.isTime);
  const range = missingRange(stretch, ask, kept);
  if (range) return range;
  const built = builtFor(stretch, ask, kept, world);
  if (isMiss(built)) return built;
  return { definition, layout, measures, ...built };
};
