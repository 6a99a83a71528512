import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseKey, partitionKeys, rollupKeys } from './keys.js';
import { decodeManifest, encodeManifest, type Manifest } from './manifest.js';
import { retire } from './registry.js';

const manifest: Manifest = {
  rollup: 'sales.by_day',
  definition: 'd',
  layout: 'l',
  revision: 3,
  builtFrom: { 'gold.fact_sales': '7' },
  builtAt: '2026-01-01T00:00:00.000Z',
  fence: 1,
  complete: true,
  covers: { from: '-5', to: '9223372036854775000' },
  partitions: [{ key: '2010-12', version: 'a', from: '0', to: '1', rows: 1, bytes: 2, chunks: 1, sha256: 'x' }],
  proof: 'p',
  refused: null,
  retired: [],
};

describe('keys in the store', () => {
  it('put all of a partition, and all of a rollup, on one slot', () => {
    const tag = (key: string) => /\{([^}]*)\}/.exec(key)?.[1];
    const p = partitionKeys('ns', 'sales.by_day@1', '2010-12', 'v');
    expect([p.entry, p.chunk(0), p.chunk(7)].map(tag)).toEqual(Array(3).fill('ns/sales.by_day@1/2010-12'));
    const r = rollupKeys('ns', 'sales.by_day@1');
    expect([r.manifest, r.fence, r.lease].map(tag)).toEqual(Array(3).fill('ns/sales.by_day@1'));
    expect(p.chunk(3)).toBe('assay:ns:rollup:{ns/sales.by_day@1/2010-12}:v:3');
  });

  it('are read back as they were made, whatever stands in a name', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), fc.string({ minLength: 1 }), (namespace, partition) => {
        const key = partitionKeys(namespace, 'r@1', partition, 'v1').chunk(2);
        expect(parseKey(namespace, key)).toEqual({ name: 'r@1', partition, version: 'v1' });
        expect(parseKey(namespace, rollupKeys(namespace, 'r@1').fence)).toEqual({ name: 'r@1' });
      }),
    );
  });
});

describe('a manifest', () => {
  it('is read back as it was written', () => {
    expect(decodeManifest(encodeManifest(manifest))).toEqual(manifest);
  });

  it('counts as not there when any byte range of it is cut off or it is something else', () => {
    const bytes = encodeManifest(manifest);
    for (let n = 0; n < bytes.length; n += 7) expect(decodeManifest(bytes.subarray(0, n))).toBeUndefined();
    expect(decodeManifest(Buffer.from('{"rollup": 1}'))).toBeUndefined();
    expect(decodeManifest(Buffer.from(JSON.stringify({ ...manifest, partitions: [{}] })))).toBeUndefined();
  });

  it('keeps replaced versions for the grace, then lets them go, and never those in use', () => {
    const part = (key: string, version: string) => ({ ...manifest.partitions[0], key, version }) as never;
    const old = { ...manifest, partitions: [part('a', '1'), part('b', '1')], retired: [] };
    const first = retire(old, [part('a', '2'), part('b', '1')], 1_000, 100);
    expect(first).toEqual({ retired: [{ key: 'a', version: '1', chunks: 1, at: 1_000 }], gone: [] });
    const next = { ...manifest, partitions: [part('a', '2'), part('b', '1')], retired: first.retired };
    expect(retire(next, next.partitions, 1_100, 100)).toEqual({ retired: [], gone: first.retired });
    expect(retire(next, [part('a', '1'), part('b', '1')], 1_100, 100).gone).toEqual([]);
  });
});
