import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  appendFiles,
  createTable,
  evolveTable,
  openTable,
  optimizeTable,
  overwritePartitions,
  overwriteTable,
  relation,
  restoreTable,
  type Snapshot,
  setProperties,
  tableAt,
  upsertRows,
  vacuumTable,
  writeParquet,
} from '../../src/store/delta/index.js';
import { duckdb } from './parquet-engine.js';

let engine: Awaited<ReturnType<typeof duckdb>>;
let root: string;
let tables = 0;
beforeAll(async () => {
  engine = await duckdb();
  root = await mkdtemp(join(tmpdir(), 'assay-model-'));
});
afterAll(async () => {
  await engine.close();
  await rm(root, { recursive: true, force: true });
});

/** One row: partition, key, value, and the columns that came later. */
type Row = readonly [p: string | null, k: number, v: string, extra: number | null];
type Rows = readonly Row[];

type Step =
  | { readonly kind: 'append' | 'overwrite' | 'partitions' | 'upsert'; readonly rows: Rows }
  | { readonly kind: 'evolve' | 'optimize' | 'zorder' | 'vacuum' | 'reopen' }
  | { readonly kind: 'restore'; readonly back: number };

const partition = fc.constantFrom('a', 'b/%é', null);
const row = fc
  .tuple(
    partition,
    fc.integer({ min: 0, max: 12 }),
    fc.constantFrom('', 'x', "y'z"),
    fc.option(fc.integer({ min: -5, max: 5 }), { nil: null }),
  )
  .map((values): Row => values);
const rows = fc.array(row, { maxLength: 8 });
/** Each key once and with a partition, as an upsert wants it. */
const keyed = rows.map((list) => [
  ...new Map(list.map(([p, k, v, e]) => [`${p ?? 'a'} ${k}`, [p ?? 'a', k, v, e] as Row])).values(),
]);
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 4, arbitrary: rows.map((r) => ({ kind: 'append', rows: r }) as const) },
  { weight: 4, arbitrary: keyed.map((r) => ({ kind: 'upsert', rows: r }) as const) },
  { weight: 2, arbitrary: rows.map((r) => ({ kind: 'partitions', rows: r }) as const) },
  { weight: 1, arbitrary: rows.map((r) => ({ kind: 'overwrite', rows: r }) as const) },
  {
    weight: 1,
    arbitrary: fc.constantFrom('evolve', 'optimize', 'zorder', 'vacuum', 'reopen').map((kind) => ({ kind })),
  },
  { weight: 1, arbitrary: fc.nat(6).map((back) => ({ kind: 'restore', back }) as const) },
) as fc.Arbitrary<Step>;

const literal = (value: string | number | null): string =>
  value === null ? 'NULL' : typeof value === 'number' ? String(value) : `'${value.replaceAll("'", "''")}'`;
/** The rows as a SELECT; `wide` where the table has the later column. */
const selectOf = (list: Rows, wide: boolean): string => {
  const values = list.map((r) => `(${r.map(literal).join(', ')})`).join(', ');
  const from =
    list.length === 0
      ? '(VALUES (NULL, 0, NULL, 0)) t(p, k, v, extra) WHERE false'
      : `(VALUES ${values}) t(p, k, v, extra)`;
  return `SELECT p::VARCHAR AS p, k::BIGINT AS k, v::VARCHAR AS v${wide ? ', extra::INTEGER AS extra' : ''} FROM ${from}`;
};
const inOrder = (list: Rows) => list.map((r) => JSON.stringify(r)).sort();

/** A table and what it should hold at each of its versions. */
class Checked {
  readonly path = join(root, `t${++tables}`);
  /** Rows of each version, and whether it has the later column. */
  readonly versions = new Map<number, { readonly rows: Rows; readonly wide: boolean }>();
  /** Versions before this one may have lost files. */
  cleaned = 0;
  private steps = 0;

  async open(version?: number): Promise<Snapshot> {
    const found = await openTable(this.path, engine, version);
    if (!found) throw new Error(`no version ${version} of ${this.path}`);
    return found;
  }

  private get newest() {
    const at = Math.max(...this.versions.keys());
    return { at, ...(this.versions.get(at) ?? { rows: [], wide: false }) };
  }

  async make(): Promise<void> {
    const columns = [
      { name: 'p', type: { kind: 'string' }, nullable: true },
      { name: 'k', type: { kind: 'bigint' }, nullable: true },
      { name: 'v', type: { kind: 'string' }, nullable: true },
    ] as const;
    const configuration = { 'delta.checkpointInterval': '3' };
    await createTable(this.path, engine, { columns, partitionColumns: ['p'], configuration });
    this.versions.set(0, { rows: [], wide: false });
  }

