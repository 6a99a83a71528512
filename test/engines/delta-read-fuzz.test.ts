import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { AssayError } from '../../src/errors/index.js';
import { damageOf, openTable, relation } from '../../src/store/delta/index.js';
import {
  add,
  field,
  lines,
  metaData,
  protocol,
  putCommits,
  putLog,
  remove,
  v,
  vectorBytes,
  vectorFile,
  z85,
} from './delta-log.js';
import { duckdb } from './parquet-engine.js';

let engine: Awaited<ReturnType<typeof duckdb>>;
let root: string;
let good: string;
const UUID = Buffer.from('00112233445566778899aabbccddeeff', 'hex');
const VECTOR = 'deletion_vector_00112233-4455-6677-8899-aabbccddeeff.bin';
const ROWS = ['1', '11', '12', '13', '3'];

beforeAll(async () => {
  engine = await duckdb();
  root = await mkdtemp(join(tmpdir(), 'assay-fuzz-'));
  good = join(root, 'good');
  await mkdir(good);
  for (const [name, from] of [
    ['a', 0],
    ['b', 10],
  ] as const)
    await engine.execute(
      `COPY (SELECT ${from} + range AS id FROM range(4)) TO '${join(good, name)}.parquet' (FORMAT parquet)`,
    );
  const two = vectorBytes([0, 2]);
  await writeFile(join(good, VECTOR), vectorFile([two]).bytes);
  const vector = { storageType: 'u', pathOrInlineDv: z85(UUID), offset: 1, sizeInBytes: two.length, cardinality: 2 };
  const inline = {
    storageType: 'i',
    pathOrInlineDv: z85(vectorBytes([0])),
    sizeInBytes: vectorBytes([0]).length,
    cardinality: 1,
  };
  await putCommits(good, [
    [protocol('deletionVectors'), metaData([field('id', 'long')]), add('a.parquet')],
    [remove('a.parquet'), add('a.parquet', { deletionVector: vector })],
    [add('b.parquet', { deletionVector: inline })],
  ]);
  await putLog(good, '_last_checkpoint', '{"version":1,"size":4}');
});
afterAll(async () => {
  await engine.close();
  await rm(root, { recursive: true, force: true });
});

/** A small generator of its own, so that a failure comes again under its seed. */
const random = (seed: number) => {
  let state = seed;
  return (below: number): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
};

/** Bytes flipped, cut off, or put in. */
const damage = (bytes: Buffer, next: (below: number) => number): Buffer => {
  const kind = next(4);
  if (kind === 0) return bytes.subarray(0, next(bytes.length));
  const changed = Buffer.from(bytes);
  if (kind === 3) return Buffer.concat([bytes.subarray(0, next(bytes.length)), Buffer.from('0x{}"[]'), bytes]);
  for (let i = 0; i <= next(3); i++) {
    const at = next(bytes.length);
    changed[at] = kind === 1 ? (changed[at] ?? 0) ^ (1 << next(8)) : next(256);
  }
  return changed;
};

let copies = 0;
/** Reads a copy of the table in which one file has other bytes. */
const readWith = async (file: string, bytes: Buffer): Promise<readonly string[] | AssayError> => {
  const path = join(root, `c${++copies}`);
  await cp(good, path, { recursive: true });
  await writeFile(join(path, file), bytes);
  try {
    const snapshot = await openTable(path, engine);
    const rows = snapshot ? await engine.query(`SELECT id::VARCHAR AS id FROM ${relation(snapshot)} ORDER BY id`) : [];
    return rows.map((row) => String(row['id']));
  } catch (thrown) {
    expect(thrown).toBeInstanceOf(AssayError);
    return thrown as AssayError;
  } finally {
    await rm(path, { recursive: true });
  }
};

