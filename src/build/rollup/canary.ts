import { createHash } from 'node:crypto';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { AssayError, error } from '../../errors/index.js';
import type { Lease } from '../../store/kv/index.js';
import { getPartition } from './blobs.js';
import { chosenFor, UNVERSIONED } from './chosen.js';
import { quoted } from './duckdb.js';
import { keyPrefix, rollupKeys } from './keys.js';
import { EMPTY, type Manifest, type ManifestPartition } from './manifest.js';
import type { BuildRollupsOptions } from './options.js';
import { type Proof, prove, type Verdict } from './prove.js';
import { firstWrongRow, otherRow, scopeOf } from './prove-rows.js';
import { rawReader, wholeLeg } from './raw.js';
import { readManifests, shelvesOf } from './reading.js';
import { publishManifest, readManifest, type Shelf } from './registry.js';
import { longestRun } from './span.js';
import { readBack, type StagedPartition } from './stage.js';
import { openWorkshop, type Workshop } from './workshop.js';

export type CanaryOptions = Pick<
  BuildRollupsOptions,
  'catalogue' | 'legs' | 'publication' | 'source' | 'others' | 'duckdb' | 'kv' | 'dir' | 'namespace' | 'signal' | 'emit'
> & {
  /** Decides which partition is looked at, and which of its dimensions. */
  readonly seed: string;
  /** Nodes that share a store look at one partition in this time, together. Undefined: this one looks whatever others do. */
  readonly everyMilliseconds?: number;
  /** Longest time that one look may take. Default 30,000. */
  readonly budgetMilliseconds?: number;
};

/**
 * What a look at one published partition came to. `unequal`: it is not what raw is, and was withdrawn; `damaged`: the store has it
 * no more; `late`: it took longer than its budget, nothing is known.
 */
export interface CanaryResult {
  readonly rollup: string;
  readonly partition: string;
  readonly outcome: 'proven' | 'unequal' | 'damaged' | 'late';
  /** The first difference, to the row. */
  readonly reason?: string;
  readonly milliseconds: number;
}

const BUDGET = 30_000;
const LEASE = 15_000;

interface Chosen {
  readonly shelf: Shelf;
  readonly manifest: Manifest;
  readonly partition: ManifestPartition;
}

const rank = (seed: string, { manifest, partition }: Chosen): string =>
  createHash('sha256').update(`${seed} ${manifest.rollup} ${partition.key}`).digest('hex');

/** One partition of those whose tables stand as they stood when it was made: others cannot be compared with anything. */
const chosenOne = async (options: CanaryOptions): Promise<Chosen | undefined> => {
  const { kv, namespace, catalogue, legs, seed } = options;
  const shelves = shelvesOf(kv, namespace, catalogue, legs);
  const all: Chosen[] = [];
  for (const [id, manifest] of await readManifests(shelves)) {
    const shelf = shelves.byId.get(id);
    const versions = Object.entries(manifest.builtFrom);
    const current = versions.every(
      ([table, version]) => version !== UNVERSIONED && options.publication.tables.get(table)?.dataVersion === version,
    );
    if (!shelf || !current) continue;
    for (const partition of manifest.partitions)
      if (partition.version !== EMPTY) all.push({ shelf, manifest, partition });
  }
  return all.sort((a, b) => (rank(seed, a) < rank(seed, b) ? -1 : 1))[0];
};

const compared = async (
  options: CanaryOptions,
  { shelf, partition }: Chosen,
  file: string,
  workshop: Workshop,
  signal: AbortSignal,
): Promise<Verdict> => {
  const { duckdb, legs } = options;
  const { layout } = shelf;
  const { key, from, to, bytes, rows, sha256 } = partition;
  const span = from === null || to === null ? null : { key, from: BigInt(from), to: BigInt(to) };
  const staged: StagedPartition = { key, span, file, bytes, rows, sha256 };
  const scope = scopeOf(staged);
  const { source, other } = chosenFor(options, legs.compile(wholeLeg(layout), options.source.engine.dialect).tables);
  const table = await readBack(layout, [staged], duckdb, workshop, signal);
  const proof: Proof = { layout, scope, raw: rawReader(legs, source, duckdb), duckdb, workshop, table, signal };
  const row = await firstWrongRow(proof);
  if (row !== undefined) return { equal: false, partition: key, reason: row };
  const verdict = await prove(proof, options.seed);
  if (!verdict.equal || !other) return verdict;
  return (await otherRow({ ...proof, raw: rawReader(legs, other, duckdb) }, [staged], options.seed)) ?? verdict;
};

