import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { boundText, type ColumnStatistics, readStatistics, shortMax, shortMin, statKey, statsText } from './stats.js';

const measured = (min: string, max: string, hasNan = false): ColumnStatistics => ({ min, max, nulls: '0', hasNan });
/** The order in which Parquet and Delta compare text: by UTF-8 bytes. */
const below = (a: string, b: string) => Buffer.compare(Buffer.from(a), Buffer.from(b)) <= 0;

describe('bounds of text', () => {
  const text = fc.string({
    unit: fc.constantFrom('a', 'z', 'é', '\ufffc', '\ufffd', '\ufffe', '\uffff', '𝄞', '\u{10ffff}'),
    maxLength: 80,
  });
  it('hold for every text: min is not above it, max is not below it, and short text is itself', () => {
    fc.assert(
      fc.property(text, (value) => {
        expect(below(shortMin(value), value)).toBe(true);
        expect(below(value, shortMax(value))).toBe(true);
        expect([...shortMin(value)].length).toBeLessThanOrEqual(32);
        if ([...value].length <= 32) expect(shortMax(value)).toBe(value);
      }),
    );
  });
});

describe('bounds of other types', () => {
  it('keep integers and decimals digit by digit, and cut times down to the millisecond', () => {
    expect(boundText('long', 'max', measured('0', '9223372036854775807'))).toBe('9223372036854775807');
    expect(boundText('decimal(38,6)', 'min', measured('-0.000001', '1'))).toBe('-0.000001');
    const times = measured('1969-12-31 23:59:59.999999+00', '2010-12-01 08:26:00+00');
    expect(boundText('timestamp', 'min', times)).toBe('"1969-12-31T23:59:59.999Z"');
    expect(boundText('timestamp', 'max', times)).toBe('"2010-12-01T08:26:00.000Z"');
    expect(boundText('date', 'min', measured('2010-12-01', '2010-12-02'))).toBe('"2010-12-01"');
  });
  it('are left out where they could be wrong', () => {
    for (const [type, value] of [
      ['double', 'inf'],
      ['boolean', '1'],
      ['binary', 'x'],
      ['date', '10000-01-01'],
      ['date', '0044-03-15 (BC)'],
      ['timestamp', '2010-12-01 08:26:00+02'],
      ['timestamp', 'infinity'],
    ] as const)
      expect(boundText(type, 'max', measured(value, value))).toBeUndefined();
    expect(boundText('double', 'max', measured('1.0', '2.0', true))).toBeUndefined();
    expect(boundText('double', 'max', measured('1.0', '2.0'))).toBe('2.0');
  });
});

describe('statistics of a file', () => {
  it('are one line of JSON, quoted names read back, elements of lists left out', () => {
    const entry = (key: string, value: readonly (readonly [string, string])[]) => ({
      key,
      value: value.map(([k, v]) => ({ key: k, value: v })),
    });
    const columns = readStatistics([
      entry('"a ""b"""', [
        ['min', '1'],
        ['max', '2'],
        ['null_count', '3'],
      ]),
      entry('"l"."element"', [['null_count', '9']]),
    ]);
    expect(columns.get('a "b"')?.nulls).toBe('3');
    const field = { name: 'a "b"', type: 'long', nullable: true, metadata: {} };
    const list = { type: 'array', elementType: 'long', containsNull: true } as const;
    const fields = [field, { ...field, name: 'l', type: list }];
    expect(JSON.parse(statsText('7', fields, columns))).toEqual({
      numRecords: 7,
      minValues: { 'a "b"': 1 },
      maxValues: { 'a "b"': 2 },
      nullCount: { 'a "b"': 3 },
    });
  });
  it('stand below a struct for the fields in it', () => {
    const simple = (name: string) => ({ name, type: 'long', nullable: true, metadata: {} });
    const inner = { type: 'struct', fields: [simple('x'), simple('y')] } as const;
    const fields = [{ ...simple('s'), type: inner }, simple('z')];
    const columns = new Map([
      [statKey(['s', 'x']), measured('9223372036854775806', '9223372036854775807')],
      [statKey(['z']), measured('1', '2')],
    ]);
    expect(statsText('1', fields, columns)).toBe(
      '{"numRecords":1,"minValues":{"s":{"x":9223372036854775806},"z":1},"maxValues":{"s":{"x":9223372036854775807},"z":2},"nullCount":{"s":{"x":0},"z":0}}',
    );
    const keys = (configuration: Readonly<Record<string, string>>) =>
      Object.keys((JSON.parse(statsText('1', fields, columns, configuration)) as { minValues: object }).minValues);
    expect(keys({ 'delta.dataSkippingNumIndexedCols': '2' })).toEqual(['s']);
    expect(keys({ 'delta.dataSkippingNumIndexedCols': '0' })).toEqual([]);
    expect(keys({ 'delta.dataSkippingStatsColumns': 'Z' })).toEqual(['z']);
    expect(keys({ 'delta.dataSkippingStatsColumns': '`s`.`x`, other' })).toEqual(['s']);
    expect(keys({ 'delta.dataSkippingStatsColumns': 's' })).toEqual(['s']);
  });
  it('give a FLOAT as the very number that it is', () => {
    expect(boundText('float', 'max', measured('0', '0.1'))).toBe('0.10000000149011612');
    expect(boundText('double', 'max', measured('0', '0.1'))).toBe('0.1');
  });
  it('cover the first 32 columns', () => {
    const fields = Array.from({ length: 40 }, (_, i) => ({
      name: `c${i}`,
      type: 'long',
      nullable: true,
      metadata: {},
    }));
    const columns = new Map(fields.map((f) => [f.name, measured('1', '1')]));
    const stats = JSON.parse(statsText('1', fields, columns)) as { minValues: object };
    expect(Object.keys(stats.minValues).length).toBe(32);
  });
});
