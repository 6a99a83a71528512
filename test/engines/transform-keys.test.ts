import { createHash } from 'node:crypto';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { keySql } from '../../src/build/transform/files/key-text.js';
import { noEmit } from '../../src/query/index.js';
import { type DuckDb, openDuckDb, openWarehouse, startCluster, type Warehouse } from '../../src/store/engine/index.js';

let home: string;
let duckdb: DuckDb;
let warehouse: Warehouse;
let stop: () => Promise<void>;
beforeAll(async () => {
  home = mkdtempSync(join(tmpdir(), 'assay-keys-'));
  chmodSync(home, 0o755);
  const cluster = await startCluster({ kind: 'scratch', home, emit: noEmit });
  warehouse = await openWarehouse({ url: cluster.url, emit: noEmit });
  duckdb = await openDuckDb({ memory: '200MB', threads: 1, tempDir: join(home, 'spill'), emit: noEmit });
  stop = async () => {
    await duckdb.close();
    await warehouse.close();
    await cluster.stop();
  };
});
afterAll(async () => {
  await stop();
  rmSync(home, { recursive: true, force: true });
});

/** The key by the words of the definition, in this language: a third reading beside the two engines. */
const keyOf = (parts: readonly (string | null)[]): string => {
  const text = parts.map((part) =>
    part === null ? '\\N' : part.replaceAll('\\', '\\\\').replaceAll('\u001f', '\\x1f'),
  );
  const hex = createHash('md5').update(text.join('\u001f'), 'utf8').digest('hex').slice(0, 15);
  return BigInt(`0x${hex}`).toString();
};

/** A value as SQL that both engines read, and its canonical text. `timestamp`: as the parts of a key mark it. */
interface Part {
  readonly sql: string;
  readonly text: string | null;
  readonly timestamp?: boolean;
}
const quoted = (text: string): string => `'${text.replaceAll("'", "''")}'`;
const string = (text: string): Part => ({ sql: `CAST(${quoted(text)} AS varchar)`, text });
const timestamp = (sql: string, text: string | null): Part => ({
  sql: `CAST(${sql} AS timestamptz)`,
  text,
  timestamp: true,
});

const both = async (parts: readonly Part[]): Promise<{ readonly duckdb: string; readonly postgres: string }> => {
  const written = parts.map(({ sql, timestamp: marked }) => (marked ? `timestamp ${sql}` : sql));
  const [duck] = await duckdb.query<{ k: string }>(`SELECT CAST(${keySql(written, 'duckdb')} AS varchar) AS k`);
  const { rows } = await warehouse.query<{ k: string }>(`SELECT (${keySql(written, 'postgres')})::text AS k`);
  return { duckdb: String(duck?.k), postgres: String(rows[0]?.k) };
};

const CASES: readonly (readonly [string, readonly Part[]])[] = [
  ['a text', [string('a')]],
  ['no text at all', [string('')]],
  ['null', [{ sql: 'CAST(NULL AS varchar)', text: null }]],
  ['the text that null is written as', [string('\\N')]],
  ['backslashes and the separator', [string('a\\b\\\\'), string('\u001f'), string('x1f\\x1f')]],
  ['letters of the world, spaces and quotes', [string('  Änderung 東京 🚀 '), string('it\'s "so"')]],
  [
    'numbers',
    [
      { sql: 'CAST(-42 AS integer)', text: '-42' },
      { sql: 'CAST(9223372036854775807 AS bigint)', text: '9223372036854775807' },
    ],
  ],
  [
    'decimals with their scale',
    [
      { sql: 'CAST(1.5 AS decimal(10,3))', text: '1.500' },
      { sql: 'CAST(-0.05 AS decimal(18,2))', text: '-0.05' },
      { sql: 'CAST(0 AS decimal(12,2))', text: '0.00' },
    ],
  ],
  [
    'dates and truth',
    [
      { sql: "CAST('2010-12-01' AS date)", text: '2010-12-01' },
      { sql: 'true', text: 'true' },
      { sql: '(1 = 2)', text: 'false' },
    ],
  ],
  [
    'instants, whatever zone they are written in',
    [
      timestamp("'2010-12-01 08:26:00+00'", '2010-12-01T08:26:00.000000Z'),
      timestamp("'2010-12-01 00:00:00.000001+05:30'", '2010-11-30T18:30:00.000001Z'),
      timestamp('NULL', null),
    ],
  ],
];

describe('a key', () => {
  it.each(CASES)('of %s is the same on DuckDB and on PostgreSQL', async (_what, parts) => {
    const key = keyOf(parts.map(({ text }) => text));
    expect(await both(parts)).toEqual({ duckdb: key, postgres: key });
  });
  it("of 'a' is the number that the definition names", async () => {
    expect(await both([string('a')])).toEqual({ duckdb: '57446577476672362', postgres: '57446577476672362' });
  });
  it('does not hang on the zone of the session', async () => {
    const part = timestamp("'2010-12-01 08:26:00+00'", '2010-12-01T08:26:00.000000Z');
    const sql = keySql([`timestamp ${part.sql}`], 'postgres');
    const found = await warehouse.transaction(async (tx) => {
      await tx.query("SET LOCAL TimeZone = 'America/New_York'");
      return (await tx.query<{ k: string }>(`SELECT (${sql})::text AS k`)).rows[0]?.k;
    });
    expect(found).toBe(keyOf([part.text]));
  });
  it('of any texts is the same, and parts are told apart', async () => {
    const piece = fc.oneof(fc.string({ unit: 'grapheme' }), fc.constantFrom('\\', '\u001f', '\\N', 'x1f', ''));
    const text = fc.array(piece, { maxLength: 4 }).map((pieces) => pieces.join('').replaceAll('\u0000', ''));
    await fc.assert(
      fc.asyncProperty(fc.array(text, { minLength: 1, maxLength: 3 }), async (texts) => {
        const key = keyOf(texts);
        expect(await both(texts.map(string))).toEqual({ duckdb: key, postgres: key });
        if (texts.length > 1) expect(keyOf([texts.join('\u001f')])).not.toBe(key);
      }),
      { seed: 15, numRuns: 100 },
    );
  });
  it('is written for Spark without a literal that Spark would read otherwise', () => {
    expect(keySql(['lower(name)', 'timestamp sold_at'], 'spark')).toBe(
      "CAST(conv(substr(md5(coalesce(replace(replace(CAST(lower(name) AS string), chr(92), chr(92) || chr(92)), chr(31), chr(92) || 'x1f'), chr(92) || 'N') || chr(31) || coalesce(replace(replace(concat(date_format(sold_at, 'yyyy-MM-dd'), 'T', date_format(sold_at, 'HH:mm:ss.SSSSSS'), 'Z'), chr(92), chr(92) || chr(92)), chr(31), chr(92) || 'x1f'), chr(92) || 'N')), 1, 15), 16, 10) AS bigint)",
    );
  });
});
