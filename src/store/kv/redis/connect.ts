import { setTimeout as pause } from 'node:timers/promises';
import { Cluster, type ClusterOptions, Redis } from 'ioredis';
import { AssayError, error } from '../../../errors/index.js';
import type { Emit } from '../../../query/index.js';
import { type Address, type Login, type Place, placeOf, someoneListens } from './address.js';

/** One server, the master that Sentinels name, or a cluster; the store's commands are the same on all. */
export type Connection = Redis | Cluster;

/** A command that has no answer after this time is given up (chunks of 1 MiB must come through a slow network). */
export const COMMAND = 5000;
/** How long a start waits for a new master to be elected, or for a server to load its data. */
const ELECTION = 30_000;
const AGAIN = 250;

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

const clusterOf = (addresses: readonly Address[], login: Login): Cluster =>
  new Cluster([...addresses], {
    lazyConnect: true,
    enableAutoPipelining: true,
    // Names in certificates are those that the cluster announces.
    dnsLookup: (host, done) => done(null, host),
    redisOptions: { ...shared(), ...login },
    clusterRetryStrategy: retry,
  });

const sentinelOf = (place: Extract<Place, { kind: 'sentinel' }>): Redis => {
  const { username, password } = place.sentinelLogin;
  return new Redis({
    ...shared(),
    ...place.login,
    sentinels: [...place.addresses],
    name: place.master,
    db: place.database,
    role: 'master',
    // A master that was replaced while it lived would take writes that are lost: Sentinels tell at once.
    failoverDetector: true,
    sentinelRetryStrategy: retry,
    retryStrategy: retry,
    ...(username === undefined ? {} : { sentinelUsername: username }),
    ...(password === undefined ? {} : { sentinelPassword: password }),
    ...(place.login.tls ? { enableTLSForSentinelMode: true, sentinelTLS: {} } : {}),
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
          ? LOADING
          : /All sentinels/.test(message)
            ? 'no Sentinel answers, or none of them knows a master of that name'
            : /CLUSTERDOWN|slots cache|TRYAGAIN/.test(message)
              ? 'the cluster is down, or some of its slots are'
              : /timed out|ETIMEDOUT/.test(message)
                ? 'it did not answer in time'
                : code === 'ECONNREFUSED' || /ECONNREFUSED/.test(message)
                  ? 'nobody listens there'
                  : 'the connection broke';
  return error('redis-unavailable', { why }, e);
};
const LOADING = 'it is loading its data';

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

const connected = async <C extends Connection>(connection: C, milliseconds: number, emit: Emit): Promise<C> => {
  // What went wrong comes as an event; the promise only says that the connection was closed.
  let first: Error | undefined;
  const note = (e: Error) => {
    first ??= e;
  };
  connection.on('error', note);
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new RangeError('connect timed out')), milliseconds);
  });
  try {
    await Promise.race([connection.connect(), late]);
    // each of them: a cluster whose master is being replaced answers for the others
    await Promise.race([Promise.all(mastersOf(connection).map((master) => master.ping())), late]);
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

/** Failures that end by themselves where several servers elect a master. */
const isPassing = (thrown: unknown, elects: boolean): boolean => {
  const why = thrown instanceof AssayError ? thrown.parameters['why'] : undefined;
  return elects ? why !== 'it refused the user or the password' : why === LOADING;
};

/** Connects, and where a master is being elected waits until there is one, up to a bound. Where nobody listens it fails at once. */
const patient = async <C extends Connection>(
  make: () => C,
  addresses: readonly Address[],
  elects: boolean,
  emit: Emit,
): Promise<C> => {
  const until = performance.now() + ELECTION;
  for (let tries = 1; ; tries++) {
    // a connection that was begun before the election may look for the old master for long: the first tries are short
    const milliseconds = elects ? Math.min(2 * COMMAND, 1_250 * 2 ** tries) : 2 * COMMAND;
    try {
      return await connected(make(), milliseconds, emit);
    } catch (thrown) {
      if (performance.now() >= until || !isPassing(thrown, elects) || !(await someoneListens(addresses))) throw thrown;
      if (tries === 1)
        emit('notice', { message: `waiting up to ${ELECTION / 1000} s: ${(thrown as AssayError).message}` });
      await pause(AGAIN);
    }
  }
};

/**
 * Connects to the servers of ASSAY_REDIS_URL. One url of a server in cluster mode is taken as a cluster too. Where servers elect a
 * master just now, it waits for that, 30 s at most. Errors: `config-invalid`, `redis-unavailable`.
 */
export const connectRedis = async (redisUrl: string, emit: Emit): Promise<Connection> => {
  const place = placeOf(redisUrl);
  if (place.kind === 'sentinel') return patient(() => sentinelOf(place), place.addresses, true, emit);
  if (place.kind === 'cluster')
    return patient(() => clusterOf(place.addresses, place.login), place.addresses, true, emit);
  const { address, login, database: db } = place;
  const single = () => new Redis(address.port, address.host, { ...shared(), ...login, db, retryStrategy: retry });
  const connection = await patient(single, [address], false, emit);
  if (!/cluster_enabled:1/.test(await connection.info('cluster'))) return connection;
  connection.disconnect();
  return patient(() => clusterOf([address], login), [address], true, emit);
};

/** Every server that holds keys. */
export const mastersOf = (connection: Connection): Redis[] =>
  connection instanceof Cluster ? connection.nodes('master') : [connection];
