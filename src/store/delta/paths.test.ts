import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decodePath, encodePath, readListing } from './paths.js';

describe('paths of the log', () => {
  it('come back as they were, whatever characters they hold', () => {
    const part = fc.string({ unit: 'grapheme', minLength: 1, maxLength: 12 }).filter((p) => !/^\.\.$|[/\0]/.test(p));
    fc.assert(
      fc.property(fc.array(part, { minLength: 1, maxLength: 4 }), (parts) => {
        const path = parts.join('/');
        const encoded = encodePath(path);
        expect(encoded).toMatch(/^[\x21-\x7e]*$/);
        expect(decodePath(encoded, 'f', 't')).toBe(path);
      }),
    );
  });
  it('hold a partition folder encoded twice, as the protocol asks', () => {
    expect(encodePath('p=a%2Fb%20c%3D%25%C3%A9/x')).toBe('p%3Da%252Fb%2520c%253D%2525%25C3%25A9/x');
    expect(decodePath('p=a%252Fb%2520c%253D%2525%25C3%25A9', 'f', 't')).toBe('p=a%2Fb%20c%3D%25%C3%A9');
  });
  it('never leave the table', () => {
    for (const path of ['../x', 'a/%2E%2E/x', 'a/..', '%2Fetc/passwd', 'a%00b', '%zz', ''])
      expect(() => decodePath(path, 'log.json', 't')).toThrow(expect.objectContaining({ code: 'delta-corrupt' }));
    for (const path of ['/etc/passwd', 'file:///etc/passwd', 's3://b/k'])
      expect(() => decodePath(path, 'log.json', 't')).toThrow(expect.objectContaining({ code: 'delta-unsupported' }));
  });
});

describe('a listing of the log', () => {
  it('holds commits and checkpoints by version, and nothing else', () => {
    const v = (n: number) => String(n).padStart(20, '0');
    expect(
      readListing([
        `${v(10)}.json`,
        `${v(2)}.json`,
        `${v(10)}.checkpoint.parquet`,
        `${v(9)}.checkpoint.0000000001.0000000002.parquet`,
        `${v(3)}.crc`,
        `.${v(4)}.json.tmp`,
        '5.json',
        '_last_checkpoint',
      ]),
    ).toEqual({ commits: [2, 10], checkpoints: [10], others: [9] });
  });
});
