import { openTable, type ParquetEngine } from '../../../store/delta/index.js';
import type { Warehouse } from '../../../store/engine/index.js';
import {
  currentEnvironment,
  type EnvironmentState,
  type Interval,
  intervalsOf,
  type ModelVersion,
  type TablePointer,
  versionsById,
} from '../../../store/state/index.js';
import type { Transform } from '../files/definition.js';
import { readTransform } from '../files/read-transforms.js';
import { readStored, type StoredDefinition } from '../meaning/stored.js';
import type { PartitionState, TableState } from '../plan/state.js';

/** A table as an environment's readers find it, by what the ledger kept: its files may say something else by now. */
export interface PublishedTransform {
  /** Under the name that readers use. */
  readonly transform: Transform;
  readonly pointer: TablePointer;
  readonly version: ModelVersion;
  readonly stored: StoredDefinition;
  /** Its partitions, or the one row of a whole table. */
  readonly intervals: readonly Interval[];
}

/** Everything that an environment has, by name. Errors: `environment-unknown`. */
export const publishedTransforms = async (
  warehouse: Warehouse,
  name: string,
): Promise<{
  readonly environment: EnvironmentState;
  readonly tables: ReadonlyMap<string, PublishedTransform>;
}> => {
  const environment = await currentEnvironment(warehouse, name);
  const ids = [...new Set(environment.pointers.map(({ versionId }) => versionId))];
  const [versions, intervals] = await Promise.all([
    versionsById(warehouse, ids),
    intervalsOf(warehouse, ids, { light: true }),
  ]);
  const tables = new Map<string, PublishedTransform>();
  for (const pointer of environment.pointers) {
    const version = versions.get(pointer.versionId);
    if (!version) continue;
    const stored = readStored(version.definition);
    const transform = readTransform(stored.file, version.name.split('.')[0] ?? '', stored.text);
    tables.set(pointer.name, {
      ...{ transform: { ...transform, id: pointer.name }, pointer, version, stored },
      intervals: intervals.filter(({ versionId }) => versionId === version.id),
    });
  }
  return { environment, tables };
};

/** The rows of a published table, at the version that readers are held to. */
export const publishedRows = async (
  { engine, lake }: { readonly engine: ParquetEngine; readonly lake: string },
  { transform, pointer, version, intervals }: PublishedTransform,
): Promise<TableState> => {
  const snapshot =
    pointer.lakePath === undefined || pointer.lakeVersion === undefined
      ? undefined
      : await openTable(`${lake}/${pointer.lakePath}`, engine, pointer.lakeVersion);
  const partitions = new Map<string, PartitionState>();
  for (const { partition, publishedRevision, contentHash, rows, bytes } of intervals)
    if (publishedRevision !== undefined && contentHash !== undefined)
      partitions.set(partition, { contentHash, rows, bytes });
  return {
    ...{ transform, versionId: version.id, fingerprint: version.fingerprint, snapshot, adds: snapshot?.adds ?? [] },
    ...{ partitions, dataVersion: pointer.dataVersion, postgres: undefined, view: undefined },
  };
};
