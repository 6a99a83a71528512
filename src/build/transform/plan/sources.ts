import { createHash } from 'node:crypto';
import { namingDamage, openTable, type ParquetEngine, relationOf, type Snapshot } from '../../../store/delta/index.js';
import type { On } from '../../../store/state/index.js';
import { putSourceMap, sourceMap } from '../../../store/state/index.js';
import type { Unit } from '../files/definition.js';
import type { GraphNode } from '../files/graph.js';
import { literal } from '../sql-text.js';
import type { SourceState } from './digests.js';

/** A table of bronze at one version, and which partitions its files hold rows of. */
export interface Source extends SourceState {
  readonly snapshot: Snapshot;
}

const FORMAT: Readonly<Record<Unit, string>> = { hour: '%Y-%m-%dT%H', day: '%Y-%m-%d', month: '%Y-%m', year: '%Y' };

const hashOf = (expression: string, unit: Unit): string =>
  createHash('sha256').update(`1 ${unit} ${expression}`).digest('hex').slice(0, 24);

export interface SourceParts {
  readonly engine: ParquetEngine;
  readonly warehouse: On;
  /** Absolute folder of the lake. */
  readonly lake: string;
}

/**
 * Opens a source as it is now. Of files that nobody has looked into yet it is found out once, and kept, which partitions they hold
 * rows of: so a late file makes only those anew. Undefined: the source holds nothing yet.
 */
export const openSource = async (
  parts: SourceParts,
  name: string,
  readers: readonly GraphNode[],
): Promise<Source | undefined> => {
  const snapshot = await openTable(`${parts.lake}/${name.replace('.', '/')}`, parts.engine);
  if (!snapshot) return undefined;
  const maps = new Map<string, ReadonlyMap<string, readonly string[]>>();
  for (const { transform } of readers) {
    const { partition } = transform;
    const expression = partition?.sources.get(name);
    if (!partition || expression === undefined) continue;
    const hash = hashOf(expression, partition.unit);
    if (!maps.has(hash)) maps.set(hash, await byPartition(parts, snapshot, name, expression, partition.unit, hash));
  }
  return {
    name,
    snapshot,
    version: `${snapshot.metadata.id}@${snapshot.version}`,
    filesOf: ({ transform }, expression) =>
      maps.get(hashOf(expression, transform.partition?.unit ?? 'day')) ?? new Map<string, readonly string[]>(),
  };
};

const byPartition = async (
  { engine, warehouse }: SourceParts,
  snapshot: Snapshot,
  name: string,
  expression: string,
  unit: Unit,
  hash: string,
): Promise<ReadonlyMap<string, readonly string[]>> => {
  const source = `${name} ${snapshot.metadata.id}`;
  const known = new Map(await sourceMap(warehouse, source, hash));
  const found = new Map<string, readonly string[]>();
  for (const add of snapshot.adds) {
    if (known.has(add.path)) continue;
    const rows = await namingDamage(snapshot, [add], {}, () =>
      engine.query(
        `SELECT DISTINCT strftime((${expression})::TIMESTAMP, ${literal(FORMAT[unit])}) AS key
         FROM ${relationOf(snapshot, [add])} WHERE (${expression}) IS NOT NULL ORDER BY key`,
      ),
    );
    found.set(
      add.path,
      rows.map((row) => String(row['key'])),
    );
  }
  if (found.size > 0) await putSourceMap(warehouse, source, hash, found);
  const files = new Map<string, string[]>();
  for (const add of snapshot.adds)
    for (const key of known.get(add.path) ?? found.get(add.path) ?? [])
      files.set(key, [...(files.get(key) ?? []), add.path]);
  for (const paths of files.values()) paths.sort();
  return files;
};
