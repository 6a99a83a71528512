import { type Column, compareValues, type Value, valueText } from '../../query/index.js';

/** What a feature's values are like. Numbers that are only looked at are doubles; `min` and `max` are exact texts. */
export interface Statistic {
  readonly feature: string;
  readonly rows: number;
  readonly nulls: number;
  readonly min: string | null;
  readonly max: string | null;
  readonly mean: number | null;
  readonly deviation: number | null;
}

/** A value as a number to be looked at; null for what is none. */
export const asNumber = (column: Column, value: Value): number | null => {
  if (value === null) return null;
  switch (column.type.kind) {
    case 'decimal':
      return Number(valueText(column.type, value));
    case 'integer':
    case 'double':
      return value as number;
    case 'bigint':
      return Number(value as bigint);
    case 'boolean':
      return value === true ? 1 : 0;
    default:
      return null;
  }
};

/** Counts values as they come. */
export class Counting {
  rows = 0;
  nulls = 0;
  #min: Value = null;
  #max: Value = null;
  #numbers = 0;
  #mean = 0;
  #squares = 0;
  constructor(readonly column: Column) {}

  add(value: Value): void {
    this.rows += 1;
    if (value === null) {
      this.nulls += 1;
      return;
    }
    if (this.#min === null || compareValues(value, this.#min) < 0) this.#min = value;
    if (this.#max === null || compareValues(value, this.#max) > 0) this.#max = value;
    const number = asNumber(this.column, value);
    if (number === null || !Number.isFinite(number)) return;
    // Welford: one pass, no loss by large sums
    this.#numbers += 1;
    const off = number - this.#mean;
    this.#mean += off / this.#numbers;
    this.#squares += off * (number - this.#mean);
  }
  get statistic(): Statistic {
    const { type, name } = this.column;
    return {
      feature: name,
      rows: this.rows,
      nulls: this.nulls,
      min: valueText(type, this.#min),
      max: valueText(type, this.#max),
      mean: this.#numbers === 0 ? null : this.#mean,
      deviation: this.#numbers === 0 ? null : Math.sqrt(this.#squares / this.#numbers),
    };
  }
}
