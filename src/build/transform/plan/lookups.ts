import type { ParquetEngine } from '../../../store/delta/index.js';
import type { Transform } from '../files/definition.js';
import type { GraphNode } from '../files/graph.js';
import type { ColumnEdge, Lineage } from '../meaning/meaning.js';
import { quoted } from '../sql-text.js';
import { keyOfValue, truncateKey } from '../step/partition-keys.js';
import type { MadeFrom } from './digests.js';
import { type Input, inputsOf } from './inputs.js';
import { digestOf, keyOfAdd, readableOf, type TableState } from './state.js';

type LookupInput = Extract<Input, { role: 'lookup' }>;

/** The input whose rows are looked up: the one that the declaration names, else the only one that shares the partitions. */
export const drivingInput = (
  node: GraphNode,
  { lookup }: LookupInput,
): Extract<Input, { role: 'partition' }> | undefined =>
  inputsOf(node)
    .filter((input) => input.role === 'partition')
    .find(({ name }, _i, all) => name === (lookup.input ?? (all.length === 1 ? all[0]?.name : undefined)));

/**
 * Columns of a dimension that come into a fact's rows by a look-up. Undefined: the fact also reads the dimension in another way (its
 * join asks more than the declared key and time, or nobody knows what it reads), so any change of it may touch any row.
 */
export const lookedUp = (
  lineage: Lineage,
  { name, lookup }: LookupInput,
  dimension: Transform,
): readonly string[] | undefined => {
  if (lineage.opaque.has(name)) return undefined;
  const { scd2 } = dimension;
  const declared = new Set([lookup.key, ...(scd2 ? [scd2.validFrom, scd2.validTo] : [])]);
  const of = (edges: readonly ColumnEdge[]): string[] =>
    edges.flatMap(({ table, column }) => (table === name ? [column] : []));
  if (of(lineage.rows).some((column) => !declared.has(column))) return undefined;
  const read = new Set([...lineage.columns.values()].flatMap((edges) => of(edges)));
  return [...read, dimension.surrogate ?? lookup.key].filter((c, i, all) => all.indexOf(c) === i).sort();
};

/**
 * By partition of a fact: a digest of what its look-ups in a dimension give, found by doing them. So a dimension that changed touches
 * just the partitions whose rows now point elsewhere. Only those are looked at for which `made` cannot tell.
 */
export const lookupDigests = async (
  engine: ParquetEngine,
  node: GraphNode,
  input: LookupInput,
  tables: { readonly dimension: TableState; readonly driving: TableState; readonly column: string },
  /** Of the dimension: what the fact takes from the row that it finds. */
  taken: readonly string[],
  made: MadeFrom,
): Promise<ReadonlyMap<string, string>> => {
  const { dimension, driving, column } = tables;
  const { partition } = node.transform;
  const source = driving.transform.partition;
  if (!partition) return new Map();
  const contents = new Map<string, string[]>();
  for (const [key, { contentHash, rows: count }] of driving.partitions)
    if (count > 0) {
      const own = truncateKey(key, partition.unit);
      contents.set(own, [...(contents.get(own) ?? []), `${key} ${contentHash}`]);
    }
  const digests = new Map<string, string>();
  const open = new Map<string, string>();
  for (const [key, parts] of contents) {
    const driven = digestOf(parts);
    const [version, digest, read] = (made(key)?.[input.name] ?? '').split(':');
    if (version === dimension.dataVersion && digest !== undefined && read === driven)
      digests.set(key, `${digest}:${read}`);
    else open.set(key, driven);
  }
  const rows = readableOf(driving);
  const known = readableOf(dimension);
  if (open.size === 0 || !rows || !known) return digests;
  const { lookup } = input;
  const { scd2 } = dimension.transform;
  const key = quoted(lookup.key);
  const at = quoted(lookup.asOf);
  const during = scd2
    ? ` AND i.${at} >= d.${quoted(scd2.validFrom)} AND i.${at} < coalesce(d.${quoted(scd2.validTo)}, 'infinity')`
    : '';
  // Only files of the partitions in question, where the driving table is cut by the same column.
  const inQuestion = (key: string | undefined) => key !== undefined && open.has(truncateKey(key, partition.unit));
  const adds =
    source?.column === column && open.size < contents.size
      ? driving.adds.filter((add) => inQuestion(keyOfAdd(driving.transform, add)))
      : driving.adds;
  const from = readableOf(driving, adds)?.duckdb ?? rows.duckdb;
  const found = await engine.query(
    `SELECT i.${quoted(column)}::VARCHAR AS p, sum(hash(i.${key}, i.${at}, ${taken.map((c) => `d.${quoted(c)}`).join(', ')}))::VARCHAR AS h
     FROM ${from} AS i LEFT JOIN ${known.duckdb} AS d ON d.${key} = i.${key}${during} GROUP BY 1 ORDER BY 1`,
  );
  const type = driving.transform.columns.find((c) => c.name === column)?.type ?? { kind: 'date' };
  const unit = source?.unit ?? partition.unit;
  const sums = new Map<string, string[]>();
  for (const row of found) {
    const value = keyOfValue(row['p'] === null ? null : String(row['p']), type, unit);
    if (value === undefined) continue;
    const own = truncateKey(value, partition.unit);
    sums.set(own, [...(sums.get(own) ?? []), `${value} ${String(row['h'])}`]);
  }
  for (const [own, driven] of open) digests.set(own, `${digestOf(sums.get(own) ?? [])}:${driven}`);
  return digests;
};
