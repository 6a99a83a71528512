import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { auditTable } from '../../src/build/transform/step/audit-table.js';
import { makeStep } from '../../src/build/transform/step/make-step.js';
import { keysBetween } from '../../src/build/transform/step/partition-keys.js';
import { type AddFile, relationOf } from '../../src/store/delta/index.js';
import { orderOf, readable, transformOf, withParts } from './step-parts.js';
import { openPlace, type Place } from './warehouse-and-lake.js';

let place: Place;
beforeAll(async () => {
  place = await openPlace();
});
afterAll(async () => {
  await place.close();
});

const table = (checks: string) =>
  transformOf(
    `keys: {natural: [id]}
columns:
  - {name: id, type: bigint, nullable: false}
  - {name: day, type: date, nullable: false}
  - {name: code, type: string, nullable: true}
checks:
${checks}`,
    `SELECT id, day, code FROM {{source('bronze.x')}} WHERE day >= {{partition.start}} AND day < {{partition.end}}`,
    {
      kind: 'incremental_by_partition',
      partition: {
        ...{ column: 'day', unit: 'day', start: undefined, lookback: 0, maxBatch: undefined },
        ...{ inputs: new Map(), sources: new Map() },
      },
    },
  );
const BY_ID = '  - {type: unique, columns: [id], severity: critical}';
const source = (rows: string) =>
  new Map([
    [
      'bronze.x',
      readable(
        `SELECT id::bigint AS id, day::date AS day, code::varchar AS code FROM (VALUES ${rows}) v(id, day, code)`,
      ),
    ],
  ]);
/** Ten days of ten rows each: ids from 100 on on the first, from 200 on on the second. */
const THERE = Array.from({ length: 100 }, (_, i) => {
  const day = 1 + Math.floor(i / 10);
  return `(${day * 100 + (i % 10)}, '2010-12-${String(day).padStart(2, '0')}', 'c${i % 10}')`;
}).join(', ');

/** What the audit of one more day says, and how many of the ten files beside it were read for keys. */
const oneMoreDay = (checks: string, rows: string, change: (add: AddFile) => AddFile = (add) => add) =>
  withParts(place, table(checks), async (parts) => {
    const transform = table(checks);
    const there = await makeStep(
      parts,
      orderOf(transform, { partitions: keysBetween('2010-12-01', '2010-12-10', 'day'), inputs: source(THERE) }),
    );
    const order = orderOf(transform, { partitions: ['2010-12-11'], inputs: source(rows) });
    const step = await makeStep(parts, order);
    const all = [...there.adds, ...step.adds].map(change);
    const read: number[] = [];
    const audit = await auditTable(
      parts,
      order,
      {
        ...{ duckdb: relationOf(parts.snapshot, all), postgres: undefined },
        files: {
          rows: there.rows + step.rows,
          files: all.map((add) => ({ add, partition: add.partitionValues['day'] ?? undefined })),
          relation: (adds) => {
            read.push(adds.length - step.adds.length);
            return relationOf(parts.snapshot, adds);
          },
        },
      },
      step.partitions,
    );
    return { refused: audit.partitions.get('2010-12-11')?.refused?.check, read: read[0] ?? there.adds.length };
  });
const withoutStatistics = ({ stats: _stats, ...add }: AddFile): AddFile => add;

describe('unique keys of one more day', () => {
  it('are proven from its own file where no other may hold them', async () => {
    expect(await oneMoreDay(BY_ID, `(1100, '2010-12-11', 'a'), (1101, '2010-12-11', 'b')`)).toEqual({
      ...{ refused: undefined, read: 0 },
    });
  });
  it('are found where they stand on another day already', async () => {
    expect(await oneMoreDay(BY_ID, `(1100, '2010-12-11', 'a'), (305, '2010-12-11', 'b')`)).toEqual({
      // 305 to 1,100: the days from the third on.
      ...{ refused: 'unique_id', read: 8 },
    });
    expect(await oneMoreDay(BY_ID, `(305, '2010-12-11', 'a')`)).toEqual({ refused: 'unique_id', read: 1 });
    expect(await oneMoreDay(BY_ID, `(1100, '2010-12-11', 'a'), (1100, '2010-12-11', 'b')`)).toEqual({
      ...{ refused: 'unique_id', read: 0 },
    });
  });
  it('are looked for in every file whose log says nothing of it', async () => {
    expect(await oneMoreDay(BY_ID, `(305, '2010-12-11', 'a')`, withoutStatistics)).toEqual({
      ...{ refused: 'unique_id', read: 10 },
    });
    expect(await oneMoreDay(BY_ID, `(1100, '2010-12-11', 'a')`, withoutStatistics)).toEqual({
      ...{ refused: undefined, read: 10 },
    });
  });
  it('that hold the day are looked for on that day alone', async () => {
    const check = '  - {type: unique, columns: [code, day], severity: critical}';
    expect(await oneMoreDay(check, `(1, '2010-12-11', 'c1'), (2, '2010-12-11', 'c2')`, withoutStatistics)).toEqual({
      ...{ refused: undefined, read: 0 },
    });
    expect(await oneMoreDay(check, `(1, '2010-12-11', 'c1'), (2, '2010-12-11', 'c1')`)).toEqual({
      ...{ refused: 'unique_code_day', read: 0 },
    });
  });
  it('are looked for by each check in its own files', async () => {
    const both = `${BY_ID}\n  - {type: unique, columns: [code], severity: critical}`;
    // Codes c0 to c9 stand on every day.
    expect(await oneMoreDay(both, `(1100, '2010-12-11', 'c5')`)).toEqual({ refused: 'unique_code', read: 10 });
    expect(await oneMoreDay(both, `(1100, '2010-12-11', 'd')`)).toEqual({ refused: undefined, read: 0 });
  });
});
