import { error } from '../../errors/index.js';
import {
  type Column,
  type ColumnBatch,
  compareValues,
  type DataType,
  typeText,
  type Value,
} from '../../query/index.js';
import type { Composition, Expression, Operand } from '../plan/index.js';
import { batchBytes } from './batch.js';
import { rowTest } from './condition.js';
import { difference, type Fraction, fractionOf, quotient, rounded } from './ratio.js';

const BATCH = 2_048;

/** True when a leg's rows are the answer's as they stand. */
const isPlain = (c: Composition, columns: number, legColumns: number): boolean =>
  columns === legColumns &&
  c.values.length === columns &&
  c.values.every((v, i) => v.kind === 'column' && v.column === i) &&
  c.having === undefined &&
  c.order.length === 0 &&
  c.limit === undefined &&
  c.offset === 0 &&
  !c.total;

/** The first number that a type cannot hold. */
const limitOf = (type: DataType): bigint => (type.kind === 'decimal' ? 10n ** BigInt(type.precision) : 1n << 63n);

/** An operand's exact number in each row. */
const fractionsOf = (
  operand: Operand,
  batch: ColumnBatch,
  statement: readonly Column[],
): ((row: number) => Fraction | null) => {
  if (operand.kind === 'column') {
    const values = batch.columns[operand.column] ?? [];
    const type = statement[operand.column]?.type;
    if (!type) throw error('internal', {});
    return (row) => fractionOf(values[row] ?? null, type);
  }
  if (operand.kind === 'difference') {
    const a = fractionsOf(operand.a, batch, statement);
    const b = fractionsOf(operand.b, batch, statement);
    return (row) => difference(a(row), b(row));
  }
  const numerator = fractionsOf(operand.numerator, batch, statement);
  const denominator = fractionsOf(operand.denominator, batch, statement);
  return (row: number): Fraction | null => quotient(numerator(row), denominator(row));
};

const valuesOf = (
  expression: Expression,
  column: Column,
  batch: ColumnBatch,
  statement: readonly Column[],
): readonly Value[] => {
  if (expression.kind === 'null') return new Array<Value>(batch.length).fill(null);
  if (expression.kind === 'column') return batch.columns[expression.column] ?? [];
  const exact = exactOf(expression, batch, statement);
  const most = limitOf(column.type);
  const out: Value[] = new Array(batch.length);
  for (let row = 0; row < batch.length; row++) {
    const value = rounded(exact(row), expression.scale);
    if (value !== null && (value >= most || value <= -most))
      throw error('value-does-not-fit', { column: column.name, type: typeText(column.type) });
    out[row] = value;
  }
  return out;
};

const exactOf = (
  expression: Exclude<Expression, { kind: 'null' | 'column' }>,
  batch: ColumnBatch,
  statement: readonly Column[],
): ((row: number) => Fraction | null) => {
  if (expression.kind !== 'quotient') return fractionsOf(expression, batch, statement);
  const a = fractionsOf(expression.a, batch, statement);
  const b = fractionsOf(expression.b, batch, statement);
  return (row) => quotient(a(row), b(row));
};

const picked = (columns: readonly (readonly Value[])[], rows: readonly number[]): ColumnBatch => ({
  length: rows.length,
  columns: columns.map((values) => rows.map((row) => values[row] ?? null)),
});

/** Rows of one batch that pass `having`, as values of the composition. */
const filtered = (
  columns: readonly (readonly Value[])[],
  length: number,
  test: ReturnType<typeof rowTest> | undefined,
) => {
  if (!test) return { columns, length };
  const rows: number[] = [];
  for (let row = 0; row < length; row++) if (test((i) => columns[i]?.[row] ?? null) === true) rows.push(row);
  return rows.length === length ? { columns, length } : picked(columns, rows);
};

