import { isAbsolute, resolve } from 'node:path';
import { error } from '../errors/index.js';
import { bad, choice, count, path, port, type Setting, servers, size, text } from './setting.js';

export { settleCubeEnvironment } from './cube-env.js';

/** Everything that a setting decides, read once. Secrets are printed as `***`. */
export interface Config {
  readonly home: string;
  readonly model: string;
  /** Whether a server takes changed files of the model into use by itself. */
  readonly modelWatch: boolean;
  readonly transforms: string;
  /** True when ASSAY_TRANSFORMS was given; else `transforms` is the shipped example's. */
  readonly transformsGiven: boolean;
  readonly httpHost: string;
  readonly httpPort: number;
  readonly sqlHost: string;
  readonly sqlPort: number;
  readonly sqlSessions: number;
  /** Statements that run at once for queries; eight times as many wait, the rest is refused with 503. */
  readonly queries: number;
  /** Undefined: the embedded cluster. */
  readonly postgresUrl: string | undefined;
  readonly sessionPostgresUrl: string | undefined;
  readonly redisUrl: string | undefined;
  readonly canarySeconds: number;
  /** A folder, or `s3://bucket/prefix`; undefined: below the home. */
  readonly lake: string | undefined;
  /** How the bucket is reached; credentials are found by the usual AWS variables, profile or role. */
  readonly s3: {
    readonly endpoint: string | undefined;
    readonly region: string | undefined;
    readonly pathStyle: boolean | undefined;
  };
  /** Bytes of a bucket's objects that are kept on this machine at most. */
  readonly lakeCache: number;
  readonly raw: 'postgres' | 'lake';
  readonly jwtSecret: string | undefined;
  readonly jwtIssuer: string | undefined;
  readonly jwtAudience: string | undefined;
  readonly pseudonymKey: string | undefined;
  /** Where the embedded clusters live; default below the home, or below /var/lib/assay where that cannot work. */
  readonly pgDir: string | undefined;
  /** Where runs are told to in OpenLineage's form; undefined: nowhere. */
  readonly openLineage: string | undefined;
  readonly openLineageKey: string | undefined;
  readonly openLineageNamespace: string;
  readonly corsOrigins: readonly string[];
  readonly logLevel: 'fatal' | 'error' | 'warn' | 'info' | 'debug';
  readonly rateLimit: number;
  /** Spark Connect server; undefined: none. */
  readonly spark: string | undefined;
  /** What engines of transforms may be given, as sizes. */
  readonly duckdbMax: string;
  readonly duckdbSpill: number;
  readonly postgresMax: string;
  readonly duckdbMemory: string;
  readonly duckdbThreads: number | undefined;
  /** `auto` (the optional package, if it is installed), `hash` (none), or the base URL of an API of OpenAI's shape. */
  readonly embedder: string;
  readonly embedderModel: string;
  readonly embedderKey: string | undefined;
  /** Who finds the candidates of a search. */
  readonly search:
    | { readonly backend: 'embedded' | 'duckdb' }
    | {
        readonly backend: 'typesense';
        readonly url: string;
        readonly key: string;
        readonly searchKey: string | undefined;
      }
    | { readonly backend: 'elasticsearch'; readonly url: string; readonly key: string | undefined };
  /** The demo loads only where nothing of a company's own is configured. */
  readonly demoAllowed: boolean;
}

