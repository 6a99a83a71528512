import { type Dialect, Kysely } from 'kysely';
import type { StateTables } from './tables.js';

/** Anything that statements of the state store run on: an open transaction, or the warehouse itself. */
export interface On {
  readonly dialect: Dialect;
}

const made = new WeakMap<On, Kysely<StateTables>>();

/** Typed queries over the schema `assay`. */
export const stateOf = (on: On): Kysely<StateTables> => {
  let db = made.get(on);
  if (!db) {
    db = new Kysely<StateTables>({ dialect: on.dialect });
    made.set(on, db);
  }
  return db;
};
