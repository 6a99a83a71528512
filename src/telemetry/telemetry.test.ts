import { describe, expect, it } from 'vitest';
import { error } from '../errors/index.js';
import { scrub } from './log.js';
import { openTelemetry } from './open-telemetry.js';

const collect = () => {
  const lines: string[] = [];
  return { lines, target: { write: (line: string) => void lines.push(line) } };
};
const answered = {
  surface: 'rest',
  subject: 'ann',
  roles: ['admin'],
  plan: 'rollup',
  source: 'rollup',
  cached: false,
  rows: 25,
  milliseconds: 4,
  members: ['retail.net_revenue'],
  policies: [],
  requestId: 'r1',
} as const;

describe('telemetry', () => {
  it('counts an event, logs it at its level and gives it to subscribers', async () => {
    const { lines, target } = collect();
    const telemetry = openTelemetry({ logLevel: 'debug' }, target);
    const heard: number[] = [];
    const end = telemetry.subscribe('query.answered', (e) => void heard.push(e.rows));
    telemetry.emit('query.answered', answered);
    end();
    telemetry.emit('query.answered', answered);
    const { type, text } = await telemetry.metricsText();
    expect(type).toMatch(/^text\/plain; version=/);
    expect(text).toContain('assay_queries_total{surface="rest",plan="rollup",source="rollup",cached="false"} 2');
    expect(text).toContain('assay_query_rows_total{surface="rest"} 50');
    expect(heard).toEqual([25]);
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({ level: 'debug', msg: 'query.answered', rows: 25 });
    await telemetry.close();
  });

  it('has no label for a caller, so that metrics stay few and tell nobody who asked', async () => {
    const telemetry = openTelemetry({ logLevel: 'fatal' }, collect().target);
    telemetry.emit('query.answered', answered);
    telemetry.emit('query.refused', { surface: 'rest', subject: 'ann', code: 'unknown-member', requestId: 'r' });
    const { text } = await telemetry.metricsText();
    expect(text).not.toMatch(/ann|net_revenue/);
    await telemetry.close();
  });

  it('goes on when a subscriber throws, rejects, or the log cannot be written', async () => {
    const { lines, target } = collect();
    const telemetry = openTelemetry({ logLevel: 'warn' }, target);
    const heard: string[] = [];
    telemetry.subscribe('notice', () => {
      throw error('disk-full', { path: '/audit' });
    });
    telemetry.subscribe('notice', async () => {
      throw error('disk-full', { path: '/audit' });
    });
    telemetry.subscribe('notice', (e) => void heard.push(e.message));
    telemetry.emit('notice', { message: 'hello' });
    await Promise.resolve();
    expect(heard).toEqual(['hello']);
    expect(lines.filter((l) => l.includes('a telemetry sink failed'))).toHaveLength(2);
    expect((await telemetry.metricsText()).text).toContain('assay_telemetry_sink_failures_total{sink="subscriber"} 2');
    await telemetry.close();

    const deaf = openTelemetry(
      { logLevel: 'warn' },
      {
        write: () => {
          throw error('disk-full', { path: '/log' });
        },
      },
    );
    const still: string[] = [];
    deaf.subscribe('notice', (e) => void still.push(e.message));
    deaf.emit('notice', { message: 'on' });
    expect(still).toEqual(['on']);
    await deaf.close();
  });

  it('logs a bug whole, with its cause, and never a secret', () => {
    const { lines, target } = collect();
    const telemetry = openTelemetry({ logLevel: 'warn' }, target);
    const token = 'eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbm4ifQ.c2lnbmF0dXJl';
    const cause = new TypeError(`cannot read postgres://assay:hunter2hunter2@db:5432/assay with Bearer ${token}`);
    telemetry.emit('bug', { where: 'rest', error: error('internal', {}, cause), requestId: 'r9' });
    telemetry.log.warn({ password: 'hunter2', config: { secret: 'hunter2' } }, 'careless');
    const text = lines.join('');
    expect(text).toContain('telemetry.test.ts');
    expect(text).toContain('cannot read postgres://assay:***@db:5432/assay');
    expect(text).toContain('r9');
    expect(text).not.toContain('hunter2');
    expect(text).not.toContain('c2lnbmF0dXJl');
    for (const line of lines) JSON.parse(line);
  });

  it('scrubs only secrets', () => {
    expect(scrub('{"url":"https://example.org:8080/a@b"}')).toBe('{"url":"https://example.org:8080/a@b"}');
    expect(scrub('redis://:longpassword@r:1/0')).toBe('redis://:***@r:1/0');
    expect(scrub('Authorization: Bearer abcdefgh12345')).toBe('Authorization: Bearer ***');
  });
});
