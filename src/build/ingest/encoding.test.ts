import { isUtf8 } from 'node:buffer';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { decoder, inspect, wholeSequences } from './encoding.js';

const given = (bytes: Buffer) => ({
  size: bytes.length,
  read: async (at: number, n: number) => Buffer.from(bytes.subarray(at, at + n)),
});
const look = (bytes: Buffer) => inspect('f.csv', given(bytes), undefined, () => {});

describe('encoding', () => {
  it('cuts a buffer between two characters, never inside of one', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', minLength: 1 }), fc.nat(), (text, at) => {
        const bytes = Buffer.from(text);
        const part = bytes.subarray(0, (at % bytes.length) + 1);
        const whole = wholeSequences(part);
        return isUtf8(part.subarray(0, whole)) && part.length - whole < 4;
      }),
    );
  });
  it('knows UTF-8 across the borders of what it reads at once', async () => {
    for (let shift = 0; shift < 4; shift++) {
      const text = `${'a'.repeat((1 << 20) - 4 + shift)}𝄞é`;
      expect((await look(Buffer.from(text))).encoding).toBe('utf-8');
      expect((await look(Buffer.concat([Buffer.from(text), Buffer.from([0xe9])]))).encoding).toBe('windows-1252');
    }
  });
  it('maps Windows-1252 as the standard does', () => {
    const text = decoder('windows-1252')(Buffer.from([0x80, 0x81, 0x92, 0x95, 0x9f, 0xa3, 0xe9, 0x41]));
    expect(text).toBe('€\u0081’•Ÿ£éA');
    expect(decoder('iso-8859-1')(Buffer.from([0x80, 0xe9]))).toBe('\u0080é');
  });
});
