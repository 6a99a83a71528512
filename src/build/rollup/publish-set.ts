import { readFile } from 'node:fs/promises';
import { error } from '../../errors/index.js';
import { CHUNK_BYTES, eachOf, getPartition, putPartition } from './blobs.js';
import { coverage } from './coverage.js';
import { EMPTY, type Manifest, type ManifestPartition } from './manifest.js';
import type { Verdict } from './prove.js';
import { dropAll, entriesStand, publishManifest, retire } from './registry.js';
import { nothing, type Outcome, type Round } from './round.js';
import type { StagedPartition } from './stage.js';
import { summed, type Totals } from './totals.js';

const GRACE = 600_000;

/** Notes why a set was not proven; what was published before stays. */
export const refuseSet = async (round: Round, verdict: Extract<Verdict, { equal: false }>): Promise<Outcome> => {
  const { options, shelf, old, held } = round;
  const { partition, reason } = verdict;
  const { definition, hash } = shelf.layout;
  const at = new Date().toISOString();
  const blank: Manifest = {
    rollup: definition.id,
    definition: definition.hash,
    layout: hash,
    revision: 0,
    builtFrom: {},
    builtAt: at,
    fence: held.lease.fence,
    complete: false,
    covers: null,
    partitions: [],
    proof: '',
    refused: null,
    retired: [],
  };
  const told = await publishManifest(
    shelf,
    { ...(old ?? blank), fence: held.lease.fence, refused: { partition, reason, at } },
    held.lease,
  );
  if (!told) return nothing('overtaken');
  options.emit('rollup.refused', { rollup: definition.id, partition, reason });
  return {
    ...nothing('refused'),
    reason,
    error: error('proof-failed', { rollup: definition.id, partition, difference: reason }),
  };
};

/** A proven set: partitions that were made, those that stay as they are, and what the proof compared. */
export interface ProvenSet {
  readonly staged: readonly StagedPartition[];
  /** Undefined: every partition was made. */
  readonly kept: readonly ManifestPartition[] | undefined;
  readonly totals: Totals;
  readonly proof: string;
}

/** Stores what is not there yet, and swaps what is published in one step. */
export const publishSet = async (round: Round, set: ProvenSet): Promise<Outcome> => {
  const { options, shelf, old, held, builtFrom, snapshots, started } = round;
  const { definition, hash } = shelf.layout;
  const { staged, proof } = set;
  const rollup = definition.id;
  const stored: ManifestPartition[] = [];
  let done = 0;
  await eachOf(staged.length, async (i) => {
    const one = staged[i];
    if (!one) return;
    stored[i] = await store(round, one, set);
    done += 1;
    options.emit('rollup.building', { rollup, step: 'store', done, of: staged.length });
  });
  const partitions: ManifestPartition[] = [...(set.kept ?? []), ...stored];
  const rest = (set.kept ?? []).map(({ key, from, to }) => ({
    key,
    span: from === null || to === null ? null : { key, from: BigInt(from), to: BigInt(to) },
  }));
  const { gaps, covers } = await coverage(shelf.layout, [...staged, ...rest], options.duckdb);
  partitions.push(...gaps);
  partitions.sort((a, b) => (BigInt(a.from ?? -1n) < BigInt(b.from ?? -1n) ? -1 : 1));
  const now = Date.now();
  const { retired, gone } = retire(old, partitions, now, options.graceMilliseconds ?? GRACE);
  held.signal.throwIfAborted();
  const told = await publishManifest(
    shelf,
    {
      rollup,
      definition: definition.hash,
      layout: hash,
      revision: options.publication.revision,
      builtFrom,
      snapshots,
      builtAt: new Date(now).toISOString(),
      fence: held.lease.fence,
      complete: partitions.length > 0,
      covers,
      partitions,
      proof,
      refused: null,
      retired,
    },
    held.lease,
  );
  if (!told) return nothing('overtaken');
  await dropAll(shelf, gone);
  const before = new Set(old?.partitions.map((p) => `${p.key} ${p.version}`));
  const filled = partitions.filter((p) => p.version !== EMPTY);
  const changed = filled.filter((p) => !before.has(`${p.key} ${p.version}`));
  const milliseconds = Math.round(performance.now() - started);
  for (const { key: partition, version, rows, bytes } of changed)
    options.emit('rollup.published', { rollup, partition, version, rows, bytes, milliseconds });
  return {
    outcome: 'built',
    ...(set.kept ? { made: staged.map((s) => s.key) } : {}),
    changed: changed.map((p) => p.key),
    kept: filled.filter((p) => before.has(`${p.key} ${p.version}`)).map((p) => p.key),
    rows: partitions.reduce((n, p) => n + p.rows, 0),
    bytes: partitions.reduce((n, p) => n + p.bytes, 0),
  };
};

/** Writes one partition where it is not there whole, and reads it back: a write that a fail-over lost is found before it is published. */
const store = async (round: Round, staged: StagedPartition, set: ProvenSet): Promise<ManifestPartition> => {
  const { options, shelf, held, builtFrom } = round;
  const { kv, namespace } = options;
  const totals = set.totals.get(staged.key);
  const names = summed(shelf.layout).map((m) => m.member);
  const partition: ManifestPartition = {
    key: staged.key,
    version: staged.sha256.slice(0, 16),
    from: staged.span === null ? null : staged.span.from.toString(),
    to: staged.span === null ? null : staged.span.to.toString(),
    rows: staged.rows,
    bytes: staged.bytes,
    chunks: Math.ceil(staged.bytes / CHUNK_BYTES),
    sha256: staged.sha256,
    ...(totals ? { totals: Object.fromEntries(names.map((name, i) => [name, totals[i] ?? null])) } : {}),
  };
  held.signal.throwIfAborted();
  if (
    (await entriesStand(shelf, [partition])) &&
    'blob' in (await getPartition(kv, namespace, shelf.name, partition, held.signal))
  )
    return partition;
  const { id, hash } = shelf.layout.definition;
  const entry = { ...partition, rollup: id, definition: hash, builtFrom, proof: set.proof };
  await putPartition(kv, namespace, shelf.name, partition, await readFile(staged.file), entry);
  const back = await getPartition(kv, namespace, shelf.name, partition, held.signal);
  if ('damage' in back)
    throw error('rollup-unavailable', { rollup: id, partition: staged.key, why: `just written, ${back.damage}` });
  return partition;
};
