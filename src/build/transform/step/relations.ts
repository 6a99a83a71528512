import type { ContractColumn } from '../files/definition.js';
import { duckdbType, postgresType, quoted } from '../sql-text.js';
import type { Readable } from './step.js';

/** A table that holds no rows yet, as each engine can read it: a contract's columns with their exact types. */
export const emptyRelation = (columns: readonly Pick<ContractColumn, 'name' | 'type'>[]): Readable => {
  const relation = (typeOf: typeof duckdbType) =>
    `(SELECT ${columns.map((c) => `CAST(NULL AS ${typeOf(c.type)}) AS ${quoted(c.name)}`).join(', ')} WHERE false)`;
  return { duckdb: relation(duckdbType), postgres: relation(postgresType) };
};
