import { error } from '../../errors/index.js';
import type { Catalogue, Member, Owner } from '../../model/catalog/index.js';
import type { Access } from '../../model/policy/index.js';
import {
  comparisonName,
  type DataType,
  type MeasureItem,
  type MetricQuery,
  type TimeSelection,
  timeColumnName,
  totalFlagName,
} from '../../query/index.js';
import { checkComparisons, checkGivenName, checkWindow } from './earlier.js';
import { type CheckedFilter, checkedLeaves, checkFilter, conjuncts, type NameOf } from './filter.js';
import { isPeriodic } from './measures.js';
import { type Names, namesOf } from './names.js';
import { periodRange } from './period-range.js';
import type { AskedComparison, AskedGroup, AskedMeasure, AskedOrder, AskedTime, Question } from './question.js';
import { rowsQuery } from './rows.js';
import { comparedType } from './shown.js';
import { checkSize } from './size.js';
import { askedTime, bucketType, checkGranularity, isTime, rangeFilter } from './time.js';
import { totalSets } from './totals.js';
import { zoneName } from './zone.js';

const bad = (where: string, what: string) => error('query-invalid', { where, what });

/** The names of one query: each looked up once, all of one owner. */
class Resolver {
  readonly named = new Set<string>();
  #owner: string | undefined;
  constructor(
    readonly names: Names,
    readonly timezone: string,
    readonly catalogue: Catalogue,
    /** Microseconds since 1970. */
    readonly now: bigint,
  ) {}

