import { describe, expect, it } from 'vitest';
import { readTransform } from './read-transforms.js';

/** A file whose front matter is what is common, with some fields of its own in place of it. */
const file = (fields: Readonly<Record<string, string>> = {}): string => {
  const all: Record<string, string> = {
    name: 'gold.x',
    version: '2',
    description: 'a table',
    kind: 'incremental_by_partition',
    role: 'fact',
    partition: '{column: day, unit: day}',
    keys: '{natural: [id]}',
    targets: '[delta, postgres]',
    columns:
      '[{name: id, type: bigint, nullable: false}, {name: day, type: date, nullable: false}, {name: at, type: timestamp, nullable: false}, {name: until, type: timestamp, nullable: true}, {name: n, type: integer, nullable: true}, {name: ok, type: boolean, nullable: false}]',
    owner: 'somebody',
    ...fields,
  };
  const lines = Object.entries(all).flatMap(([name, value]) => (value === '' ? [] : [`${name}: ${value}`]));
  return `/* @transform\n${lines.join('\n')}\n*/\nSELECT 1\n`;
};
const read = (fields: Readonly<Record<string, string>> = {}) =>
  readTransform('sql/gold/x.v2.sql', 'gold', file(fields));
const problem = (fields: Readonly<Record<string, string>>): string => {
  try {
    read(fields);
  } catch (thrown) {
    return thrown instanceof Error ? thrown.message.replace('sql/gold/x.v2.sql:', '') : String(thrown);
  }
  return 'none';
};
const whole = { kind: 'full', partition: '' };
const scd2 = { kind: 'scd2', partition: '', scd2: '{key: id, track: [n], valid_from: at, valid_to: until}' };

describe('the front matter', () => {
  it('is read whole', () => {
    const transform = read({
      partition:
        '{column: day, unit: day, start: 2024-01-01, lookback: 2, max_batch: 7, inputs: {silver.lines: sold_on}, sources: {bronze.s: "Day::date"}}',
      lookups: '[{dimension: gold.d, key: id, as_of: at, into: n}]',
      engine: '{allow: [duckdb, spark], prefer: spark, dialect: duckdb}',
      contract: '{mode: enforce, on_additive: require_new_version, on_breaking: allow}',
      storage: '{delta: {cluster_by: [id], target_file_mb: 64}, postgres: {indexes: [[id], [day, id]]}}',
      quality: '{min_score: 99.5, freshness: 26h}',
      deprecates: '1',
      sunset: '2027-03-01',
      forward_only: 'true',
    });
    expect(transform).toMatchObject({
      id: 'gold.x',
      partition: { column: 'day', unit: 'day', start: '2024-01-01', lookback: 2, maxBatch: 7 },
      lookups: [{ dimension: 'gold.d', key: 'id', asOf: 'at', into: 'n', input: 'silver.lines' }],
      engine: { allow: ['duckdb', 'spark'], prefer: 'spark', dialect: 'duckdb' },
      contract: { mode: 'enforce', onAdditive: 'require_new_version', onBreaking: 'allow' },
      ...{ clusterBy: ['id'], targetFileMb: 64, indexes: [['id'], ['day', 'id']] },
      ...{ minScoreMillionths: 99_500_000n, freshnessHours: 26 },
      ...{ deprecates: 1, sunset: '2027-03-01', forwardOnly: true },
    });
    expect([...(transform.partition?.inputs ?? [])]).toEqual([['silver.lines', 'sold_on']]);
    expect([...(transform.partition?.sources ?? [])]).toEqual([['bronze.s', 'Day::date']]);
  });
  it('has defaults', () => {
    expect(read(whole)).toMatchObject({
      ...{ partition: undefined, lookups: [], forwardOnly: false, freshnessHours: undefined, targetFileMb: 128 },
      engine: { allow: ['duckdb'], prefer: 'auto', dialect: 'duckdb' },
      contract: { mode: 'enforce', onAdditive: 'allow', onBreaking: 'require_new_version' },
    });
    expect(read({ kind: 'full' })).toMatchObject({ partition: { column: 'day', unit: 'day', lookback: 0 } });
    expect(read({ quality: '{freshness: 2d}' }).freshnessHours).toBe(48);
  });
  it('asks how old the newest row is, by a column that says when', () => {
    const check = '[{type: freshness, columns: [at], within: 26h, severity: error}]';
    expect(read({ ...whole, checks: check }).checks).toMatchObject([
      { name: 'freshness_at', question: { type: 'freshness', hours: 26 }, metric: 'timeliness', severity: 'error' },
    ]);
    expect(() => read({ ...whole, checks: check.replace('[at]', '[n]') })).toThrow(
      'freshness is of a date, a timestamp or the partition column',
    );
    expect(() => read({ ...whole, quality: '{freshness: 2d}' })).toThrow(
      'quality.freshness cannot tell which column says when a row happened',
    );
  });
  it('takes every kind of history', () => {
    expect(read(scd2).scd2).toEqual({
      ...{ key: ['id'], track: ['n'], history: false, updatedAt: undefined, deletes: 'ignore', deleted: undefined },
      ...{ validFrom: 'at', validTo: 'until', current: undefined, version: undefined },
    });
    const more = '{key: [id, day], track: [n], history: true, valid_from: at, valid_to: until, current: ok}';
    expect(read({ ...scd2, scd2: more }).scd2).toMatchObject({ key: ['id', 'day'], history: true, current: 'ok' });
    const gone =
      '{key: id, track: [n], updated_at: changed_at, deletes: tombstone, deleted: ok, valid_from: at, valid_to: until}';
    expect(read({ ...scd2, scd2: gone }).scd2).toMatchObject({
      updatedAt: 'changed_at',
      deletes: 'tombstone',
      deleted: 'ok',
    });
  });
  it('takes a year as the number that YAML sees in it', () => {
    expect(
      read({
        partition: '{column: n, unit: year, start: 2010}',
        columns: '[{name: id, type: bigint, nullable: false}, {name: n, type: integer, nullable: false}]',
      }).partition?.start,
    ).toBe('2010');
  });
});

