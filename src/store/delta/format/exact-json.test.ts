import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { asObject, ExactNumber, exactText, parseExact } from './exact-json.js';

describe('JSON with exact numbers', () => {
  it('keeps every digit both ways', () => {
    const text =
      '{"a":9007199254740993,"b":[-0.10,1e400,12345678901234567890123456789012.123456],"c":null,"d":"x\\u0000"}';
    expect(exactText(parseExact(text) ?? null)).toBe(text);
    expect(asObject(parseExact(text))?.['a']).toEqual(new ExactNumber('9007199254740993'));
    expect(exactText({ version: 9223372036854775807n, gone: undefined, list: [1, true] })).toBe(
      '{"version":9223372036854775807,"list":[1,true]}',
    );
  });
  it('reads what JSON.parse reads, and nothing else', () => {
    const plain = (text: string): unknown => {
      try {
        return JSON.parse(text);
      } catch {
        return undefined;
      }
    };
    fc.assert(
      fc.property(fc.json(), (text) => {
        expect(JSON.parse(exactText(parseExact(text) ?? null))).toEqual(JSON.parse(text));
      }),
    );
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'{}[]",:01.-e \\tnulrfase') }), (text) => {
        expect(parseExact(text) === undefined).toBe(plain(text) === undefined);
      }),
    );
    expect(parseExact('['.repeat(100_000))).toBeUndefined();
    expect(asObject(parseExact('[1]'))).toBeUndefined();
  });
});
