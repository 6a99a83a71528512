import { join } from 'node:path';
import { type Features, openFeatures } from './answer/features/index.js';
import type { Ask } from './answer/run/index.js';
import { makeAsk, openQueryLog } from './answer/run/index.js';
import type { Search } from './answer/search/index.js';
import { type IngestResult, ingestFile, recoverIngest } from './build/ingest/index.js';
import { openRollups, type RollupBuildResult } from './build/rollup/index.js';
import {
  type EnginePins,
  openPublications,
  type Publication,
  parquetSession,
  type Unmade,
} from './build/transform/index.js';
import { auditSink } from './cli/audit-sink.js';
import { type Home, homeAt, lastTransforms, writeWhole } from './cli/home.js';
import { keepProven } from './cli/keep-proven.js';
import { keepRefreshed } from './cli/keep-refreshed.js';
import { openLake } from './cli/lake/open-lake.js';
import { modelInUse, stateText } from './cli/model/in-use.js';
import { keepCurrent } from './cli/model/keep-current.js';
import { proveModel } from './cli/model/prove.js';
import { modelState } from './cli/model/state.js';
import { openSearchOf } from './cli/open-search.js';
import { type RollupRounds, rollupRounds } from './cli/rollup-rounds.js';
import { rawSourceAt, sourcesNow } from './cli/rollup-sources.js';
import { serveHttp } from './cli/serve-http.js';
import { serveSql } from './cli/serve-sql.js';
import { bytesOf } from './cli/size.js';
import { openTables, type Tables } from './cli/tables.js';
import {
  type AppMode,
  followFeatures,
  lakeRelations,
  onceAtATime,
  openClusters,
  openLineage,
  openSparkOf,
  routeLimits,
  sameTransforms,
  tidy,
} from './cli/wiring.js';
import type { Config } from './config/index.js';
import { error } from './errors/index.js';
import type { Fault, LoadedModel } from './model/cube/index.js';
import { loadModel } from './model/cube/index.js';
import { type Access, accessOf } from './model/policy/index.js';
import type { Caller } from './query/index.js';
import { authenticator } from './serve/auth/index.js';
import { holdNamed } from './store/delta/index.js';
import { openDuckDb, openWarehouse } from './store/engine/index.js';
import { openKv } from './store/kv/index.js';
import { countShapes, ingestLedger, type LedgerBatch, migrate } from './store/state/index.js';
import type { Telemetry } from './telemetry/index.js';

export interface AppOptions {
  readonly config: Config;
  readonly root: string;
  readonly mode: AppMode;
  /** Whether this process will serve: only then the session cluster is started. */
  readonly serves: boolean;
  readonly telemetry: Telemetry;
  /** Signs and checks tokens. Undefined: this process serves nobody. */
  readonly jwtSecret: string | undefined;
  readonly pseudonymKey: string | undefined;
  /** Ends ingests and runs that are at work; the app stays open, to be closed in order. */
  readonly signal?: AbortSignal | undefined;
  /** The model as it was loaded already; undefined loads it. */
  readonly model?: LoadedModel;
}

export interface BuiltAll {
  readonly revision: number;
  readonly published: boolean;
  readonly changed: readonly string[];
  /** What could not be made; everything else is published. */
  readonly unmade: readonly Unmade[];
  /** Rollups that are current now. */
  readonly rollups: number;
  readonly results: readonly RollupBuildResult[];
}

export interface Serving {
  readonly http: { readonly host: string; readonly port: number };
  readonly sql: { readonly host: string; readonly port: number };
}

/** The whole service, built in one place. Every part gets its collaborators here and nowhere else. */
export interface App {
  readonly home: Home;
  readonly ask: Ask;
  readonly search: Search;
  readonly features: Features;
  readonly warehouseUrl: string;
  readonly sessionUrl: () => string;
  model(): LoadedModel;
  /** Reads the model again; a broken one is refused and the one in use stays. Gives whether another is in use. Errors: `model-invalid`. */
  reload(): Promise<boolean>;
  /** Columns and tables that a model names and the source of raw queries does not have. */
  prove(model: LoadedModel): Promise<readonly Fault[]>;
  /** Answers by another model over the same published tables. */
  askOf(model: LoadedModel): Ask;
  access(caller: Caller): Access;
  publication(): Publication;
  ingest(file: {
    readonly file: string;
    readonly source: string;
    readonly encoding?: string;
    readonly sourceSystem?: string;
  }): Promise<IngestResult>;
  /** Commands on tables; each that moves readers makes the rollups current, too. */
  readonly tables: Tables;
  /** Silver, gold and rollups forward; `again` names tables whose breaking change is wanted. With nothing new it does nothing. */
  build(again?: readonly string[], engines?: EnginePins): Promise<BuiltAll>;
  readonly rollups: RollupRounds;
  batches(): Promise<readonly LedgerBatch[]>;
  query<R>(sql: string, parameters?: readonly (string | number)[]): Promise<readonly R[]>;
  serve(): Promise<Serving>;
  close(): Promise<void>;
}

