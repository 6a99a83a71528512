import { expect, test } from 'vitest';
import { bytesOf } from './size.js';

test.each([
  ['2GB', 2_000_000_000],
  ['512MB', 512_000_000],
  ['1.5GB', 1_500_000_000],
])('%s is %i bytes', (text, bytes) => {
  expect(bytesOf(text)).toBe(bytes);
});
