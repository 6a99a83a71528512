import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { AddFile, DeltaType, Snapshot } from '../types.js';
import { comparable, order } from './comparable.js';
import { type FileCondition, prunedFiles } from './pruned-files.js';

const field = (name: string, type: DeltaType, physical?: string) => ({
  name,
  type,
  nullable: true,
  metadata: physical === undefined ? {} : { 'delta.columnMapping.physicalName': physical },
});
const add = (
  path: string,
  stats: string | undefined,
  partitionValues: Record<string, string | null> = {},
): AddFile => ({
  ...{ path, partitionValues, size: 1, modificationTime: 1, dataChange: true },
  ...(stats === undefined ? {} : { stats }),
});
const table = (
  fields: Snapshot['schema']['fields'],
  adds: readonly AddFile[],
  mode = 'none',
  partitionColumns: string[] = [],
) =>
  ({
    ...{ table: { path: '/t' }, adds, schema: { type: 'struct', fields } },
    metadata: { partitionColumns, configuration: { 'delta.columnMapping.mode': mode } },
  }) as unknown as Snapshot;
const stats = (rows: number, nulls: number, min?: string, max?: string, name = 'a') =>
  `{"numRecords":${rows},"minValues":{${min === undefined ? '' : `"${name}":${min}`}},"maxValues":{${max === undefined ? '' : `"${name}":${max}`}},"nullCount":{"${name}":${nulls}}}`;
const kept = (type: DeltaType, file: string | undefined, condition: Omit<FileCondition, 'column'>): boolean =>
  prunedFiles(table([field('a', type)], [add('x', file)]), [{ column: 'a', ...condition } as FileCondition]).length ===
  1;

