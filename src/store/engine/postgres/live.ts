import { existsSync, readFileSync, readlinkSync, realpathSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { runCommand } from './command.js';

/** What postmaster.pid says (PostgreSQL's miscadmin.h, LOCK_FILE_LINE_*). */
export interface PidFile {
  readonly pid: number;
  /** Seconds since 1970. */
  readonly startedAt: number;
  readonly port: number;
  /** `starting`, `ready`, `stopping`, `standby`; empty while the file is being written. */
  readonly status: string;
}

export const readPidFile = (data: string): PidFile | undefined => {
  const file = join(data, 'postmaster.pid');
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (e) {
    if ((e as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw e;
  }
  const lines = text.split('\n');
  return {
    pid: Number(lines[0]),
    startedAt: Number(lines[2]),
    port: Number(lines[3]),
    status: (lines[7] ?? '').trim(),
  };
};

/** True while a process of this id does something; one that has ended and was not collected by its parent does not count. */
export const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
  } catch (e) {
    return (e as NodeJS.ErrnoException).code === 'EPERM';
  }
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2, stat.lastIndexOf(')') + 3) !== 'Z';
  } catch (e) {
    // No /proc on this system, or the process has just ended.
    if ((e as NodeJS.ErrnoException).code !== 'ENOENT') throw e;
    return !existsSync('/proc/self/stat');
  }
};

/** Seconds since 1970 at which a process began; undefined where /proc does not tell. */
export const startOf = (pid: number): number | undefined => {
  if (!existsSync(`/proc/${pid}/stat`)) return undefined;
  const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
  const ticks = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19]);
  const boot = /^btime (\d+)$/m.exec(readFileSync('/proc/stat', 'utf8'));
  return boot?.[1] && Number.isFinite(ticks) ? Number(boot[1]) + ticks / 100 : undefined;
};

/** A postmaster's working folder is its data directory: that decides, even when the folder was moved under it. */
const serves = async (found: PidFile, data: string): Promise<boolean> => {
  if (existsSync('/proc/self/cwd')) {
    try {
      const began = startOf(found.pid);
      return (
        readlinkSync(`/proc/${found.pid}/cwd`) === realpathSync(data) &&
        (began === undefined || Math.abs(began - found.startedAt) <= 10)
      );
    } catch (e) {
      const { code } = e as NodeJS.ErrnoException;
      if (code === 'ENOENT' || code === 'ESRCH') return false;
      if (code !== 'EACCES') throw e;
    }
  }
  const { output } = await runCommand('ps', ['-o', 'command=', '-p', String(found.pid)]);
  return output.includes(data);
};

/**
 * The server that runs on a data directory, or undefined. A pid file whose process has gone stays (the next server replaces it); one
 * whose number now belongs to another program is removed, because the next server would take that program for its predecessor.
 */
export const findLive = async (data: string): Promise<PidFile | undefined> => {
  const found = readPidFile(data);
  if (!found || !Number.isInteger(found.pid) || found.pid <= 0 || !isAlive(found.pid)) return undefined;
  if (await serves(found, data)) return found;
  await rm(join(data, 'postmaster.pid'), { force: true });
  return undefined;
};

/** Fast shutdown (SIGINT), after half a minute immediate (SIGQUIT); resolves when the process has gone. */
export const stopServer = async (pid: number): Promise<void> => {
  const signal = (name: NodeJS.Signals) => {
    try {
      process.kill(pid, name);
    } catch (e) {
      if ((e as NodeJS.ErrnoException).code !== 'ESRCH') throw e;
    }
  };
  const gone = async (milliseconds: number) => {
    const end = Date.now() + milliseconds;
    while (isAlive(pid)) {
      if (Date.now() > end) return false;
      await pause(10);
    }
    return true;
  };
  signal('SIGINT');
  if (await gone(30_000)) return;
  signal('SIGQUIT');
  if (await gone(10_000)) return;
  signal('SIGKILL');
  await gone(10_000);
};

/** One start of a cluster at a time over all processes: a lock file that names its owner, free when its owner has gone. */
export const lockText = (): string => `${process.pid} ${Math.round(startOf(process.pid) ?? 0)}`;
export const lockIsFree = async (file: string): Promise<boolean> => {
  const [pid, began] = (await readFile(file, 'utf8')).split(' ').map(Number);
  // An empty file is one that its owner is just writing.
  if (!pid) return false;
  const now = startOf(pid);
  return !isAlive(pid) || (now !== undefined && Math.abs(now - (began ?? 0)) > 10);
};
