import { error } from '../../errors/index.js';
import { parseDecimal, timestampText } from '../../query/index.js';
import { castType, integerOf, type Node } from './nodes.js';
import { refuse } from './refuse.js';

/** How a constant expression's value is needed. `midnight` is the first instant of a date in the session's zone. */
export type SlotKind = 'string' | 'number' | 'boolean' | 'date' | 'timestamp' | 'midnight' | 'next-midnight' | 'count';

/** A value of a block that is known only when the statement runs: a parameter, `now()`, or a literal. */
export interface Slot {
  readonly sql: string;
  readonly kind: SlotKind;
  readonly array: boolean;
  /** Set for literals: nothing has to be evaluated. */
  readonly literal: SlotValue | undefined;
}
/** `type` is PostgreSQL's name of the expression's own type. Arrays keep their nulls. */
export interface SlotValue {
  readonly type: string;
  readonly value: string | boolean | null | readonly (string | boolean | null)[];
}

/**
 * The first instant of a date in the session's zone. Where clocks go back over midnight, PostgreSQL takes a midnight for the second
 * one, while the hour from the first one on is of that date too.
 */
const firstInstant = (date: string): string =>
  `(SELECT CASE WHEN (_m.m - interval '1 hour')::date = _m.m::date THEN _m.m - interval '1 hour' ELSE _m.m END ` +
  `FROM (SELECT (${date})::timestamptz AS m) AS _m)`;

const CASTS: Readonly<Record<SlotKind, (e: string, array: string) => string>> = {
  string: (e, a) => `(${e})::text${a}`,
  number: (e, a) => `((${e})::numeric${a})::text${a}`,
  boolean: (e, a) => `(${e})::boolean${a}`,
  date: (e, a) => `(${e})::date${a}`,
  timestamp: (e, a) => `(${e})::timestamptz${a}`,
  midnight: (e) => firstInstant(`(${e})::date`),
  'next-midnight': (e) => firstInstant(`(${e})::date + 1`),
  count: (e) => `((${e})::bigint)::text`,
};

/**
 * The query that evaluates slots in the session itself, with the statement's own parameters: two text columns for each, type and
 * JSON (whose dates and times are ISO whatever the session's style). Undefined when there is nothing to evaluate.
 */
export const slotQuery = (slots: readonly Slot[]): string | undefined => {
  const open = slots.filter((s) => !s.literal);
  if (open.length === 0) return undefined;
  const columns = open.map(
    (s) =>
      `pg_catalog.pg_typeof(${s.sql})::text, pg_catalog.to_json(${CASTS[s.kind](s.sql, s.array ? '[]' : '')})::text`,
  );
  return `SELECT ${columns.join(', ')}`;
};

/** Values of all slots from the row that `slotQuery` gave. */
export const slotValues = (slots: readonly Slot[], row: readonly (string | null)[]): SlotValue[] => {
  let at = 0;
  return slots.map((slot) => {
    if (slot.literal) return slot.literal;
    const type = row[at] ?? '';
    const json = row[at + 1];
    at += 2;
    return { type, value: json === null || json === undefined ? null : (JSON.parse(json) as SlotValue['value']) };
  });
};

const LITERALS: Readonly<Record<SlotKind, readonly string[]>> = {
  string: ['text', 'varchar'],
  number: ['int2', 'int4', 'int8', 'numeric'],
  boolean: ['bool'],
  date: ['date'],
  timestamp: ['timestamptz'],
  midnight: [],
  'next-midnight': [],
  count: ['int4', 'int8'],
};

const LENGTHS: Readonly<Record<string, string>> = {
  day: '1 day',
  week: '7 days',
  month: '1 month',
  quarter: '3 months',
  year: '1 year',
};

/**
 * Where buckets of a unit come to a value, and where they go beyond it: the first instant whose bucket is not before the value, and
 * the first whose bucket is after it. Equal when the value is no bucket's start. Undefined for units that are not whole days.
 */
export const bucketEdges = (unit: string, sql: string): { readonly at: Slot; readonly beyond: Slot } | undefined => {
  const length = LENGTHS[unit];
  if (!length) return undefined;
  const from = `(SELECT (${sql})::timestamptz AS e) AS _e`;
  const start = `pg_catalog.date_trunc('${unit}', _e.e)`;
  const first = firstInstant(`${start}::date`);
  const next = firstInstant(`(${start}::date + interval '${length}')::date`);
  const slot = (op: string): Slot => ({
    sql: `(SELECT CASE WHEN _e.e ${op} ${start} THEN ${first} ELSE ${next} END FROM ${from})`,
    kind: 'timestamp',
    array: false,
    literal: undefined,
  });
  return { at: slot('<='), beyond: slot('<') };
};

