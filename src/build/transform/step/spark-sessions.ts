import { randomUUID } from 'node:crypto';
import { access, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { AssayError } from '../../../errors/index.js';
import type { Emit } from '../../../query/index.js';
import { openSpark, type SparkGateway } from '../../../store/engine/index.js';

/** Whether steps can run on the Spark server now. */
export type SparkReach = { readonly reachable: true } | { readonly reachable: false; readonly why: string };

/** The sessions of this process on one Spark Connect server. */
export interface Spark {
  /**
   * Runs work in a session that nobody else uses meanwhile; its views are the work's to drop. After an error it is not used again.
   * Errors: those of the work, `spark-unavailable`, `spark-refused`, `cancelled`.
   */
  session<T>(work: (gateway: SparkGateway) => Promise<T>, signal?: AbortSignal): Promise<T>;
  /**
   * Asks the server whether it answers and writes where we read: a folder that both must have at the same path. What it said is kept
   * while it can be reached. Errors: `cancelled`.
   */
  reach(folder: string, signal?: AbortSignal): Promise<SparkReach>;
  close(): Promise<void>;
}

export interface SparkSessions {
  /** `sc://host:port/;token=…`. Never printed. */
  readonly url: string;
  readonly emit: Emit;
  /** How long a server that does not answer is asked again, in milliseconds. Default 20,000. */
  readonly patience?: number;
}

/** How long a plan waits for a server that does not answer, in milliseconds. */
const PLAN_PATIENCE = 3_000;

/** How long a plan waits for a server to write one row: one that is busy with others is as good as away. */
const PLAN_WRITE = 60_000;

/** Sessions are opened when they are wanted, and the last ones are kept for the next step. */
export const sparkSessions = ({ url, emit, patience }: SparkSessions): Spark => {
  const idle: SparkGateway[] = [];
  const reached = new Map<string, SparkReach>();
  const open = (most: number | undefined, signal: AbortSignal | undefined) =>
    openSpark({ url, emit, ...(most === undefined ? {} : { patience: most }), ...(signal ? { signal } : {}) });
  const lend = async <T>(
    work: (gateway: SparkGateway) => Promise<T>,
    most: number | undefined,
    signal: AbortSignal | undefined,
  ): Promise<T> => {
    const gateway = idle.pop() ?? (await open(most, signal));
    try {
      const result = await work(gateway);
      idle.push(gateway);
      return result;
    } catch (thrown) {
      await gateway.close();
      throw thrown;
    }
  };
  return {
    session: (work, signal) => lend(work, patience, signal),
    reach: async (folder, signal) => {
      const known = reached.get(folder);
      if (known) return known;
      try {
        const found = await lend((gateway) => sharesFolder(gateway, folder, signal), PLAN_PATIENCE, signal);
        if (found.reachable) reached.set(folder, found);
        return found;
      } catch (thrown) {
        if (!(thrown instanceof AssayError) || thrown.code === 'cancelled' || signal?.aborted) throw thrown;
        return { reachable: false, why: thrown.message };
      }
    },
    close: async () => {
      for (const gateway of idle.splice(0)) await gateway.close();
    },
  };
};

/** Lets the server write a file and looks for it here. */
const sharesFolder = async (
  gateway: SparkGateway,
  folder: string,
  signal: AbortSignal | undefined,
): Promise<SparkReach> => {
  const path = join(folder, `_spark-${randomUUID()}`);
  try {
    const options = { milliseconds: PLAN_WRITE, ...(signal ? { signal } : {}) };
    await gateway.writeParquet({ sql: 'SELECT 1 AS one', path, partitionBy: [] }, options);
    const there = await access(path).then(
      () => readdir(path),
      () => [],
    );
    return there.some((name) => name.endsWith('.parquet'))
      ? { reachable: true }
      : {
          reachable: false,
          why: `the Spark server does not have the folder ${folder}: it must see it at the same path`,
        };
  } finally {
    await rm(path, { recursive: true, force: true });
  }
};
