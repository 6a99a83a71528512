import { readFile, rm } from 'node:fs/promises';
import { error } from '../../errors/index.js';
import type { RollupDefinition } from '../../model/catalog/index.js';
import { CHUNK_BYTES, getPartition, putPartition } from './blobs.js';
import { coverage } from './coverage.js';
import { quoted } from './duckdb.js';
import { rollupKeys } from './keys.js';
import { type StoredLayout, storedLayout } from './layout.js';
import { type HeldLease, holdLease } from './lease.js';
import { EMPTY, type Manifest, type ManifestPartition } from './manifest.js';
import type { BuildRollupsOptions, RollupBuildResult } from './options.js';
import { prove, type Verdict } from './prove.js';
import { rawReader, wholeLeg } from './raw.js';
import { dropAll, entriesStand, publishManifest, readManifest, retire, type Shelf, shelfOf } from './registry.js';
import { ALL_KEY, readBack, type StagedPartition, stageRows, writePartitions } from './stage.js';
import { openWorkshop } from './workshop.js';

/** Stands for the contents of a table that no transform publishes: never equal, so built anew each time. */
const UNVERSIONED = 'unversioned';
const LEASE = 15_000;
const GRACE = 600_000;

type Outcome = Omit<RollupBuildResult, 'rollup' | 'milliseconds'>;
const nothing = (outcome: Outcome['outcome']): Outcome => ({ outcome, changed: [], kept: [], rows: 0, bytes: 0 });

const isCurrent = async (shelf: Shelf, manifest: Manifest | undefined, builtFrom: Manifest['builtFrom']) => {
  if (!manifest || manifest.refused !== null) return false;
  const tables = Object.keys(builtFrom);
  return (
    tables.length === Object.keys(manifest.builtFrom).length &&
    tables.every((t) => builtFrom[t] !== UNVERSIONED && builtFrom[t] === manifest.builtFrom[t]) &&
    (await entriesStand(shelf, manifest.partitions))
  );
};

/** Builds one rollup where it is needed. Errors: those of the model, the source and the store. */
export const buildOne = async (options: BuildRollupsOptions, definition: RollupDefinition): Promise<Outcome> => {
  const { publication, kv, namespace, signal } = options;
  const layout = storedLayout(definition, options.catalogue, options.legs);
  const shelf = shelfOf(kv, namespace, layout);
  const leg = options.legs.compile(wholeLeg(layout), options.source.engine.dialect);
  const builtFrom = Object.fromEntries(
    [...new Set(leg.tables)].sort().map((t) => [t, publication.tables.get(t)?.dataVersion ?? UNVERSIONED]),
  );
  if (await isCurrent(shelf, await readManifest(shelf), builtFrom)) return nothing('current');

  const leaseTime = options.leaseMilliseconds ?? LEASE;
  const held = await holdLease(
    kv,
    rollupKeys(namespace, shelf.name).lease,
    leaseTime,
    options.waitMilliseconds ?? 2 * leaseTime,
    signal,
  );
  if (!held) return nothing('busy');
  try {
    const old = await readManifest(shelf);
    if (await isCurrent(shelf, old, builtFrom)) return nothing('current');
    if (await isSuperseded(options, old)) return nothing('superseded');
    return await underLease(options, shelf, old, builtFrom, held);
  } catch (thrown) {
    if (held.lost() && !signal?.aborted) return nothing('overtaken');
    throw thrown;
  } finally {
    await held.end();
  }
};

const isSuperseded = async (options: BuildRollupsOptions, old: Manifest | undefined): Promise<boolean> => {
  if (!old || old.revision <= options.publication.revision) return false;
  return (await options.current?.())?.revision !== options.publication.revision;
};

const underLease = async (
  options: BuildRollupsOptions,
  shelf: Shelf,
  old: Manifest | undefined,
  builtFrom: Manifest['builtFrom'],
  held: HeldLease,
): Promise<Outcome> => {
  const { duckdb } = options;
  const { layout } = shelf;
  const { signal } = held;
  const started = performance.now();
  const workshop = await openWorkshop(options.dir);
  const tables = [`${workshop.prefix}rows`, `${workshop.prefix}back`];
  try {
    const raw = rawReader(options.legs, options.source);
    const rows = await stageRows(layout, raw, duckdb, workshop, signal);
    const staged = await writePartitions(layout, rows, duckdb, workshop, signal);
    await duckdb.execute(`DROP TABLE ${quoted(rows)}`);
    const verdict =
      staged.length === 0
        ? emptyVerdict(options, layout)
        : await prove(
            {
              layout,
              raw,
              duckdb,
              workshop,
              table: await readBack(layout, staged, duckdb, workshop, signal),
              signal,
            },
            `${layout.hash} ${options.publication.revision}`,
          );
    if (!verdict.equal) return await refuse(options, shelf, old, held, verdict);
    return await publish(options, shelf, old, builtFrom, held, staged, verdict.proof, started);
  } finally {
    for (const table of tables) await duckdb.execute(`DROP TABLE IF EXISTS ${quoted(table)}`);
    await rm(workshop.dir, { recursive: true, force: true });
  }
};