  private async staged(list: Rows) {
    const snapshot = await this.open();
    const txnId = `s${++this.steps}`;
    const select = selectOf(list, this.newest.wide);
    return { snapshot, txnId, staged: await writeParquet({ snapshot, select, sortBy: ['k'], stepId: txnId }) };
  }

  private async rowsAfter(move: Step): Promise<Rows> {
    const { rows: now, wide } = this.newest;
    const shaped = (list: Rows): Rows => (wide ? list : list.map(([p, k, v]) => [p, k, v, null]));
    switch (move.kind) {
      case 'append':
        await appendFiles(await this.staged(move.rows));
        return [...now, ...shaped(move.rows)];
      case 'overwrite':
        await overwriteTable(await this.staged(move.rows));
        return shaped(move.rows);
      case 'partitions': {
        await overwritePartitions(await this.staged(move.rows));
        const gone = new Set(move.rows.map(([p]) => p));
        return [...now.filter(([p]) => !gone.has(p)), ...shaped(move.rows)];
      }
      case 'upsert': {
        const txnId = `s${++this.steps}`;
        const select = selectOf(move.rows, wide);
        await upsertRows({ snapshot: await this.open(), select, key: ['p', 'k'], stepId: txnId, txnId });
        const keys = new Set(move.rows.map(([p, k]) => `${p} ${k}`));
        // Rows that stand there twice under one key are one row afterwards, whatever they hold.
        return [...now.filter(([p, k]) => p === null || !keys.has(`${p} ${k}`)), ...shaped(move.rows)];
      }
      case 'evolve':
        await evolveTable(
          tableAt(this.path, engine),
          { type: 'struct', fields: [{ name: 'extra', type: 'integer', nullable: true, metadata: {} }] },
          { txnId: `s${++this.steps}` },
        );
        return now;
      case 'optimize':
      case 'zorder': {
        const order = move.kind === 'zorder' ? { zorderBy: ['v', 'k'], targetBytes: 100 } : {};
        await optimizeTable(tableAt(this.path, engine), { txnId: `s${++this.steps}`, ...order });
        return now;
      }
      case 'vacuum':
        await vacuumTable(tableAt(this.path, engine), { now: Date.now() + 169 * 3_600_000 });
        this.cleaned = this.newest.at;
        return now;
      case 'restore': {
        const to = Math.max(this.cleaned, this.newest.at - move.back);
        await restoreTable(tableAt(this.path, engine), { to: { version: to }, txnId: `s${++this.steps}` });
        return this.versions.get(to)?.rows ?? [];
      }
      case 'reopen':
        // Same values: a commit that changes nothing but the version.
        await setProperties(tableAt(this.path, engine), { 'app.n': String(++this.steps) }, { txnId: `s${this.steps}` });
        return now;
    }
  }

  async take(move: Step): Promise<void> {
    const before = this.newest;
    const list = await this.rowsAfter(move);
    const { version, schema } = await this.open();
    const wide = schema.fields.length === 4;
    if (version !== before.at) this.versions.set(version, { rows: list, wide });
    else expect(inOrder(list)).toEqual(inOrder(before.rows));
  }

  async check(version: number): Promise<void> {
    const wanted = this.versions.get(version);
    const snapshot = await this.open(version);
    const extra = wanted?.wide ? 'extra' : 'NULL';
    const found = await engine.query(`SELECT p, k::INTEGER AS k, v, ${extra} AS extra FROM ${relation(snapshot)}`);
    const list = found.map((r) => [r['p'], Number(r['k']), r['v'], r['extra']] as unknown as Row);
    expect(inOrder(list), `version ${version}`).toEqual(inOrder(wanted?.rows ?? []));
    const counted = snapshot.adds.reduce(
      (n, { stats }) => n + (JSON.parse(stats ?? '{}') as { numRecords: number }).numRecords,
      0,
    );
    expect(counted).toBe(list.length);
  }
}

describe('any sequence of changes', () => {
  it('leaves in every version the rows that a plain list has', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 3, maxLength: 9 }), async (moves) => {
        const table = new Checked();
        await table.make();
        for (const move of moves) await table.take(move);
        for (const version of table.versions.keys()) if (version >= table.cleaned) await table.check(version);
        await rm(table.path, { recursive: true });
      }),
      { numRuns: process.env['CI'] === 'true' ? 40 : 15, seed: 20_101_201, endOnFailure: true },
    );
  });
});
