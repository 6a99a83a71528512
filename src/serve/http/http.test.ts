import { createServer, request as httpRequest } from 'node:http';
import { connect } from 'node:net';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { error } from '../../errors/index.js';
import type { Emit, EventName } from '../../query/index.js';
import { authenticator, mintToken } from '../auth/index.js';
import { callerOf, type HttpServer, httpServer, signalOf } from './index.js';

const secret = 'a secret of at least thirty-two bytes!';
const heard: { name: EventName; event: unknown }[] = [];
const emit: Emit = (name, event) => void heard.push({ name, event });
const options = {
  host: '127.0.0.1',
  port: 0,
  auth: authenticator({ secret }),
  emit,
  corsOrigins: ['https://app.example'],
  rateLimit: 1000,
  checks: {},
  bodyLimit: 1000,
};
let server: HttpServer;
let url: string;
let token: string;
let aborted: Promise<void>;
const bearer = () => ({ authorization: `Bearer ${token}` });

beforeAll(async () => {
  token = await mintToken({ secret, roles: ['admin'], subject: 'ann', expires: '1h' });
  server = await httpServer({
    ...options,
    checks: {
      warehouse: async () => ({ ok: true }),
      redis: async () => {
        throw error('redis-unavailable', { why: 'connect ECONNREFUSED 10.0.0.7:6379' });
      },
    },
    metrics: async () => ({ type: 'text/plain; version=0.0.4', text: 'up 1\n' }),
  });
  const { app } = server;
  app.get('/who', async (request) => ({ subject: callerOf(request).subject }));
  app.post('/echo', async (request) => request.body);
  app.get('/bug', async () => {
    throw new TypeError('secret detail of /srv/place.ts');
  });
  app.get('/engine', async () => {
    throw error('engine-failed', { engine: 'postgres' }, new TypeError('relation of a customer'));
  });
  let tell: () => void;
  aborted = new Promise((resolve) => {
    tell = resolve;
  });
  app.get('/slow', (_request, reply) => {
    signalOf(reply.raw).addEventListener('abort', () => tell());
    reply.raw.write('begun');
    return new Promise(() => {});
  });
  const at = await server.listen();
  url = `http://${at.host}:${at.port}`;
});
afterAll(() => server.close(0));

const problem = async (response: Response) => {
  expect(response.headers.get('content-type')).toBe('application/problem+json; charset=utf-8');
  const body = (await response.json()) as Record<string, unknown>;
  expect(body).toMatchObject({ status: response.status, requestId: response.headers.get('x-request-id') });
  expect(body['type']).toBe(`urn:assay:error:${body['code']}`);
  expect(JSON.stringify(body)).not.toMatch(/\.ts|node_modules|\n\s+at /);
  return body;
};

describe('who asks', () => {
  it('is taken from the token', async () => {
    const response = await fetch(`${url}/who`, { headers: bearer() });
    expect(await response.json()).toEqual({ subject: 'ann' });
  });
  it.each([
    ['nothing', undefined],
    ['a password', 'Basic YW5uOmFubg=='],
    ['an empty token', 'Bearer '],
    ['a wrong token', 'Bearer abc.def.ghi'],
  ])('is refused with %s', async (_what, authorization) => {
    const response = await fetch(`${url}/who`, { headers: authorization ? { authorization } : {} });
    expect(response.status).toBe(401);
    expect(response.headers.get('www-authenticate')).toMatch(/^Bearer/);
    expect((await problem(response))['code']).toBe('unauthenticated');
  });
  it('reads the scheme in any case', async () => {
    expect((await fetch(`${url}/who`, { headers: { authorization: `bearer ${token}` } })).status).toBe(200);
  });
  it('leaves no token in any event', () => {
    expect(JSON.stringify(heard)).not.toContain('abc.def');
    expect(JSON.stringify(heard)).not.toContain(token.slice(-20));
  });
});

