import type { AddFile, PartitionValues, Snapshot } from '../types.js';

/** Live files of one partition. */
export interface PartitionGroup {
  readonly values: PartitionValues;
  readonly adds: readonly AddFile[];
}

/** A partition's name among the others of its table. The empty text means null. */
export const partitionKey = (columns: readonly string[], values: PartitionValues): string =>
  JSON.stringify(columns.map((column) => values[column] || null));

/** A table's live files by partition; a table without partitions has one group. */
export const partitionGroups = ({ metadata, adds }: Snapshot): readonly PartitionGroup[] => {
  const groups = new Map<string, { values: PartitionValues; adds: AddFile[] }>();
  for (const add of adds) {
    const key = partitionKey(metadata.partitionColumns, add.partitionValues);
    const group = groups.get(key);
    if (group) group.adds.push(add);
    else groups.set(key, { values: add.partitionValues, adds: [add] });
  }
  return [...groups.values()];
};
