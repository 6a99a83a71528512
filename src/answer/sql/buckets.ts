import type { FacadeColumn } from './facade.js';
import { castType, functionName, type Node } from './nodes.js';

/** A time dimension cut into buckets: instants in the session's time zone, dates as they are. `type` is PostgreSQL's. */
export interface Bucket {
  readonly column: FacadeColumn;
  readonly granularity: string;
  readonly type: 'timestamp with time zone' | 'timestamp without time zone' | 'date';
}

/** Granularities that whole days make up. */
export const DAYS = new Set(['day', 'week', 'month', 'quarter', 'year']);
/** The coarsest bucket that still holds a field of a time. */
const FIELDS: Readonly<Record<string, string>> = {
  year: 'year',
  isoyear: 'week',
  decade: 'year',
  century: 'year',
  quarter: 'quarter',
  month: 'month',
  week: 'week',
  day: 'day',
  dow: 'day',
  isodow: 'day',
  doy: 'day',
  hour: 'hour',
};

type Column = (node: Node | undefined) => FacadeColumn | undefined;

const literal = (node: Node | undefined): string | undefined => {
  const inner = node && 'TypeCast' in node && castType(node) === 'text' ? node.TypeCast.arg : node;
  return inner && 'A_Const' in inner ? inner.A_Const.sval?.sval?.toLowerCase() : undefined;
};

/** A time as a function takes it: a dimension, and the type under which the function sees it. */
interface Time {
  readonly column: FacadeColumn;
  readonly type: Bucket['type'];
}

const CASTS: Readonly<Record<string, Bucket['type']>> = {
  timestamptz: 'timestamp with time zone',
  timestamp: 'timestamp without time zone',
};

/**
 * A time dimension, or one under a cast to a time of day: PostgreSQL writes the cast by which `date_trunc` takes a date into the
 * normal form. A bucket of days or more is a local date, whose midnight is the same under every such cast.
 */
const timeOf = (node: Node | undefined, column: Column): Time | undefined => {
  const plain = column(node);
  if (plain?.kind === 'dimension' && plain.type.kind === 'timestamp')
    return { column: plain, type: 'timestamp with time zone' };
  if (plain?.kind === 'dimension' && plain.type.kind === 'date') return { column: plain, type: 'date' };
  if (!node || !('TypeCast' in node) || node.TypeCast.typeName?.typmods?.length) return undefined;
  const type = CASTS[castType(node) ?? ''];
  const under = column(node.TypeCast.arg);
  const isTime = under?.kind === 'dimension' && (under.type.kind === 'date' || under.type.kind === 'timestamp');
  return type && isTime ? { column: under, type } : undefined;
};

/** Whether the model's bucket is what PostgreSQL makes of the time under that type: a local time of day is none. */
const offers = ({ column, type }: Time, granularity: string): boolean =>
  column.granularities.includes(granularity) && (type === 'timestamp with time zone' || DAYS.has(granularity));

/** `date_trunc('unit', time)` and `time::date`; undefined for anything else, also for units that the model does not offer. */
export const bucketOf = (node: Node, column: Column): Bucket | undefined => {
  if ('TypeCast' in node && castType(node) === 'date') {
    const time = column(node.TypeCast.arg);
    const isTime = time?.kind === 'dimension' && time.type.kind === 'timestamp' && time.granularities.includes('day');
    return isTime ? { column: time, granularity: 'day', type: 'date' } : undefined;
  }
  if (!('FuncCall' in node) || functionName(node.FuncCall) !== 'date_trunc') return undefined;
  const { args = [] } = node.FuncCall;
  const unit = literal(args[0]);
  const time = timeOf(args[1], column);
  if (args.length !== 2 || !unit || !time || time.type === 'date' || !offers(time, unit)) return undefined;
  return { ...time, granularity: unit };
};

/** `EXTRACT(field FROM time)`: the same call over the coarsest bucket that holds the field. */
export const extractOf = (
  node: Node,
  column: Column,
): { readonly bucket: Bucket; readonly field: Node } | undefined => {
  if (!('FuncCall' in node)) return undefined;
  const name = functionName(node.FuncCall);
  const { args = [] } = node.FuncCall;
  if ((name !== 'extract' && name !== 'date_part') || args.length !== 2 || !args[0]) return undefined;
  const granularity = FIELDS[literal(args[0]) ?? ''];
  const time = timeOf(args[1], column);
  if (!granularity || !time || !offers(time, granularity)) return undefined;
  return { bucket: { ...time, granularity }, field: args[0] };
};
