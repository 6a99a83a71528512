import { error } from '../../errors/index.js';
import type { Tx } from '../engine/index.js';
import type {
  Environment,
  EnvironmentPublication,
  EnvironmentState,
  PublicationRecord,
  Published,
  SeenTable,
} from './ledger-types.js';
import type { On } from './queries.js';

/**
 * Takes the rows of physical tables for the rest of the transaction, in a fixed order, and checks that they are as the run saw them:
 * call it before any rows are changed. Errors: `publish-overtaken`.
 */
export const lockTables = async (
  _tx: Tx,
  _tables: { readonly moved: readonly SeenTable[]; readonly reads: readonly SeenTable[] },
): Promise<void> => {
  throw error('internal', {});
};

/**
 * Gives an environment its next revision, in the caller's transaction (read committed). Environments that point at a table which
 * moves get a revision of their own with it. Errors: `publish-overtaken`, `environment-unknown`, `version-gone`.
 */
export const publishEnvironment = async (_tx: Tx, _publication: EnvironmentPublication): Promise<Published> => {
  throw error('internal', {});
};

/** An environment and what its readers see, read in one statement. Errors: `environment-unknown`. */
export const currentEnvironment = async (_on: On, _name: string): Promise<EnvironmentState> => {
  throw error('internal', {});
};

export const listEnvironments = async (_on: On): Promise<Environment[]> => {
  throw error('internal', {});
};

/** One publication of an environment; undefined when there is none of that revision. */
export const publicationAt = async (
  _on: On,
  _environment: string,
  _revision: number,
): Promise<PublicationRecord | undefined> => {
  throw error('internal', {});
};

/** The last publications of an environment, newest first. */
export const publications = async (_on: On, _environment: string, _limit: number): Promise<PublicationRecord[]> => {
  throw error('internal', {});
};

/** Makes an environment without tables; one that is there stays as it is. */
export const createEnvironment = async (_on: On, _name: string): Promise<Environment> => {
  throw error('internal', {});
};

/** Holds an environment after a rollback from `from`, or lets it go. Errors: `environment-unknown`. */
export const holdEnvironment = async (_on: On, _name: string, _from: number | undefined): Promise<void> => {
  throw error('internal', {});
};

/** Removes an environment and its publications; its tables stay until they are collected. Errors: `environment-unknown`. */
export const dropEnvironment = async (_tx: Tx, _name: string): Promise<void> => {
  throw error('internal', {});
};

/** Versions whose tables no kept revision points at and nobody is at work on. A revision is kept while it is among the newest
 * `keepRevisions` of its environment, or was seen by readers in the last `keepMicros`. */
export const garbage = async (
  _on: On,
  _keep: { readonly keepMicros: bigint; readonly keepRevisions: number },
): Promise<readonly number[]> => {
  throw error('internal', {});
};

/** Forgets tables that are dropped in this transaction, and their intervals. Gives those that are still garbage: drop only these. */
export const forgetTables = async (
  _tx: Tx,
  _versionIds: readonly number[],
  _keep: { readonly keepMicros: bigint; readonly keepRevisions: number },
): Promise<readonly number[]> => {
  throw error('internal', {});
};
