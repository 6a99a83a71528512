import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { DuckDBInstance } from '@duckdb/node-api';
import type { RunOptions } from '../engine.js';
import { slots } from '../slots.js';
import { deadline } from '../time-limit.js';
import { duckDbFailure } from './failures.js';
import { type Link, linkOf } from './link.js';
import { sessionOn, streamOn } from './session.js';
import type { DuckDb, DuckDbOptions, DuckDbSession } from './types.js';

const LONGEST_CLOSE = 2000;
let opened = 0;

/** A folder for this instance's spilled data; those of processes that have gone (a kill leaves them) are removed. */
const spillFolder = async (parent: string): Promise<string> => {
  await mkdir(parent, { recursive: true });
  for (const name of await readdir(parent)) {
    const pid = Number(/^duckdb-(\d+)-\d+$/.exec(name)?.[1]);
    if (Number.isInteger(pid) && !isRunning(pid)) await rm(join(parent, name), { recursive: true, force: true });
  }
  opened += 1;
  return join(parent, `duckdb-${process.pid}-${opened}`);
};

const isRunning = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch (e) {
    return (e as NodeJS.ErrnoException).code !== 'ESRCH';
  }
};

/** Opens a DuckDB instance. Errors: `engine-failed`, `disk-full`. */
export const openDuckDb = async (options: DuckDbOptions): Promise<DuckDb> => {
  const folder = await spillFolder(options.tempDir);
  const settings: Record<string, string> = {
    memory_limit: options.memory,
    temp_directory: folder,
    // Each try to reach the network would stall a statement for half a second.
    autoinstall_known_extensions: 'false',
    autoload_known_extensions: 'false',
    allow_community_extensions: 'false',
    ...(options.threads === undefined ? {} : { threads: String(options.threads) }),
  };
  const failed = (e: unknown) => Promise.reject(duckDbFailure(e));
  const instance = await DuckDBInstance.create(options.path ?? ':memory:', settings).catch(failed);
  const links: Link[] = [];
  const idle: Link[] = [];
  const sessions = options.sessions ?? 8;
  const free = slots(sessions);

  const connect = async (): Promise<Link> => {
    const link = linkOf(await instance.connect(), options.hold);
    await link.connection.run("SET TimeZone = 'UTC'");
    links.push(link);
    return link;
  };
  const take = async (signal?: AbortSignal): Promise<{ link: Link; release: () => void }> => {
    const giveBack = await free.take(signal);
    try {
      const link = idle.pop() ?? (await connect());
      return {
        link,
        release: () => {
          link.files.release();
          idle.push(link);
          giveBack();
        },
      };
    } catch (e) {
      giveBack();
      throw duckDbFailure(e);
    }
  };

  const session = async <T>(fn: (session: DuckDbSession) => Promise<T>, signal?: AbortSignal): Promise<T> => {
    const { link, release } = await take(signal);
    try {
      return await fn(sessionOn(link));
    } finally {
      release();
    }
  };
  const stream: DuckDbSession['stream'] = async (statement, run: RunOptions = {}) => {
    const watch = deadline(run);
    let taken: Awaited<ReturnType<typeof take>>;
    try {
      taken = await take(watch.signal);
    } catch (e) {
      watch.clear();
      throw watch.reason() ?? e;
    }
    return streamOn(taken.link, statement, watch, taken.release);
  };

  /** Interrupts what runs, and waits until nobody works on a connection: closing one under a running statement ends the process. */
  const quiet = async (): Promise<void> => {
    const interrupt = setInterval(() => {
      for (const link of links) if (!idle.includes(link)) link.connection.interrupt();
    }, 10);
    const everyone = Promise.all(Array.from({ length: sessions }, () => free.take()));
    // A stream that nobody reads on keeps its connection, but runs nothing.
    await Promise.race([everyone, pause(LONGEST_CLOSE, undefined, { ref: false })]);
    clearInterval(interrupt);
  };

  // A connection first: what is wrong with the settings shows at the start.
  idle.push(await connect().catch(failed));
  return {
    engine: { name: 'duckdb', dialect: 'duckdb', run: stream, close: async () => {} },
    execute: (sql, parameters, run) => session((s) => s.execute(sql, parameters, run), run?.signal),
    query: (sql, parameters, run) => session((s) => s.query(sql, parameters, run), run?.signal),
    read: (statement, run) => session((s) => s.read(statement, run), run?.signal),
    stream,
    session: (fn) => session(fn),
    async close() {
      await quiet();
      for (const link of links) {
        for (const { statement } of link.prepared.values()) statement.destroySync();
        link.prepared.clear();
        link.preparedText = 0;
        link.connection.closeSync();
      }
      instance.closeSync();
      await rm(folder, { recursive: true, force: true });
    },
  };
};
