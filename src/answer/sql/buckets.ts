import type { FacadeColumn } from './facade.js';
import { castType, functionName, type Node } from './nodes.js';

/** A time dimension cut into buckets, in the session's time zone. `type` is PostgreSQL's. */
export interface Bucket {
  readonly column: FacadeColumn;
  readonly granularity: string;
  readonly type: 'timestamp with time zone' | 'date';
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

const timeColumn = (node: Node | undefined, column: Column): FacadeColumn | undefined => {
  const found = column(node);
  return found?.kind === 'dimension' && found.type.kind === 'timestamp' ? found : undefined;
};

/** `date_trunc('unit', time)` and `time::date`; undefined for anything else, also for units that the model does not offer. */
export const bucketOf = (node: Node, column: Column): Bucket | undefined => {
  if ('TypeCast' in node && castType(node) === 'date') {
    const time = timeColumn(node.TypeCast.arg, column);
    return time?.granularities.includes('day') ? { column: time, granularity: 'day', type: 'date' } : undefined;
  }
  if (!('FuncCall' in node) || functionName(node.FuncCall) !== 'date_trunc') return undefined;
  const { args = [] } = node.FuncCall;
  const unit = literal(args[0]);
  const time = timeColumn(args[1], column);
  if (args.length !== 2 || !unit || !time?.granularities.includes(unit)) return undefined;
  return { column: time, granularity: unit, type: 'timestamp with time zone' };
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
  const time = timeColumn(args[1], column);
  if (!granularity || !time?.granularities.includes(granularity)) return undefined;
  return { bucket: { column: time, granularity, type: 'timestamp with time zone' }, field: args[0] };
};
