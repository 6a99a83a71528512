import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AssayError, error, toAssayError } from '../../errors/index.js';
import type { RollupDefinition } from '../../model/catalog/index.js';
import { getPartition } from './blobs.js';
import { chosenFor, stampsOf } from './chosen.js';
import { quoted } from './duckdb.js';
import { storedLayout } from './layout.js';
import { EMPTY, type Manifest, type ManifestPartition } from './manifest.js';
import type { BuildRollupsOptions } from './options.js';
import { type Proof, prove } from './prove.js';
import { otherRow, withRow } from './prove-rows.js';
import { rawReader, wholeLeg } from './raw.js';
import { readManifest, type Shelf, shelfOf } from './registry.js';
import type { StagedPartition } from './stage.js';
import { readBack } from './stage.js';
import { compareWhole, rawTotals, writtenTotals } from './totals.js';
import { openWorkshop, type Workshop } from './workshop.js';

/**
 * What a second proof of a published rollup came to. `stale`: its tables moved since, there is nothing to compare it with;
 * `unequal`: it is not what raw is; `damaged`: a partition cannot be read from the store.
 */
export interface RollupProof {
  readonly rollup: string;
  readonly outcome: 'proven' | 'unequal' | 'damaged' | 'stale' | 'missing' | 'failed';
  readonly partition?: string;
  readonly reason?: string;
  /** What was compared. */
  readonly proof?: string;
  readonly milliseconds: number;
  readonly error?: AssayError;
}
export type ProveRollupsOptions = Pick<
  BuildRollupsOptions,
  'catalogue' | 'legs' | 'publication' | 'source' | 'others' | 'duckdb' | 'kv' | 'dir' | 'namespace' | 'signal' | 'only'
>;
type Told = Omit<RollupProof, 'rollup' | 'milliseconds'>;

/** Brings the published bytes back as a build would have written them; or tells which partition cannot be read. */
const fetched = async (
  shelf: Shelf,
  manifest: Manifest,
  workshop: Workshop,
  signal: AbortSignal,
): Promise<readonly StagedPartition[] | Told> => {
  const files: StagedPartition[] = [];
  const filled = manifest.partitions.filter((p: ManifestPartition) => p.version !== EMPTY);
  for (const [i, p] of filled.entries()) {
    const got = await getPartition(shelf.kv, shelf.namespace, shelf.name, p, signal);
    if ('damage' in got) return { outcome: 'damaged', partition: p.key, reason: got.damage };
    const file = join(workshop.dir, `${i}.parquet`);
    await writeFile(file, got.blob);
    const span = p.from === null || p.to === null ? null : { key: p.key, from: BigInt(p.from), to: BigInt(p.to) };
    files.push({ key: p.key, span, file, bytes: p.bytes, rows: p.rows, sha256: p.sha256 });
  }
  return files;
};

const proveOne = async (
  options: ProveRollupsOptions,
  definition: RollupDefinition,
  signal: AbortSignal,
): Promise<Told> => {
  const { duckdb, legs } = options;
  const layout = storedLayout(definition, options.catalogue, legs);
  const shelf = shelfOf(options.kv, options.namespace, layout);
  const manifest = await readManifest(shelf);
  if (!manifest || manifest.proof === '') return { outcome: 'missing' };
  const { tables } = legs.compile(wholeLeg(layout), options.source.engine.dialect);
  const now = await stampsOf(options, definition, tables);
  const moved = Object.keys(now).filter((table) => now[table] !== manifest.builtFrom[table]);
  if (moved.length > 0) return { outcome: 'stale', reason: `${moved.join(', ')} moved since it was built` };
  const { source, other } = chosenFor(options, tables);
  const workshop = await openWorkshop(options.dir);
  try {
    const files = await fetched(shelf, manifest, workshop, signal);
    if ('outcome' in files) return files;
    const raw = rawReader(legs, source, duckdb);
    const table = await readBack(layout, files, duckdb, workshop, signal);
    const proof: Proof = { layout, scope: undefined, raw, duckdb, workshop, table, signal };
    // another seed than the build's: other dimensions are sampled each time
    const seed = `${layout.hash} ${workshop.prefix}`;
    const verdict = await prove(proof, seed);
    if (!verdict.equal) {
      const { partition, reason } = await withRow(proof, verdict, files);
      return { outcome: 'unequal', partition, reason };
    }
    const elsewhere = other && rawReader(legs, other, duckdb);
    const different =
      elsewhere &&
      (compareWhole(
        layout,
        await rawTotals(layout, elsewhere, signal),
        await writtenTotals(proof),
        'the other copy of the tables',
      ) ??
        (await otherRow({ ...proof, raw: elsewhere }, files, seed)));
    return different
      ? { outcome: 'unequal', partition: different.partition, reason: different.reason }
      : { outcome: 'proven', proof: verdict.proof };
  } finally {
    await duckdb.execute(`DROP TABLE IF EXISTS ${quoted(`${workshop.prefix}back`)}`);
    await rm(workshop.dir, { recursive: true, force: true });
  }
};

/**
 * Proves what is published again: the bytes that are in the store now, against raw at the same data versions. Nothing is changed.
 * Errors of one rollup are in its result; a cancelled proof throws `cancelled`.
 */
export const proveRollups = async (options: ProveRollupsOptions): Promise<readonly RollupProof[]> => {
  const signal = options.signal ?? new AbortController().signal;
  const results: RollupProof[] = [];
  for (const definition of options.catalogue.rollups) {
    if (options.only && !options.only.includes(definition.id)) continue;
    if (signal.aborted) throw error('cancelled', {});
    const started = performance.now();
    const told = await proveOne(options, definition, signal).catch((thrown: unknown): Told => {
      if (signal.aborted) throw error('cancelled', {}, thrown);
      if (!(thrown instanceof AssayError)) throw thrown;
      return { outcome: 'failed', error: toAssayError(thrown) };
    });
    results.push({ rollup: definition.id, ...told, milliseconds: Math.round(performance.now() - started) });
  }
  return results;
};