const checkpointed = async () => {
  const path = join(root, 'checkpointed');
  await cp(good, path, { recursive: true });
  const schema = metaData([field('id', 'long')]).metaData.schemaString;
  const file = `{'path': 'a.parquet', 'partitionValues': MAP {}::MAP(VARCHAR, VARCHAR), 'size': 1, 'modificationTime': 1, 'dataChange': false,
    'deletionVector': {'storageType': 'u', 'pathOrInlineDv': '${z85(UUID)}', 'offset': 1, 'sizeInBytes': ${vectorBytes([0, 2]).length}, 'cardinality': 2}}`;
  await engine.execute(`COPY (SELECT ${file} AS "add", NULL AS protocol, NULL AS metaData
    UNION ALL SELECT NULL, {'minReaderVersion': 3, 'minWriterVersion': 7, 'readerFeatures': ['deletionVectors'], 'writerFeatures': ['deletionVectors']}, NULL
    UNION ALL SELECT NULL, NULL, {'id': 'x', 'format': {'provider': 'parquet'}, 'schemaString': '${schema}', 'partitionColumns': []::VARCHAR[]})
    TO '${join(path, '_delta_log', `${v(1)}.checkpoint.parquet`)}' (FORMAT parquet)`);
  return readFile(join(path, '_delta_log', `${v(1)}.checkpoint.parquet`));
};

describe('a damaged', () => {
  it('nothing at all gives the rows', async () => {
    expect(await readWith('_delta_log/_last_checkpoint', Buffer.from('{}'))).toEqual(ROWS);
  });
  it('deletion vector is refused with its name, or was not changed where it counts', async () => {
    const bytes = await readFile(join(good, VECTOR));
    const next = random(11);
    for (let i = 0; i < 120; i++) {
      const found = await readWith(VECTOR, damage(bytes, next));
      // What stands behind the vector is no part of it.
      if (found instanceof AssayError)
        expect(found).toMatchObject({ code: 'delta-corrupt', message: expect.stringContaining(VECTOR) });
      else expect(found).toEqual(ROWS);
    }
  });
  it('hint is never followed into an error', async () => {
    const bytes = await readFile(join(good, '_delta_log/_last_checkpoint'));
    const next = random(12);
    for (let i = 0; i < 40; i++)
      expect(await readWith('_delta_log/_last_checkpoint', damage(bytes, next))).toEqual(ROWS);
  });
  it('commit is refused by the name of a file, or read as what its lines say now', async () => {
    const next = random(13);
    for (const version of [0, 1, 2]) {
      const file = `_delta_log/${v(version)}.json`;
      const bytes = await readFile(join(good, file));
      for (let i = 0; i < 70; i++) {
        const found = await readWith(file, damage(bytes, next));
        if (found instanceof AssayError && found.code !== 'engine-failed') {
          expect(found.code).toMatch(/^delta-(corrupt|unsupported)$/);
          expect(found.message).toContain(root);
        } else if (!(found instanceof AssayError)) expect(found.every((id) => /^([0-3]|1[0-3])$/.test(id))).toBe(true);
      }
    }
  });
  it('checkpoint costs nothing while the log goes back further, and is named where it does not', async () => {
    const bytes = await checkpointed();
    const next = random(14);
    const name = `${v(1)}.checkpoint.parquet`;
    for (let i = 0; i < 60; i++) {
      const bad = damage(bytes, next);
      const found = await readWith(`_delta_log/${name}`, bad);
      if (found instanceof AssayError) expect(found.message).toContain(root);
      else expect(found.every((id) => /^([0-3]|1[0-3])$/.test(id))).toBe(true);
    }
    // A footer that is cut off is noticed always; then the log is read from its first commit.
    for (const length of [0, 1, 4, bytes.length - 1, bytes.length - 9])
      expect(await readWith(`_delta_log/${name}`, bytes.subarray(0, length))).toEqual(ROWS);
  });
});

