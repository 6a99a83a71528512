import type { CubeFilter, CubeQuery } from './parts.js';
import type { Slot } from './slots.js';

/** What our conditions need of the query that they stand in. */
export interface FilterQuery extends CubeQuery {
  place(slot: Slot): string;
  unmasked<T>(work: () => T): T;
}

type Write = (column: string, values: readonly string[]) => string;

const one =
  (operator: string): Write =>
  (column, values) =>
    `${column} ${operator} ${values[0]}`;
const like: Write = (column, values) => `${column} LIKE ${values[0]} ESCAPE '!'`;
const ilike: Write = (column, values) => `lower(${column}) LIKE lower(${values[0]}) ESCAPE '!'`;

/** Every operator, with SQL's three-valued logic: nothing is added for nulls, ranges are half-open. */
const WRITE: Readonly<Record<string, Write>> = {
  eq: one('='),
  ne: one('<>'),
  gt: one('>'),
  gte: one('>='),
  lt: one('<'),
  lte: one('<='),
  in: (column, values) => `${column} IN (${values.join(', ')})`,
  notIn: (column, values) => `${column} NOT IN (${values.join(', ')})`,
  between: (column, values) => `(${column} >= ${values[0]} AND ${column} < ${values[1]})`,
  notBetween: (column, values) => `(${column} < ${values[0]} OR ${column} >= ${values[1]})`,
  isNull: (column) => `${column} IS NULL`,
  isNotNull: (column) => `${column} IS NOT NULL`,
  like,
  notLike: (column, values) => `NOT (${like(column, values)})`,
  ilike,
  notIlike: (column, values) => `NOT (${ilike(column, values)})`,
  never: () => '1 = 0',
  always: () => '1 = 1',
};

/**
 * Our operators in place of Cube's, whose `notEquals` adds `OR IS NULL`, whose `contains` ignores case, and whose numbers become
 * doubles. The column's SQL is used as it is: Cube would put it in by a replacement that reads `$'` in it as a pattern.
 */
export const legFilterClass = (Base: new (query: CubeQuery, filter: object) => CubeFilter) =>
  class LegFilter extends Base {
    private readonly name: string;
    private readonly raw: boolean;
    constructor(query: CubeQuery, filter: object) {
      super(query, filter);
      const given = filter as { operator: string; raw?: boolean };
      this.name = given.operator;
      this.raw = given.raw === true;
    }
    override filterToWhere(): string {
      const query = this.query as FilterQuery;
      // a rule of the policy engine compares real values, also where the caller sees a mask
      return this.raw ? query.unmasked(() => super.filterToWhere()) : super.filterToWhere();
    }
    override conditionSql(column: string): string {
      const write = WRITE[this.name];
      if (!write) throw new Error(`no operator ${this.name}`);
      const query = this.query as FilterQuery;
      return write(
        column,
        this.values.map((slot) => query.place(slot as Slot)),
      );
    }
  };