  member(name: string): Member {
    const found = this.names.member(name);
    this.#owner ??= found.owner;
    if (found.owner !== this.#owner)
      throw error('not-supported', {
        what: `${found.name} is of ${found.owner}, other members of the query are of ${this.#owner}`,
        instead: 'one query asks one view: ask each view by itself',
      });
    this.named.add(found.name);
    return found;
  }

  kind(name: string, kind: Member['kind'], where: string): Member {
    const found = this.member(name);
    if (found.kind !== kind) throw bad(where, `${found.name} is a ${found.kind}, not a ${kind}`);
    return found;
  }

  owner(): Owner {
    const owner = this.#owner === undefined ? undefined : this.catalogue.owners.get(this.#owner);
    if (!owner) throw bad('measures', 'name at least one measure, dimension or time with a granularity');
    return owner;
  }

  /** A member in a condition: its stand-in where it is masked as a pseudonym, refused behind any other mask. */
  inCondition(member: Member): Member {
    const seen = this.names.seen(member);
    if (!seen) throw error('filter-on-mask', { member: member.name });
    return seen;
  }

  /** Conditions on rows. */
  where(filter: MetricQuery['where'], place: string): readonly CheckedFilter[] {
    if (filter === undefined) return [];
    const inWhere: NameOf = (name, where) => {
      const member = this.member(name);
      if (member.kind !== 'dimension')
        throw bad(
          where,
          `${name} is a ${member.kind}${member.kind === 'measure' ? ': put it into having' : ': put it into segments'}`,
        );
      const seen = this.inCondition(member);
      return { member: seen.name, type: seen.type };
    };
    return conjuncts(checkFilter(filter, inWhere, this.timezone, place));
  }
}

const list = <T>(given: readonly T[] | undefined, where: string): readonly T[] => {
  if (given === undefined) return [];
  if (!Array.isArray(given)) throw bad(where, 'a list is wanted');
  return given;
};

const once = (names: readonly string[], where: string): void => {
  const at = names.findIndex((name, i) => names.indexOf(name) !== i);
  if (at >= 0) throw bad(`${where}[${at}]`, `${names[at]} is named twice`);
};

const count = (given: number | undefined, where: string): number | undefined => {
  if (given === undefined) return undefined;
  if (!Number.isSafeInteger(given) || given < 0) throw bad(where, `${JSON.stringify(given)} is no whole number from 0`);
  return given;
};

const groupOf = (r: Resolver, member: Member, name: string, granularity: string | undefined): AskedGroup => {
  const seen = r.names.seen(member);
  const type: DataType = granularity === undefined ? (seen ?? member).type : bucketType(granularity);
  return { name, of: member.name, member: seen?.name, type, unit: member.unit, granularity };
};

const plainMeasure = (r: Resolver, member: Member): AskedMeasure => ({
  name: member.name,
  member,
  masked: r.names.seen(member) === undefined,
  where: [],
  window: undefined,
});

const measureOf = (r: Resolver, item: MeasureItem, where: string): AskedMeasure => {
  if (typeof item === 'string') return plainMeasure(r, r.kind(item, 'measure', where));
  if (typeof item !== 'object' || item === null) throw bad(where, 'a name or {measure, where, window, as} is wanted');
  const name = checkGivenName(item.as, `${where}.as`);
  const asked = plainMeasure(r, r.kind(item.measure, 'measure', `${where}.measure`));
  const window =
    item.window === undefined ? undefined : checkWindow(item.window, r.catalogue.calendars, `${where}.window`);
  if (window && isPeriodic(asked.member, r.catalogue))
    throw bad(`${where}.window`, `${asked.member.name} is over periods of its own: leave the window out`);
  return { ...asked, name, where: r.where(item.where, `${where}.where`), window };
};

const timesOf = (r: Resolver, query: MetricQuery, zone: string) => {
  const groups: AskedGroup[] = [];
  const ranges: CheckedFilter[] = [];
  for (const [i, time] of list(query.time, 'time').entries()) {
    const where = `time[${i}]`;
    const member = r.kind(time.dimension, 'dimension', `${where}.dimension`);
    if (!isTime(member)) throw bad(`${where}.dimension`, `${member.name} is no time dimension`);
    if (time.granularity === undefined && time.range === undefined)
      throw bad(where, 'a granularity, a range or both are wanted');
    if (time.granularity !== undefined) {
      checkGranularity(member, time.granularity, where);
      groups.push(groupOf(r, member, timeColumnName(time), time.granularity));
    }
    if (time.range !== undefined) {
      const seen = r.inCondition(member);
      ranges.push(rangeFilter(writtenRange(r, time.range, seen.type, where), seen.name, seen.type, zone, where));
    }
  }
  return { groups, ranges };
};

/** A range by its two ends. */
const writtenRange = (
  r: Resolver,
  range: NonNullable<TimeSelection['range']>,
  type: DataType,
  where: string,
): readonly [string, string] =>
  typeof range === 'object' && range !== null && 'period' in range
    ? periodRange(range, type, r.timezone, r.catalogue.calendars, r.now, `${where}.range`)
    : range;

/** Conditions on a time that a query shifts would stay where they are. */
const checkUnmoved = (time: AskedTime, conditions: readonly CheckedFilter[]): void => {
  if (conditions.flatMap(checkedLeaves).some((leaf) => leaf.member === time.member))
    throw bad('where', `conditions on ${time.member} would not move with its range: give all of it as the range`);
};

/** What may be ordered by and filtered on: columns by name, with their types; masked ones have no values. */
type Columns = Map<string, { readonly type: DataType; readonly masked: boolean }>;
const columnsOf = (
  groups: readonly AskedGroup[],
  measures: readonly AskedMeasure[],
  compare: readonly AskedComparison[],
  totals: boolean,
): Columns => {
  const columns: Columns = new Map();
  const add = (name: string, type: DataType, masked: boolean, where: string) => {
    if (columns.has(name)) throw bad(where, `${name} names two columns`);
    columns.set(name, { type, masked });
  };
  for (const g of groups) add(g.name, g.type, g.member === undefined, 'dimensions');
  for (const m of measures) add(m.name, m.member.type, m.masked, 'measures');
  for (const { as, show } of compare)
    for (const m of measures)
      for (const shown of show) add(comparisonName(m.name, as, shown), comparedType(m, shown), m.masked, 'compare');
  if (totals) for (const g of groups) add(totalFlagName(g.name), { kind: 'boolean' }, false, 'totals');
  return columns;
};

/**
 * Checks a query for one caller: names, owners, values, places. Wrong and hidden names give the same error.
 * Errors: `unknown-member`, `query-invalid`, `not-supported`, `filter-on-mask`.
 */
export const resolveQuery = (
  asked: MetricQuery,
  catalogue: Catalogue,
  access: Access,
  now = BigInt(Date.now()) * 1000n,
): Question => {
  checkSize(asked);
  const query = rowsQuery(asked, catalogue, access);
  const timezone = zoneName(query.timezone);
  const { calendars } = catalogue;
  const r = new Resolver(namesOf(catalogue, access), timezone, catalogue, now);
  const dimensions = list(query.dimensions, 'dimensions').map((name, i) =>
    groupOf(r, r.kind(name, 'dimension', `dimensions[${i}]`), name, undefined),
  );
  const times = timesOf(r, query, timezone);
  const measures = list(query.measures, 'measures').map((item, i) => measureOf(r, item, `measures[${i}]`));
  const segments = list(query.segments, 'segments').map((name, i) => {
    const member = r.kind(name, 'segment', `segments[${i}]`);
    if (access.masked(member.name)) throw error('filter-on-mask', { member: member.name });
    return member.name;
  });
  const groups = [...dimensions, ...times.groups];
  if (groups.length + measures.length === 0)
    throw bad('measures', 'name at least one measure, dimension or time with a granularity');
  once(
    dimensions.map((d) => d.name),
    'dimensions',
  );
  once(
    times.groups.map((t) => t.name),
    'time',
  );
  once(
    measures.map((m) => m.name),
    'measures',
  );
  const where = r.where(query.where, 'where');

  const fill = list(query.time, 'time').some((t) => t.fill === true);
  let known: AskedTime | undefined;
  const time = (): AskedTime => {
    known ??= askedTime(query, groups, times.ranges, timezone, (name) => r.inCondition(r.member(name)), calendars);
    return known;
  };
  const compare = checkComparisons(list(query.compare, 'compare'), time, calendars);
  if (compare.length > 0 && measures.length === 0) throw bad('compare', 'there is no measure to compare');
  if (fill && time().bucket === undefined) throw bad('time[0].fill', 'buckets are filled: give a granularity');
  const isMoving = (m: AskedMeasure) => m.window !== undefined || isPeriodic(m.member, catalogue);
  if (compare.length > 0 || measures.some(isMoving))
    checkUnmoved(time(), [...where, ...measures.flatMap((m) => m.where)]);

  const sets = totalSets(
    query.totals,
    groups.map((g) => g.name),
  );
  const columns = columnsOf(groups, measures, compare, query.totals !== undefined && query.totals !== 'none');
  const hidden = new Map<string, AskedMeasure>();
  const column = (name: string, place: string): { type: DataType; masked: boolean } => {
    const found = columns.get(name);
    if (found) return found;
    const member = r.member(name);
    if (member.kind !== 'measure') throw bad(place, `${name} is neither a column of the answer nor a measure`);
    const asked = plainMeasure(r, member);
    if (isMoving(asked)) checkUnmoved(time(), where);
    hidden.set(name, asked);
    return { type: member.type, masked: asked.masked };
  };
  const inHaving: NameOf = (name, place) => {
    const { type, masked } = column(name, place);
    if (masked) throw error('filter-on-mask', { member: name });
    return { member: name, type };
  };
  const having = query.having === undefined ? undefined : checkFilter(query.having, inHaving, timezone, 'having');
  const order = list(query.order, 'order').map((item, i): AskedOrder => {
    column(item.by, `order[${i}].by`);
    const { dir = 'asc', nulls = 'last' } = item;
    if (dir !== 'asc' && dir !== 'desc') throw bad(`order[${i}].dir`, 'asc or desc is wanted');
    if (nulls !== 'first' && nulls !== 'last') throw bad(`order[${i}].nulls`, 'first or last is wanted');
    return { by: item.by, dir, nulls };
  });
  return {
    owner: r.owner(),
    groups,
    measures,
    hidden: [...hidden.values()],
    segments,
    where,
    ranges: times.ranges,
    time: known,
    fill,
    compare,
    sets,
    totals: query.totals !== undefined && query.totals !== 'none',
    having: conjuncts(having),
    order,
    limit: count(query.limit, 'limit'),
    offset: count(query.offset, 'offset') ?? 0,
    total: query.total === true,
    rows: query.rows === true,
    timezone,
    named: [...r.named],
  };
};
