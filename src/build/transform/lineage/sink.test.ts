import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import type { Emit } from '../../../query/index.js';
import type { RunEvent } from './events.js';
import { openLineageSink } from './sink.js';

const event = (name: string): RunEvent => ({
  ...{ eventType: 'START', eventTime: '2010-12-01T08:00:00Z', producer: 'urn:assay', schemaURL: 'urn:schema' },
  run: { runId: '3b452093-782c-4ef2-9c0c-aafe2aa6f34d', facets: {} },
  job: { namespace: 'n', name, facets: {} },
  ...{ inputs: [], outputs: [] },
});
const names = (bodies: readonly string[]) => bodies.map((body) => (JSON.parse(body) as RunEvent).job.name);

const ends: (() => void | Promise<void>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

const listener = () => {
  const notices: string[] = [];
  const emit: Emit = (name, told) => {
    if (name === 'notice' && 'message' in told) notices.push(told.message);
  };
  return { notices, emit };
};

/** A receiver that answers what `status` says, and keeps what it got. */
const receiver = async (status: (nth: number) => number | 'never') => {
  const got: { readonly path: string; readonly authorization: string | undefined; readonly body: string }[] = [];
  const read = async (request: IncomingMessage): Promise<string> => {
    let body = '';
    for await (const chunk of request) body += String(chunk);
    return body;
  };
  const server: Server = createServer((request, response) => {
    void read(request).then((body) => {
      got.push({ path: request.url ?? '', authorization: request.headers.authorization, body });
      const answer = status(got.length);
      if (answer === 'never') return;
      response.writeHead(answer, answer === 429 ? { 'retry-after': '0' } : {}).end('thanks');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  ends.push(() => {
    server.closeAllConnections();
    server.close();
  });
  return { got, url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
};

describe('a file', () => {
  it('gets a line for each event, after whatever is in it', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'assay-lineage-'));
    ends.push(() => rmSync(dir, { recursive: true }));
    const path = join(dir, 'lineage.jsonl');
    appendFileSync(path, '{"cut": by a cra');
    const { emit, notices } = listener();
    for (const round of ['a', 'b']) {
      const sink = openLineageSink({ target: pathToFileURL(path).href, emit });
      sink.send(Array.from({ length: 500 }, (_, at) => event(`${round}${at}`)));
      sink.send([event(`${round} last`)]);
      await sink.close();
      expect(sink.counts()).toEqual({ delivered: 501, dropped: 0, waiting: 0 });
    }
    const [cut, ...lines] = readFileSync(path, 'utf8').trimEnd().split('\n');
    expect(cut).toBe('{"cut": by a cra');
    expect(lines).toHaveLength(1002);
    expect(names([lines[0] ?? '', lines[500] ?? '', lines[501] ?? ''])).toEqual(['a0', 'a last', 'b0']);
    expect(notices).toEqual([]);
  });
  it('that cannot be written costs the events, not the run', async () => {
    const { emit, notices } = listener();
    const target = pathToFileURL(join(tmpdir(), 'no-such-folder', 'x', 'lineage.jsonl')).href;
    const sink = openLineageSink({ target, emit, tries: 2, pauseMilliseconds: 1 });
    sink.send([event('a'), event('b')]);
    await sink.close();
    expect(sink.counts()).toEqual({ delivered: 0, dropped: 2, waiting: 0 });
    expect(notices).toEqual([expect.stringContaining('ENOENT')]);
  });
});

describe('a receiver', () => {
  it('gets events in their order, with the key, tried again while it is busy', async () => {
    const { got, url } = await receiver((nth) => ([503, 429, 201, 201][nth - 1] as number) ?? 201);
    const { emit, notices } = listener();
    const sink = openLineageSink({ target: url, apiKey: 'secret', emit, pauseMilliseconds: 1 });
    sink.send([event('a'), event('b')]);
    sink.send([event('c')]);
    await sink.close();
    expect(names(got.map(({ body }) => body))).toEqual(['a', 'a', 'a', 'b', 'c']);
    expect(new Set(got.map((one) => `${one.path} ${one.authorization}`))).toEqual(
      new Set(['/api/v1/lineage Bearer secret']),
    );
    expect(sink.counts()).toEqual({ delivered: 3, dropped: 0, waiting: 0 });
    expect(notices).toEqual([]);
  });
  it('that refuses an event does not hold up the next; its password is never told', async () => {
    const { got, url } = await receiver((nth) => (nth <= 2 ? 400 : 201));
    const { emit, notices } = listener();
    const target = `${url.replace('http://', 'http://user:hidden@')}/my/path?key=hidden`;
    const sink = openLineageSink({ target, emit });
    sink.send([event('a'), event('b'), event('c')]);
    await sink.close();
    expect(got.map(({ path }) => path)).toEqual(Array(3).fill('/my/path?key=hidden'));
    expect(got[0]?.authorization).toBe(`Basic ${Buffer.from('user:hidden').toString('base64')}`);
    expect(sink.counts()).toEqual({ delivered: 1, dropped: 2, waiting: 0 });
    expect(notices).toEqual([
      `lineage events for ${url}/my/path are being dropped: it answered 400`,
      `lineage events reach ${url}/my/path again; 2 were dropped`,
    ]);
  });
  it('that is gone or never answers keeps nobody waiting', async () => {
    const { url } = await receiver(() => 'never');
    for (const target of [url, 'http://127.0.0.1:1']) {
      const { emit, notices } = listener();
      const sink = openLineageSink({ target, emit, most: 3, tries: 1000, pauseMilliseconds: 60_000 });
      sink.send(Array.from({ length: 9 }, (_, at) => event(`e${at}`)));
      const { dropped, waiting } = sink.counts();
      expect(dropped).toBe(6);
      expect(waiting).toBeLessThanOrEqual(3);
      await sink.close(1);
      expect(sink.counts()).toEqual({ delivered: 0, dropped: 9, waiting: 0 });
      expect(notices).toEqual([expect.stringContaining('too many wait')]);
      sink.send([event('late')]);
      expect(sink.counts()).toEqual({ delivered: 0, dropped: 10, waiting: 0 });
    }
  });
});

it.each([
  ['ftp://host/x'],
  ['no address'],
  ['file:'],
  ['file:below'],
  ['file:///'],
  ['file:///dir/'],
  ['file://host/x'],
])('refuses the target %s', (target) => {
  expect(() => openLineageSink({ target, emit: listener().emit })).toThrowError('is not usable');
});
