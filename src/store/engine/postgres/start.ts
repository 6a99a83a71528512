import { spawn } from 'node:child_process';
import { chown, open, readFile, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { error } from '../../../errors/index.js';
import type { Binaries } from './binaries.js';
import { type Account, PLAIN_ENVIRONMENT } from './command.js';
import { failure } from './initialise.js';
import { findLive, isAlive, type PidFile, readPidFile, startOf } from './live.js';
import { serverFlags } from './settings.js';
import type { ClusterKind } from './types.js';

const LOG_BYTES = 4 << 20;
/** Crash recovery of a large database takes its time; longer than this is a server that hangs. */
const RECOVERY = 10 * 60_000;

/** Waits until a server answers or has gone. */
export const untilReady = async (data: string, pid: number): Promise<PidFile | undefined> => {
  const end = Date.now() + RECOVERY;
  while (isAlive(pid)) {
    const file = readPidFile(data);
    if (file?.pid === pid && file.status === 'ready') return file;
    if (Date.now() > end) return undefined;
    await pause(10);
  }
  return undefined;
};

const openLog = async (file: string, account: Account | undefined) => {
  const handle = await open(file, 'a', 0o600);
  if (account) await chown(file, account.uid, account.gid);
  const { size } = await stat(file);
  if (size <= LOG_BYTES) return { handle, from: size };
  await truncate(file);
  return { handle, from: 0 };
};

export interface StartOrder {
  readonly folder: string;
  readonly kind: ClusterKind;
  readonly port: number;
  readonly maxConnections: number | undefined;
  readonly binaries: Binaries;
  readonly account: Account | undefined;
}

/** What became of one try to start. `taken`: the port was lost to another program between choosing and binding it. */
export type Started = { readonly server: PidFile } | 'taken' | 'again' | { readonly failed: ReturnType<typeof error> };

/**
 * Starts a server that outlives this process if it must (a session of its own, its log in a file, so that Ctrl-C at a terminal does not
 * stop it before its users are done).
 */
export const startServer = async (order: StartOrder): Promise<Started> => {
  const data = join(order.folder, 'data');
  const log = join(order.folder, 'server.log');
  const { handle, from } = await openLog(log, order.account);
  try {
    const child = spawn(
      order.binaries.postgres,
      ['-D', data, '-p', String(order.port), ...serverFlags(order.kind, order.maxConnections)],
      {
        cwd: '/',
        env: PLAIN_ENVIRONMENT,
        detached: true,
        stdio: ['ignore', handle.fd, handle.fd],
        ...(order.account ? { uid: order.account.uid, gid: order.account.gid } : {}),
      },
    );
    child.unref();
    const spawned = await new Promise<number | Error>((resolve) => {
      child.once('error', resolve);
      child.once('spawn', () => resolve(child.pid ?? 0));
    });
    if (typeof spawned !== 'number')
      return { failed: error('postgres-cannot-run', { why: spawned.message, way: 'run npm ci again' }, spawned) };
    const server = await untilReady(data, spawned);
    if (server) return { server };
    const said = (await readFile(log)).subarray(from).toString('utf8');
    if (/could not bind|could not create any TCP\/IP sockets/.test(said)) return 'taken';
    // Backends of a server that was killed live for a moment longer; or another process was faster.
    if (/is still in use|lock file ".*" already exists/.test(said)) return 'again';
    return { failed: failure(said, order.folder) };
  } finally {
    await handle.close();
  }
};

/** The live server of a folder once it answers; undefined when there is none, or it is going down (then it is waited for). */
export const liveServer = async (folder: string): Promise<PidFile | undefined> => {
  const data = join(folder, 'data');
  const found = await findLive(data);
  if (!found) return undefined;
  const began = startOf(found.pid);
  const ready = await untilReady(data, found.pid);
  return ready && began === startOf(found.pid) ? ready : undefined;
};
