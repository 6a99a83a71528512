import type { Publication } from '../../../build/transform/index.js';
import { error } from '../../../errors/index.js';
import { type Catalogue, eventsOf, featuresOf } from '../../../model/catalog/index.js';
import { type ColumnBatch, DEFAULT_LIMITS, type Provenance, placedSql, type Value } from '../../../query/index.js';
import type { Lease } from '../../../store/kv/index.js';
import type { LoadedModel } from '../../run/index.js';
import { type Chosen, wholeOf } from '../choose.js';
import { sourceFor } from '../historical.js';
import type { FeatureParts } from '../parts.js';
import { pitStatement, type Reader, wholeReader } from '../pit/statement.js';
import { WORDS } from '../pit/words.js';
import { beginPull, type Pull, tableVersions } from '../pull.js';
import { Counting } from '../statistics.js';
import { type EntityValues, encodeEntities } from './codec.js';
import { type OnlineKeys, onlineKeys } from './keys.js';
import { decodeManifest, encodeManifest, type Manifest } from './manifest.js';
import { Roster } from './roster.js';

/** What became of one set. `current`: what is served was made from the same data, model and instant. */
export interface Materialized {
  readonly service: string;
  readonly outcome: 'made' | 'current' | 'empty';
  readonly version: string | undefined;
  readonly asOf: bigint | undefined;
  readonly entities: number;
  readonly bytes: number;
  readonly milliseconds: number;
}

export interface MaterializeRequest {
  /** Services or views; default all that are served online. */
  readonly only?: readonly string[];
  /** Microseconds since 1970; default just after the newest event, so that equal data gives equal values. */
  readonly asOf?: bigint;
  /** Also what is current. */
  readonly anew?: boolean;
  readonly signal?: AbortSignal;
}

/** Entities of one blob in the embedded store, where each blob is a file. */
const BUCKET = 256;
/** Blobs that are on their way to the store at once. */
const FLIGHT = 512;
/** A killed process keeps others from a set for so long. */
const LEASE = 30_000;

/** Names of what is served online: services whose views all are, and online views that no such service holds whole. */
export const onlineSets = (catalogue: Catalogue): readonly string[] => {
  const { services, views } = featuresOf(catalogue);
  const viewsOf = (name: string) => wholeOf(catalogue, name)?.views ?? [];
  const served = [...services.keys()].filter((name) => {
    const of = viewsOf(name);
    return (
      of.length > 0 && of.every(({ view }) => view.online) && new Set(of.map(({ view }) => view.entity)).size === 1
    );
  });
  const covered = (name: string) =>
    served.some((s) =>
      viewsOf(s).some(({ view, features }) => view.name === name && features.length === view.features.length),
    );
  return [...served, ...[...views.values()].filter((v) => v.online && !covered(v.name)).map((v) => v.name)];
};

/** Just after the newest event of a set; undefined when there is none. */
const newest = async (
  chosen: Chosen,
  reader: Reader,
  publication: Publication,
  parts: FeatureParts,
  signal: AbortSignal,
): Promise<bigint | undefined> => {
  let latest: bigint | undefined;
  for (const { view, features } of chosen.views) {
    const plan = (at: Publication): Pull => {
      const layout = eventsOf(view, features, reader.catalogue);
      const text = (dialect: 'duckdb' | 'postgres') => {
        const { compiled } = reader.guard({ ...layout.leg, measures: [] }, [], dialect);
        const when = WORDS[dialect].micros(`x.c${layout.eventTime}`);
        return {
          sql: `SELECT max(${when}) AS y0 FROM (${placedSql(compiled.pieces)}) x`,
          parameters: compiled.parameters,
          columns: [{ name: 'y0', type: { kind: 'bigint' as const }, role: 'measure' as const }],
          tables: compiled.tables,
          policies: [],
          shown: [],
          how: [],
          restricted: false,
        };
      };
      const lake = text('duckdb');
      const source = sourceFor('auto', lake.tables, at);
      const statement = source === 'lake' ? lake : text('postgres');
      const spine = { length: 1, keys: [], times: [], columns: [], keyAt: [] };
      return { chosen, spine, statement, source, publication: at, modelVersion: reader.catalogue.version };
    };
    const { stream } = await beginPull(() => plan(publication), parts, DEFAULT_LIMITS, signal);
    for await (const batch of stream) {
      const found = batch.columns[0]?.[0] ?? null;
      if (found !== null && (latest === undefined || (found as bigint) > latest)) latest = found as bigint;
    }
  }
  return latest === undefined ? undefined : latest + 1n;
};

