import { error } from '../../errors/index.js';
import type { Catalogue, Entity } from '../../model/catalog/index.js';
import type { Column, ColumnBatch, DataType, Value } from '../../query/index.js';
import { parseInstant } from '../plan/index.js';
import { keyColumn } from './choose.js';
import type { SpineRow } from './request.js';

/** A column of a spine that comes back as it is. */
export interface SpineColumn {
  readonly column: Column;
  readonly values: readonly Value[];
}

/** Rows for which features are wanted, as columns. `keys[i]` names the i-th entity of the request; null names none. */
export interface Spine {
  readonly length: number;
  readonly keys: readonly (readonly (string | null)[])[];
  /** Microseconds since 1970 UTC. */
  readonly times: readonly bigint[];
  /** All columns in their order, keys and time among them. */
  readonly columns: readonly SpineColumn[];
  /** Where the key of each entity stands among `columns`. */
  readonly keyAt: readonly number[];
}

export const EVENT_TIME = 'event_time';
const bad = (row: number, column: string, what: string) =>
  error('query-invalid', { where: `spine[${row}].${column}`, what });
/** As JavaScript dates and both engines can hold it. */
const LONGEST_KEY = 1_000;

/** A key as text in the form of its type, so that `017` and `17` of a number are one. */
export const keyText = (value: unknown, type: DataType, row: number, column: string): string | null => {
  if (value === null || value === undefined) return null;
  if (type.kind === 'string') {
    if (typeof value !== 'string') throw bad(row, column, `a text is wanted; write it in quotes`);
    if (value.length > LONGEST_KEY) throw bad(row, column, `is longer than ${LONGEST_KEY} characters`);
    if (value.includes('\u0000')) throw bad(row, column, 'holds a character that no key has');
    return value;
  }
  const text = typeof value === 'number' ? (Number.isSafeInteger(value) ? String(value) : '') : String(value);
  if (!/^-?\d{1,19}$/.test(text)) throw bad(row, column, 'a whole number is wanted; beyond 2^53 as text');
  const number = BigInt(text);
  if (BigInt.asIntN(64, number) !== number) throw bad(row, column, 'is beyond 64 bits');
  return number.toString();
};

const timeOf = (value: unknown, row: number): bigint => {
  const micros = typeof value === 'string' ? parseInstant(value, 'UTC') : undefined;
  if (micros === undefined)
    throw bad(row, EVENT_TIME, 'a date or an RFC 3339 time is wanted, such as 2010-12-05T10:00:00Z');
  return micros;
};

/** The exact type of a column of JSON values: what all of them are. */
const extraOf = (name: string, values: readonly unknown[]): SpineColumn => {
  const kinds = new Set(values.filter((v) => v !== null && v !== undefined).map((v) => typeof v));
  const [kind] = kinds;
  if (kinds.size > 1 || (kind && !['string', 'number', 'boolean'].includes(kind)))
    throw error('query-invalid', {
      where: `spine: ${name}`,
      what: 'a column that comes back has texts, numbers or booleans, of one kind',
    });
  const whole = kind === 'number' && values.every((v) => v === null || v === undefined || Number.isSafeInteger(v));
  const type: DataType = {
    kind: kind === 'boolean' ? 'boolean' : kind === 'number' ? (whole ? 'bigint' : 'double') : 'string',
  };
  const exact = (v: unknown): Value =>
    v === null || v === undefined ? null : whole ? BigInt(v as number) : (v as Value);
  return { column: { name, type, role: 'dimension' }, values: values.map(exact) };
};

/** The name of every column, in the order in which rows first name them. */
const namesOf = (rows: readonly SpineRow[]): string[] => {
  const names = new Set<string>();
  for (const row of rows) for (const name of Object.keys(row)) names.add(name);
  return [...names];
};

/**
 * A spine of JSON rows. `timed`: each row has a time of its own; without, all have `at`. Errors: `query-invalid` with row and column.
 */
