import { Cluster, type ClusterOptions, Redis } from 'ioredis';
import { type AssayError, error } from '../../../errors/index.js';
import type { Emit } from '../../../query/index.js';

/** One server, or one of a cluster; the store's commands are the same on both. */
export type Connection = Redis | Cluster;

/** A command that has no answer after this time is given up (chunks of 1 MiB must come through a slow network). */
export const COMMAND = 5000;

const bad = (why: string) => error('config-invalid', { name: 'ASSAY_REDIS_URL', value: '***', wanted: why });

/** What a node of a cluster and a single server have in common. */
type NodeOptions = Omit<NonNullable<ClusterOptions['redisOptions']>, 'replyMapping'>;

const retry = (times: number): number => Math.min(50 * 2 ** times, 2000);

const shared = (): NodeOptions => ({
  commandTimeout: COMMAND,
  connectTimeout: COMMAND,
  maxRetriesPerRequest: 3,
  // A replica that was promoted, or a primary that was demoted: connect again and repeat.
  reconnectOnError: (e) => (e.message.startsWith('READONLY') ? 2 : false),
  enableAutoPipelining: true,
  lazyConnect: true,
  connectionName: 'assay',
});

const parse = (text: string): URL => {
  if (!/^rediss?:\/\//.test(text) || !URL.canParse(text))
    throw bad('a url such as redis://user:password@host:6379/0 is wanted; several, comma-separated, are a cluster');
  return new URL(text);
};

const credentials = (url: URL): NodeOptions => ({
  ...(url.username === '' ? {} : { username: decodeURIComponent(url.username) }),
  ...(url.password === '' ? {} : { password: decodeURIComponent(url.password) }),
  ...(url.protocol === 'rediss:' ? { tls: {} } : {}),
});

const address = (url: URL) => ({ host: url.hostname.replace(/^\[|\]$/g, ''), port: Number(url.port || 6379) });

const clusterOf = (urls: readonly URL[]): Cluster => {
  const [first] = urls;
  return new Cluster(urls.map(address), {
    lazyConnect: true,
    enableAutoPipelining: true,
    // Names in certificates are those that the cluster announces.
    dnsLookup: (host, done) => done(null, host),
    redisOptions: { ...shared(), ...(first ? credentials(first) : {}) },
    clusterRetryStrategy: retry,
  });
};

/** What a failed command says about the store. Texts of Redis' own errors hold no data of ours; passwords are in none. */
export const redisFailure = (e: unknown): AssayError => {
  const message = e instanceof Error ? e.message : String(e);
  const code = (e as { code?: unknown }).code;
  const why = /WRONGPASS|NOAUTH|NOPERM|invalid password/.test(message)
    ? 'it refused the user or the password'
    : message.startsWith('OOM')
      ? 'it is out of memory (maxmemory)'
      : message.startsWith('MISCONF')
        ? 'it cannot save to its disk and refuses writes'
        : /LOADING/.test(message)
          ? 'it is loading its data'
          : /CLUSTERDOWN|slots cache|TRYAGAIN/.test(message)
            ? 'the cluster is down, or some of its slots are'
            : /timed out|ETIMEDOUT/.test(message)
              ? 'it did not answer in time'
              : code === 'ECONNREFUSED' || /ECONNREFUSED/.test(message)
                ? 'nobody listens there'
                : 'the connection broke';
  return error('redis-unavailable', { why }, e);
};

/** Tells of an outage once, and of its end. */
const report = (connection: Connection, emit: Emit): void => {
  let down = false;
  connection.on('error', (e: Error) => {
    if (!down) emit('notice', { message: `the key-value store is away (${redisFailure(e).message})` });
    down = true;
  });
  connection.on('ready', () => {
    if (down) emit('notice', { message: 'the key-value store is back' });
    down = false;
  });
};

const connected = async <C extends Connection>(connection: C, emit: Emit): Promise<C> => {
  // What went wrong comes as an event; the promise only says that the connection was closed.
  let first: Error | undefined;
  const note = (e: Error) => {
    first ??= e;
  };
  connection.on('error', note);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new RangeError('connect timed out')), 2 * COMMAND);
  });
  try {
    await Promise.race([connection.connect(), late]);
    await Promise.race([connection.ping(), late]);
    report(connection, emit);
    return connection;
  } catch (e) {
    connection.disconnect();
    const refused = /NOAUTH|WRONGPASS|NOPERM/.test((e as Error).message);
    throw redisFailure(refused ? e : (first ?? e));
  } finally {
    clearTimeout(timer);
  }
};

/**
 * Connects to the servers of ASSAY_REDIS_URL. One url of a server in cluster mode is taken as a cluster too.
 * Errors: `config-invalid`, `redis-unavailable`.
 */
export const connectRedis = async (redisUrl: string, emit: Emit): Promise<Connection> => {
  const urls = redisUrl
    .split(',')
    .map((text) => text.trim())
    .filter((text) => text !== '')
    .map(parse);
  const [first] = urls;
  if (!first) throw bad('a url is wanted');
  if (urls.length > 1) return connected(clusterOf(urls), emit);
  const database = first.pathname.slice(1);
  if (!/^\d*$/.test(database)) throw bad('the path of the url is the number of a database');
  const { host, port } = address(first);
  const db = Number(database || 0);
  const single = new Redis(port, host, { ...shared(), ...credentials(first), db, retryStrategy: retry });
  const connection = await connected(single, emit);
  if (!/cluster_enabled:1/.test(await connection.info('cluster'))) return connection;
  connection.disconnect();
  return connected(clusterOf(urls), emit);
};

/** Every server that holds keys. */
export const mastersOf = (connection: Connection): Redis[] =>
  connection instanceof Cluster ? connection.nodes('master') : [connection];
