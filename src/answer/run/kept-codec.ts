import { createHash } from 'node:crypto';
import type { ColumnBatch, Value } from '../../query/index.js';
import type { KeptRows } from './answer-cache.js';

const DIGEST = 32;
const digest = (body: Buffer): Buffer => createHash('sha256').update(body).digest();

/** Values that JSON would change: wide integers, and doubles that are no JSON numbers. */
type Written = string | number | boolean | null | { readonly n: string } | { readonly d: string };
const written = (value: Value): Written => {
  if (typeof value === 'bigint') return { n: String(value) };
  if (typeof value === 'number' && (!Number.isFinite(value) || Object.is(value, -0)))
    return { d: Object.is(value, -0) ? '-0' : String(value) };
  return value;
};
const read = (value: Written): Value => {
  if (value === null || typeof value !== 'object') return value;
  return 'n' in value ? BigInt(value.n) : Number(value.d);
};

/** An answer's rows as bytes that another node reads back exactly; a digest goes before them. */
export const encodeRows = (rows: KeptRows): Buffer => {
  const body = Buffer.from(
    JSON.stringify([
      rows.rows,
      rows.bytes,
      rows.batches.map((b) => [b.length, b.columns.map((c) => [...c].map(written))]),
    ]),
  );
  return Buffer.concat([digest(body), body]);
};

/** Undefined for bytes that are not whole: the answer then counts as not there. */
export const decodeRows = (bytes: Buffer): KeptRows | undefined => {
  const body = bytes.subarray(DIGEST);
  if (bytes.length <= DIGEST || !digest(body).equals(bytes.subarray(0, DIGEST))) return undefined;
  const [rows, size, batches] = JSON.parse(body.toString('utf8')) as [number, number, [number, Written[][]][]];
  return {
    rows,
    bytes: size,
    batches: batches.map(([length, columns]): ColumnBatch => ({ length, columns: columns.map((c) => c.map(read)) })),
  };
};
