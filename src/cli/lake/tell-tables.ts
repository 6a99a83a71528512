import type { HistoryEntry, Snapshot } from '../../store/delta/index.js';
import { size, table } from '../print.js';

/** Rows of live files, as their statistics say; undefined where one does not. */
export const rowsIn = (snapshot: Snapshot): number | undefined => {
  let rows = 0;
  for (const { stats, deletionVector } of snapshot.adds) {
    const found = /"numRecords"\s*:\s*(\d{1,15})\b/.exec(stats ?? '')?.[1];
    if (found === undefined) return undefined;
    rows += Number(found) - (deletionVector?.cardinality ?? 0);
  }
  return rows;
};

export const bytesIn = (snapshot: Snapshot): number => snapshot.adds.reduce((sum, add) => sum + add.size, 0);

const timeText = (at: number | undefined): string => (at === undefined ? '' : new Date(at).toISOString());

/** A table in a list of them. `problem` says why one could not be read. */
export interface ListedTable {
  readonly table: string;
  readonly version?: number;
  readonly files?: number;
  readonly rows?: number | undefined;
  readonly bytes?: number;
  readonly partitionedBy?: readonly string[];
  readonly problem?: string;
}

export const listedText = (tables: readonly ListedTable[]): string =>
  table(
    ['table', 'version', 'files', 'rows', 'size', 'partitioned by'],
    tables.map((t) => [
      ...[t.table, t.version, t.files, t.rows, t.bytes === undefined ? '' : size(t.bytes)],
      t.problem ?? (t.partitionedBy ?? []).join(', '),
    ]),
    [false, true, true, true, true],
  );

export const historyText = (entries: readonly HistoryEntry[]): string =>
  table(
    ['version', 'time', 'operation', 'added', 'removed', 'size', 'by', 'parameters'],
    entries.map((e) => [
      ...[e.version, timeText(e.timestamp), e.operation, e.filesAdded, e.filesRemoved],
      ...[e.filesAdded === 0 ? '' : size(e.bytesAdded), e.engine],
      Object.entries(e.parameters)
        .map(([name, value]) => `${name}=${value}`)
        .join(' ')
        .slice(0, 80),
    ]),
    [true, false, false, true, true, true],
  );

/** What `show` tells of a table. */
export const shownTable = (snapshot: Snapshot, published: number | undefined) => {
  const { protocol, metadata, schema, adds } = snapshot;
  const sizes = adds.map((add) => add.size).sort((a, b) => a - b);
  return {
    path: snapshot.table.path,
    id: metadata.id,
    ...(metadata.name === undefined ? {} : { name: metadata.name }),
    ...(metadata.description === undefined ? {} : { description: metadata.description }),
    version: snapshot.version,
    ...(published === undefined ? {} : { published }),
    protocol: {
      reader: protocol.minReaderVersion,
      writer: protocol.minWriterVersion,
      features: [...new Set([...(protocol.readerFeatures ?? []), ...(protocol.writerFeatures ?? [])])].sort(),
    },
    columns: schema.fields.map(({ name, type, nullable }) => ({ name, type, nullable })),
    partitionedBy: metadata.partitionColumns,
    properties: metadata.configuration,
    partitions: new Set(adds.map((add) => JSON.stringify(add.partitionValues))).size,
    files: adds.length,
    rows: rowsIn(snapshot) ?? null,
    bytes: bytesIn(snapshot),
    fileBytes: { least: sizes[0] ?? 0, middle: sizes[sizes.length >> 1] ?? 0, most: sizes.at(-1) ?? 0 },
    deletionVectors: adds.filter((add) => add.deletionVector).length,
    tombstones: snapshot.tombstones.length,
  };
};

export const shownText = (shown: ReturnType<typeof shownTable>): string => {
  const { protocol, fileBytes } = shown;
  const type = (of: unknown): string => (typeof of === 'string' ? of : JSON.stringify(of));
  const lines = [
    `${shown.path}${shown.description === undefined ? '' : `: ${shown.description}`}`,
    `version ${shown.version}${shown.published === undefined ? '' : `, readers are at ${shown.published}`}; protocol (${protocol.reader},${protocol.writer})${protocol.features.length === 0 ? '' : ` with ${protocol.features.join(', ')}`}`,
    `${shown.files} files in ${shown.partitions} partitions, ${shown.rows ?? 'unknown'} rows, ${size(shown.bytes)} (files of ${size(fileBytes.least)} to ${size(fileBytes.most)}, half of them up to ${size(fileBytes.middle)})`,
    `partitioned by ${shown.partitionedBy.join(', ') || 'nothing'}; ${shown.deletionVectors} files with deletion vectors, ${shown.tombstones} removed files remembered`,
    ...Object.entries(shown.properties).map(([name, value]) => `${name} = ${value}`),
  ];
  return `${lines.join('\n')}\n\n${table(
    ['column', 'type', 'nulls'],
    shown.columns.map((c) => [c.name, type(c.type), c.nullable ? 'allowed' : 'no']),
  )}`;
};
