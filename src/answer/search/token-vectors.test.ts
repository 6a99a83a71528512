import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { dot } from './embedder.js';
import { readTokenVectors, senseIndex } from './token-vectors.js';

const senses = readTokenVectors(join(import.meta.dirname, '../../../data/search/token-vectors.bin.gz'));
const like = (a: string, b: string): number => {
  const [x, y] = [senses(a), senses(b)];
  return x && y ? dot(x, y) : Number.NaN;
};

describe('senses of words', () => {
  it('are near for words of one meaning, and far for others', () => {
    for (const [word, near, far] of [
      ['refund', 'reimbursement', 'lantern'],
      ['customer', 'buyer', 'tuesday'],
      ['truck', 'vehicle', 'weather'],
      ['café', 'cafe', 'weather'],
    ] as const)
      expect(like(word, near), word).toBeGreaterThan(like(word, far) + 0.2);
  });
  it('read a word that is not known by its parts, and none that falls into crumbs', () => {
    expect(senses('storefronts')).toBeDefined();
    expect([senses('zzqx wwkv'), senses(''), senses('…')]).toEqual([undefined, undefined, undefined]);
    expect(dot(senses('a lantern') ?? new Float32Array(), senses('a lantern') ?? new Float32Array())).toBeCloseTo(1, 5);
  });
  it('compare a question with every document', () => {
    const index = senseIndex(['money that was paid back', 'days of the week', ''], senses);
    const scores = index.score('refund') ?? new Float64Array();
    expect(scores[0]).toBeGreaterThan(scores[1] ?? 1);
    expect(scores[2]).toBe(0);
    expect(index.score('zzqx')).toBeUndefined();
  });
});