export const SETTINGS = {
  home: path('ASSAY_HOME', 'folder for everything that the service keeps', '.assay'),
  model: text('ASSAY_MODEL', 'folder of the semantic model (cubes/ and views/)'),
  modelWatch: choice(
    'ASSAY_MODEL_WATCH',
    'whether a server takes changed files of the model into use by itself',
    ['on', 'off'] as const,
    'on',
  ),
  transforms: text('ASSAY_TRANSFORMS', 'folder of the transforms (sql/, seeds/)'),
  httpHost: path('ASSAY_HTTP_HOST', 'address of the HTTP server', '127.0.0.1'),
  httpPort: port('ASSAY_HTTP_PORT', 'port of the HTTP server', 4000),
  sqlHost: path('ASSAY_SQL_HOST', 'address of the SQL server', '127.0.0.1'),
  sqlPort: port('ASSAY_SQL_PORT', 'port of the SQL server', 15_432),
  sqlSessions: count('ASSAY_SQL_SESSIONS', 'SQL sessions at once', 100),
  queries: count(
    'ASSAY_QUERIES',
    'statements that run at once for queries; eight times as many wait, more are refused with 503',
    64,
  ),
  canarySeconds: count(
    'ASSAY_CANARY_SECONDS',
    'seconds between looks at one published partition of a rollup, compared with raw again; 0 never looks',
    300,
    0,
  ),
  postgresUrl: text(
    'ASSAY_POSTGRES_URL',
    'warehouse and state store (PostgreSQL 15 or later) instead of the embedded one',
    true,
  ),
  sessionPostgresUrl: text(
    'ASSAY_SESSION_POSTGRES_URL',
    'PostgreSQL 18 or later for SQL sessions instead of the embedded scratch cluster',
    true,
  ),
  redisUrl: text(
    'ASSAY_REDIS_URL',
    'Redis (redis://, rediss://; several comma-separated: a cluster; redis-sentinel://host/NAME: Sentinels) instead of the embedded store',
    true,
  ),
  lake: {
    name: 'ASSAY_LAKE',
    doc: 'folder of the Delta lake, or s3://bucket/prefix, instead of HOME/lake',
    read: (t) => {
      if (t !== undefined && /^\w+:/.test(t) && !/^s3a?:\/\/[^/]+/.test(t))
        throw bad('ASSAY_LAKE', t, 'a folder or s3://bucket/prefix is wanted');
      return t;
    },
  } as Setting<string | undefined>,
  s3Endpoint: {
    name: 'ASSAY_S3_ENDPOINT',
    doc: 'http(s)://host[:port] of an S3-compatible store (default: Amazon S3); credentials by the usual AWS variables',
    read: (t) => {
      if (t === undefined) return undefined;
      const url = URL.canParse(t) ? new URL(t) : undefined;
      if (!url || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '')
        throw bad('ASSAY_S3_ENDPOINT', '***', 'http(s)://host[:port] without a name or password is wanted');
      return t;
    },
  } as Setting<string | undefined>,
  s3PathStyle: {
    name: 'ASSAY_S3_PATH_STYLE',
    doc: 'whether buckets are named in the path: true or false (default: true with ASSAY_S3_ENDPOINT)',
    read: (t) => {
      if (t !== undefined && t !== 'true' && t !== 'false')
        throw bad('ASSAY_S3_PATH_STYLE', t, 'true or false is wanted');
      return t === undefined ? undefined : t === 'true';
    },
  } as Setting<boolean | undefined>,
  s3Region: text('AWS_REGION', 'region of the bucket (default: AWS_DEFAULT_REGION, else us-east-1)'),
  s3DefaultRegion: text('AWS_DEFAULT_REGION', 'region of the bucket where AWS_REGION is not set'),
  lakeCache: {
    name: 'ASSAY_LAKE_CACHE',
    doc: 'copies of a bucket’s objects that are kept on this machine at most, such as 20GB (default 10GB)',
    read: (t) => {
      const match = /^(\d{1,6}(?:\.\d{1,3})?)(MB|GB|TB)$/.exec(t ?? '10GB');
      if (!match) throw bad('ASSAY_LAKE_CACHE', t ?? '', 'a size such as 500MB or 20GB is wanted');
      return Math.round(Number(match[1]) * { MB: 1e6, GB: 1e9, TB: 1e12 }[match[2] as 'MB']);
    },
  } as Setting<number>,
  raw: choice('ASSAY_RAW', 'which copy of gold serves raw queries', ['postgres', 'lake'] as const, 'postgres'),
  jwtSecret: text('ASSAY_JWT_SECRET', 'secret of the HS256 tokens (at least 32 bytes); the demo makes its own', true),
  jwtIssuer: text('ASSAY_JWT_ISSUER', 'required issuer of tokens'),
  jwtAudience: text('ASSAY_JWT_AUDIENCE', 'required audience of tokens'),
  pseudonymKey: text(
    'ASSAY_PSEUDONYM_KEY',
    'key of customer pseudonyms (at least 32 bytes); the demo makes its own',
    true,
  ),
  pgDir: text('ASSAY_PG_DIR', 'folder of the embedded PostgreSQL clusters'),
  openLineage: {
    name: 'ASSAY_OPENLINEAGE',
    doc: 'where runs are told in the form of OpenLineage: file:///folder/file.jsonl or http(s)://host[/path] (default: nowhere)',
    secret: true,
    read: (t) => {
      if (t !== undefined && !/^(file:\/\/\/|https?:\/\/)./.test(t))
        throw bad('ASSAY_OPENLINEAGE', '***', 'file:///folder/file.jsonl or http(s)://host[/path] is wanted');
      return t;
    },
  } as Setting<string | undefined>,
  openLineageKey: text('ASSAY_OPENLINEAGE_KEY', 'sent to ASSAY_OPENLINEAGE as Authorization: Bearer', true),
  openLineageNamespace: path('ASSAY_OPENLINEAGE_NAMESPACE', 'namespace of jobs and data sets in OpenLineage', 'assay'),
  corsOrigins: {
    name: 'ASSAY_CORS_ORIGINS',
    doc: 'origins that browsers may call from, comma-separated (default none)',
    read: (t) =>
      (t ?? '')
        .split(',')
        .map((o) => o.trim())
        .filter((o) => o !== ''),
  } as Setting<readonly string[]>,
  logLevel: choice('ASSAY_LOG', 'log level', ['fatal', 'error', 'warn', 'info', 'debug'] as const, 'warn'),
  rateLimit: count('ASSAY_RATE_LIMIT', 'HTTP requests per caller and minute', 600_000),
  spark: {
    name: 'ASSAY_SPARK',
    doc: 'Spark Connect server for large steps of transforms, such as sc://127.0.0.1:15002 (with ;token=… where it wants one); default none',
    secret: true,
    read: (t) => {
      if (t !== undefined && !/^sc:\/\/./.test(t)) throw bad('ASSAY_SPARK', '***', 'sc://host:port is wanted');
      return t;
    },
  } as Setting<string | undefined>,
  embedder: {
    name: 'ASSAY_EMBEDDER',
    doc: 'what search compares meanings with: auto (the optional package @energetic-ai, offline), hash (words and spelling only), or the base URL of an API of OpenAI’s shape (default auto)',
    read: (t) => {
      if (t !== undefined && t !== 'auto' && t !== 'hash' && !/^https?:\/\/[^/]/.test(t))
        throw bad('ASSAY_EMBEDDER', t, 'auto, hash or http(s)://host/v1 is wanted');
      return t ?? 'auto';
    },
  } as Setting<string>,
  embedderModel: path('ASSAY_EMBEDDER_MODEL', 'model to name to the API of ASSAY_EMBEDDER', 'text-embedding-3-small'),
  embedderKey: text('ASSAY_EMBEDDER_KEY', 'sent to the API of ASSAY_EMBEDDER as Authorization: Bearer', true),
  searchBackend: choice(
    'ASSAY_SEARCH',
    'who finds candidates of searches without a server',
    ['embedded', 'duckdb'] as const,
    'embedded',
  ),
  typesenseUrl: servers('ASSAY_TYPESENSE_URL', 'Typesense, for the candidates of searches'),
  typesenseKey: text('ASSAY_TYPESENSE_KEY', 'key of Typesense that may make collections, read and write them', true),
  typesenseSearchKey: text(
    'ASSAY_TYPESENSE_SEARCH_KEY',
    'key of Typesense that may only search; searches then go by short-lived keys derived from it',
    true,
  ),
  elasticsearchUrl: servers('ASSAY_ELASTICSEARCH_URL', 'Elasticsearch 9, for the candidates of searches'),
  elasticsearchKey: text('ASSAY_ELASTICSEARCH_KEY', 'API key of Elasticsearch, encoded', true),
  duckdbMax: size(
    'ASSAY_DUCKDB_MAX',
    'most that a step on DuckDB is given at once, as the router estimates it',
    '64GB',
  ),
  duckdbSpill: count('ASSAY_DUCKDB_SPILL', 'times half its memory that DuckDB gets through by spilling to disk', 8),
  postgresMax: size('ASSAY_POSTGRES_MAX', 'most that a step in PostgreSQL is given at once', '2GB'),
  duckdbMemory: {
    name: 'ASSAY_DUCKDB_MEMORY',
    doc: 'memory limit of DuckDB, such as 2GB (default 2GB)',
    read: (t) => {
      if (t !== undefined && !/^\d+(\.\d+)?(MB|GB)$/.test(t))
        throw bad('ASSAY_DUCKDB_MEMORY', t, 'a size such as 512MB or 4GB is wanted');
      return t ?? '2GB';
    },
  } as Setting<string>,
  duckdbThreads: {
    name: 'ASSAY_DUCKDB_THREADS',
    doc: 'threads of DuckDB (default: the machine’s cores)',
    read: (t) => {
      if (t === undefined) return undefined;
      if (!/^\d{1,3}$/.test(t) || t === '0') throw bad('ASSAY_DUCKDB_THREADS', t, 'a number of threads is wanted');
      return Number(t);
    },
  } as Setting<number | undefined>,
} as const;