const sameTables = (a: Provenance['tables'], b: Provenance['tables']): boolean => {
  const text = (tables: Provenance['tables']) => JSON.stringify(tables.map((t) => [t.table, t.version]).sort());
  return text(a) === text(b);
};

/** Keeps a lease while work lasts; work that lost it is stopped and cannot publish. */
const held = async <T>(lease: Lease, milliseconds: number, work: (lost: AbortSignal) => Promise<T>): Promise<T> => {
  const lost = new AbortController();
  const timer = setInterval(
    () =>
      lease.renew().then(
        (mine) => mine || lost.abort(),
        () => lost.abort(),
      ),
    milliseconds / 4,
  );
  try {
    return await work(lost.signal);
  } finally {
    clearInterval(timer);
    await lease.release();
  }
};

/** Writes the blobs of one version as rows come, sorted by key; a few hundred at once. */
class Staging {
  entities = 0;
  bytes = 0;
  readonly buckets: string[] = [];
  readonly roster = new Roster();
  readonly #flight: Promise<void>[] = [];
  #bucket: EntityValues[] = [];
  constructor(
    readonly version: string,
    readonly keys: OnlineKeys,
    readonly parts: FeatureParts,
    readonly chosen: Chosen,
  ) {}

  async add(entity: EntityValues): Promise<void> {
    this.entities += 1;
    if (this.#apart) {
      this.roster.add(entity.key);
      return this.#put(entity.key, [entity]);
    }
    this.#bucket.push(entity);
    if (this.#bucket.length >= BUCKET) await this.#flush();
  }
  /** Whether each entity has a blob of its own. */
  get #apart(): boolean {
    return this.parts.kv.kind === 'redis';
  }
  async end(): Promise<void> {
    await this.#flush();
    if (this.#apart)
      for (const [part, bytes] of this.roster.parts()) await this.#send(this.keys.roster(this.version, part), bytes);
    await Promise.all(this.#flight.splice(0));
  }
  async #flush(): Promise<void> {
    const [first] = this.#bucket;
    if (!first) return;
    const bucket = this.#bucket;
    this.#bucket = [];
    await this.#put(this.buckets.push(first.key) - 1, bucket);
  }
  async #put(name: string | number, entities: readonly EntityValues[]): Promise<void> {
    await this.#send(this.keys.blob(this.version, name), encodeEntities(this.version, this.chosen.columns, entities));
  }
  async #send(key: string, bytes: Buffer): Promise<void> {
    this.bytes += bytes.length;
    this.#flight.push(this.parts.kv.set(key, bytes));
    if (this.#flight.length >= FLIGHT) await Promise.all(this.#flight.splice(0));
  }
}

const rowsOf = function* (batch: ColumnBatch): Generator<readonly Value[]> {
  for (let row = 0; row < batch.length; row++) yield batch.columns.map((c) => c[row] ?? null);
};

/** Removes blobs of versions that nobody reads: those of builds that were killed, and of the version before the last. */
const sweep = async (keys: OnlineKeys, keep: readonly (string | undefined)[], parts: FeatureParts): Promise<void> => {
  const all = await parts.kv.keys(keys.blobs);
  await parts.kv.delete(all.filter((key) => !keep.includes(keys.versionOf(key))));
};