export const openApp = async (options: AppOptions): Promise<App> => {
  const { config, telemetry, mode } = options;
  const { emit } = telemetry;
  const home = homeAt(config.home, config.lake);
  const closing: (() => Promise<unknown>)[] = [];
  const keep = <T extends { close(): Promise<unknown> }>(part: T): T => {
    closing.push(() => part.close());
    return part;
  };
  const stopping = new AbortController();
  const stop = () => stopping.abort();
  if (options.signal?.aborted) stop();
  options.signal?.addEventListener('abort', stop, { once: true });
  const close = async () => {
    stopping.abort(); // ingests and builds first: they use what is closed next
    for (const end of closing.splice(0).reverse())
      await end().catch((thrown: unknown) => emit('bug', { where: 'close', error: thrown }));
  };

  try {
    const lake = await openLake(config, home.lake, { writes: true, signal: stopping.signal });
    if (lake) keep(lake);
    // The slow starts at once: two clusters, the model's compiler, DuckDB, the key-value store.
    const [loaded, clusters, duckdb, kv] = await Promise.all([
      options.model ?? loadModel(config.model),
      openClusters(config, mode, options.serves, emit, (cluster) => closing.push(() => cluster.stop())),
      openDuckDb({
        memory: config.duckdbMemory,
        threads: config.duckdbThreads,
        tempDir: join(home.tmp, 'duckdb'),
        hold: holdNamed,
        emit,
      }).then(keep),
      openKv({ redisUrl: config.redisUrl, dir: home.kv, emit }).then(keep),
    ]);
    const warehouse = keep(await openWarehouse({ url: clusters.warehouse, emit }));
    for (const warning of (await kv.check()).warnings) emit('notice', { message: warning });
    await migrate(warehouse, join(options.root, 'schema', 'state'));

    const ledger = ingestLedger(warehouse);
    const into = { lake: home.lake, ledger, emit, signal: stopping.signal };
    await duckdb.session((session) => recoverIngest({ ...into, parquet: parquetSession(session) }));
    const publications = keep(await openPublications(warehouse, emit));

    const namespace = 'default';
    const lakeRelation = lakeRelations(duckdb);
    const rawSource = (at: Publication) => rawSourceAt(config, warehouse, duckdb, at, lakeRelation);
    // A query keeps the model that it began with, its policies included; a reload sets both at once.
    const inUse = modelInUse({
      dir: config.model,
      first: loaded,
      prove: async (m) => {
        const published = publications.current();
        return published.revision === 0 ? [] : proveModel(m, rawSource(published), stopping.signal);
      },
      replaced: async () => {
        await rollups.refresh();
        rebuild(emit);
      },
      told: (state) => options.serves && writeWhole(home.model, JSON.stringify(state)),
      emit,
    });
    const model = () => inUse.current();
    const rebuild = onceAtATime(async () => {
      await forward();
    });
    const rollups = keep(
      await openRollups({
        kv,
        duckdb,
        dir: home.rollups,
        model,
        emit,
        namespace,
        tidies: options.serves,
        onMissing: () => rebuild(emit),
        sourcesAt: sourcesNow(() => publications.current(), warehouse, duckdb, lakeRelation),
      }),
    );
    const askParts = {
      model,
      publications,
      rollups,
      engines: { postgres: warehouse.engine, lake: duckdb.engine, rollup: duckdb.engine },
      lakeRelation,
      rawSource: config.raw,
      emit,
      kv,
      namespace,
      admission: { running: config.queries, waiting: 8 * config.queries },
    };
    const log = options.serves
      ? keep(openQueryLog({ write: (counts) => warehouse.transaction((tx) => countShapes(tx, counts)), emit }))
      : undefined;
    const ask = makeAsk({ ...askParts, ...(log && { log }) });
    const features = keep(openFeatures(askParts, ask));
    const access = (caller: Caller) => model().accessOf(caller);
    const search = keep(openSearchOf({ config, root: options.root, home: home.dir, duckdb, ask, publications, emit }));

    if (options.serves) await search.check(stopping.signal);

    const rounds = rollupRounds({
      ...{ model, publications, warehouse, duckdb, lakeRelation, kv, dir: home.tmp, emit, namespace, rollups },
      otherModel: () => mode.kind === 'join' && modelState(home)?.version !== model().catalogue.version,
      signal: stopping.signal,
    });

    /** Rollups first, then features: what follows a publication. */
    const forward = async () => {
      const results = await rounds.build();
      await followFeatures(features, publications.current().revision, emit, stopping.signal);
      return results;
    };

    const lineage = keep(openLineage(config, emit));
    const { spark } = keep(openSparkOf(config, emit));
    const tables = openTables(
      () => {
        if (options.pseudonymKey === undefined)
          throw error('config-missing', {
            name: 'ASSAY_PSEUDONYM_KEY',
            why: 'customer pseudonyms need a key of their own',
          });
        sameTransforms(config, home);
        lastTransforms(home).write(config.transforms);
        return {
          ...{ transformsDir: config.transforms, lake: home.lake, duckdb, warehouse, emit, signal: stopping.signal },
          pseudonymKey: options.pseudonymKey,
          memoryBytes: bytesOf(config.duckdbMemory),
          limits: routeLimits(config),
          spark,
          lineage: lineage.target,
        };
      },
      warehouse,
      () => forward(),
    );

    const app: App = {
      home,
      ask,
      search,
      features,
      warehouseUrl: clusters.warehouse,
      sessionUrl: clusters.session,
      model,
      reload: () => inUse.reload(),
      prove: async (m) => proveModel(m, rawSource(await publications.refresh()), stopping.signal),
      askOf: (m) =>
        makeAsk({
          ...askParts,
          model: () => ({ ...m, accessOf: (caller) => accessOf(m.catalogue, caller) }),
          cacheBytes: 0,
        }),
      access,
      publication: () => publications.current(),
      ingest: ({ file, source, encoding, sourceSystem }) =>
        duckdb.session((session) =>
          ingestFile({
            ...into,
            parquet: parquetSession(session),
            file,
            source,
            ...(encoding === undefined ? {} : { encoding }),
            ...(sourceSystem === undefined ? {} : { sourceSystem }),
          }),
        ),
      tables,
      build: async (again, engines) => {
        const result = await (engines ? tables.on(engines) : tables).build(again);
        const results = await forward();
        if (result.published) await tidy({ collect: tables.collect, sweep: rounds.sweep, emit });
        return {
          revision: result.publication.revision,
          published: result.published,
          changed: result.changed,
          unmade: result.unmade,
          rollups: results.filter((r) => r.outcome === 'built' || r.outcome === 'current').length,
          results,
        };
      },
      rollups: rounds,
      batches: () => ledger.list(),
      query: async <R>(sql: string, parameters: readonly (string | number)[] = []) =>
        (await warehouse.query<R>(sql, parameters)).rows,
      serve: async () => {
        if (options.jwtSecret === undefined)
          throw error('config-missing', { name: 'ASSAY_JWT_SECRET', why: 'tokens are signed with it' });
        const auth = authenticator({
          secret: options.jwtSecret,
          issuer: config.jwtIssuer,
          audience: config.jwtAudience,
        });
        closing.push(auditSink(telemetry, warehouse));
        const state = () => stateText(inUse.state());
        const http = await serveHttp({
          config,
          telemetry,
          auth,
          ask,
          search,
          features,
          model,
          access,
          publications,
          warehouse,
          kv,
          state,
        });
        closing.push(() => http.server.close());
        const sql = await serveSql({ config, emit, auth, ask, model, cluster: clusters.session });
        keep(sql);
        keep(keepCurrent({ inUse, dir: config.model, watch: config.modelWatch, publications, emit }));
        keep(
          keepRefreshed({ rollups: () => model().catalogue.rollups, build: (only) => rounds.build({ only }), emit }),
        );
        keep(keepProven({ seconds: config.canarySeconds, look: rounds.canary, rebuild, emit }));
        // Rollups may be behind: the process may have been killed between a publication and its rollups.
        rebuild(emit);
        return { http: http.address, sql: { host: config.sqlHost, port: sql.port } };
      },
      close,
    };
    return app;
  } catch (thrown) {
    await close();
    throw thrown;
  }
};
