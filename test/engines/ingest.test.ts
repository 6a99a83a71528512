import { createHash } from 'node:crypto';
import { createWriteStream, readFileSync } from 'node:fs';
import { mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import {
  bronzePath,
  demoRows,
  type IngestFile,
  ingestFile,
  REJECTED_TABLE,
  recoverIngest,
  SYNTHETIC,
} from '../../src/build/ingest/index.js';
import { noEmit } from '../../src/query/index.js';
import { openTable, relation } from '../../src/store/delta/index.js';
import { memoryLedger } from './memory-ledger.js';
import { duckdb } from './parquet-engine.js';

const SAMPLE = resolve(import.meta.dirname, '../../data/online-retail-sample.csv');
const HEADER = 'InvoiceNo,StockCode,Description,Quantity,InvoiceDate,UnitPrice,CustomerID,Country\n';
const line = (n: number) => `${536365 + n},85123A,HEART,6,12/1/10 8:26,2.55,17850,United Kingdom\n`;
const ROWS = 'bronze.online_retail';

let engine: Awaited<ReturnType<typeof duckdb>>;
let root: string;
let lake: string;
let state: ReturnType<typeof memoryLedger>;
let runs = 0;
beforeAll(async () => {
  engine = await duckdb();
  root = await mkdtemp(join(tmpdir(), 'assay-ingest-'));
});
afterAll(async () => {
  await engine.close();
  await rm(root, { recursive: true, force: true });
});
beforeEach(() => {
  lake = join(root, `lake${++runs}`);
  state = memoryLedger();
});
const into = () => ({ lake, parquet: engine, ledger: state.ledger, emit: noEmit });
const take = (file: string, options: Partial<IngestFile> = {}) =>
  ingestFile({ ...into(), file, source: 'online_retail', ...options });
const given = async (content: string | Buffer, name = 'given.csv') => {
  const file = join(root, `${++runs}-${name}`);
  await writeFile(file, content);
  return file;
};
const query = async (table: string, select: string) => {
  const snapshot = await openTable(bronzePath(lake, table), engine);
  if (!snapshot) throw new Error(`no table ${table}`);
  return engine.query(select.replace('$table', relation(snapshot)));
};
const count = async (table: string) => Number((await query(table, 'SELECT count(*)::VARCHAR n FROM $table'))[0]?.['n']);
const rejects = () =>
  query(
    REJECTED_TABLE,
    `SELECT reason, _row_number::INTEGER AS n, line_number::INTEGER AS line, byte_offset::INTEGER AS "offset",
      byte_length::INTEGER AS "length", raw_text AS raw, sha256 FROM $table ORDER BY n`,
  );
const left = async () => ({
  staging: (await readdir(join(lake, 'bronze', '_staging')).catch(() => [])).length,
  manifests: (await readdir(join(lake, 'bronze', '_batches')).catch(() => [])).length,
});
const nothing = { staging: 0, manifests: 0 };

describe('the real sample', () => {
  it('is taken in whole, byte for byte, and a second time adds nothing', async () => {
    const first = await take(SAMPLE, { now: () => 1_291_190_400_123_456n });
    expect(first).toMatchObject({ read: 28_492, rows: 28_492, rejected: 0, duplicate: false, encoding: 'utf-8' });
    const second = await take(SAMPLE);
    expect(second).toMatchObject({ ...first, duplicate: true });
    expect(await count(ROWS)).toBe(28_492);
    expect(await count(REJECTED_TABLE)).toBe(0);
    // An independent reading: DuckDB's own CSV reader on the file itself.
    const columns = HEADER.trim()
      .split(',')
      .map((name) => `coalesce("${name}", '') AS "${name}"`);
    const [row] = await query(
      ROWS,
      `WITH ours AS (SELECT ${columns.join(', ')}, _row_number FROM $table),
        theirs AS (SELECT ${columns.join(', ')}, row_number() OVER () AS _row_number
          FROM read_csv('${SAMPLE}', all_varchar=true, header=true, parallel=false))
       SELECT (SELECT count(*) FROM (FROM ours EXCEPT ALL FROM theirs))::VARCHAR a,
         (SELECT count(*) FROM (FROM theirs EXCEPT ALL FROM ours))::VARCHAR b`,
    );
    expect(row).toEqual({ a: '0', b: '0' });
    const audit = await query(
      ROWS,
      'SELECT DISTINCT _source_file, _batch_id, epoch_us(_ingested_at)::VARCHAR AS us, ingestion_date::VARCHAR AS d, source_system FROM $table',
    );
    expect(audit).toEqual([
      {
        _source_file: 'online-retail-sample.csv',
        _batch_id: first.batchId,
        us: '1291190400123456',
        d: '2010-12-01',
        source_system: 'online_retail',
      },
    ]);
    expect(await left()).toEqual(nothing);
  });

  it('is refused with a missing, a renamed or an added column, before anything is written', async () => {
    const text = readFileSync(SAMPLE, 'utf8');
    for (const header of [
      HEADER.replace(',Country', ''),
      HEADER.replace('CustomerID', 'Customer ID'),
      HEADER.replace('Country', 'Country,Extra'),
      HEADER.replaceAll(',', ';'),
    ]) {
      const file = await given(text.replace(HEADER, header));
      await expect(take(file)).rejects.toMatchObject({ code: 'file-refused' });
    }
    expect(await readdir(lake).catch(() => [])).toEqual([]);
  });

  it('is taken in with its columns in another order', async () => {
    const file = await given(
      'Country,CustomerID,UnitPrice,InvoiceDate,Quantity,Description,StockCode,InvoiceNo\nUK,7,1.5,12/1/10 8:26,6,X,85123A,536365\n',
    );
    await take(file);
    expect(await query(ROWS, 'SELECT "InvoiceNo", "Description", "Country" FROM $table')).toEqual([
      { InvoiceNo: '536365', Description: 'X', Country: 'UK' },
    ]);
  });
});

describe('damaged and odd files', () => {
  it('keeps what cannot be split, with reason, place and hash; numbers are not looked at', async () => {
    const bad = ['1,2,3', '"never closed,1,2,3,4,5,6,7', '', '1,2,3,4,5,6,7,8,9', '"x"y,2,3,4,5,6,7,8'];
    const odd = 'not a number,85123A,"two\nlines, and ""quotes""",many,yesterday,free,,\n';
    const file = await given(`${HEADER}${line(1)}${odd}${bad.join('\n')}\n${line(2)}`);
    expect(await take(file)).toMatchObject({ read: 8, rows: 3, rejected: 5 });
    const text = readFileSync(file, 'utf8');
    expect(await rejects()).toEqual(
      bad.map((raw, i) => ({
        reason: ['too_few_fields', 'unbalanced_quote', 'empty_line', 'too_many_fields', 'text_after_quote'][i],
        n: i + 3,
        line: i + 5,
        offset: raw === '' ? text.indexOf('\n\n') + 1 : text.indexOf(`\n${raw}`) + 1,
        length: raw.length,
        raw,
        sha256: createHash('sha256').update(raw).digest('hex'),
      })),
    );
    expect(
      await query(
        ROWS,
        `SELECT "Description" AS d, "Quantity" AS q, "CustomerID" AS c FROM $table WHERE _row_number = 2`,
      ),
    ).toEqual([{ d: 'two\nlines, and "quotes"', q: 'many', c: '' }]);
  });

  it('reads UTF-8 with and without a mark, falls back to Windows-1252 as a whole, and obeys --encoding', async () => {
    const row = (name: string) => `1,2,${name},4,5,6,7,8\n`;
    const description = async () =>
      (await query(ROWS, 'SELECT "Description" AS d FROM $table ORDER BY _ingested_at DESC LIMIT 1'))[0]?.['d'];
    const marked = await given(Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), Buffer.from(HEADER + row('café €'))]));
    expect((await take(marked, { now: () => 1n })).encoding).toBe('utf-8');
    expect(await description()).toBe('café €');
    const windows = await given(Buffer.from(HEADER + row('caf\xe9 \x80'), 'latin1'));
    expect((await take(windows, { now: () => 2n })).encoding).toBe('windows-1252');
    expect(await description()).toBe('café €');
    const mixed = await given(Buffer.concat([Buffer.from(HEADER + row('é')), Buffer.from(row('\xe9'), 'latin1')]));
    expect(await take(mixed, { encoding: 'utf-8', now: () => 3n })).toMatchObject({ rows: 1, rejected: 1 });
    expect((await rejects()).map((r) => r['reason'])).toEqual(['invalid_encoding']);
    await expect(take(mixed, { encoding: 'ebcdic' })).rejects.toMatchObject({ code: 'usage' });
  });

  it('refuses what is no text, empty, absent or a folder; takes a header alone', async () => {
    const utf16 = Buffer.concat([Buffer.from([0xff, 0xfe]), Buffer.from(HEADER, 'utf16le')]);
    for (const content of ['', `${HEADER}1,\0,3\n`, utf16])
      await expect(take(await given(content))).rejects.toMatchObject({ code: 'file-refused' });
    await expect(take(join(root, 'absent.csv'))).rejects.toMatchObject({ code: 'file-unreadable' });
    await expect(take(root)).rejects.toMatchObject({ code: 'file-unreadable' });
    await expect(take(SAMPLE, { source: 'nothing' })).rejects.toMatchObject({ code: 'source-unknown' });
    expect(await take(await given(HEADER))).toMatchObject({ read: 0, rows: 0, rejected: 0, rowsVersion: null });
  });

  it('stops when it is cancelled, and leaves nothing behind', async () => {
    const stop = new AbortController();
    stop.abort();
    await expect(take(SAMPLE, { signal: stop.signal })).rejects.toMatchObject({ code: 'cancelled' });
    expect(await left()).toEqual(nothing);
  });

  it('keeps the head of a line of 300 MB, its length and hash, in little memory', async () => {
    const file = join(root, 'long.csv');
    const piece = Buffer.alloc(1 << 20, 'x');
    const hash = createHash('sha256');
    await pipeline(function* () {
      yield HEADER + line(1);
      for (let i = 0; i < 300; i++) {
        hash.update(piece);
        yield piece;
      }
      yield `\r\n${line(2)}`;
    }, createWriteStream(file));
    const before = process.memoryUsage().rss;
    let peak = 0;
    const timer = setInterval(() => {
      peak = Math.max(peak, process.memoryUsage().rss);
    }, 5);
    const result = await take(file);
    clearInterval(timer);
    expect(result).toMatchObject({ read: 3, rows: 2, rejected: 1 });
    expect((await rejects()).map(({ raw, ...r }) => ({ ...r, raw: String(raw).length }))).toEqual([
      {
        reason: 'record_too_large',
        n: 2,
        line: 3,
        offset: HEADER.length + line(1).length,
        length: 300 << 20,
        sha256: hash.digest('hex'),
        raw: 1 << 20,
      },
    ]);
    expect((peak - before) / (1 << 20)).toBeLessThan(200);
  });
});