describe('a mistake is named with its line', () => {
  it.each<[Readonly<Record<string, string>>, string]>([
    [{ ownr: 'me' }, '12: the front matter has no field ownr; did you mean owner?'],
    [
      { kind: 'fulll' },
      '5: kind must be one of full, view, incremental_by_partition, incremental_by_key, scd2, seed, history; did you mean full?',
    ],
    [{ version: '0' }, '3: version must be a whole number from 1 on'],
    [{ keys: '{natural: [idd]}' }, '8: idd is no column of the contract; did you mean id?'],
    [{ partition: '' }, '5: kind incremental_by_partition needs partition: {column, unit}'],
    [{ partition: '{unit: day}' }, '7: partition needs column'],
    [
      { partition: '{column: day, unit: days}' },
      '7: partition.unit must be one of hour, day, month, year; did you mean day?',
    ],
    [
      { partition: '{column: at, unit: day}' },
      '7: partition.column at is timestamp; a partition by day needs date, integer, bigint',
    ],
    [
      { partition: '{column: day, unit: hour}' },
      '7: partition.column day is date; a partition by hour needs timestamp, integer, bigint',
    ],
    [{ partition: '{column: n, unit: day}' }, '7: partition.column n must not be nullable'],
    [
      { partition: '{column: day, start: 2024-02-30}' },
      '7: partition.start must be a day such as 2010-12-01; it is 2024-02-30',
    ],
    [{ partition: '{column: day, start: 2024-02}' }, '7: partition.start must be a day'],
    [{ partition: '{column: day, lookback: -1}' }, '7: partition.lookback must be a whole number from 0 on'],
    [{ partition: '{column: day, max_batch: 0}' }, '7: partition.max_batch must be a whole number from 1 on'],
    [{ kind: 'full', partition: '{column: day, lookback: 1}' }, '7: a table of kind full is made whole'],
    [{ kind: 'view' }, '7: a table of kind view has no partitions'],
    [{ ...scd2, partition: '{column: day}' }, '7: a table of kind scd2 has no partitions'],
    [{ kind: 'scd2', partition: '' }, '5: kind scd2 needs scd2'],
    [{ ...whole, scd2: scd2.scd2 }, '11: scd2 is for kind scd2 only'],
    [{ ...scd2, scd2: '{key: id, track: [n], valid_from: at}' }, 'scd2 needs valid_to'],
    [
      { ...scd2, scd2: '{key: id, track: [id], valid_from: at, valid_to: until}' },
      'id is part of scd2.key and cannot be tracked',
    ],
    [
      { ...scd2, scd2: '{key: id, track: [n], valid_from: until, valid_to: until}' },
      'scd2.valid_from until must not be nullable',
    ],
    [{ ...scd2, scd2: '{key: id, track: [n], valid_from: at, valid_to: at}' }, 'scd2.valid_to at must be nullable'],
    [
      { ...scd2, scd2: '{key: id, track: [n], valid_from: n, valid_to: until}' },
      'scd2.valid_from n must be timestamp or date; it is integer',
    ],
    [
      { ...scd2, scd2: '{key: id, track: [n], deletes: tombstone, valid_from: at, valid_to: until}' },
      'deletes: tombstone needs deleted',
    ],
    [
      { ...scd2, scd2: '{key: id, track: [n], deleted: ok, valid_from: at, valid_to: until}' },
      'deleted is for deletes: tombstone only',
    ],
    [
      { ...scd2, scd2: '{key: id, track: [n], history: true, deletes: close, valid_from: at, valid_to: until}' },
      'with history: true the SELECT says when a row ends',
    ],
    [
      { ...scd2, scd2: '{key: id, track: [n], history: true, updated_at: day, valid_from: at, valid_to: until}' },
      'with history: true the time is the column at',
    ],
    [
      { lookups: '[{dimension: gold.d, key: id, as_of: at, into: nn}]' },
      '12: nn is no column of the contract; did you mean n?',
    ],
    [{ lookups: '[{dimension: gold.d, key: id, into: n}]' }, '12: a lookup needs as_of'],
    [
      { lookups: '[{dimension: gold.d, key: id, as_of: at, into: n, input: silver.q}]' },
      '12: lookups.input silver.q is not among partition.inputs',
    ],
    [
      {
        partition: '{column: day, inputs: {silver.a: d, silver.b: d}}',
        lookups: '[{dimension: gold.d, key: id, as_of: at, into: n}]',
      },
      '12: this lookup needs input: which of silver.a, silver.b',
    ],
    [{ ...whole, kind: 'incremental_by_key', keys: '{}' }, '7: kind incremental_by_key needs keys.natural'],
    [{ sunset: '2027-03-01' }, '12: sunset is the last day of the version that deprecates names; add deprecates'],
    [{ deprecates: '1', sunset: '2027-02-30' }, '13: sunset must be a day such as 2027-03-01'],
    [{ deprecates: '2' }, '12: deprecates must be a version before 2'],
    [{ ...whole, forward_only: 'true' }, '11: a table of kind full is made whole each time; forward_only cannot hold'],
    [{ engine: '{allow: [spark]}' }, '12: engine.allow must hold duckdb'],
    [{ engine: '{allow: [duckdb], prefer: spark}' }, '12: engine.prefer is spark, which engine.allow does not hold'],
    [{ engine: '{allow: [duckdbb]}' }, '12: an engine must be one of duckdb, postgres, spark; did you mean duckdb?'],
    [{ contract: '{on_breakin: allow}' }, '12: contract has no field on_breakin; did you mean on_breaking?'],
    [{ quality: '{freshness: 26}' }, '12: quality.freshness must be hours or days, such as 26h or 2d'],
    [{ targets: '[postgres]' }, '9: targets must hold delta'],
    [
      { targets: '[delta]', storage: '{postgres: {indexes: [[id]]}}' },
      '12: storage.postgres needs the target postgres',
    ],
    [{ storage: '{delta: {target_file_mb: 0}}' }, '12: target_file_mb must be a whole number from 1 to 4096'],
    [
      { checks: '[{type: not_null, columns: [id], severity: warn, values: [1]}]' },
      '12: a check of type not_null has no field values',
    ],
  ])('%o', (fields, message) => {
    expect(problem(fields)).toContain(message);
  });
});