describe('an error', () => {
  const post = (body: string | Uint8Array<ArrayBuffer>, type = 'application/json') =>
    fetch(`${url}/echo`, { method: 'POST', headers: { ...bearer(), 'content-type': type }, body });
  it.each([
    ['cut', '{"a":'],
    ['empty', ''],
    ['a prototype', '{"__proto__":{"x":1}}'],
    ['not UTF-8 text', new Uint8Array([0xff, 0xfe, 0x00])],
  ])('of malformed JSON (%s) is a 400', async (_what, body) => {
    const response = await post(body);
    expect(response.status).toBe(400);
    expect((await problem(response))['code']).toBe('request-invalid');
  });
  it('of a body too large is a 413 that names the limit', async () => {
    const body = await problem(await post(JSON.stringify('x'.repeat(2000))));
    expect(body).toMatchObject({ status: 413, code: 'request-too-large' });
    expect(body['detail']).toContain('1000');
  });
  it('of another media type is a 415', async () => {
    expect(await problem(await post('<a/>', 'application/xml'))).toMatchObject({
      status: 415,
      code: 'unsupported-media-type',
    });
  });
  it('of an unknown path is a 404, of a known path with another method a 405 with Allow', async () => {
    expect(await problem(await fetch(`${url}/nowhere?x=1`))).toMatchObject({ status: 404, code: 'not-found' });
    const response = await fetch(`${url}/echo`, { method: 'DELETE', headers: bearer() });
    expect(response.headers.get('allow')).toBe('POST, OPTIONS');
    expect(await problem(response)).toMatchObject({ status: 405, code: 'method-not-allowed' });
  });
  it('that is a bug shows a code and an id, and the log gets it whole', async () => {
    const body = await problem(await fetch(`${url}/bug`, { headers: bearer() }));
    expect(body).toMatchObject({ status: 500, code: 'internal' });
    expect(JSON.stringify(body)).not.toContain('secret detail');
    const bug = heard.find((h) => h.name === 'bug')?.event;
    expect(bug).toMatchObject({
      requestId: body['requestId'],
      where: '/bug',
      error: { message: expect.stringContaining('secret') },
    });
  });
  it('of an engine tells the caller nothing of the engine’s message', async () => {
    const body = await problem(await fetch(`${url}/engine`, { headers: bearer() }));
    expect(body).toMatchObject({ status: 500, code: 'engine-failed' });
    expect(JSON.stringify(body)).not.toContain('relation');
    expect(heard.find((h) => h.name === 'request.failed')?.event).toMatchObject({ requestId: body['requestId'] });
  });
  it('of a URL that cannot be decoded is a 400', async () => {
    const { hostname, port } = new URL(url);
    const status = await new Promise((resolve) =>
      httpRequest({ hostname, port, path: '/%zz' }, (r) => resolve(r.resume().statusCode)).end(),
    );
    expect(status).toBe(400);
  });
  it('of bytes that are not HTTP is a 400 in the same form', async () => {
    const { hostname, port } = new URL(url);
    const text = await new Promise<string>((resolve) => {
      let all = '';
      const socket = connect(Number(port), hostname, () => socket.write('EHLO there\r\n\r\n'));
      socket.on('data', (d) => {
        all += d;
      });
      socket.on('close', () => resolve(all));
    });
    expect(text).toMatch(/^HTTP\/1\.1 400 /);
    expect(JSON.parse(text.slice(text.indexOf('\r\n\r\n')))).toMatchObject({ code: 'request-invalid', status: 400 });
  });
});

describe('headers', () => {
  it('forbid to sniff, frame, load and store; no HSTS without TLS; no word on what serves', async () => {
    const { headers } = await fetch(`${url}/health`);
    expect(headers.get('content-security-policy')).toContain("default-src 'none'");
    expect(headers.get('content-security-policy')).toContain("frame-ancestors 'none'");
    expect(headers.get('x-content-type-options')).toBe('nosniff');
    expect(headers.get('cache-control')).toBe('no-store');
    expect(headers.get('strict-transport-security')).toBeNull();
    expect(headers.get('x-powered-by') ?? headers.get('server')).toBeNull();
  });
  it('keep a plain request id of the caller and replace any other', async () => {
    const id = async (given: string) =>
      (await fetch(`${url}/health`, { headers: { 'x-request-id': given } })).headers.get('x-request-id');
    expect(await id('run-7.a')).toBe('run-7.a');
    expect(await id('<script>')).toMatch(/^[0-9a-f-]{36}$/);
    expect(await id('x'.repeat(65))).toMatch(/^[0-9a-f-]{36}$/);
  });
  it('let the configured origin ask and no other', async () => {
    const preflight = (origin: string) =>
      fetch(`${url}/echo`, { method: 'OPTIONS', headers: { origin, 'access-control-request-method': 'POST' } });
    const good = await preflight('https://app.example');
    expect(good.status).toBe(204);
    expect(good.headers.get('access-control-allow-origin')).toBe('https://app.example');
    expect((await preflight('https://evil.example')).headers.get('access-control-allow-origin')).toBeNull();
  });
  it('answer HEAD as GET without a body', async () => {
    const response = await fetch(`${url}/health`, { method: 'HEAD' });
    expect([response.status, await response.text()]).toEqual([200, '']);
  });
});

