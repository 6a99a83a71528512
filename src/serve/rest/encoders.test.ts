import { parse } from 'csv-parse/sync';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Column, DataType, Provenance, Value } from '../../query/index.js';
import { csvEncoder, jsonEncoder } from './encoders.js';

const provenance = { requestId: 'r' } as Provenance;
const columns: readonly Column[] = (
  [
    ['s', { kind: 'string' }],
    ['b', { kind: 'boolean' }],
    ['i', { kind: 'integer' }],
    ['n', { kind: 'bigint' }],
    ['d', { kind: 'decimal', precision: 38, scale: 6 }],
    ['f', { kind: 'double' }],
    ['day', { kind: 'date' }],
    ['at', { kind: 'timestamp' }],
  ] as [string, DataType][]
).map(([name, type]) => ({ name, type, role: 'dimension' }));

const maybe = <T>(value: fc.Arbitrary<T>) => fc.option(value, { nil: null, freq: 5 });
const text = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.string(),
  fc.constantFrom('', ' ', '"', ',', '\r\n', 'a\nb', '=1+1', 'é', '𝄞'),
);
const micros = fc.bigInt(-2_208_988_800_000_000n, 4_102_444_800_000_000n);
const row = fc.tuple(
  maybe(text),
  maybe(fc.boolean()),
  maybe(fc.integer()),
  maybe(fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n)),
  maybe(fc.bigInt(-(10n ** 37n), 10n ** 37n)),
  maybe(fc.double()),
  maybe(
    fc.date({ noInvalidDate: true, min: new Date(0), max: new Date(4e12) }).map((d) => d.toISOString().slice(0, 10)),
  ),
  maybe(micros),
) as fc.Arbitrary<Value[]>;
const rows = fc.array(row, { minLength: 1, maxLength: 20 });
const batchOf = (all: Value[][]) => ({
  length: all.length,
  columns: columns.map((_c, i) => all.map((r) => r[i] ?? null)),
});

/** An independent reading of the texts: digits to a scaled integer, RFC 3339 by the runtime's own parser. */
const decimalOf = (given: string) => BigInt(given.replace('.', ''));
const microsOf = (given: string) => {
  const fraction = /\.(\d{6})/.exec(given)?.[1] ?? '000000';
  const ms = BigInt(Date.parse(given.replace(/\.\d{6}/, '')));
  return ms * 1000n + BigInt(fraction);
};
const read = (value: unknown, kind: string): unknown => {
  if (value === null || typeof value === 'number') return value;
  const given = String(value);
  if (kind === 'bigint') return BigInt(given);
  if (kind === 'decimal') return decimalOf(given);
  if (kind === 'timestamp') return microsOf(given);
  if (kind === 'integer' || kind === 'double') return Number(given);
  if (kind === 'boolean') return given === 'true';
  return given;
};

describe.each(['UTC', 'America/New_York', 'Asia/Kathmandu'])('encoders in %s', (zone) => {
  it('write JSON that any parser reads back to the same values', () => {
    fc.assert(
      fc.property(rows, fc.integer({ min: 1, max: 20 }), (all, cut) => {
        const encoder = jsonEncoder(columns, zone);
        const batch = batchOf(all);
        const middle = Math.min(cut, batch.length);
        const written =
          encoder.head +
          encoder.rows(batch, 0, middle) +
          encoder.rows(batch, middle, batch.length) +
          encoder.tail(provenance);
        const parsed = JSON.parse(Buffer.from(written).toString()) as {
          columns: { type: string }[];
          rows: unknown[][];
        };
        expect(parsed.columns.map((c) => c.type)).toEqual([
          'string',
          'boolean',
          'integer',
          'bigint',
          'decimal(38,6)',
          'double',
          'date',
          'timestamp',
        ]);
        expect(parsed.rows.map((r) => r.map((v, i) => read(v, columns[i]?.type.kind ?? '')))).toEqual(all);
        // Exact kinds never pass as JSON numbers.
        for (const r of parsed.rows) for (const i of [3, 4, 7]) expect(typeof (r[i] ?? '')).toBe('string');
      }),
      { seed: 7 },
    );
  });

  it('write CSV that any reader of RFC 4180 reads back to the same values, null apart from the empty text', () => {
    fc.assert(
      fc.property(rows, (all) => {
        const encoder = csvEncoder(columns, zone);
        const written = encoder.head + encoder.rows(batchOf(all), 0, all.length) + encoder.tail(provenance);
        const quoted: boolean[][] = [];
        const parsed: string[][] = parse(Buffer.from(written), {
          record_delimiter: '\r\n',
          from_line: 1,
          cast: (value, context) => {
            quoted[context.records] ??= [];
            (quoted[context.records] as boolean[])[context.index] = context.quoting;
            return value;
          },
        });
        expect(parsed[0]).toEqual(columns.map((c) => c.name));
        const values = parsed
          .slice(1)
          .map((r, n) =>
            r.map((v, i) => read(v === '' && !quoted[n + 1]?.[i] ? null : v, columns[i]?.type.kind ?? '')),
          );
        expect(values).toEqual(all);
      }),
      { seed: 7 },
    );
  });
});

describe('the exact form', () => {
  const one = (type: DataType, value: Value, zone = 'UTC') => {
    const encoder = jsonEncoder([{ name: 'x', type, role: 'measure', unit: 'GBP' }], zone);
    return encoder.rows({ length: 1, columns: [[value]] }, 0, 1);
  };
  it.each<[string, DataType, Value, string, string?]>([
    ['a decimal with its full scale', { kind: 'decimal', precision: 18, scale: 2 }, 47541200n, '["475412.00"]'],
    ['a negative decimal below one', { kind: 'decimal', precision: 18, scale: 2 }, -5n, '["-0.05"]'],
    ['a bigint', { kind: 'bigint' }, 9223372036854775807n, '["9223372036854775807"]'],
    [
      'a timestamp in the zone',
      { kind: 'timestamp' },
      1_291_190_400_000_000n,
      '["2010-12-01T03:00:00-05:00"]',
      'America/New_York',
    ],
    ['a timestamp in UTC', { kind: 'timestamp' }, 1_291_190_400_000_001n, '["2010-12-01T08:00:00.000001Z"]'],
    [
      'the two sides of a change of clocks',
      { kind: 'timestamp' },
      1_289_109_600_000_000n,
      '["2010-11-07T01:00:00-05:00"]',
      'America/New_York',
    ],
    ['no number', { kind: 'double' }, Number.NaN, '["NaN"]'],
    ['an infinity', { kind: 'double' }, Number.NEGATIVE_INFINITY, '["-Infinity"]'],
    ['an integer', { kind: 'integer' }, -7, '[-7]'],
    ['half a surrogate pair', { kind: 'string' }, '\ud834', '["\\ud834"]'],
  ])('writes %s', (_what, type, value, wanted, zone) => {
    expect(one(type, value, zone)).toBe(wanted);
  });
  it('names unit and role of a column, and cut anywhere is no JSON', () => {
    const encoder = jsonEncoder([{ name: 'x', type: { kind: 'bigint' }, role: 'measure', unit: 'GBP' }], 'UTC');
    const whole = encoder.head + encoder.rows({ length: 2, columns: [[1n, null]] }, 0, 2) + encoder.tail(provenance);
    expect(whole).toBe(
      '{"columns":[{"name":"x","type":"bigint","unit":"GBP","role":"measure"}],"rows":[["1"],[null]],"provenance":{"requestId":"r"}}',
    );
    for (let i = 0; i < whole.length; i++) expect(() => JSON.parse(whole.slice(0, i))).toThrow();
  });
});
