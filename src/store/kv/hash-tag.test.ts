import { expect, it } from 'vitest';
import { hashTag } from './hash-tag.js';

/** The cases of the Redis cluster specification, section "Hash tags". */
it.each([
  ['{user1000}.following', 'user1000'],
  ['foo{}{bar}', 'foo{}{bar}'],
  ['foo{{bar}}zap', '{bar'],
  ['foo{bar}{zap}', 'bar'],
  ['plain', 'plain'],
  ['open{only', 'open{only'],
  ['}{a}', 'a'],
])('the hash tag of %s is %s', (key, tag) => {
  expect(hashTag(key)).toBe(tag);
});