/** Collects all rows, sorts them, gives them on in batches. Errors: `budget-exceeded` when they do not fit into memory. */
const sorted = async function* (
  batches: AsyncIterable<ColumnBatch>,
  order: Composition['order'],
  width: number,
  memoryBytes: number,
): AsyncGenerator<ColumnBatch> {
  const all: Value[][] = Array.from({ length: width }, () => []);
  let length = 0;
  let bytes = 0;
  for await (const batch of batches) {
    bytes += batchBytes(batch);
    if (bytes > memoryBytes)
      throw error('budget-exceeded', { budget: 'bytes of memory to sort in', limit: String(memoryBytes) });
    for (let c = 0; c < width; c++) {
      const into = all[c];
      const from = batch.columns[c];
      if (into && from) for (let row = 0; row < batch.length; row++) into.push(from[row] ?? null);
    }
    length += batch.length;
  }
  const keys = order.map((o) => ({
    values: all[o.value] ?? [],
    sign: o.dir === 'asc' ? 1 : -1,
    nulls: o.nulls === 'first' ? -1 : 1,
  }));
  const rows = Array.from({ length }, (_, i) => i);
  rows.sort((a, b) => {
    for (const { values, sign, nulls } of keys) {
      const x = values[a] ?? null;
      const y = values[b] ?? null;
      if (x === y) continue;
      if (x === null) return nulls;
      if (y === null) return -nulls;
      const compared = compareValues(x, y);
      if (compared !== 0) return compared * sign;
    }
    return a - b;
  });
  for (let at = 0; at < length; at += BATCH) yield picked(all, rows.slice(at, at + BATCH));
};

/** Rows from `offset`, at most `limit` of them. */
const paged = async function* (
  batches: AsyncIterable<ColumnBatch>,
  offset: number,
  limit: number,
  counted: Counted | undefined,
): AsyncGenerator<ColumnBatch> {
  let skip = offset;
  let left = limit;
  let total = 0;
  if (left === 0 && !counted) return;
  for await (const batch of batches) {
    total += batch.length;
    const from = Math.min(skip, batch.length);
    const to = Math.min(batch.length, from + left);
    skip -= from;
    left -= to - from;
    if (to > from)
      yield from === 0 && to === batch.length
        ? batch
        : { length: to - from, columns: batch.columns.map((values) => values.slice(from, to)) };
    if (left === 0 && !counted) return;
  }
  if (counted) counted.total = total;
};

/** Where the number of rows without a page is told, once all were read. */
export interface Counted {
  total?: number;
}

/**
 * The answer's rows from a leg's: exact ratios, having, order, page, projection. Streams but for an order of its own.
 * Errors: `value-does-not-fit` for a ratio, `budget-exceeded`, and those of `batches`.
 */
export const compose = (
  batches: AsyncIterable<ColumnBatch>,
  legColumns: readonly Column[],
  composition: Composition,
  columns: readonly Column[],
  memoryBytes: number,
  counted: Counted = {},
): AsyncIterable<ColumnBatch> => {
  if (isPlain(composition, columns.length, legColumns.length)) return batches;
  const { values, types, order } = composition;
  const test = composition.having ? rowTest(composition.having, types) : undefined;
  const described = values.map(
    (_, i): Column => columns[i] ?? { name: `value ${i}`, type: types[i] ?? { kind: 'string' }, role: 'measure' },
  );
  const computed = async function* (): AsyncGenerator<ColumnBatch> {
    for await (const batch of batches) {
      const all = values.map((v, i) => valuesOf(v, described[i] as Column, batch, legColumns));
      const rows = filtered(all, batch.length, test);
      if (rows.length > 0) yield rows;
    }
  };
  const ordered = order.length === 0 ? computed() : sorted(computed(), order, values.length, memoryBytes);
  const { limit, offset, total } = composition;
  const whole = limit === undefined && offset === 0 && !total;
  const page = whole ? ordered : paged(ordered, offset, limit ?? Number.POSITIVE_INFINITY, total && counted);
  if (values.length === columns.length) return page;
  return (async function* () {
    for await (const batch of page) yield { length: batch.length, columns: batch.columns.slice(0, columns.length) };
  })();
};
