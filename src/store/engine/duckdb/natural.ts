import {
  DuckDBArrayValue,
  DuckDBBlobValue,
  DuckDBDateValue,
  DuckDBDecimalValue,
  DuckDBListValue,
  DuckDBMapValue,
  type DuckDBMaterializedResult,
  DuckDBStructValue,
  DuckDBTimestampTZValue,
  DuckDBTimestampValue,
  type DuckDBValue,
} from '@duckdb/node-api';
import { decimalText } from '../../../query/index.js';
import type { DuckDbRow } from './types.js';
import { dateText } from './values.js';

/** A value of a small query in the form that `DuckDbRow` promises. */
const natural = (value: DuckDBValue): unknown => {
  if (value === null || typeof value !== 'object') return value;
  if (value instanceof DuckDBDecimalValue) return decimalText(value.value, value.scale);
  if (value instanceof DuckDBTimestampTZValue || value instanceof DuckDBTimestampValue) return value.micros;
  if (value instanceof DuckDBDateValue) return dateText(value.days) ?? value.toString();
  if (value instanceof DuckDBBlobValue) return Buffer.from(value.bytes);
  if (value instanceof DuckDBListValue || value instanceof DuckDBArrayValue) return value.items.map(natural);
  if (value instanceof DuckDBMapValue) return new Map(value.entries.map((e) => [natural(e.key), natural(e.value)]));
  if (value instanceof DuckDBStructValue)
    return Object.fromEntries(Object.entries(value.entries).map(([name, item]) => [name, natural(item)]));
  return value.toString();
};

/** A whole result as objects. Two columns of one name keep the last. */
export const naturalRows = (result: DuckDBMaterializedResult): DuckDbRow[] => {
  const names = result.columnNames();
  const rows: DuckDbRow[] = [];
  for (let c = 0; c < result.chunkCount; c++)
    for (const values of result.getChunk(c).getRows())
      rows.push(Object.fromEntries(names.map((name, i) => [name, natural(values[i] ?? null)])));
  return rows;
};
