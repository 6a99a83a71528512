import type { MetricQuery, OrderItem } from '../../query/index.js';
import type { Bucket } from './buckets.js';
import { all, type Condition } from './condition.js';
import { type FacadeColumn, type FacadeTable, postgresType } from './facade.js';
import { countOf, type Slot, type SlotValue } from './slots.js';

/** A column that the block gives to the statement above it. `type` is PostgreSQL's; `from` is the column's name in the answer. */
export interface BlockColumn {
  readonly from: string;
  readonly type: string;
}

/** Where LIMIT may be applied by the block itself: its order, and the slots of the counts. */
export interface BlockLimit {
  readonly order: readonly OrderItem[];
  readonly count: number | undefined;
  readonly offset: number | undefined;
}

/** One question to the model, still without the values of its slots. */
export interface Block {
  readonly table: FacadeTable;
  readonly columns: readonly BlockColumn[];
  readonly dimensions: readonly string[];
  readonly times: readonly { readonly dimension: string; readonly granularity: string }[];
  readonly measures: readonly string[];
  readonly segments: readonly string[];
  readonly where: Condition;
  readonly slots: readonly Slot[];
  readonly limit: BlockLimit | undefined;
}

/** Collects the columns of one block in the order in which they are first used. */
export class BlockColumns {
  readonly columns: BlockColumn[] = [];
  readonly dimensions: string[] = [];
  readonly times: { dimension: string; granularity: string }[] = [];
  readonly measures: string[] = [];
  /** Names (in the answer) of columns that the block is grouped by. */
  readonly keys = new Set<string>();

  private add(from: string, type: string): number {
    const found = this.columns.findIndex((c) => c.from === from && c.type === type);
    return found >= 0 ? found : this.columns.push({ from, type }) - 1;
  }

  dimension(column: FacadeColumn): number {
    if (!this.dimensions.includes(column.member)) this.dimensions.push(column.member);
    this.keys.add(column.member);
    return this.add(column.member, postgresType(column.type));
  }

  bucket({ column, granularity, type }: Bucket): number {
    const dimension = column.member;
    if (!this.times.some((t) => t.dimension === dimension && t.granularity === granularity))
      this.times.push({ dimension, granularity });
    const name = `${dimension}.${granularity}`;
    this.keys.add(name);
    return this.add(name, type);
  }

  measure(column: FacadeColumn): number {
    if (!this.measures.includes(column.member)) this.measures.push(column.member);
    return this.add(column.member, postgresType(column.type));
  }
}

const isLeaf = (filter: MetricQuery['where']): filter is Extract<MetricQuery['where'], { member: string }> =>
  filter !== undefined && 'member' in filter;

/** A lower and an upper bound of one time become a range, which planners match against rollups; the rest stays a filter. */
const withRanges = (block: Block, where: MetricQuery['where']): Pick<MetricQuery, 'where' | 'time'> => {
  const parts = where === undefined ? [] : 'and' in where ? where.and : [where];
  const isTime = (member: string) =>
    block.table.columns.some((c) => c.member === member && c.type.kind === 'timestamp');
  const bounds = new Map<string, { from?: string; to?: string }>();
  const rest = parts.filter((part) => {
    if (!isLeaf(part) || (part.op !== 'gte' && part.op !== 'lt') || !isTime(part.member)) return true;
    const known = bounds.get(part.member) ?? {};
    const side = part.op === 'gte' ? 'from' : 'to';
    if (known[side] !== undefined) return true;
    bounds.set(part.member, { ...known, [side]: String(part.values?.[0]) });
    return false;
  });
  const time: { dimension: string; granularity?: string; range?: readonly [string, string] }[] = block.times.map(
    (t) => ({ ...t }),
  );
  for (const [dimension, { from, to }] of bounds) {
    if (from !== undefined && to !== undefined && from < to) {
      const mine = time.find((t) => t.dimension === dimension);
      if (mine) mine.range = [from, to];
      else time.push({ dimension, range: [from, to] });
    } else {
      if (from !== undefined) rest.push({ member: dimension, op: 'gte', values: [from] });
      if (to !== undefined) rest.push({ member: dimension, op: 'lt', values: [to] });
    }
  }
  const [only] = rest;
  return {
    ...(time.length > 0 ? { time } : {}),
    ...(only === undefined ? {} : { where: rest.length === 1 ? only : { and: rest } }),
  };
};

/** The question for one run. A condition that is false for every row stays a question, so that empty sets give what they give. */
export const questionOf = (
  block: Block,
  values: readonly SlotValue[],
  settings: { readonly timezone: string; readonly source?: MetricQuery['source'] },
): MetricQuery => {
  const condition = all([block.where])(values);
  const some = block.table.columns.find((c) => c.kind === 'dimension')?.member ?? '';
  const never = {
    and: [
      { member: some, op: 'isNull' },
      { member: some, op: 'isNotNull' },
    ],
  } as const;
  const where = condition === true ? undefined : condition === false ? never : condition;
  const value = (slot: number | undefined) => {
    const found = slot === undefined ? undefined : values[slot];
    return found && countOf(found);
  };
  const count = block.limit && value(block.limit.count);
  return {
    measures: block.measures,
    dimensions: block.dimensions,
    ...(block.segments.length > 0 ? { segments: block.segments } : {}),
    ...withRanges(block, where),
    timezone: settings.timezone,
    ...(settings.source ? { source: settings.source } : {}),
    ...(count === undefined || !block.limit
      ? {}
      : { order: block.limit.order, limit: count + (value(block.limit.offset) ?? 0) }),
  };
};