/** No rows at all are believed only where the ledger of publications counts none. */
const emptyVerdict = (options: BuildRollupsOptions, layout: StoredLayout): Verdict => {
  const table = options.catalogue.tables.get(layout.definition.cube);
  const counted = table === undefined ? undefined : options.publication.tables.get(table)?.rows;
  return counted === undefined || counted > 0
    ? { equal: false, partition: ALL_KEY, reason: `no rows came, but ${table ?? 'its table'} has ${counted ?? 'some'}` }
    : { equal: true, proof: 'the source has no rows' };
};

const refuse = async (
  options: BuildRollupsOptions,
  shelf: Shelf,
  old: Manifest | undefined,
  held: HeldLease,
  verdict: Extract<Verdict, { equal: false }>,
): Promise<Outcome> => {
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

const publish = async (
  options: BuildRollupsOptions,
  shelf: Shelf,
  old: Manifest | undefined,
  builtFrom: Manifest['builtFrom'],
  held: HeldLease,
  staged: readonly StagedPartition[],
  proof: string,
  started: number,
): Promise<Outcome> => {
  const { definition, hash } = shelf.layout;
  const partitions: ManifestPartition[] = [];
  for (const s of staged) partitions.push(await store(options, shelf, builtFrom, held, s, proof));
  const { gaps, covers } = await coverage(shelf.layout, staged, options.duckdb);
  partitions.push(...gaps);
  partitions.sort((a, b) => (BigInt(a.from ?? -1n) < BigInt(b.from ?? -1n) ? -1 : 1));
  const now = Date.now();
  const { retired, gone } = retire(old, partitions, now, options.graceMilliseconds ?? GRACE);
  held.signal.throwIfAborted();
  const told = await publishManifest(
    shelf,
    {
      rollup: definition.id,
      definition: definition.hash,
      layout: hash,
      revision: options.publication.revision,
      builtFrom,
      builtAt: new Date(now).toISOString(),
      fence: held.lease.fence,
      complete: staged.length > 0,
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
  const changed = partitions.filter((p) => p.version !== EMPTY && !before.has(`${p.key} ${p.version}`));
  const kept = partitions.filter((p) => p.version !== EMPTY && before.has(`${p.key} ${p.version}`));
  const milliseconds = Math.round(performance.now() - started);
  for (const p of changed)
    options.emit('rollup.published', {
      rollup: definition.id,
      partition: p.key,
      version: p.version,
      rows: p.rows,
      bytes: p.bytes,
      milliseconds,
    });
  return {
    outcome: 'built',
    changed: changed.map((p) => p.key),
    kept: kept.map((p) => p.key),
    rows: partitions.reduce((n, p) => n + p.rows, 0),
    bytes: partitions.reduce((n, p) => n + p.bytes, 0),
  };
};

/** Writes one partition where it is not there whole, and reads it back: a write that a fail-over lost is found before it is published. */
const store = async (
  options: BuildRollupsOptions,
  shelf: Shelf,
  builtFrom: Manifest['builtFrom'],
  held: HeldLease,
  staged: StagedPartition,
  proof: string,
): Promise<ManifestPartition> => {
  const { kv, namespace } = options;
  const partition: ManifestPartition = {
    key: staged.key,
    version: staged.sha256.slice(0, 16),
    from: staged.span === null ? null : staged.span.from.toString(),
    to: staged.span === null ? null : staged.span.to.toString(),
    rows: staged.rows,
    bytes: staged.bytes,
    chunks: Math.ceil(staged.bytes / CHUNK_BYTES),
    sha256: staged.sha256,
  };
  held.signal.throwIfAborted();
  if (
    (await entriesStand(shelf, [partition])) &&
    'blob' in (await getPartition(kv, namespace, shelf.name, partition, held.signal))
  )
    return partition;
  const { id, hash } = shelf.layout.definition;
  const entry = { ...partition, rollup: id, definition: hash, builtFrom, proof };
  await putPartition(kv, namespace, shelf.name, partition, await readFile(staged.file), entry);
  const back = await getPartition(kv, namespace, shelf.name, partition, held.signal);
  if ('damage' in back)
    throw error('rollup-unavailable', { rollup: id, partition: staged.key, why: `just written, ${back.damage}` });
  return partition;
};