/** Reads the environment once. `root` is the installed package's folder, where the shipped model and transforms lie. Errors: `config-invalid`. */
export const readConfig = (
  environment: Readonly<Record<string, string | undefined>>,
  root: string,
  cwd: string,
): Config => {
  const get = <T>(setting: Setting<T>): T => {
    const given = environment[setting.name];
    return setting.read(given === undefined || given === '' ? undefined : given);
  };
  const at = (p: string) => (isAbsolute(p) ? p : resolve(cwd, p));
  const secret = (setting: Setting<string | undefined>) => {
    const value = get(setting);
    if (value !== undefined && Buffer.byteLength(value) < 32)
      throw bad(setting.name, '***', 'at least 32 bytes are wanted');
    return value;
  };
  const model = get(SETTINGS.model);
  const transforms = get(SETTINGS.transforms);
  const lake = get(SETTINGS.lake);
  const pgDir = get(SETTINGS.pgDir);
  return Object.freeze({
    home: at(get(SETTINGS.home)),
    model: model === undefined ? resolve(root, 'model') : at(model),
    modelWatch: get(SETTINGS.modelWatch) === 'on',
    transformsGiven: transforms !== undefined,
    transforms: transforms === undefined ? resolve(root, 'transforms') : at(transforms),
    httpHost: get(SETTINGS.httpHost),
    httpPort: get(SETTINGS.httpPort),
    sqlHost: get(SETTINGS.sqlHost),
    sqlPort: get(SETTINGS.sqlPort),
    sqlSessions: get(SETTINGS.sqlSessions),
    queries: get(SETTINGS.queries),
    postgresUrl: get(SETTINGS.postgresUrl),
    sessionPostgresUrl: get(SETTINGS.sessionPostgresUrl),
    redisUrl: get(SETTINGS.redisUrl),
    canarySeconds: get(SETTINGS.canarySeconds),
    lake: lake === undefined ? undefined : /^s3a?:/.test(lake) ? lake.replace(/\/+$/, '') : at(lake),
    s3: {
      endpoint: get(SETTINGS.s3Endpoint),
      region: get(SETTINGS.s3Region) ?? get(SETTINGS.s3DefaultRegion),
      pathStyle: get(SETTINGS.s3PathStyle),
    },
    lakeCache: get(SETTINGS.lakeCache),
    raw: get(SETTINGS.raw),
    jwtSecret: secret(SETTINGS.jwtSecret),
    jwtIssuer: get(SETTINGS.jwtIssuer),
    jwtAudience: get(SETTINGS.jwtAudience),
    pseudonymKey: secret(SETTINGS.pseudonymKey),
    pgDir: pgDir === undefined ? undefined : at(pgDir),
    openLineage: get(SETTINGS.openLineage),
    openLineageKey: get(SETTINGS.openLineageKey),
    openLineageNamespace: get(SETTINGS.openLineageNamespace),
    corsOrigins: get(SETTINGS.corsOrigins),
    logLevel: get(SETTINGS.logLevel),
    rateLimit: get(SETTINGS.rateLimit),
    spark: get(SETTINGS.spark),
    embedder: get(SETTINGS.embedder),
    embedderModel: get(SETTINGS.embedderModel),
    embedderKey: get(SETTINGS.embedderKey),
    search: searchOf(get),
    duckdbMax: get(SETTINGS.duckdbMax),
    duckdbSpill: get(SETTINGS.duckdbSpill),
    postgresMax: get(SETTINGS.postgresMax),
    duckdbMemory: get(SETTINGS.duckdbMemory),
    duckdbThreads: get(SETTINGS.duckdbThreads),
    demoAllowed: !Object.keys(environment).some(
      (n) => environment[n] && (n === 'ASSAY_POSTGRES_URL' || n === 'ASSAY_LAKE' || n.startsWith('ASSAY_JWT_')),
    ),
  });
};

