import { parseType } from '../../../query/index.js';
import type { EngineValue } from '../parquet-engine.js';
import type { DeltaField, DeltaType } from '../types.js';
import { indexedColumns } from './indexed-columns.js';

/** What the engine measured of one column while it wrote a file. */
export interface ColumnStatistics {
  readonly min: string | undefined;
  readonly max: string | undefined;
  readonly nulls: string | undefined;
  readonly hasNan: boolean;
}

/** A column's key by its path: names of nested ones stand behind those of the structs that they are in. */
export const statKey = (path: readonly string[]): string => path.join('\0');

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
  if (type === 'float' || type === 'double') {
    if (hasNan || !NUMBER.test(value)) return undefined;
    // A FLOAT's short text means another number to who reads it as a DOUBLE.
    return type === 'float' ? String(Math.fround(Number(value))) : value;
  }
  if (parseType(type)?.kind === 'decimal') return NUMBER.test(value) ? value : undefined;
  return undefined;
};

interface Parts {
  readonly minValues: string[];
  readonly maxValues: string[];
  readonly nullCount: string[];
}

/** Adds the entries of some fields; those of a struct stand below its name. */
const addEntries = (
  parts: Parts,
  fields: readonly DeltaField[],
  columns: ReadonlyMap<string, ColumnStatistics>,
  indexed: (path: readonly string[]) => boolean,
  above: readonly string[],
): void => {
  for (const { name, type } of fields) {
    const path = [...above, name];
    const key = JSON.stringify(name);
    if (typeof type !== 'string') {
      if (type.type !== 'struct') continue;
      const inner: Parts = { minValues: [], maxValues: [], nullCount: [] };
      addEntries(inner, type.fields, columns, indexed, path);
      for (const part of ['minValues', 'maxValues', 'nullCount'] as const)
        if (inner[part].length > 0) parts[part].push(`${key}:{${inner[part].join(',')}}`);
      continue;
    }
    const found = columns.get(statKey(path));
    if (!found || !indexed(path)) continue;
    const min = boundText(type, 'min', found);
    const max = boundText(type, 'max', found);
    if (min !== undefined) parts.minValues.push(`${key}:${min}`);
    if (max !== undefined) parts.maxValues.push(`${key}:${max}`);
    if (found.nulls !== undefined && /^\d+$/.test(found.nulls)) parts.nullCount.push(`${key}:${found.nulls}`);
  }
};

/**
 * A file's statistics as the log keeps them: JSON text with exact numbers. `fields` are the columns that are no partition columns;
 * `configuration` says which of them have statistics.
 */
export const statsText = (
  rows: string,
  fields: readonly DeltaField[],
  columns: ReadonlyMap<string, ColumnStatistics>,
  configuration: Readonly<Record<string, string>> = {},
): string => {
  const parts: Parts = { minValues: [], maxValues: [], nullCount: [] };
  addEntries(parts, fields, columns, indexedColumns(fields, configuration), []);
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

const QUOTED_PATH = /^"(?:[^"]|"")*"(?:\."(?:[^"]|"")*")*$/;
/** The names in a path of quoted names with points between them. */
const pathOf = (text: string): readonly string[] =>
  [...text.matchAll(/"((?:[^"]|"")*)"/g)].map(([, name = '']) => name.replaceAll('""', '"'));

/** `column_statistics` of COPY's RETURN_STATS, by `statKey`. Those of elements of lists and maps are there too, and of no column. */
export const readStatistics = (value: EngineValue | undefined): ReadonlyMap<string, ColumnStatistics> => {
  const columns = new Map<string, ColumnStatistics>();
  for (const [path, measured] of mapEntries(value)) {
    if (!QUOTED_PATH.test(path)) continue;
    const map = new Map(mapEntries(measured));
    const text = (key: string) => {
      const found = map.get(key);
      return typeof found === 'string' ? found : undefined;
    };
    columns.set(statKey(pathOf(path)), {
      min: text('min'),
      max: text('max'),
      nulls: text('null_count'),
      hasNan: text('has_nan') === 'true',
    });
  }
  return columns;
};
