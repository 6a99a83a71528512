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
    for (const path of ['/etc/passwd', 'file:///etc/passwd', 's3://b/k', '/t', '/t/', '/tt/x'])
      expect(() => decodePath(path, 'log.json', '/t')).toThrow(expect.objectContaining({ code: 'delta-unsupported' }));
    for (const path of ['file:///t/../x', '/t/a/%2e%2E/x', 's3://'])
      expect(() => decodePath(path, 'log.json', '/t')).toThrow(expect.objectContaining({ code: 'delta-corrupt' }));
  });
  it('are below the table when they are absolute and lie in its folder', () => {
    for (const path of ['/t/a b/x', 'file:/t/a%20b/x', 'file:///t/a%20b/x'])
      expect(decodePath(path, 'log.json', '/t')).toBe('a b/x');
    expect(decodePath('s3://b/t/a%2Bb', 'log.json', 's3://b/t')).toBe('a+b');
  });
});

describe('a listing of the log', () => {
  const v = (n: number) => String(n).padStart(20, '0');
  const part = (n: number, o: number, p: number) =>
    `${v(n)}.checkpoint.${String(o).padStart(10, '0')}.${String(p).padStart(10, '0')}.parquet`;
  const uuid = '6374b053-df23-479b-b2cf-c9c550132b49';
  it('holds commits and checkpoints by version, and nothing else', () => {
    expect(
      readListing([
        `${v(10)}.json`,
        `${v(2)}.json`,
        `${v(10)}.checkpoint.parquet`,
        `${v(9)}.checkpoint.${uuid}.json`,
        `${v(10)}.checkpoint.${uuid}.parquet`,
        `${v(3)}.crc`,
        `${v(3)}.${v(7)}.compacted.json`,
        `${v(7)}.${v(3)}.compacted.json`,
        `.${v(4)}.json.tmp`,
        '5.json',
        '99999999999999999999.json',
        '_last_checkpoint',
      ]),
    ).toEqual({
      commits: [2, 10],
      checkpoints: [10],
      starts: [
        { version: 9, kind: 'v2', names: [`${v(9)}.checkpoint.${uuid}.json`] },
        { version: 10, kind: 'v2', names: [`${v(10)}.checkpoint.${uuid}.parquet`] },
        { version: 10, kind: 'classic', names: [`${v(10)}.checkpoint.parquet`] },
      ],
      compactions: [{ from: 3, to: 7, name: `${v(3)}.${v(7)}.compacted.json` }],
    });
  });
  it('holds a checkpoint in parts only where no part is missing', () => {
    const { starts } = readListing([part(4, 2, 2), part(4, 1, 2), part(4, 1, 3), part(4, 3, 3), part(5, 0, 1)]);
    expect(starts).toEqual([{ version: 4, kind: 'parts', names: [part(4, 1, 2), part(4, 2, 2)] }]);
  });
});