/** One backend of search. Errors: `config-invalid`, `config-missing`. */
const searchOf = (get: <T>(setting: Setting<T>) => T): Config['search'] => {
  const typesense = get(SETTINGS.typesenseUrl);
  const elasticsearch = get(SETTINGS.elasticsearchUrl);
  if (typesense !== undefined && elasticsearch !== undefined)
    throw bad(
      SETTINGS.elasticsearchUrl.name,
      '***',
      'one search server is wanted, and ASSAY_TYPESENSE_URL is set, too',
    );
  if (elasticsearch !== undefined)
    return { backend: 'elasticsearch', url: elasticsearch, key: get(SETTINGS.elasticsearchKey) };
  if (typesense === undefined) return { backend: get(SETTINGS.searchBackend) };
  const key = get(SETTINGS.typesenseKey);
  if (key === undefined)
    throw error('config-missing', { name: SETTINGS.typesenseKey.name, why: 'Typesense answers nobody without a key' });
  return { backend: 'typesense', url: typesense, key, searchKey: get(SETTINGS.typesenseSearchKey) };
};

/** The process's own environment; the only place in the service that reads it. */
export const processConfig = (root: string): Config => {
  // Which Node the SDK of a later day wants is for whoever installs that one, and not for who runs a command.
  process.env['AWS_SDK_JS_NODE_VERSION_SUPPORT_WARNING_DISABLED'] ??= 'true';
  return readConfig(process.env, root, process.cwd());
};

/** The configuration as it may be printed: secrets hidden. */
export const redacted = (config: Config): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(config).map(([key, value]) => {
      const setting = (SETTINGS as Record<string, Setting<unknown>>)[key];
      const hidden = key === 'search' ? { backend: config.search.backend } : value;
      return [key, setting?.secret && value !== undefined ? '***' : hidden];
    }),
  );