describe('a process that stopped', () => {
  const content = `${HEADER}${line(1)}broken\n${line(2)}`;
  const counts = async () => [await count(ROWS), await count(REJECTED_TABLE)];

  it('after both commits: the next start records the batch, once', async () => {
    const file = await given(content);
    state.state.failing = true;
    await expect(take(file)).rejects.toThrow('the state store is gone');
    state.state.failing = false;
    expect(await recoverIngest(into())).toMatchObject([
      { read: 3, rows: 2, rejected: 1, rowsVersion: 1, rejectsVersion: 1 },
    ]);
    expect(await recoverIngest(into())).toEqual([]);
    expect(await take(file)).toMatchObject({ duplicate: true, rows: 2, rejected: 1 });
    expect(await counts()).toEqual([2, 1]);
    expect(await left()).toEqual(nothing);
  });

  it('between rejects and rows: the next start commits the rows', async () => {
    const file = await given(content);
    state.state.failing = true;
    await expect(take(file)).rejects.toThrow();
    state.state.failing = false;
    // The log as it was before the second commit.
    await rm(join(bronzePath(lake, ROWS), '_delta_log', '00000000000000000001.json'));
    expect(await counts()).toEqual([0, 1]);
    expect(await recoverIngest(into())).toMatchObject([{ rows: 2, rejected: 1 }]);
    expect(await counts()).toEqual([2, 1]);
    expect([...state.batches.values()]).toMatchObject([{ rowsVersion: 1, rejectsVersion: 1 }]);
    expect(await left()).toEqual(nothing);
  });

  it('before the first commit: the next start clears what was staged, and the file can be taken in again', async () => {
    const file = await given(content);
    state.state.failing = true;
    await expect(take(file)).rejects.toThrow();
    state.state.failing = false;
    for (const table of [ROWS, REJECTED_TABLE])
      await rm(join(bronzePath(lake, table), '_delta_log', '00000000000000000001.json'));
    expect(await recoverIngest(into())).toEqual([]);
    expect(await left()).toEqual(nothing);
    expect(await readdir(join(bronzePath(lake, ROWS), 'd'))).toEqual([]);
    expect(await take(file)).toMatchObject({ duplicate: false, rows: 2, rejected: 1 });
    expect(await counts()).toEqual([2, 1]);
  });

  it('and is found by the next ingest, without a start in between', async () => {
    const file = await given(content);
    state.state.failing = true;
    await expect(take(file)).rejects.toThrow();
    state.state.failing = false;
    expect(await take(file)).toMatchObject({ duplicate: true, rows: 2, rejected: 1 });
    expect(await counts()).toEqual([2, 1]);
  });

  it('two ingests of one file at once take it in once', async () => {
    const results = await Promise.all([take(SAMPLE), take(SAMPLE)]);
    expect(results.map((r) => r.duplicate).sort()).toEqual([false, true]);
    expect(await count(ROWS)).toBe(28_492);
  });
});

