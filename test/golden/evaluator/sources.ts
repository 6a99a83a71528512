import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Ask, makeAsk } from '../../../src/answer/run/index.js';
import { noEmit } from '../../../src/query/index.js';
import { openWarehouse, startCluster } from '../../../src/store/engine/index.js';
import { openWorld, tablesOf } from '../../star/world.js';
import type { Count, Line } from './lines.js';

/** One star in PostgreSQL and in DuckDB, with rollups there, and what answers over each. */
export interface Sources {
  readonly lake: Ask;
  readonly postgres: Ask;
  load(lines: readonly Line[], counts?: readonly Count[]): Promise<void>;
  /** Rows of a statement over the tables in PostgreSQL, as texts; `width` is the number of its columns. */
  sql(statement: string, width: number): Promise<(string | null)[][]>;
  close(): Promise<void>;
}

export const openSources = async (): Promise<Sources> => {
  const end: (() => unknown)[] = [];
  const close = async () => {
    for (const work of end.reverse()) await work();
  };
  try {
    const home = mkdtempSync(join(tmpdir(), 'assay-evaluator-'));
    chmodSync(home, 0o755);
    end.push(() => rmSync(home, { recursive: true, force: true }));
    const cluster = await startCluster({ kind: 'scratch', home, emit: noEmit });
    end.push(() => cluster.stop());
    const warehouse = await openWarehouse({ url: cluster.url, emit: noEmit });
    end.push(() => warehouse.close());
    await warehouse.query('CREATE SCHEMA star');
    const world = await openWorld();
    end.push(() => world.close());
    const publication = { revision: 0, tables: new Map() };
    const postgres = makeAsk({
      ...world.parts,
      engines: { ...world.parts.engines, postgres: warehouse.engine },
      publications: { current: () => publication, refresh: async () => publication },
      rollups: { ...world.parts.rollups, inventory: () => ({ states: new Map() }) },
      rawSource: 'postgres',
    });
    return {
      lake: world.ask,
      postgres,
      load: async (lines, counts = []) => {
        await world.load(lines, counts);
        for (const statement of tablesOf(lines, counts)) await warehouse.query(statement);
      },
      sql: async (statement, width) => {
        // columns of one name would be one value of a row
        const names = Array.from({ length: width }, (_, i) => `c${i}`).join(', ');
        const { rows } = await warehouse.query(`SELECT * FROM (${statement}) AS r(${names})`);
        return rows.map((row) => Object.values(row).map((v) => (v === null ? null : String(v))));
      },
      close,
    };
  } catch (thrown) {
    await close();
    throw thrown;
  }
};