describe('statistics', () => {
  it.each<[DeltaType, string, string, string, boolean]>([
    ['long', '9007199254740993', '9007199254740993', '9007199254740992', false],
    ['long', '9007199254740993', '9007199254740993', '9007199254740993', true],
    ['decimal(38,2)', '12345678901234567890.12', '12345678901234567890.12', '12345678901234567890.13', false],
    ['decimal(38,2)', '12345678901234567890.12', '12345678901234567890.12', '12345678901234567890.120', true],
    ['decimal(38,2)', '1e2', '1.1E+2', '100', true],
    ['decimal(5,2)', '1.00', '2.00', '2.005', true],
    ['timestamp', '"2020-01-01T00:00:00.123Z"', '"2020-01-01T00:00:00.123Z"', '2020-01-01T00:00:00.123999Z', true],
    ['timestamp', '"2020-01-01T00:00:00.123Z"', '"2020-01-01T00:00:00.123Z"', '2020-01-01T00:00:00.124001Z', false],
    ['timestamp', '"2020-01-01T00:00:00.000-08:00"', '"2020-01-01T00:00:00.000-08:00"', '2020-01-01 08:00:00', true],
    ['timestamp', '"1969-12-31T23:59:59.999Z"', '"1969-12-31T23:59:59.999Z"', '1969-12-31T23:59:59.999500Z', true],
    ['timestamp_ntz', '"2020-01-01T00:00:00.000"', '"2020-01-01T00:00:00.000"', '2020-01-01 00:00:01', false],
    ['date', '"2020-02-29"', '"2020-02-29"', '2020-03-01', false],
    ['date', '"0001-01-01"', '"0099-12-31"', '0050-06-01', true],
    ['string', '"a"', '"b\ufffd"', 'bzzz', true],
    ['string', '"a"', '"b"', 'ba', false],
    ['string', '"\ue000"', '"\ue000"', '𝄞', false],
    ['string', '"\ue000"', '"𝄞"', '\uffff', true],
    ['double', '0.5', '1.5', '2', false],
    ['boolean', 'null', 'null', 'true', true],
    ['binary', '"a"', '"b"', 'x', true],
    ['long', '1', '2', 'no number', true],
  ])('of %s from %s to %s and the value %s: %s', (type, min, max, value, expected) => {
    expect(kept(type, stats(5, 0, min, max), { is: 'in', values: [value] } as never)).toBe(expected);
  });
  it('leave a file out only where no row can meet the condition', () => {
    const file = stats(5, 2, '10', '20');
    const results = (conditions: readonly Omit<FileCondition, 'column'>[]) =>
      conditions.map((c) => kept('long', file, c));
    const than = (is: string, value: string) => ({ is, than: value }) as never;
    expect(results([than('less', '10'), than('less', '11'), than('at most', '9'), than('at most', '10')])).toEqual([
      false,
      true,
      false,
      true,
    ]);
    expect(
      results([than('greater', '20'), than('greater', '19'), than('at least', '21'), than('at least', '20')]),
    ).toEqual([false, true, false, true]);
    expect(
      results([{ is: 'between', from: '21', to: '30' } as never, { is: 'between', from: '1', to: '10' } as never]),
    ).toEqual([false, true]);
    expect(results([{ is: 'in', values: [] } as never, { is: 'in', values: ['5', '15'] } as never])).toEqual([
      false,
      true,
    ]);
    expect(results([{ is: 'null' }, { is: 'not null' }])).toEqual([true, true]);
    expect([kept('long', stats(5, 0), { is: 'null' }), kept('long', stats(5, 5), { is: 'not null' })]).toEqual([
      false,
      false,
    ]);
    expect(kept('long', stats(5, 5), than('less', '3'))).toBe(false);
    for (const none of [undefined, '', 'no json', '{}', '[]', '{"minValues":7}'])
      expect(kept('long', none, than('less', '3'))).toBe(true);
    // NaN is greater than every number, and writers leave it out of the greatest value.
    expect([
      kept('double', stats(5, 0, '1', '2'), than('greater', '3')),
      kept('double', stats(5, 0, '1', '2'), than('less', '1')),
    ]).toEqual([true, false]);
  });
  it('are found by physical names, also of nested fields, and partitions by their values', () => {
    const inner = { type: 'struct', fields: [field('b', 'long', 'col-2')] } as const;
    const fields = [field('s', inner, 'col-1'), field('day', 'date', 'col-3')];
    const file = (path: string, value: number, day: string | null) =>
      add(
        path,
        `{"numRecords":1,"minValues":{"col-1":{"col-2":${value}}},"maxValues":{"col-1":{"col-2":${value}}},"nullCount":{"col-1":{"col-2":0}}}`,
        { 'col-3': day },
      );
    const snapshot = table(fields, [file('x', 1, '2020-01-01'), file('y', 2, null), file('z', 1, '')], 'name', ['day']);
    const paths = (...conditions: FileCondition[]) => prunedFiles(snapshot, conditions).map((a) => a.path);
    expect(paths({ column: ['s', 'b'], is: 'in', values: ['1'] })).toEqual(['x', 'z']);
    expect(paths({ column: 'day', is: 'null' })).toEqual(['y', 'z']);
    expect(paths({ column: 'day', is: 'at least', than: '2019-01-01' })).toEqual(['x']);
    expect(paths({ column: 'day', is: 'null' }, { column: ['s', 'b'], is: 'less', than: '2' })).toEqual(['z']);
    expect(paths({ column: 'unknown', is: 'null' })).toEqual(['x', 'y', 'z']);
  });
});

describe('the order of values', () => {
  it('of text is that of its UTF-8 bytes', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), fc.string({ unit: 'grapheme' }), (a, b) => {
        expect(Math.sign(order(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)));
      }),
      { seed: 4 },
    );
  });
  it('of times is that of the clock', () => {
    fc.assert(
      fc.property(fc.date({ min: new Date(0), noInvalidDate: true, max: new Date('2999-12-31') }), (date) => {
        expect(comparable('timestamp', date.toISOString())).toBe(BigInt(date.getTime()) * 1000n);
      }),
      { seed: 5 },
    );
  });
});
