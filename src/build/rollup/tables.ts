import { randomBytes } from 'node:crypto';
import { error } from '../../errors/index.js';
import { literal, orCancelled, quoted, type RollupDuckDb } from './duckdb.js';
import { duckdbType, type StoredLayout } from './layout.js';

/** One table to have. */
export interface TableWish {
  /** Tells rollup, partition and version: what is behind a key never changes. */
  readonly key: string;
  readonly layout: StoredLayout;
  /** Gives the file to load; undefined for a partition without rows. */
  readonly file: ((signal: AbortSignal) => Promise<string>) | undefined;
}

interface Loaded {
  readonly key: string;
  /** Its name in DuckDB, never used again: a table that is being dropped cannot be taken for a new one. */
  readonly name: string;
  bytes: number;
  pins: number;
  /** Ends when the table stands. */
  ready: Promise<void>;
  /** Grows with each use. */
  used: number;
}

/** Loaded tables within a memory budget, least recently used first out. */
export interface Tables {
  /** Loads what is missing, each table once however many ask, and holds all until `release`. */
  hold(wishes: readonly TableWish[], signal?: AbortSignal): Promise<{ readonly names: string[]; release(): void }>;
  bytes(): number;
  count(): number;
  /** Drops tables that nobody holds and that are not among these. */
  keepOnly(keys: ReadonlySet<string>): Promise<void>;
  close(): Promise<void>;
}

const WIDTH: Readonly<Record<string, number>> = {
  boolean: 1,
  integer: 4,
  date: 4,
  bigint: 8,
  double: 8,
  timestamp: 8,
  string: 16,
};
const widthOf = (layout: StoredLayout): number =>
  layout.columns.reduce(
    (n, c) => n + (c.type.kind === 'decimal' ? (c.type.precision > 18 ? 16 : 8) : (WIDTH[c.type.kind] ?? 16)) + 1,
    0,
  );

export const openTables = (
  duckdb: RollupDuckDb,
  budget: number,
  onLoaded: (key: string, bytes: number) => void,
  onError: (thrown: unknown) => void,
): Tables => {
  const loaded = new Map<string, Loaded>();
  const closing = new AbortController();
  const mine = randomBytes(4).toString('hex'); // another node of the same process has names of its own
  let clock = 0;
  let made = 0;
  let total = 0;

  const drop = async (table: Loaded): Promise<void> => {
    loaded.delete(table.key);
    total -= table.bytes;
    await duckdb.execute(`DROP TABLE IF EXISTS ${quoted(table.name)}`);
  };
  const evict = async (): Promise<void> => {
    const idle = [...loaded.values()].filter((t) => t.pins === 0).sort((a, b) => a.used - b.used);
    for (const table of idle) {
      if (total <= budget) return;
      if (table.pins === 0 && loaded.get(table.key) === table) await drop(table);
    }
  };
  /** Makes the table and tells its size. It belongs to all who wait for it, so one caller's cancel does not end it. */
  const load = async (table: Loaded, wish: TableWish): Promise<void> => {
    const { layout } = wish;
    const columns = layout.columns.map((c) => `CAST(${quoted(c.name)} AS ${duckdbType(c.type)}) AS ${quoted(c.name)}`);
    const file = wish.file && (await wish.file(closing.signal));
    await duckdb.execute(
      file === undefined
        ? `CREATE TABLE ${quoted(table.name)} (${layout.columns.map((c) => `${quoted(c.name)} ${duckdbType(c.type)}`).join(', ')})`
        : `CREATE TABLE ${quoted(table.name)} AS SELECT ${columns.join(', ')} FROM read_parquet(${literal(file)})`,
      [],
      { signal: closing.signal },
    );
    const texts = layout.columns
      .filter((c) => c.type.kind === 'string')
      .map((c) => `coalesce(sum(strlen(${quoted(c.name)})), 0)`);
    const [size] = await duckdb.query<{ n: bigint }>(
      `SELECT CAST(count(*) * ${widthOf(layout)}${texts.map((t) => ` + ${t}`).join('')} AS BIGINT) AS n FROM ${quoted(table.name)}`,
      [],
      { signal: closing.signal },
    );
    table.bytes = Number(size?.n ?? 0n);
    total += table.bytes;
    onLoaded(table.key, table.bytes);
  };
  const take = (wish: TableWish): Loaded => {
    let table = loaded.get(wish.key);
    if (!table) {
      made += 1;
      const fresh: Loaded = {
        key: wish.key,
        name: `rollup ${wish.key} ${mine}${made}`,
        bytes: 0,
        pins: 0,
        used: 0,
        ready: Promise.resolve(),
      };
      fresh.ready = load(fresh, wish).catch((thrown) => {
        if (loaded.get(fresh.key) === fresh) loaded.delete(fresh.key);
        throw thrown;
      });
      loaded.set(wish.key, fresh);
      table = fresh;
    }
    clock += 1;
    table.used = clock;
    table.pins += 1;
    return table;
  };

  return {
    hold: async (wishes, signal) => {
      if (signal?.aborted) throw error('cancelled', {});
      const held = wishes.map(take);
      let over = false;
      const release = () => {
        if (over) return;
        over = true;
        for (const table of held) table.pins -= 1;
        if (total > budget) evict().catch(onError);
      };
      try {
        const all = await untilAborted(Promise.allSettled(held.map((t) => t.ready)), signal);
        const failed = all.find((r) => r.status === 'rejected');
        if (failed) throw failed.reason;
        if (total > budget) await evict();
      } catch (thrown) {
        release();
        throw thrown;
      }
      return { names: held.map((t) => quoted(t.name)), release };
    },
    bytes: () => total,
    count: () => loaded.size,
    keepOnly: async (keys) => {
      for (const table of [...loaded.values()]) if (table.pins === 0 && !keys.has(table.key)) await drop(table);
    },
    close: async () => {
      closing.abort();
      await Promise.allSettled([...loaded.values()].map((t) => t.ready));
      for (const table of [...loaded.values()]) await drop(table);
    },
  };
};

/** Waits for shared work no longer than one caller wants to. */
const untilAborted = <T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> => {
  if (!signal) return work;
  return orCancelled(
    signal,
    () =>
      new Promise<T>((resolve, reject) => {
        const stop = () => reject(error('cancelled', {}));
        signal.addEventListener('abort', stop, { once: true });
        work.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
      }),
  );
};
