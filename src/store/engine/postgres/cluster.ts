import { existsSync } from 'node:fs';
import { open, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import pg from 'pg';
import { error } from '../../../errors/index.js';
import { serverAccount } from './account.js';
import { type Binaries, findBinaries } from './binaries.js';
import type { Account } from './command.js';
import { failure, freshScratch, initialise, removeHalfMade, SUPERUSER } from './initialise.js';
import { lockIsFree, lockText, type PidFile, stopServer } from './live.js';
import { placeOfClusters } from './place.js';
import { freePort } from './ports.js';
import { liveServer, startServer } from './start.js';
import type { Cluster, ClusterKind, ClusterOptions } from './types.js';

const HOST = '127.0.0.1';
/** The major version of the embedded binaries: data of another one needs a dump. */
const MAJOR = '18';
const DATABASE: Readonly<Record<ClusterKind, string>> = { durable: 'assay', scratch: 'postgres' };
const TRIES = 50;

/**
 * Starts a cluster of the embedded PostgreSQL, or adopts the durable one that an earlier process left running (SIGKILL of the parent
 * leaves a live server). There is never a second server on one data directory, and the pid file of a live one is never touched.
 * Errors: `postgres-cannot-run`, `disk-full`, `port-in-use`, `home-unwritable`.
 */
export const startCluster = async (options: ClusterOptions): Promise<Cluster> => {
  const own = await serverAccount();
  const place = await placeOfClusters(options.home, options.pgDir, own, options.emit);
  const account = await ownerOf(join(place, 'durable'), own);
  const binaries = await findBinaries(place, account);
  const folder = join(place, options.kind);
  const unlock = await lockStart(`${folder}.lock`);
  try {
    const adopted = await adopt(folder, options);
    if (adopted) return adopted;
    await prepare(folder, options.kind, binaries, account);
    const server = await startAnew(folder, options, binaries, account);
    return await present(folder, options.kind, server, false);
  } finally {
    await unlock();
  }
};

/** As root: a cluster that another user began goes on as that user's, since PostgreSQL serves only its owner's files. */
const ownerOf = async (folder: string, account: Account | undefined): Promise<Account | undefined> => {
  if (!account || !existsSync(folder)) return account;
  const { uid, gid } = await stat(folder);
  return uid === 0 || uid === account.uid ? account : { name: `number ${uid}`, uid, gid };
};

const lockStart = async (file: string): Promise<() => Promise<void>> => {
  for (;;) {
    try {
      const handle = await open(file, 'wx', 0o600);
      await handle.writeFile(lockText());
      await handle.close();
      return () => rm(file, { force: true });
    } catch (e) {
      const { code, message } = e as NodeJS.ErrnoException;
      if (code === 'ENOSPC') throw error('disk-full', { path: file }, e);
      if (code !== 'EEXIST') throw error('home-unwritable', { home: file, why: message }, e);
    }
    if (existsSync(file) && (await lockIsFree(file).catch(goneMeanwhile))) await rm(file, { force: true });
    else await pause(25);
  }
};

const goneMeanwhile = (e: NodeJS.ErrnoException): boolean => {
  if (e.code === 'ENOENT') return false;
  throw e;
};

/** The running server of a folder, if it may be used on; else it is stopped. */
const adopt = async (folder: string, options: ClusterOptions): Promise<Cluster | undefined> => {
  const server = await liveServer(folder);
  if (!server) return undefined;
  const fits = options.port === undefined || options.port === 0 || options.port === server.port;
  if (options.kind === 'durable' && fits) return present(folder, 'durable', server, true);
  await stopServer(server.pid);
  return undefined;
};

const prepare = async (
  folder: string,
  kind: ClusterKind,
  binaries: Binaries,
  account: Account | undefined,
): Promise<void> => {
  await removeHalfMade(folder);
  if (kind === 'scratch') return freshScratch(folder, binaries, account);
  if (!existsSync(folder)) return initialise(folder, kind, binaries, account);
  const file = join(folder, 'data', 'PG_VERSION');
  if (!existsSync(file) || !existsSync(join(folder, 'password')))
    throw error('postgres-cannot-run', {
      why: `${folder} is not whole`,
      way: 'restore it from a backup, or move it away to begin with an empty database',
    });
  const version = (await readFile(file, 'utf8')).trim();
  if (version !== MAJOR)
    throw error('postgres-cannot-run', {
      why: `${folder} was written by PostgreSQL ${version}, and this version runs ${MAJOR}`,
      way: 'dump it with the version that wrote it and load the dump, or move it away to begin with an empty database',
    });
};

const startAnew = async (
  folder: string,
  options: ClusterOptions,
  binaries: Binaries,
  account: Account | undefined,
): Promise<PidFile> => {
  const { kind, maxConnections } = options;
  for (let tried = 0; tried < TRIES; tried++) {
    const port = await choosePort(folder, options.port);
    const started = await startServer({ folder, kind, port, maxConnections, binaries, account });
    if (typeof started === 'object' && 'server' in started) {
      await writeFile(join(folder, 'port'), String(port));
      return started.server;
    }
    if (typeof started === 'object') throw started.failed;
    if (started === 'taken' && options.port) throw portInUse(options.port);
    if (started === 'again') await pause(100);
  }
  throw failure('', folder);
};

const portInUse = (port: number) => error('port-in-use', { port, setting: 'the port of the embedded PostgreSQL' });

/** The port that is asked for, else the one of the last start (what users wrote into their tools goes on working), else any. */
const choosePort = async (folder: string, asked: number | undefined): Promise<number> => {
  if (asked) {
    const port = await freePort(asked);
    if (port === undefined) throw portInUse(asked);
    return port;
  }
  const file = join(folder, 'port');
  const last = existsSync(file) ? Number(await readFile(file, 'utf8')) : 0;
  const port = (last > 0 ? await freePort(last) : undefined) ?? (await freePort(0));
  if (port === undefined) throw failure('no free port on 127.0.0.1', folder);
  return port;
};

/** Logs in, makes the database when it is not there, and hands the cluster out. */
const present = async (folder: string, kind: ClusterKind, server: PidFile, adopted: boolean): Promise<Cluster> => {
  const password = (await readFile(join(folder, 'password'), 'utf8')).trim();
  const database = DATABASE[kind];
  const client = new pg.Client({ host: HOST, port: server.port, user: SUPERUSER, password, database: 'postgres' });
  try {
    await client.connect();
    const { rowCount } = await client.query('SELECT 1 FROM pg_database WHERE datname = $1', [database]);
    if (rowCount === 0) await client.query(`CREATE DATABASE ${client.escapeIdentifier(database)}`);
  } catch (e) {
    throw failure((e as Error).message, folder);
  } finally {
    await client.end();
  }
  return {
    kind,
    url: `postgres://${SUPERUSER}:${password}@${HOST}:${server.port}/${database}`,
    host: HOST,
    port: server.port,
    user: SUPERUSER,
    password,
    pid: server.pid,
    adopted,
    dir: folder,
    stop: () => stopServer(server.pid),
  };
};