describe('probes', () => {
  it('say that the process lives, what is not ready, and the metrics, without a token', async () => {
    expect(await (await fetch(`${url}/health`)).json()).toEqual({ status: 'ok' });
    const ready = await fetch(`${url}/ready`);
    expect(ready.status).toBe(503);
    expect(await ready.json()).toEqual({
      status: 'not ready',
      checks: { warehouse: { ok: true }, redis: { ok: false, detail: 'redis-unavailable' } },
    });
    expect(await (await fetch(`${url}/metrics`)).text()).toBe('up 1\n');
  });
});

describe('a client that goes away', () => {
  it('aborts the signal of its request', async () => {
    const controller = new AbortController();
    const response = await fetch(`${url}/slow`, { headers: bearer(), signal: controller.signal });
    await response.body?.getReader().read();
    controller.abort();
    await aborted;
  });
});

describe('limits', () => {
  it('answer 429 with Retry-After to the caller over its rate, and not to another', async () => {
    const tight = await httpServer({ ...options, corsOrigins: [], rateLimit: 3 });
    tight.app.get('/who', async () => 'ok');
    const at = await tight.listen();
    const ask = async (t: string) =>
      fetch(`http://${at.host}:${at.port}/who`, { headers: { authorization: `Bearer ${t}` } });
    const states = [];
    for (let i = 0; i < 4; i++) states.push((await ask(token)).status);
    expect(states).toEqual([200, 200, 200, 429]);
    const refused = await ask(token);
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0);
    expect(await problem(refused)).toMatchObject({ code: 'too-many-requests' });
    expect((await ask(await mintToken({ secret, roles: ['admin'], subject: 'bob', expires: '1h' }))).status).toBe(200);
    const options204 = await fetch(`http://${at.host}:${at.port}/who`, { method: 'OPTIONS' });
    expect([options204.status, options204.headers.get('allow')]).toEqual([204, 'GET, HEAD, OPTIONS']);
    await tight.close(0);
  });
  it('slow down an address that sends wrong tokens, and leave its good ones alone', async () => {
    const fresh = await httpServer({ ...options, corsOrigins: [] });
    fresh.app.get('/who', async () => 'ok');
    const at = await fresh.listen();
    const ask = async (t: string) =>
      (await fetch(`http://${at.host}:${at.port}/who`, { headers: { authorization: `Bearer ${t}` } })).status;
    let last = 0;
    for (let i = 0; i < 1_000 && last !== 429; i++) last = await ask(`wrong.${i}.x`);
    expect(last).toBe(429);
    expect(await ask(token)).toBe(200);
    await fresh.close(0);
  });
});

describe('starting and stopping', () => {
  it('names the port that is taken', async () => {
    const other = createServer();
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as { port: number };
    const second = await httpServer({ ...options, corsOrigins: [], port });
    await expect(second.listen()).rejects.toMatchObject({ code: 'port-in-use' });
    await second.close(0);
    other.close();
  });
  it('lets a request in flight end, and cuts one that outlasts the grace', async () => {
    const stopping = await httpServer({ ...options, corsOrigins: [] });
    let release: () => void = () => {};
    const started = new Promise<void>((begun) => {
      stopping.app.get('/short', { config: { open: true } }, async () => {
        begun();
        await new Promise<void>((resolve) => {
          release = resolve;
        });
        return 'whole';
      });
    });
    const at = await stopping.listen();
    const answer = fetch(`http://${at.host}:${at.port}/short`).then((r) => r.text());
    await started;
    const closed = stopping.close();
    release();
    expect(await answer).toBe('whole');
    await closed;

    const stuck = await httpServer({ ...options, corsOrigins: [] });
    const hanging = new Promise<void>((begun) => {
      stuck.app.get('/stuck', { config: { open: true } }, () => {
        begun();
        return new Promise(() => {});
      });
    });
    const there = await stuck.listen();
    const cut = fetch(`http://${there.host}:${there.port}/stuck`).then(
      () => 'answered',
      () => 'cut',
    );
    await hanging;
    await stuck.close(50);
    expect(await cut).toBe('cut');
  });
});