describe('generated data', () => {
  it('is the same for the same seed, is read without a reject, and is marked as synthetic', async () => {
    const [a, b, c] = ['a', 'b', 'c'].map((name) => join(root, `${name}.csv`)) as [string, string, string];
    await demoRows({ rows: 20_000, seed: 7, out: a });
    await demoRows({ rows: 20_000, seed: 7, out: b });
    await demoRows({ rows: 20_000, seed: 8, out: c });
    expect(readFileSync(a).equals(readFileSync(b))).toBe(true);
    expect(readFileSync(a).equals(readFileSync(c))).toBe(false);
    expect(await take(a)).toMatchObject({ read: 20_000, rows: 20_000, rejected: 0 });
    const [shape] = await query(
      ROWS,
      `SELECT count(DISTINCT source_system)::INTEGER AS systems, min(source_system) AS "system",
        avg(("CustomerID" = '')::INTEGER) AS anonymous, avg((starts_with("InvoiceNo", 'C'))::INTEGER) AS "returns",
        avg(("Country" = 'United Kingdom')::INTEGER) AS uk,
        count(DISTINCT strptime("InvoiceDate", '%-m/%-d/%y %-H:%M')::DATE)::INTEGER AS "days",
        count(*) FILTER (WHERE "Description" NOT IN ('') AND NOT ends_with("Description", '(SYNTHETIC)'))::INTEGER AS unmarked
       FROM $table`,
    );
    expect(shape).toMatchObject({ systems: 1, system: SYNTHETIC, unmarked: 0 });
    const share = (name: string) => Number(shape?.[name]);
    expect(share('anonymous')).toBeGreaterThan(0.15);
    expect(share('anonymous')).toBeLessThan(0.4);
    expect(share('returns')).toBeGreaterThan(0.005);
    expect(share('returns')).toBeLessThan(0.04);
    expect(share('uk')).toBeGreaterThan(0.85);
    expect(share('days')).toBeGreaterThan(300);
  });
});