const one = async (
  name: string,
  request: MaterializeRequest,
  model: LoadedModel,
  parts: FeatureParts,
): Promise<Materialized> => {
  const began = performance.now();
  const chosen = wholeOf(model.catalogue, name);
  if (!chosen || !onlineSets(model.catalogue).includes(name))
    throw error('usage', {
      text: `${name} is not served online; there are ${onlineSets(model.catalogue).join(', ') || 'none: set online: true on a view'}`,
    });
  const keys = onlineKeys(parts.namespace, name);
  const leased = parts.leaseMilliseconds ?? LEASE;
  const lease = await parts.kv.lease(keys.lease, leased);
  if (!lease) throw error('features-busy', { service: name });
  return held(lease, leased, async (lost) => {
    const signal = request.signal ? AbortSignal.any([request.signal, lost]) : lost;
    const reader = wholeReader(model);
    const publication = await parts.publications.refresh(signal);
    const asOf = request.asOf ?? (await newest(chosen, reader, publication, parts, signal));
    const done = (outcome: Materialized['outcome'], m: Partial<Manifest> = {}): Materialized => ({
      ...{ service: name, outcome, version: m.version, asOf: m.asOf ?? asOf },
      ...{ entities: m.entities ?? 0, bytes: m.bytes ?? 0, milliseconds: Math.round(performance.now() - began) },
    });
    if (asOf === undefined) return done('empty');
    const plan = (at: Publication): Pull => {
      const lake = pitStatement(chosen, { at: asOf }, reader, 'duckdb');
      const source = sourceFor('auto', lake.tables, at);
      const statement = source === 'lake' ? lake : pitStatement(chosen, { at: asOf }, reader, 'postgres');
      const spine = { length: 0, keys: [], times: [], columns: [], keyAt: [] };
      return { chosen, spine, statement, source, publication: at, modelVersion: model.catalogue.version };
    };
    const bytes = await parts.kv.get(keys.current);
    const before = bytes && decodeManifest(bytes);
    const tables = tableVersions(plan(publication));
    if (
      !request.anew &&
      before?.fingerprint === chosen.fingerprint &&
      before.asOf === asOf &&
      tables.length > 0 &&
      sameTables(before.tables, tables)
    )
      return done('current', before);
    await sweep(keys, [before?.version, before?.previous], parts);
    const version = `${chosen.fingerprint}-${lease.fence}`;
    const staging = new Staging(version, keys, parts, chosen);
    const counting = chosen.columns.map((column) => new Counting(column));
    const { pull, stream } = await beginPull(plan, parts, { ...DEFAULT_LIMITS, milliseconds: 3_600_000 }, signal);
    try {
      for await (const batch of stream)
        for (const [key, ...values] of rowsOf(batch)) {
          values.forEach((value, i) => void counting[i]?.add(value));
          await staging.add({ key: String(key), values });
        }
    } finally {
      await stream.cancel();
    }
    await staging.end();
    if (signal.aborted) throw error('cancelled', {});
    const manifest: Manifest = {
      version,
      fingerprint: chosen.fingerprint,
      asOf,
      builtAt: new Date().toISOString(),
      modelVersion: pull.modelVersion,
      tables: tableVersions(pull),
      columns: chosen.columns,
      entities: staging.entities,
      bytes: staging.bytes,
      buckets: parts.kv.kind === 'redis' ? undefined : staging.buckets,
      roster: parts.kv.kind === 'redis' ? staging.roster.bits : undefined,
      previous: before?.version,
      statistics: counting.map((c) => c.statistic),
    };
    if (!(await parts.kv.publish(keys.current, encodeManifest(manifest), keys.fence, lease.fence)))
      throw error('features-busy', { service: name });
    await parts.kv.announce(keys.news, name);
    await sweep(keys, [version, before?.version], parts);
    const made = done('made', manifest);
    parts.emit('features.materialized', {
      ...{ service: name, version, entities: made.entities, bytes: made.bytes, milliseconds: made.milliseconds },
    });
    return made;
  });
};

/**
 * Makes the online values of sets from one publication. Readers have the version before until all of a new one is there. Errors:
 * `usage` for a name that is not served online, `features-busy`, `cancelled`, those of the engines and of the key-value store.
 */
export const materialize = async (
  request: MaterializeRequest,
  model: LoadedModel,
  parts: FeatureParts,
): Promise<readonly Materialized[]> => {
  const results: Materialized[] = [];
  for (const name of request.only ?? onlineSets(model.catalogue)) results.push(await one(name, request, model, parts));
  return results;
};
