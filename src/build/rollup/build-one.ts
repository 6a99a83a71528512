import { rm } from 'node:fs/promises';
import type { RollupDefinition } from '../../model/catalog/index.js';
import { type Chosen, chosenFor, stampsOf, UNVERSIONED } from './chosen.js';
import { quoted } from './duckdb.js';
import { rollupKeys } from './keys.js';
import { type StoredLayout, storedLayout } from './layout.js';
import { holdLease } from './lease.js';
import type { Manifest } from './manifest.js';
import { type Increment, incrementOf } from './moved.js';
import type { BuildRollupsOptions } from './options.js';
import { type Proof, prove, type Verdict } from './prove.js';
import { otherRow, withRow } from './prove-rows.js';
import { publishSet, refuseSet } from './publish-set.js';
import { type RawReader, type RollupSource, rawReader, wholeLeg } from './raw.js';
import { entriesStand, readManifest, type Shelf, shelfOf } from './registry.js';
import { nothing, type Outcome, type Round } from './round.js';
import { ALL_KEY, readBack, type StagedPartition, stageRows, writePartitions } from './stage.js';
import { compareWhole, keptTotals, rawTotals, type Totals, writtenTotals } from './totals.js';
import { openWorkshop, type Workshop } from './workshop.js';

const LEASE = 15_000;

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
  const { kv, namespace, signal } = options;
  const layout = storedLayout(definition, options.catalogue, options.legs);
  const shelf = shelfOf(kv, namespace, layout);
  const leg = options.legs.compile(wholeLeg(layout), options.source.engine.dialect);
  const builtFrom = await stampsOf(options, definition, leg.tables);
  if (!options.anew && (await isCurrent(shelf, await readManifest(shelf), builtFrom))) return nothing('current');

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
    if (!options.anew && (await isCurrent(shelf, old, builtFrom))) return nothing('current');
    if (await isSuperseded(options, old)) return nothing('superseded');
    const chosen = chosenFor(options, leg.tables);
    const snapshots = Object.fromEntries(
      leg.tables.flatMap((table) => {
        const at = chosen.source.snapshot?.(table);
        return at === undefined ? [] : [[table, at]];
      }),
    );
    return await underLease({ options, shelf, held, old, builtFrom, snapshots, started: performance.now() }, chosen);
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

const underLease = async (round: Round, { source, other }: Chosen): Promise<Outcome> => {
  const { options, shelf, held } = round;
  const { duckdb, legs } = options;
  const { layout } = shelf;
  const { signal } = held;
  const workshop = await openWorkshop(options.dir);
  try {
    const raw = rawReader(legs, source, duckdb);
    // the other copy first: it may move on while rows are made, this one cannot
    const otherRaw = other && rawReader(legs, other, duckdb);
    const elsewhere = otherRaw && { raw: otherRaw, totals: await rawTotals(layout, otherRaw, signal) };
    const increment = await incrementFor(round, source, raw);
    const staged = await made(round, raw, workshop, increment);
    const checked = await proven(round, raw, workshop, increment, staged, elsewhere);
    if ('verdict' in checked) return await refuseSet(round, checked.verdict);
    return await publishSet(round, { staged, kept: increment?.kept, ...checked });
  } finally {
    for (const name of ['rows', 'back'])
      await duckdb.execute(`DROP TABLE IF EXISTS ${quoted(`${workshop.prefix}${name}`)}`);
    await rm(workshop.dir, { recursive: true, force: true });
  }
};

const incrementFor = async (
  { options, shelf, held, old, builtFrom }: Round,
  source: RollupSource,
  raw: RawReader,
): Promise<Increment | undefined> => {
  if (options.anew) return undefined;
  const { layout } = shelf;
  const root = options.catalogue.tables.get(layout.definition.cube);
  return incrementOf({ shelf, layout, source, raw, root, signal: held.signal }, old, builtFrom);
};

/** Reads the rows of what is to be made and writes its partitions. */
const made = async (
  { options, shelf, held }: Round,
  raw: RawReader,
  workshop: Workshop,
  increment: Increment | undefined,
): Promise<readonly StagedPartition[]> => {
  const { duckdb, emit } = options;
  const { layout } = shelf;
  const tell = (step: 'read' | 'write', done: number, of: number) =>
    emit('rollup.building', { rollup: layout.definition.id, step, done, of });
  const rows = await stageRows(layout, increment?.scope, raw, workshop, held.signal);
  tell('read', 1, 1);
  const staged = await writePartitions(layout, rows, duckdb, workshop, held.signal, (done, of) =>
    tell('write', done, of),
  );
  await duckdb.execute(`DROP TABLE ${quoted(rows)}`);
  return staged;
};

type Checked = { readonly proof: string; readonly totals: Totals } | { readonly verdict: Refusal };
type Refusal = Extract<Verdict, { equal: false }>;

/**
 * Compares what was written with raw: what was made group by group, the whole with what stays by totals, and both with the other copy.
 */
const proven = async (
  { options, shelf, held }: Round,
  raw: RawReader,
  workshop: Workshop,
  increment: Increment | undefined,
  staged: readonly StagedPartition[],
  elsewhere: { readonly raw: RawReader; readonly totals: Totals } | undefined,
): Promise<Checked> => {
  const { duckdb, emit, publication } = options;
  const { layout } = shelf;
  if (staged.length === 0 && (increment?.kept.length ?? 0) === 0) {
    const verdict = emptyVerdict(options, layout);
    return verdict.equal ? { proof: verdict.proof, totals: new Map() } : { verdict };
  }
  const table = await readBack(layout, staged, duckdb, workshop, held.signal);
  const proof: Proof = { layout, scope: increment?.scope, raw, duckdb, workshop, table, signal: held.signal };
  const seed = `${layout.hash} ${publication.revision}`;
  const verdict = await prove(proof, seed);
  if (!verdict.equal) return { verdict: await withRow(proof, verdict, staged) };
  const totals = await writtenTotals(proof);
  const whole = new Map([...(keptTotals(layout, increment?.kept ?? []) ?? []), ...totals]);
  const different =
    (increment && compareWhole(layout, await rawTotals(layout, raw, held.signal), whole, 'raw')) ??
    (elsewhere && compareWhole(layout, elsewhere.totals, whole, 'the other copy of the tables')) ??
    (elsewhere && (await otherRow({ ...proof, raw: elsewhere.raw }, staged, seed)));
  if (different) return { verdict: different };
  emit('rollup.building', { rollup: layout.definition.id, step: 'prove', done: 1, of: 1 });
  const words = [
    verdict.proof,
    ...(increment ? ['totals of the partitions that stay: equal to raw'] : []),
    ...(elsewhere ? ['totals, and the rows of one partition: equal in the other copy of the tables'] : []),
  ];
  return { proof: words.join('; '), totals };
};

/** No rows at all are believed only where the ledger of publications counts none. */
const emptyVerdict = (options: BuildRollupsOptions, layout: StoredLayout): Verdict => {
  const table = options.catalogue.tables.get(layout.definition.cube);
  const counted = table === undefined ? undefined : options.publication.tables.get(table)?.rows;
  return counted === undefined || counted > 0
    ? { equal: false, partition: ALL_KEY, reason: `no rows came, but ${table ?? 'its table'} has ${counted ?? 'some'}` }
    : { equal: true, proof: 'the source has no rows' };
};
