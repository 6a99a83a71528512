import { error } from '../../errors/index.js';
import type { FailingKeysRecord, LineageEdge, PartitionStats } from './ledger-types.js';
import type { On } from './queries.js';

/** File of a source to the partitions that it has rows of, by one expression. */
export const sourceMap = async (
  _on: On,
  _source: string,
  _expressionHash: string,
): Promise<Map<string, readonly string[]>> => {
  throw error('internal', {});
};

/** Adds files to the map; a file that is there gets the new partitions. */
export const putSourceMap = async (
  _on: On,
  _source: string,
  _expressionHash: string,
  _files: ReadonlyMap<string, readonly string[]>,
): Promise<void> => {
  throw error('internal', {});
};

/** Replaces the lineage of a version. */
export const putLineage = async (_on: On, _versionId: number, _edges: readonly LineageEdge[]): Promise<void> => {
  throw error('internal', {});
};

export const lineageOf = async (_on: On, _versionIds: readonly number[]): Promise<Map<number, LineageEdge[]>> => {
  throw error('internal', {});
};

export const putFailingKeys = async (
  _on: On,
  _runId: string,
  _records: readonly Pick<FailingKeysRecord, 'table' | 'partition' | 'check' | 'keys'>[],
): Promise<void> => {
  throw error('internal', {});
};

/** The newest first. */
export const failingKeysOf = async (
  _on: On,
  _of: { readonly table: string; readonly partition?: string; readonly check?: string; readonly limit: number },
): Promise<FailingKeysRecord[]> => {
  throw error('internal', {});
};

/** Removes keys that are older; gives the number of records. */
export const expireFailingKeys = async (_on: On, _keepMicros: bigint): Promise<number> => {
  throw error('internal', {});
};

export const putPartitionStats = async (_on: On, _runId: string, _list: readonly PartitionStats[]): Promise<void> => {
  throw error('internal', {});
};

/**
 * Figures of the last published partitions before `before` (of `*`: of the last published runs), newest first. Versions are those
 * whose history counts as one.
 */
export const driftHistory = async (
  _on: On,
  _of: { readonly versionIds: readonly number[]; readonly before: string; readonly limit: number },
): Promise<PartitionStats[]> => {
  throw error('internal', {});
};