/** A literal's value, when it can be read without PostgreSQL. */
const scalarLiteral = (node: Node, kind: SlotKind): { type: string; value: string | boolean | null } | undefined => {
  const cast = castType(node);
  const inner = 'TypeCast' in node ? node.TypeCast.arg : node;
  if (!inner || !('A_Const' in inner) || ('TypeCast' in node && node.TypeCast.typeName?.typmods?.length))
    return undefined;
  if (cast !== undefined && !LITERALS[kind].includes(cast)) return undefined;
  const c = inner.A_Const;
  if (c.isnull) return cast === undefined ? undefined : { type: cast, value: null };
  if (c.boolval) return kind === 'boolean' ? { type: 'boolean', value: c.boolval.boolval ?? false } : undefined;
  if (kind === 'number' || kind === 'count') {
    const whole = integerOf(inner);
    const text = whole === undefined ? (c.fval?.fval ?? c.sval?.sval) : String(whole);
    if (text === undefined || !/^-?\d+(\.\d+)?$/.test(text) || (kind === 'count' && text.includes('.')))
      return undefined;
    return { type: cast ?? (c.ival ? 'integer' : 'numeric'), value: text };
  }
  const text = c.sval ? (c.sval.sval ?? '') : undefined;
  if (text === undefined || cast === undefined) return undefined;
  if (kind === 'string') return { type: 'text', value: text };
  if (kind === 'date' && /^\d{4}-\d\d-\d\d$/.test(text)) return { type: 'date', value: text };
  if (kind === 'timestamp' && /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{1,6})?\+00$/.test(text))
    return { type: 'timestamp with time zone', value: `${text.replace(' ', 'T')}:00` };
  return undefined;
};

/** A slot for a constant expression; `sql` is its printed text. */
export const slotOf = (node: Node, kind: SlotKind, array: boolean, sql: string): Slot => {
  if (!array) return { sql, kind, array, literal: scalarLiteral(node, kind) };
  if (!('A_ArrayExpr' in node)) return { sql, kind, array, literal: undefined };
  const items = (node.A_ArrayExpr.elements ?? []).map((e) => scalarLiteral(e, kind));
  const known = items.every((i) => i !== undefined) ? items.map((i) => i?.value ?? null) : undefined;
  return { sql, kind, array, literal: known && { type: `${items[0]?.type ?? 'text'}[]`, value: known } };
};

/** An ISO instant with offset, as JSON has it, in the one form that queries carry: RFC 3339 in UTC, exact to the microsecond. */
export const instantText = (iso: string): string => {
  const match = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?([+-])(\d\d)(?::(\d\d))?(?::(\d\d))?$/.exec(iso);
  if (!match) return refuse('an infinite time, or one outside the years 1 to 9999');
  const [, clock, fraction = '', sign, hours, minutes = '0', seconds = '0'] = match;
  const offset = (Number(hours) * 3600 + Number(minutes) * 60 + Number(seconds)) * (sign === '-' ? -1 : 1);
  const micros =
    BigInt(Date.parse(`${clock}Z`)) * 1000n + BigInt(fraction.padEnd(6, '0')) - BigInt(offset) * 1_000_000n;
  return timestampText(micros);
};

/** A row count of LIMIT or OFFSET; null is none. */
export const countOf = (slot: SlotValue): number | undefined => {
  if (slot.value === null) return undefined;
  const n = Number(slot.value);
  if (!(n >= 0)) throw error('query-invalid', { where: 'LIMIT', what: 'must not be negative' });
  return Math.min(n, Number.MAX_SAFE_INTEGER);
};

/** A number's text as an exact fraction over a power of ten: [unscaled, scale]. */
export const exactNumber = (text: string): readonly [bigint, number] => {
  const scale = /\.(\d*)$/.exec(text)?.[1]?.length ?? 0;
  const unscaled = parseDecimal(text, scale);
  return unscaled === undefined ? refuse(`the number ${text} in a condition`) : [unscaled, scale];
};
