import { parseType } from '../../query/index.js';
import type { EngineValue } from './parquet-engine.js';
import type { DeltaField, DeltaType } from './types.js';

/** What the engine measured of one column while it wrote a file. */
export interface ColumnStatistics {
  readonly min: string | undefined;
  readonly max: string | undefined;
  readonly nulls: string | undefined;
  readonly hasNan: boolean;
}

/** How many columns have statistics: the protocol's default of `delta.dataSkippingNumIndexedCols`. */
const INDEXED = 32;
const PREFIX = 32;

/** A lower bound of text: its first 32 characters. */
export const shortMin = (text: string): string => [...text].slice(0, PREFIX).join('');

/**
 * An upper bound of text: 32 characters, those behind them for as long as they are not below the tie-breaker, and the tie-breaker
 * U+FFFD, which is above the character that was cut (Spark's StatisticsCollection does the same). Short text stays as it is.
 */
export const shortMax = (text: string): string => {
  const characters = [...text];
  if (characters.length <= PREFIX) return text;
  let end = PREFIX;
  while (end < characters.length && (characters[end] ?? '').codePointAt(0) !== undefined) {
    if (((characters[end] ?? '').codePointAt(0) ?? 0) < 0xfffd) break;
    end += 1;
  }
  const kept = characters.slice(0, end).join('');
  return end === characters.length ? kept : `${kept}\ufffd`;
};

/** A time of DuckDB's text form, cut down to the millisecond, which is all that readers of statistics keep; theirs adds one to the max. */
const milliseconds = (text: string, zoned: boolean): string | undefined => {
  const match = /^(\d{4}-\d\d-\d\d) (\d\d:\d\d:\d\d)(?:\.(\d{1,6}))?(\+00)?$/.exec(text);
  if (!match || (match[4] !== undefined) !== zoned) return undefined;
  // The fraction counts upwards before 1970 too, so cutting it is rounding down.
  const fraction = (match[3] ?? '').padEnd(3, '0').slice(0, 3);
  return `${match[1]}T${match[2]}.${fraction}${zoned ? 'Z' : ''}`;
};

const NUMBER = /^-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?$/;
const INTEGERS = new Set(['byte', 'short', 'integer', 'long']);

/** A bound as JSON text, exact; undefined where we are not sure: a missing statistic is legal, a wrong one loses rows. */
export const boundText = (
  type: DeltaType,
  side: 'min' | 'max',
  { min, max, hasNan }: ColumnStatistics,
): string | undefined => {
  const value = side === 'min' ? min : max;
  if (value === undefined || typeof type !== 'string') return undefined;
  if (INTEGERS.has(type)) return /^-?\d+$/.test(value) ? value : undefined;
  if (type === 'string') return JSON.stringify(side === 'min' ? shortMin(value) : shortMax(value));
  if (type === 'date') return /^\d{4}-\d\d-\d\d$/.test(value) ? JSON.stringify(value) : undefined;
  if (type === 'timestamp' || type === 'timestamp_ntz') {
    const text = milliseconds(value, type === 'timestamp');
    return text === undefined ? undefined : JSON.stringify(text);
  }
  // Parquet's bounds leave NaN out; Spark puts it above every number.
  if (type === 'float' || type === 'double') return hasNan || !NUMBER.test(value) ? undefined : value;
  if (parseType(type)?.kind === 'decimal') return NUMBER.test(value) ? value : undefined;
  return undefined;
};

/** A file's statistics as the log keeps them: JSON text with exact numbers. */
export const statsText = (
  rows: string,
  fields: readonly DeltaField[],
  columns: ReadonlyMap<string, ColumnStatistics>,
): string => {
  const parts: Record<'minValues' | 'maxValues' | 'nullCount', string[]> = {
    minValues: [],
    maxValues: [],
    nullCount: [],
  };
  for (const { name, type } of fields.slice(0, INDEXED)) {
    const found = columns.get(name);
    if (!found) continue;
    const key = JSON.stringify(name);
    const min = boundText(type, 'min', found);
    const max = boundText(type, 'max', found);
    if (min !== undefined) parts.minValues.push(`${key}:${min}`);
    if (max !== undefined) parts.maxValues.push(`${key}:${max}`);
    if (typeof type === 'string' && found.nulls !== undefined && /^\d+$/.test(found.nulls))
      parts.nullCount.push(`${key}:${found.nulls}`);
  }
  const lists = Object.entries(parts).map(([name, entries]) => `"${name}":{${entries.join(',')}}`);
  return `{"numRecords":${rows},${lists.join(',')}}`;
};

const isRecord = (value: EngineValue | undefined): value is { readonly [key: string]: EngineValue } =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** A MAP of the engine's JSON form. */
export const mapEntries = (value: EngineValue | undefined): readonly [string, EngineValue][] =>
  Array.isArray(value)
    ? (value as readonly EngineValue[]).flatMap((entry): [string, EngineValue][] =>
        isRecord(entry) && typeof entry['key'] === 'string' ? [[entry['key'], entry['value'] ?? null]] : [],
      )
    : [];

/** `column_statistics` of COPY's RETURN_STATS. Keys are quoted paths; those of nested columns are left out. */
export const readStatistics = (value: EngineValue | undefined): ReadonlyMap<string, ColumnStatistics> => {
  const columns = new Map<string, ColumnStatistics>();
  for (const [path, measured] of mapEntries(value)) {
    const match = /^"((?:[^"]|"")*)"$/.exec(path);
    if (!match) continue;
    const map = new Map(mapEntries(measured));
    const text = (key: string) => {
      const found = map.get(key);
      return typeof found === 'string' ? found : undefined;
    };
    columns.set((match[1] ?? '').replaceAll('""', '"'), {
      min: text('min'),
      max: text('max'),
      nulls: text('null_count'),
      hasNan: text('has_nan') === 'true',
    });
  }
  return columns;
};
