import { crc32 as zlibCrc } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { crc32 } from './crc32.js';
import { readRoaring, VectorDamaged } from './roaring.js';
import { decodeZ85, encodeZ85 } from './z85.js';

/** The portable format written down anew, from its specification: `kind` chooses how each container is kept. */
const written = (rows: readonly bigint[], kind: 'plain' | 'runs'): Buffer => {
  const parts: Buffer[] = [];
  const u16 = (n: number) => parts.push(Buffer.from([n & 255, n >> 8]));
  const u32 = (n: number) => {
    const b = Buffer.alloc(4);
    b.writeUInt32LE(n);
    parts.push(b);
  };
  const groups = new Map<number, Map<number, number[]>>();
  for (const row of [...new Set(rows)].sort((a, b) => (a < b ? -1 : 1))) {
    const high = Number(row >> 32n);
    const key = Number((row >> 16n) & 0xffffn);
    const inner = groups.get(high) ?? new Map<number, number[]>();
    inner.set(key, [...(inner.get(key) ?? []), Number(row & 0xffffn)]);
    groups.set(high, inner);
  }
  u32(1681511377);
  u32(groups.size);
  u32(0);
  for (const [high, containers] of groups) {
    u32(high);
    if (kind === 'runs') {
      u32(12347 | ((containers.size - 1) << 16));
      parts.push(Buffer.alloc(Math.ceil(containers.size / 8), 255));
    } else {
      u32(12346);
      u32(containers.size);
    }
    for (const [key, values] of containers) {
      u16(key);
      u16(values.length - 1);
    }
    if (kind === 'plain' || containers.size >= 4) for (const _ of containers) u32(0);
    for (const values of containers.values()) {
      if (kind === 'plain' && values.length <= 4096) values.forEach(u16);
      else if (kind === 'plain') {
        const bits = Buffer.alloc(8192);
        for (const v of values) bits[v >> 3] = (bits[v >> 3] ?? 0) | (1 << (v & 7));
        parts.push(bits);
      } else {
        const runs: [number, number][] = [];
        for (const v of values) {
          const last = runs.at(-1);
          if (last && last[0] + last[1] + 1 === v) last[1] += 1;
          else runs.push([v, 0]);
        }
        u16(runs.length);
        for (const [first, more] of runs) {
          u16(first);
          u16(more);
        }
      }
    }
  }
  return Buffer.concat(parts);
};
const rowsOf = (bytes: Buffer): bigint[] => {
  const rows: bigint[] = [];
  for (const [first, last] of readRoaring(bytes).runs())
    for (let row = first; row <= last; row++) rows.push(BigInt(row));
  return rows;
};
const row = fc.oneof(
  fc.bigInt({ min: 0n, max: 300_000n }),
  fc.bigInt({ min: 0n, max: 2n ** 34n }),
  fc.bigInt({ min: 2n ** 40n, max: 2n ** 40n + 100n }),
);
const someRows = fc
  .tuple(fc.array(row, { maxLength: 60 }), fc.array(fc.tuple(fc.nat(200_000), fc.nat(9000)), { maxLength: 3 }))
  .map(([single, spans]) => {
    const all = new Set(single);
    for (const [first, length] of spans) for (let i = 0; i < length; i++) all.add(BigInt(first + i));
    return [...all].sort((a, b) => (a < b ? -1 : 1));
  });

describe('row numbers of a deletion vector', () => {
  it('come back from lists, bitmaps and runs of the 64-bit portable format', () => {
    fc.assert(
      fc.property(someRows, fc.constantFrom('plain', 'runs'), (rows, kind) => {
        const bytes = written(rows, kind as 'plain');
        expect(readRoaring(bytes).cardinality).toBe(rows.length);
        expect(rowsOf(bytes)).toEqual(rows);
      }),
      { seed: 1, numRuns: 25 },
    );
  });
  it('never come from damaged bytes without an end: they are refused, or other rows whose checksum is wrong', () => {
    const good = written(
      [1n, 2n, 5n, 70_000n, 2n ** 33n, ...Array.from({ length: 5000 }, (_, i) => BigInt(200_000 + 2 * i))],
      'plain',
    );
    fc.assert(
      fc.property(fc.nat(good.length - 1), fc.nat(255), fc.nat(good.length), (at, value, length) => {
        const bytes = Buffer.from(good.subarray(0, length));
        if (at < bytes.length) bytes[at] = value;
        const same = bytes.equals(good);
        try {
          const { cardinality, runs } = readRoaring(bytes);
          let count = 0;
          for (const [first, last] of runs()) count += last - first + 1;
          expect(count).toBe(cardinality);
        } catch (thrown) {
          expect(thrown).toBeInstanceOf(VectorDamaged);
          expect(same).toBe(false);
        }
        if (!same) expect(crc32(bytes)).not.toBe(crc32(good));
      }),
      { seed: 2, numRuns: 200 },
    );
  });
});

describe('the checksum and the text of bytes', () => {
  it('are those that others compute', () => {
    expect(crc32(Buffer.from('123456789'))).toBe(0xcbf43926);
    fc.assert(
      fc.property(fc.uint8Array(), (bytes) => {
        expect(crc32(bytes)).toBe(zlibCrc(bytes));
      }),
      { seed: 3 },
    );
    // The example of ZeroMQ's RFC 32.
    expect(encodeZ85(Buffer.from('864fd26fb559f75b', 'hex'))).toBe('HelloWorld');
    expect(decodeZ85('HelloWorld')?.toString('hex')).toBe('864fd26fb559f75b');
    for (const text of ['Hell', 'Hell~', '#####']) expect(decodeZ85(text)).toBeUndefined();
  });
});
