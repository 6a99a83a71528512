import type { Warehouse } from '../../../store/engine/index.js';
import { intervalsOf, otherVersions } from '../../../store/state/index.js';
import { readStored, type StoredDefinition } from '../meaning/stored.js';
import { dataVersionOf, type PartitionState, partitionsOf } from './state.js';

/** A version of a table that is not the one of the files, as it was last published. */
export interface OtherVersion {
  readonly versionId: number;
  readonly stored: StoredDefinition;
  readonly dataVersion: string;
  readonly partitions: ReadonlyMap<string, PartitionState>;
}

/** By id: versions of these tables that were published and are none of `versionIds`, where the set of their rows means the same. */
export const otherVersionsOf = async (
  warehouse: Warehouse,
  stored: ReadonlyMap<string, StoredDefinition>,
  versionIds: readonly number[],
): Promise<ReadonlyMap<string, readonly OtherVersion[]>> => {
  const definitions = [...stored.values()];
  const versions = await otherVersions(warehouse, {
    names: [...new Set(definitions.map(({ name }) => name))],
    rowsets: [...new Set(definitions.map(({ rowset }) => rowset))],
    except: versionIds,
  });
  const intervals = await intervalsOf(
    warehouse,
    versions.map(({ id }) => id),
    { light: true },
  );
  const found = new Map<string, OtherVersion[]>();
  for (const { id: versionId, name, fingerprint, definition } of versions) {
    const partitions = partitionsOf(intervals.filter((interval) => interval.versionId === versionId));
    const dataVersion = dataVersionOf(fingerprint, partitions);
    const other: OtherVersion = { versionId, stored: readStored(definition), dataVersion, partitions };
    for (const [id, of] of stored) if (of.name === name) found.set(id, [...(found.get(id) ?? []), other]);
  }
  return found;
};