describe('a hostile log', () => {
  const at = async (...actions: object[]) => {
    const path = join(root, `h${++copies}`);
    await putCommits(path, [[protocol(), metaData([field('id', 'long')])]]);
    await putLog(path, `${v(1)}.json`, lines(actions));
    return openTable(path, engine).then(
      (snapshot) => snapshot && relation(snapshot),
      (thrown: unknown) => (thrown instanceof AssayError ? thrown.code : thrown),
    );
  };
  const deep = (depth: number): string =>
    `${'{"type":"array","containsNull":true,"elementType":'.repeat(depth)}"long"${'}'.repeat(depth)}`;
  it('is refused: paths that leave the table, nesting without end, names of the language, vectors of any size', async () => {
    const vector = (more: object) =>
      add('a.parquet', {
        deletionVector: {
          storageType: 'u',
          pathOrInlineDv: z85(UUID),
          offset: 1,
          sizeInBytes: 34,
          cardinality: 2,
          ...more,
        },
      });
    const schema = {
      metaData: {
        ...metaData([]).metaData,
        schemaString: `{"type":"struct","fields":[{"name":"a","type":${deep(20_000)},"nullable":true,"metadata":{}}]}`,
      },
    };
    for (const [action, code] of [
      [add('../../etc/passwd'), 'delta-corrupt'],
      [add('%2e%2e/x'), 'delta-corrupt'],
      [add('file:///a/../../x'), 'delta-corrupt'],
      [add('a\0b'), 'delta-corrupt'],
      [schema, 'delta-unsupported'],
      [metaData([field('a', 'long'), field('A', 'long')]), 'delta-unsupported'],
      [metaData([field('a', 'long')], ['b']), 'delta-corrupt'],
      [metaData([field('a', 'long')], ['a', 'a']), 'delta-corrupt'],
      [vector({ pathOrInlineDv: `../../${z85(UUID)}` }), 'delta-corrupt'],
      [vector({ pathOrInlineDv: 'short' }), 'delta-corrupt'],
      [vector({ sizeInBytes: 2 ** 40 }), 'delta-corrupt'],
      [vector({ offset: 2 ** 50 }), 'delta-corrupt'],
      [
        vector({ storageType: 'i', pathOrInlineDv: z85(vectorBytes([1])), sizeInBytes: 28, cardinality: 2 }),
        'delta-corrupt',
      ],
      [vector({ storageType: 'p', pathOrInlineDv: '/no/such/vector.bin' }), 'delta-corrupt'],
      [{ add: { ...add('a').add, size: -1 } }, 'delta-corrupt'],
      [{ ...add('a'), ...remove('a') }, 'delta-corrupt'],
    ] as const)
      expect([JSON.stringify(action).slice(0, 200), await at(action)]).toEqual([
        JSON.stringify(action).slice(0, 200),
        code,
      ]);
  });
  it('cannot bring SQL into the relation', async () => {
    const evil = `x') UNION ALL SELECT 666 AS id; --`;
    const path = join(root, 'sql');
    await mkdir(path);
    await engine.execute(`COPY (SELECT 1 AS id) TO '${join(path, 'a.parquet')}' (FORMAT parquet)`);
    const fields = [field('id', 'long'), field(`"${evil}`, 'string'), field("p'q", 'string')];
    await putCommits(path, [
      [protocol(), metaData(fields, ["p'q"]), add('a.parquet', { partitionValues: { "p'q": evil } })],
    ]);
    const snapshot = await openTable(path, engine);
    const rows = snapshot ? await engine.query(`FROM ${relation(snapshot)}`) : [];
    expect(rows).toEqual([{ id: '1', [`"${evil}`]: null, "p'q": evil }]);
  });
});

describe('a damaged data file', () => {
  it('is named, never ends the process, and never gives a row of another file', async () => {
    const bytes = await readFile(join(good, 'a.parquet'));
    const next = random(15);
    let named = 0;
    for (let i = 0; i < 60; i++) {
      const path = join(root, `d${i}`);
      await cp(good, path, { recursive: true });
      await writeFile(join(path, 'a.parquet'), damage(bytes, next));
      const snapshot = await openTable(path, engine);
      if (!snapshot) throw new Error(`no table at ${path}`);
      const found = await engine
        .query(`SELECT id::VARCHAR AS id FROM ${relation(snapshot)}`)
        .catch((thrown: unknown) => damageOf(snapshot, snapshot.adds, thrown));
      if (Array.isArray(found)) {
        const ids = found.map((row: Record<string, unknown>) => String(row['id']));
        expect(ids.filter((id) => ['11', '12', '13'].includes(id)).sort()).toEqual(['11', '12', '13']);
      } else {
        expect(found).toMatchObject({
          code: 'delta-corrupt',
          message: expect.stringContaining('a.parquet is damaged'),
        });
        named += 1;
      }
    }
    expect(named).toBeGreaterThan(20);
  });
});
