import { describe, expect, it } from 'vitest';
import { parseAddress } from './address.js';

describe('the address of a Spark server', () => {
  it.each([
    ['sc://host', { host: 'host', port: 15_002, tls: false, token: undefined, name: 'host:15002' }],
    ['sc://127.0.0.1:1234', { host: '127.0.0.1', port: 1234, name: '127.0.0.1:1234' }],
    ['sc://[::1]:1234/', { host: '::1', port: 1234, name: '[::1]:1234' }],
    ['sc://h:1/;token=a%3Bb%3D;use_ssl=true', { tls: true, token: 'a;b=', user: 'assay' }],
    ['sc://h:1/;user_id=me;x-team=a%20b;user_agent=z', { user: 'me', headers: { 'x-team': 'a b' } }],
    ['sc://localhost:1/;token=t', { tls: false, token: 't' }],
  ])('%s', (url, found) => expect(parseAddress(url)).toMatchObject(found));
  it.each([
    'http://host:1',
    'sc://',
    'sc://h:70000',
    'sc://h:0',
    'sc://h:1/path',
    'sc://h:1/;token',
    'sc://h:1/;=x',
    'sc://h:1/;use_ssl=yes',
    'sc://h:1/;a=%E0%A4%A',
    'sc://far.example:1/;token=geheim',
    'sc://far.example:1/;token=geheim;use_ssl=false',
  ])('%s is refused, and not shown', (url) => {
    expect(() => parseAddress(url)).toThrow(/^ASSAY_SPARK=\*\*\* is not usable: [^:]*((?!geheim).)*$/);
  });
});
