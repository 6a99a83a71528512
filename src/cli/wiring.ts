import type { Features } from '../answer/features/index.js';
import {
  type LineageTarget,
  openLineageSink,
  type Parts,
  parquetSession,
  type Spark,
  sparkSessions,
} from '../build/transform/index.js';
import type { Config } from '../config/index.js';
import { AssayError, error } from '../errors/index.js';
import type { Emit } from '../query/index.js';
import { openTable, relation } from '../store/delta/index.js';
import { type Cluster, connectPostgres, type DuckDb, startCluster } from '../store/engine/index.js';
import { type Home, lastTransforms } from './home.js';
import { bytesOf } from './size.js';

/** What a process may do with a home: `own` starts the clusters and stops them; `join` uses those of the server that runs. */
export type AppMode = { readonly kind: 'own' } | { readonly kind: 'join'; readonly warehouse: string };

/** The warehouse's URL and the session cluster's. Outside ones by setting, embedded ones by default; the session cluster only where SQL is served. */
export const openClusters = async (
  config: Config,
  mode: AppMode,
  serves: boolean,
  emit: Emit,
  started: (cluster: Cluster) => void,
) => {
  const embedded = async (kind: 'durable' | 'scratch') => {
    const cluster = await startCluster({ kind, home: config.home, pgDir: config.pgDir, emit });
    started(cluster);
    return cluster.url;
  };
  if (mode.kind === 'join') return { warehouse: mode.warehouse, session: () => '' };
  const outside = async (url: string, needs?: Parameters<typeof connectPostgres>[1]) => {
    await connectPostgres(url, needs);
    return url;
  };
  const [warehouse, session] = await Promise.all([
    config.postgresUrl ? outside(config.postgresUrl) : embedded('durable'),
    !serves
      ? ''
      : config.sessionPostgresUrl
        ? outside(config.sessionPostgresUrl, { setting: 'ASSAY_SESSION_POSTGRES_URL', atLeast: 18 })
        : embedded('scratch'),
  ]);
  return { warehouse, session: () => session };
};

/** Relations over Delta snapshots; a version never changes, so its text is kept. */
export const lakeRelations = (duckdb: DuckDb) => {
  const parquet = parquetSession(duckdb);
  const known = new Map<string, Promise<string>>();
  return (path: string, version: number): Promise<string> => {
    const key = `${path}@${version}`;
    const made =
      known.get(key) ??
      openTable(path, parquet, version).then((snapshot) => {
        if (!snapshot) throw error('delta-corrupt', { file: path, why: `version ${version} is not there` });
        return relation(snapshot);
      });
    made.catch(() => known.delete(key));
    if (known.size >= 256) known.delete(known.keys().next().value ?? '');
    known.set(key, made);
    return made;
  };
};

/** Where runs are told in the form of OpenLineage, by setting; what waits is delivered when it is closed. */
export const openLineage = (
  config: Config,
  emit: Emit,
): { readonly target: LineageTarget | undefined; close(): Promise<void> } => {
  const { openLineage: target, openLineageKey: apiKey, openLineageNamespace: namespace } = config;
  if (target === undefined) return { target: undefined, close: async () => {} };
  const sink = openLineageSink({ target, apiKey, emit });
  return { target: { sink, producer: 'urn:assay', namespace }, close: () => sink.close() };
};

/** The Spark server of the settings, for steps of transforms; nothing is opened before a step wants it. */
export const openSparkOf = (
  config: Config,
  emit: Emit,
): { readonly spark: Spark | undefined; close(): Promise<void> } => {
  const spark = config.spark === undefined ? undefined : sparkSessions({ url: config.spark, emit });
  return { spark, close: async () => spark?.close() };
};

/** What the router of transforms may give to engines. */
export const routeLimits = (config: Config): NonNullable<Parts['limits']> => ({
  duckdbBytes: bytesOf(config.duckdbMax),
  postgresBytes: bytesOf(config.postgresMax),
  spillFactor: config.duckdbSpill,
});

/** Runs work when asked, once at a time; what is asked meanwhile makes one more round. */
export const onceAtATime = (work: () => Promise<void>) => {
  let running = false;
  let again = false;
  return (emit: Emit): void => {
    if (running) {
      again = true;
      return;
    }
    running = true;
    void (async () => {
      do {
        again = false;
        await work().catch((thrown: unknown) => emit('bug', { where: 'rollups', error: thrown }));
      } while (again);
      running = false;
    })();
  };
};

/**
 * Removes what nobody can want after a build: tables and files that no kept revision points at, blobs that builders left. Never in
 * the way of an answer, and never a reason for a build to fail: what goes wrong is told and tried again after the next one.
 */
export const tidy = async (parts: {
  readonly collect: () => Promise<unknown>;
  readonly sweep: () => Promise<number>;
  readonly emit: Emit;
}): Promise<void> => {
  try {
    await parts.collect();
    await parts.sweep();
  } catch (thrown) {
    parts.emit('bug', { where: 'tidy', error: thrown });
  }
};

/** Refuses a build that would revert the tables of other transforms by oversight. Errors: `usage`. */
export const sameTransforms = (config: Config, home: Home): void => {
  const last = lastTransforms(home).read();
  if (last !== undefined && last !== config.transforms && !config.transformsGiven)
    throw error('usage', {
      text: `this home was last built with the transforms in ${last}, and ASSAY_TRANSFORMS is not set; set it to ${last}, or to ${config.transforms} to go over to these`,
    });
};

/**
 * Brings online features forward after a publication. Another process that does so already is enough; what fails is told and tried again
 * after the next publication, and readers keep the values that they have.
 */
export const followFeatures = async (
  features: Features,
  revision: number,
  emit: Emit,
  signal: AbortSignal,
): Promise<void> => {
  if (revision === 0) return;
  try {
    await features.refresh(signal);
  } catch (thrown) {
    if (thrown instanceof AssayError && ['features-busy', 'cancelled'].includes(thrown.code)) return;
    if (thrown instanceof AssayError)
      emit('notice', {
        message: `features were not brought forward: ${thrown.message}; \`assay features materialize\` tries again`,
      });
    else emit('bug', { where: 'features', error: thrown });
  }
};
