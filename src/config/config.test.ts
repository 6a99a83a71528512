import { describe, expect, it } from 'vitest';
import { readConfig, redacted } from './index.js';

const read = (environment: Record<string, string>) => readConfig(environment, '/opt/assay', '/srv');

describe('settings', () => {
  it('have defaults on loopback, below the working folder', () => {
    const c = read({});
    expect([c.home, c.model, c.httpHost, c.httpPort, c.sqlPort, c.raw, c.demoAllowed]).toEqual([
      '/srv/.assay',
      '/opt/assay/model',
      '127.0.0.1',
      4000,
      15432,
      'postgres',
      true,
    ]);
  });
  it.each([
    ['ASSAY_HTTP_PORT', '70000'],
    ['ASSAY_HTTP_PORT', '-1'],
    ['ASSAY_HTTP_PORT', '4000x'],
    ['ASSAY_RAW', 'oracle'],
    ['ASSAY_DUCKDB_MEMORY', 'much'],
    ['ASSAY_SQL_SESSIONS', '0'],
    ['ASSAY_LAKE', 'gs://bucket'],
    ['ASSAY_LAKE', 's3://'],
    ['ASSAY_LAKE_CACHE', '10'],
    ['ASSAY_S3_PATH_STYLE', 'yes'],
  ])('%s=%s is refused by name', (name, value) => {
    expect(() => read({ [name]: value })).toThrow(new RegExp(`${name}=${value}`.replaceAll('/', '\\/')));
  });
  it('take a bucket as the lake as it is named', () => {
    const c = read({
      ASSAY_LAKE: 's3://bucket/a',
      ASSAY_S3_ENDPOINT: 'http://127.0.0.1:9000',
      AWS_DEFAULT_REGION: 'eu-west-2',
    });
    expect([c.lake, c.s3, c.lakeCache]).toEqual([
      's3://bucket/a',
      { endpoint: 'http://127.0.0.1:9000', region: 'eu-west-2', pathStyle: undefined },
      10_000_000_000,
    ]);
    expect(() => read({ ASSAY_S3_ENDPOINT: 'http://u:geheim@host' })).toThrow(/ASSAY_S3_ENDPOINT=\*\*\*/);
  });
  it('refuse a target of lineage that is neither a file nor an address, without printing it', () => {
    for (const target of ['lineage.jsonl', 'file:lineage.jsonl', 'ftp://u:geheim@host', 'http://']) {
      expect(() => read({ ASSAY_OPENLINEAGE: target })).toThrow(/ASSAY_OPENLINEAGE=\*\*\*/);
    }
    expect(read({ ASSAY_OPENLINEAGE: 'file:///var/log/lineage.jsonl' }).openLineageNamespace).toBe('assay');
  });
  it('refuse a short secret without printing it', () => {
    expect(() => read({ ASSAY_JWT_SECRET: 'hunter2' })).toThrow(/ASSAY_JWT_SECRET=\*\*\*/);
  });
  it('never let the demo near what a company configured', () => {
    const long = 'x'.repeat(32);
    for (const name of ['ASSAY_POSTGRES_URL', 'ASSAY_LAKE', 'ASSAY_JWT_SECRET', 'ASSAY_JWT_ISSUER'])
      expect(read({ [name]: long }).demoAllowed).toBe(false);
    expect(read({ ASSAY_POSTGRES_URL: '' }).demoAllowed).toBe(true);
  });
  it('print without secrets', () => {
    const text = JSON.stringify(
      redacted(
        read({
          ASSAY_POSTGRES_URL: 'postgres://u:geheim@h/d',
          ASSAY_PSEUDONYM_KEY: 'geheim'.repeat(9),
          ASSAY_OPENLINEAGE: 'https://u:geheim@h',
          ASSAY_OPENLINEAGE_KEY: 'geheim',
        }),
      ),
    );
    expect(text).not.toContain('geheim');
  });
});
