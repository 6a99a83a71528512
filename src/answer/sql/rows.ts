import { error } from '../../errors/index.js';
import { type ColumnBatch, type DataType, decimalText, timestampText, type Value } from '../../query/index.js';

/** A value as PostgreSQL reads it in any session: ISO times in UTC, exact numbers. */
export const postgresText = (type: DataType, value: Exclude<Value, null>): string => {
  switch (type.kind) {
    case 'decimal':
      return decimalText(value as bigint, type.scale);
    case 'timestamp':
      return timestampText(value as bigint);
    case 'boolean':
      return value ? 't' : 'f';
    default:
      return String(value);
  }
};

/** Longest text of one column of a block, in characters; PostgreSQL takes 1 GiB at most. */
const LONGEST_ARRAY = 256 * 1024 * 1024;

/** Builds the text of a text array, value by value, in pieces that are joined once. */
export class ArrayText {
  private readonly parts: string[] = [];
  private length = 0;
  constructor(private readonly type: DataType) {}

  /** Errors: `budget-exceeded`. */
  add(batch: ColumnBatch, column: number): void {
    const values = batch.columns[column] ?? [];
    for (let i = 0; i < batch.length; i++) {
      const value = values[i];
      const text =
        value === null || value === undefined
          ? 'NULL'
          : `"${postgresText(this.type, value).replace(/["\\]/g, '\\$&')}"`;
      this.parts.push(text);
      this.length += text.length + 1;
    }
    if (this.length > LONGEST_ARRAY)
      throw error('budget-exceeded', {
        budget: 'characters in one column of a query below another',
        limit: String(LONGEST_ARRAY),
      });
  }

  get text(): string {
    return `{${this.parts.join(',')}}`;
  }
}