/** Takes a partition out of what is published, in one step, and says why. False when what is published is another set by now. */
const withdraw = async (
  { shelf, manifest, partition }: Chosen,
  reason: string,
  lease: Lease,
  now: number,
): Promise<boolean> => {
  const current = await readManifest(shelf);
  if (current?.fence !== manifest.fence || current.builtAt !== manifest.builtAt) return false;
  const partitions = current.partitions.filter((p) => p.key !== partition.key);
  const spans = partitions.flatMap(({ from, to }) =>
    from === null || to === null ? [] : [{ from: BigInt(from), to: BigInt(to) }],
  );
  const run = longestRun(spans);
  const { key, version, chunks } = partition;
  const covers = run && { from: run.from.toString(), to: run.to.toString() };
  const at = new Date(now).toISOString();
  const retired = [...current.retired, { key, version, chunks, at: now }];
  const refused = { partition: key, reason, at };
  return publishManifest(
    shelf,
    { ...current, fence: lease.fence, complete: false, covers, partitions, refused, retired },
    lease,
  );
};

const look = async (options: CanaryOptions, chosen: Chosen, signal: AbortSignal) => {
  const { shelf, partition } = chosen;
  const workshop = await openWorkshop(options.dir);
  try {
    const got = await getPartition(shelf.kv, shelf.namespace, shelf.name, partition, signal);
    if ('damage' in got) return { outcome: 'damaged', reason: got.damage } as const;
    const file = join(workshop.dir, '0.parquet');
    await writeFile(file, got.blob);
    const verdict = await compared(options, chosen, file, workshop, signal);
    return verdict.equal ? ({ outcome: 'proven' } as const) : ({ outcome: 'unequal', reason: verdict.reason } as const);
  } finally {
    await options.duckdb.execute(`DROP TABLE IF EXISTS ${quoted(`${workshop.prefix}back`)}`);
    await rm(workshop.dir, { recursive: true, force: true });
  }
};

/**
 * Compares one published partition with raw again, row by row and in both copies of its tables. One that is not equal is withdrawn at
 * once: its rollup counts as refused until a build mends it. Undefined: there is none to look at, or another node has just looked.
 * Errors: those of the store and the sources, `cancelled`.
 */
export const canary = async (options: CanaryOptions): Promise<CanaryResult | undefined> => {
  const { kv, namespace, emit, everyMilliseconds, budgetMilliseconds = BUDGET } = options;
  if (everyMilliseconds !== undefined) {
    // kept until it ends by itself: so long no other node looks
    const turn = await kv.lease(`${keyPrefix(namespace)}canary`, everyMilliseconds);
    if (!turn) return undefined;
  }
  const chosen = await chosenOne(options);
  if (!chosen) return undefined;
  const began = performance.now();
  const late = AbortSignal.timeout(budgetMilliseconds);
  const signal = options.signal ? AbortSignal.any([options.signal, late]) : late;
  const rollup = chosen.manifest.rollup;
  const partition = chosen.partition.key;
  const told = (of: Pick<CanaryResult, 'outcome' | 'reason'>): CanaryResult => {
    const result = { rollup, partition, ...of, milliseconds: Math.round(performance.now() - began) };
    emit('rollup.canary', result);
    return result;
  };
  let found: Awaited<ReturnType<typeof look>>;
  try {
    found = await look(options, chosen, signal);
  } catch (thrown) {
    if (options.signal?.aborted) throw error('cancelled', {}, thrown);
    if (late.aborted && thrown instanceof AssayError) return told({ outcome: 'late' });
    throw thrown;
  }
  if (found.outcome !== 'unequal') return told(found);
  const lease = await kv.lease(rollupKeys(namespace, chosen.shelf.name).lease, LEASE);
  if (!lease) return undefined; // it is being built: the new set is proven by that
  try {
    if (!(await withdraw(chosen, found.reason, lease, Date.now()))) return undefined;
  } finally {
    await lease.release();
  }
  emit('rollup.refused', { rollup, partition, reason: found.reason });
  return told(found);
};
