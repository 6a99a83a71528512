/** The exact types that values have on every path. Decimals carry precision and scale; timestamps are instants in microseconds. */
export type DataType =
  | { readonly kind: 'string' | 'boolean' | 'integer' | 'bigint' | 'double' | 'date' | 'timestamp' }
  | { readonly kind: 'decimal'; readonly precision: number; readonly scale: number };

/** The type's one text form: `string`, `bigint`, `decimal(18,2)`. */
export const typeText = (type: DataType): string =>
  type.kind === 'decimal' ? `decimal(${type.precision},${type.scale})` : type.kind;

const simple = new Set(['string', 'boolean', 'integer', 'bigint', 'double', 'date', 'timestamp']);

/** Reads a type's text form. Undefined when the text names no type of ours; the caller says where the text stood. */
export const parseType = (text: string): DataType | undefined => {
  const name = text.trim().toLowerCase();
  if (simple.has(name)) return { kind: name as 'string' };
  const match = /^decimal\((\d{1,2}),\s*(\d{1,2})\)$/.exec(name);
  if (!match) return undefined;
  const precision = Number(match[1]);
  const scale = Number(match[2]);
  return precision >= 1 && precision <= 38 && scale <= precision ? { kind: 'decimal', precision, scale } : undefined;
};

/** True for the types on which arithmetic is defined. */
export const isNumeric = (type: DataType): boolean =>
  type.kind === 'integer' || type.kind === 'bigint' || type.kind === 'decimal' || type.kind === 'double';

/** What a column of an answer stands for. */
export type ColumnRole = 'dimension' | 'time' | 'measure' | 'flag';

/** A column of an answer, in the answer's order. `name` is the member's path (`retail.sold_at.day` for a time bucket). */
export interface Column {
  readonly name: string;
  readonly type: DataType;
  readonly role: ColumnRole;
  readonly unit?: string;
}

/**
 * One value. Its JavaScript form follows from its column's type, and no exact value ever is a JS number:
 * string -> string; boolean -> boolean; integer -> number (32 bits); bigint -> bigint; decimal -> bigint, unscaled (475412.72
 * with scale 2 is 47541272n); double -> number; date -> 'YYYY-MM-DD'; timestamp -> bigint, microseconds since 1970 UTC.
 */
export type Value = string | number | bigint | boolean | null;

/** Some rows, kept as columns: `columns[i][row]`; every column has `length` values. */
export interface ColumnBatch {
  readonly length: number;
  readonly columns: readonly (readonly Value[])[];
}

/** The one live object between stations: an iterator of batches with back-pressure. `cancel` stops the engine's work. */
export interface RowStream extends AsyncIterable<ColumnBatch> {
  readonly columns: readonly Column[];
  cancel(): Promise<void>;
}
