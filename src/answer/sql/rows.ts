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

/** Builds the text of a text array, value by value, in pieces that are joined once. */
export class ArrayText {
  private readonly parts: string[] = [];
  constructor(private readonly type: DataType) {}

  add(batch: ColumnBatch, column: number): void {
    const values = batch.columns[column] ?? [];
    for (let i = 0; i < batch.length; i++) {
      const value = values[i];
      if (value === null || value === undefined) this.parts.push('NULL');
      else this.parts.push(`"${postgresText(this.type, value).replace(/["\\]/g, '\\$&')}"`);
    }
  }

  get text(): string {
    return `{${this.parts.join(',')}}`;
  }
}
