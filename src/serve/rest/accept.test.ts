import { describe, expect, it } from 'vitest';
import { negotiate } from './accept.js';
import { bytesCache } from './bytes-cache.js';
import { matches } from './send-answer.js';

const known = ['application/json', 'text/csv'] as const;

describe('content negotiation', () => {
  it.each([
    [undefined, 'application/json'],
    ['*/*', 'application/json'],
    ['text/csv', 'text/csv'],
    ['TEXT/CSV; header=present', 'text/csv'],
    ['text/*', 'text/csv'],
    ['text/csv, application/json', 'application/json'],
    ['text/csv, application/json;q=0.9', 'text/csv'],
    ['application/json;q=0, */*', 'text/csv'],
    ['text/html, application/xhtml+xml, */*;q=0.1', 'application/json'],
    ['application/*;q=0.2, text/csv;q=0.3', 'text/csv'],
  ])('answers %s with %s', (accept, type) => {
    expect(negotiate(accept, known)).toBe(type);
  });
  it.each(['text/html', 'application/vnd.apache.arrow.stream', 'application/json;q=0', '*/*;q=0', 'text/csv;q=nan'])(
    'refuses %s',
    (accept) => {
      expect(() => negotiate(accept, known)).toThrow(expect.objectContaining({ code: 'not-acceptable', status: 406 }));
    },
  );
});

describe('entity tags', () => {
  it('compare weakly, in lists, and with a star', () => {
    expect(matches('W/"a", "b"', 'W/"b"')).toBe(true);
    expect(matches('*', 'W/"b"')).toBe(true);
    expect(matches('"c"', 'W/"b"')).toBe(false);
    expect(matches(undefined, 'W/"b"')).toBe(false);
  });
});

describe('the cache of encoded answers', () => {
  it('holds no more bytes than it may, lets the least recently used go first, and takes nothing huge', () => {
    const cache = bytesCache(32_000);
    const bytes = Buffer.alloc(1_800);
    for (let i = 0; i < 16; i++) cache.set(`k${i}`, bytes);
    expect(cache.get('k0')).toBe(bytes);
    for (let i = 16; i < 20; i++) cache.set(`k${i}`, bytes);
    expect(cache.get('k0')).toBe(bytes);
    expect(cache.get('k1')).toBeUndefined();
    expect(Array.from({ length: 20 }, (_v, i) => cache.get(`k${i}`)).filter(Boolean).length).toBeLessThanOrEqual(16);
    cache.set('huge', Buffer.alloc(5_000));
    expect(cache.get('huge')).toBeUndefined();
  });
});
