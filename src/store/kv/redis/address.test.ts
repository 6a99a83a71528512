import { expect, it } from 'vitest';
import { placeOf } from './address.js';

it.each([
  ['redis://h', { kind: 'single', address: { host: 'h', port: 6379 }, database: 0, login: {} }],
  [
    'rediss://u:p%40@h:1/3',
    { kind: 'single', address: { host: 'h', port: 1 }, database: 3, login: { username: 'u', password: 'p@', tls: {} } },
  ],
  [
    'redis://:p@a:1, redis://[::1]:2',
    {
      kind: 'cluster',
      addresses: [
        { host: 'a', port: 1 },
        { host: '::1', port: 2 },
      ],
      login: { password: 'p' },
    },
  ],
  [
    'redis-sentinel://u:p@a/main/2?sentinel-user=s&sentinel-password=q,redis-sentinel://b:7',
    {
      kind: 'sentinel',
      addresses: [
        { host: 'a', port: 26_379 },
        { host: 'b', port: 7 },
      ],
      master: 'main',
      database: 2,
      login: { username: 'u', password: 'p' },
      sentinelLogin: { username: 's', password: 'q' },
    },
  ],
])('reads %s', (url, place) => {
  expect(placeOf(url)).toEqual(place);
});

it.each([
  ['http://secret@h', /a url such as/],
  ['', /a url is wanted/],
  ['redis://h/x', /number of a database/],
  ['redis-sentinel://h', /names its master/],
  ['redis-sentinel://h/main/1/2', /names its master/],
  ['redis-sentinel://h/main,redis://secret@h', /either all/],
])('refuses %s', (url, why) => {
  expect(() => placeOf(url)).toThrow(why);
  expect(() => placeOf(url)).not.toThrow(/secret/);
});