export const spineOfRows = (
  rows: readonly SpineRow[],
  entities: readonly Entity[],
  catalogue: Catalogue,
  at?: bigint,
): Spine => {
  const columns = namesOf(rows);
  for (const wanted of [...entities.map(keyColumn), ...(at === undefined ? [EVENT_TIME] : [])])
    if (rows.length > 0 && !columns.includes(wanted))
      throw error('query-invalid', { where: 'spine', what: `there is no column ${wanted}` });
  const taken = new Set<string>([EVENT_TIME]);
  const keys = entities.map((entity) => {
    const name = keyColumn(entity);
    taken.add(name);
    const type = catalogue.members.get(entity.key)?.type ?? { kind: 'string' };
    return rows.map((row, i) => keyText(row[name], type, i, name));
  });
  const times = rows.map((row, i) => at ?? timeOf(row[EVENT_TIME], i));
  const names = rows.length > 0 ? columns : [...entities.map(keyColumn), EVENT_TIME];
  const made = names.flatMap((name): SpineColumn[] => {
    const entity = entities.findIndex((e) => keyColumn(e) === name);
    if (entity >= 0) return [keyAs(catalogue, entities[entity] as Entity, keys[entity] ?? [])];
    if (name === EVENT_TIME)
      return at === undefined ? [{ column: { name, type: { kind: 'timestamp' }, role: 'time' }, values: times }] : [];
    return [
      extraOf(
        name,
        rows.map((row) => row[name]),
      ),
    ];
  });
  return spineOf(made, keys, times, entities);
};

const keyAs = (catalogue: Catalogue, entity: Entity, keys: readonly (string | null)[]): SpineColumn => {
  const type = catalogue.members.get(entity.key)?.type ?? { kind: 'string' };
  const value = (text: string | null): Value =>
    text === null ? null : type.kind === 'bigint' ? BigInt(text) : type.kind === 'integer' ? Number(text) : text;
  return { column: { name: keyColumn(entity), type, role: 'dimension' }, values: keys.map(value) };
};

const spineOf = (
  columns: readonly SpineColumn[],
  keys: Spine['keys'],
  times: readonly bigint[],
  entities: readonly Entity[],
): Spine => ({
  length: times.length,
  keys,
  times,
  columns,
  keyAt: entities.map((entity) => columns.findIndex((c) => c.column.name === keyColumn(entity))),
});

/**
 * A spine from an answer of a metric query: the column that stands for the entity's key (`retail.customer_id`), and the one called
 * `event_time` or else its only time. Other columns come back as they are. Errors: `query-invalid`.
 */
export const spineOfAnswer = (
  columns: readonly Column[],
  batches: readonly ColumnBatch[],
  entities: readonly Entity[],
  catalogue: Catalogue,
): Spine => {
  const values = columns.map((_, i) => batches.flatMap((b) => [...(b.columns[i] ?? [])]));
  const times = columns.flatMap((c, i) => (c.type.kind === 'timestamp' || c.type.kind === 'date' ? [i] : []));
  const named = columns.findIndex((c) => c.name === EVENT_TIME);
  const at = named >= 0 ? named : times.length === 1 ? (times[0] ?? -1) : -1;
  if (at < 0)
    throw error('query-invalid', {
      where: 'spine',
      what: `the query has ${times.length} times; the one that is the event's time is wanted, and no other`,
    });
  const stands = (entity: Entity) =>
    columns.findIndex((c) => c.name === entity.key || catalogue.members.get(c.name)?.aliasOf === entity.key);
  const keyAt = entities.map((entity) => {
    const found = stands(entity);
    if (found < 0)
      throw error('query-invalid', {
        where: 'spine',
        what: `no column of the query is ${entity.key}, the key of ${entity.name}`,
      });
    return found;
  });
  const instants = (values[at] ?? []).map((v, row) => {
    const micros = typeof v === 'bigint' ? v : typeof v === 'string' ? parseInstant(v, 'UTC') : undefined;
    if (micros === undefined) throw bad(row, columns[at]?.name ?? EVENT_TIME, 'a row without a time has no features');
    return micros;
  });
  const renamed = columns.map((column, i): Column => {
    const entity = keyAt.indexOf(i);
    if (entity >= 0) return { ...column, name: keyColumn(entities[entity] as Entity) };
    return i === at ? { ...column, name: EVENT_TIME, type: { kind: 'timestamp' }, role: 'time' } : column;
  });
  const keys = keyAt.map((i) => (values[i] ?? []).map((v) => (v === null ? null : String(v))));
  return {
    length: instants.length,
    keys,
    times: instants,
    columns: renamed.map((column, i) => ({ column, values: i === at ? instants : (values[i] ?? []) })),
    keyAt,
  };
};

/** The earliest and the latest time of a spine; undefined for an empty one. */
export const spanOf = (spine: Spine): { readonly from: bigint; readonly to: bigint } | undefined => {
  const [first] = spine.times;
  if (first === undefined) return undefined;
  let [from, to] = [first, first];
  for (const t of spine.times) {
    if (t < from) from = t;
    if (t > to) to = t;
  }
  return { from, to };
};
