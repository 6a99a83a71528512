import { createHash } from 'node:crypto';
import { parse } from 'csv-parse/sync';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CsvRecord, HEAD, isReject, readRecords } from './records.js';

const split = async (bytes: Buffer, fields: number, options: { chunk?: number; limit?: number } = {}) => {
  const records: CsvRecord[] = [];
  const source = { size: bytes.length, read: async (at: number, n: number) => Buffer.from(bytes.subarray(at, at + n)) };
  const all = readRecords({ source, from: 0, fields, decode: (b) => b.toString('utf8'), check: () => {}, ...options });
  for await (const batch of all) records.push(...batch);
  return records;
};
const field = fc.oneof(
  fc.string({ unit: fc.constantFrom('a', 'é', '𝄞', ',', '"', '\n', '\r', ' ', '1'), maxLength: 12 }),
  fc.string({ maxLength: 20 }),
);
const quote = (text: string) => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);

describe('well-formed files', () => {
  it('split as another parser splits them, at every chunk size, and give back what was written', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(field, { minLength: 3, maxLength: 3 }), { minLength: 1, maxLength: 8 }),
        fc.constantFrom('\n', '\r\n'),
        fc.boolean(),
        fc.integer({ min: 1, max: 40 }),
        async (rows, end, closed, chunk) => {
          const text = rows.map((row) => row.map(quote).join(',')).join(end) + (closed ? end : '');
          const found = await split(Buffer.from(text), 3, { chunk });
          const fields = found.map((r) => (isReject(r) ? r.reason : r.fields));
          expect(fields).toEqual(rows);
          expect(fields).toEqual(parse(text, { record_delimiter: end, relax_quotes: true }));
          const raw = Buffer.from(text);
          for (const r of found) expect(raw.subarray(r.offset, r.offset + r.length).toString()).not.toMatch(/^\n/);
          expect(found.map((r) => r.number)).toEqual(rows.map((_, i) => i));
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe('any bytes at all', () => {
  const hostile = fc
    .array(fc.constantFrom('"', '""', ',', '\n', '\r\n', '\r', 'a', 'bc', '"\n', '",'), { maxLength: 60 })
    .map((parts) => Buffer.from(parts.join('')));
  it('are all in exactly one record, the same ones at every chunk size', async () => {
    await fc.assert(
      fc.asyncProperty(
        hostile,
        fc.integer({ min: 1, max: 9 }),
        fc.integer({ min: 4, max: 30 }),
        async (bytes, chunk, limit) => {
          const found = await split(bytes, 2, { chunk, limit });
          let at = 0;
          for (const record of found) {
            expect(record.offset).toBe(at);
            const end = at + record.length;
            const ending = /^(\r?\n)?/.exec(bytes.subarray(end).toString('latin1'))?.[0] ?? '';
            at = end + ending.length;
            const raw = bytes.subarray(record.offset, end);
            expect(record.line).toBe(bytes.subarray(0, record.offset).toString('latin1').split('\n').length);
            if (isReject(record)) expect(record.sha256).toBe(createHash('sha256').update(raw).digest('hex'));
            else expect(record.length).toBeLessThanOrEqual(limit + 1);
          }
          expect(at).toBe(bytes.length);
          expect(await split(bytes, 2, { chunk: 1000, limit })).toEqual(found);
        },
      ),
      { numRuns: 2000 },
    );
  });

  it('lose only the line where a quote is not closed', async () => {
    const found = await split(Buffer.from('a,b\n"c,d\ne,f\n"g,h\ni,j\n'), 2);
    expect(found.map((r) => (isReject(r) ? r.reason : r.fields.join('|')))).toEqual([
      'a|b',
      'unbalanced_quote',
      'e|f',
      'unbalanced_quote',
      'i|j',
    ]);
  });

  it('are read in linear time, even when every line opens a quote that the next one reopens', async () => {
    const bytes = Buffer.from('",x","\n'.repeat(40_000));
    const begin = process.cpuUsage();
    const found = await split(bytes, 2, { limit: 65_536 });
    // Without a budget this is 40,000 scans of 64 KiB.
    expect(process.cpuUsage(begin).user).toBeLessThan(1_500_000);
    expect(found.at(-1)).toMatchObject({ reason: 'unbalanced_quote' });
    expect(found.reduce((sum, r) => sum + r.length + 1, 0)).toBe(bytes.length);
  });

  it('a record of the limit is a row, a longer one a reject with its head', async () => {
    const fits = `a,${'x'.repeat(98)}`;
    const found = await split(Buffer.from(`${fits}\n${fits}y\na,b\n`), 2, { limit: 100 });
    expect(found.map((r) => (isReject(r) ? r.reason : 'row'))).toEqual(['row', 'record_too_large', 'row']);
    const long = Buffer.alloc(HEAD + 5, 'x');
    const [only] = await split(long, 2);
    expect(only && isReject(only) && [only.reason, only.head.length, only.length]).toEqual([
      'too_few_fields',
      HEAD,
      HEAD + 5,
    ]);
  });
});
