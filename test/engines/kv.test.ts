import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, readdir, rm, truncate } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { noEmit } from '../../src/query/index.js';
import { type Kv, openKv } from '../../src/store/kv/index.js';
import { hasRedis, type RedisServer, startCluster, startRedis } from './redis-servers.js';

const until = async (holds: () => Promise<boolean> | boolean): Promise<void> => {
  while (!(await holds())) await new Promise((r) => setTimeout(r, 5));
};
const NO_REDIS = 'no redis-server on PATH: apt-get install redis-server';

/** What one store to test needs: where it is, and how to take it away. */
interface Place {
  readonly redisUrl: string | undefined;
  readonly dir: string;
  remove(): Promise<void>;
}
const folder = () => mkdtemp(join(tmpdir(), 'assay-kv-'));
const local = async (): Promise<Place> => {
  const dir = await folder();
  return { redisUrl: undefined, dir, remove: () => rm(dir, { recursive: true, force: true }) };
};
const redis = async (): Promise<Place> => {
  const server = await startRedis();
  return { redisUrl: server.url, dir: '', remove: () => server.remove() };
};
const cluster = async (): Promise<Place> => {
  const servers = await startCluster();
  return { redisUrl: servers.url, dir: '', remove: servers.remove };
};

const text = async (kv: Kv, key: string): Promise<string | undefined> => (await kv.get(key))?.toString();

describe.each([
  ['local', local],
  ['redis', redis],
  ['redis cluster', cluster],
] as const)('the %s store', (name, make) => {
  const here = name === 'local' || hasRedis;
  let place: Place;
  /** Two nodes of the service on one store. */
  let kv: Kv;
  let other: Kv;
  beforeAll(async () => {
    if (!here) return;
    place = await make();
    kv = await openKv({ ...place, emit: noEmit });
    other = await openKv({ ...place, emit: noEmit });
  });
  afterAll(async () => {
    await kv?.close();
    await other?.close();
    await place?.remove();
  });
  const test = (title: string, work: () => Promise<void>) =>
    it(title, async (context) => {
      if (!here) return context.skip(NO_REDIS);
      await work();
    });

  test('keeps bytes as they are, small, large and none', async () => {
    const large = randomBytes(3 << 20);
    await kv.set('bytes:large', large);
    await kv.set('bytes:none', Buffer.alloc(0));
    await kv.set('bytes:é {x} \n', Buffer.from([0, 255, 13, 10, 128]));
    expect((await other.get('bytes:large'))?.equals(large)).toBe(true);
    expect(await other.get('bytes:none')).toEqual(Buffer.alloc(0));
    expect(await other.get('bytes:é {x} \n')).toEqual(Buffer.from([0, 255, 13, 10, 128]));
    expect(await other.get('bytes:never')).toBeUndefined();
  });

  test('shows each node what another one wrote or deleted', async () => {
    await kv.set('shared', Buffer.from('one'));
    expect(await text(other, 'shared')).toBe('one');
    await other.set('shared', Buffer.from('two'));
    expect(await text(kv, 'shared')).toBe('two');
    await kv.delete(['shared', 'never there', 'shared{b}']);
    expect(await other.get('shared')).toBeUndefined();
  });

  test('forgets a value when its time is over, and keeps one that was set anew without a time', async () => {
    await kv.set('ttl:short', Buffer.from('x'), { ttlSeconds: 0.15 });
    await kv.set('ttl:renewed', Buffer.from('x'), { ttlSeconds: 0.15 });
    await kv.set('ttl:renewed', Buffer.from('y'));
    expect(await text(kv, 'ttl:short')).toBe('x');
    await until(async () => (await kv.get('ttl:short')) === undefined);
    expect(await kv.keys('ttl:')).toEqual(['ttl:renewed']);
    expect(await text(kv, 'ttl:renewed')).toBe('y');
  });

  test('lists the values below a prefix taken literally, and nothing else', async () => {
    const names = Array.from({ length: 300 }, (_, i) => `list:*[a]?\\:{${i}}:${i}`);
    await Promise.all(names.map((key) => kv.set(key, Buffer.from('x'))));
    await kv.set('list:other', Buffer.from('x'));
    await kv.lease('list:*[a]?\\:lease', 60_000);
    await kv.increment('list:*[a]?\\:count', 60);
    await kv.publish('list:*[a]?\\:{p}', Buffer.from('x'), 'list:*[a]?\\:{p}:fence', 1);
    expect((await other.keys('list:*[a]?\\:')).sort()).toEqual([...names, 'list:*[a]?\\:{p}'].sort());
    await kv.delete(names);
    expect(await other.keys('list:*[a]?\\:')).toEqual(['list:*[a]?\\:{p}']);
  });

  test('publishes for the highest fence only', async () => {
    const publish = (node: Kv, value: string, fence: number) =>
      node.publish('r:{p}:entry', Buffer.from(value), 'r:{p}:fence', fence);
    expect(await publish(kv, 'five', 5)).toBe(true);
    expect(await publish(other, 'four', 4)).toBe(false);
    expect(await text(kv, 'r:{p}:entry')).toBe('five');
    expect(await publish(other, 'five again', 5)).toBe(true);
    expect(await publish(other, 'seven', 7)).toBe(true);
    expect(await publish(kv, 'six', 6)).toBe(false);
    expect([await text(kv, 'r:{p}:entry'), await text(other, 'r:{p}:entry')]).toEqual(['seven', 'seven']);
    // A second key under the same fence; a plain set and a delete of a published key.
    expect(await kv.publish('r:{p}:pointer', Buffer.from('x'), 'r:{p}:fence', 6)).toBe(false);
    await kv.set('r:{p}:entry', Buffer.from('set'));
    expect(await text(other, 'r:{p}:entry')).toBe('set');
    await other.delete(['r:{p}:entry']);
    expect(await kv.get('r:{p}:entry')).toBeUndefined();
    expect(await publish(kv, 'six', 6)).toBe(false);
  });

  test('refuses to publish over two slots', async () => {
    await expect(kv.publish('r:{a}', Buffer.from('x'), 'r:{b}', 1)).rejects.toMatchObject({ code: 'internal' });
  });

  test('gives a lease to one owner at a time, each with a higher fence', async () => {
    const first = await kv.lease('job', 60_000);
    expect(await other.lease('job', 60_000)).toBeUndefined();
    expect(await first?.renew()).toBe(true);
    await first?.release();
    expect(await first?.renew()).toBe(false);
    const second = await other.lease('job', 100);
    expect(second?.fence).toBeGreaterThan(first?.fence ?? Number.NaN);
    // The second owner falls asleep; the third takes over, and the second cannot give away what is no longer its own.
    let third = await kv.lease('job', 60_000);
    while (!third) third = await kv.lease('job', 60_000);
    expect(third.fence).toBeGreaterThan(second?.fence ?? Number.NaN);
    expect(Number.isSafeInteger(third.fence)).toBe(true);
    expect(await second?.renew()).toBe(false);
    await second?.release();
    expect(await other.lease('job', 60_000)).toBeUndefined();
    expect(await third.renew()).toBe(true);
  });

  test('lets one of many racers win', async () => {
    const tries = await Promise.all(Array.from({ length: 40 }, (_, i) => (i % 2 ? kv : other).lease('race', 60_000)));
    expect(tries.filter((lease) => lease !== undefined)).toHaveLength(1);
  });

  test('counts without losing one', async () => {
    const counts = await Promise.all(
      Array.from({ length: 100 }, (_, i) => (i % 2 ? kv : other).increment('count', 60)),
    );
    expect(counts.sort((a, b) => a - b)).toEqual(Array.from({ length: 100 }, (_, i) => i + 1));
    expect(await kv.increment('count:short', 0.1)).toBe(1);
    await until(async () => (await kv.increment('count:short', 0.1)) === 1);
    await kv.delete(['count']);
    expect(await other.increment('count', 60)).toBe(1);
  });

  test('tells every listener, until it stops', async () => {
    const heard: string[] = [];
    const stops = [
      await kv.listen('news', (message) => heard.push(`a ${message}`)),
      await other.listen('news', (message) => heard.push(`b ${message}`)),
    ];
    await kv.announce('news', 'one\ntwo');
    await kv.announce('other news', 'never');
    await until(() => heard.length === 2);
    expect(heard.sort()).toEqual(['a one\ntwo', 'b one\ntwo']);
    for (const stop of stops) await stop();
    await kv.announce('news', 'three');
    const again = await other.listen('news', (message) => heard.push(`c ${message}`));
    await kv.announce('news', 'four');
    await until(() => heard.includes('c four'));
    // The bus of a cluster may still carry what was announced before somebody listened; who stopped hears nothing of it.
    expect(heard.filter((line) => line !== 'c three').sort()).toEqual(['a one\ntwo', 'b one\ntwo', 'c four']);
    await again();
  });

  test('says that it is fit for use', async () => {
    expect(await kv.check()).toEqual({ warnings: [] });
  });
});

describe('the local store, over processes', () => {
  const places: Place[] = [];
  afterEach(async () => {
    for (const place of places.splice(0)) await place.remove();
  });
  const place = async () => {
    const made = await local();
    places.push(made);
    return made;
  };
  const room = resolve(import.meta.dirname, '../../dist/store/kv/index.js');
  /** Runs code with `kv` in another process; `said` are its lines. */
  const elsewhere = (dir: string, code: string) => {
    const source = `import { openKv } from ${JSON.stringify(room)};
      const kv = await openKv({ redisUrl: undefined, dir: ${JSON.stringify(dir)}, emit: () => {} });
      const say = (x) => process.stdout.write(x + '\\n'); ${code}`;
    const child = spawn(process.execPath, ['--input-type=module', '-e', source], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const said: string[] = [];
    child.stdout.on('data', (data: Buffer) => said.push(...data.toString().trim().split('\n')));
    return { child, said, ended: new Promise((done) => child.once('close', done)) };
  };

  it('counts and leases right while several processes do so at once', async () => {
    const { dir } = await place();
    const work = `let won = 0;
      for (let i = 0; i < 60; i++) { await kv.increment('n', 600); if (await kv.lease('l' + i, 600000)) won++; }
      say(won); await kv.close();`;
    const others = [elsewhere(dir, work), elsewhere(dir, work), elsewhere(dir, work)];
    await Promise.all(others.map((other) => other.ended));
    const kv = await openKv({ redisUrl: undefined, dir, emit: noEmit });
    expect(await kv.increment('n', 600)).toBe(181);
    expect(others.reduce((sum, other) => sum + Number(other.said[0]), 0)).toBe(60);
    await kv.close();
  });

  it('keeps what was written, and stays usable, when a process is killed in the middle of its work', async () => {
    const { dir } = await place();
    const { child, said, ended } = elsewhere(
      dir,
      `await kv.set('kept', Buffer.from('kept')); await kv.publish('{p}', Buffer.from('published'), '{p}:f', 3);
      say('ready');
      for (let i = 0; ; i++) await Promise.all([kv.increment('n', 600), kv.set('k' + i % 7, Buffer.alloc(100000, i)), kv.lease('{p}:l', 1)]);`,
    );
    const kv = await openKv({ redisUrl: undefined, dir, emit: noEmit });
    await until(async () => said.length > 0 && (await kv.keys('k')).length === 8);
    child.kill('SIGKILL');
    await ended;
    expect([await text(kv, 'kept'), await text(kv, '{p}')]).toEqual(['kept', 'published']);
    for (const key of await kv.keys('k')) {
      const value = await kv.get(key);
      expect(key === 'kept' || (value?.length === 100_000 && value.every((byte) => byte === value[0]))).toBe(true);
    }
    expect(await kv.increment('n', 600)).toBeGreaterThan(1);
    let lease = await kv.lease('{p}:l', 60_000);
    while (!lease) lease = await kv.lease('{p}:l', 60_000);
    expect(await kv.publish('{p}', Buffer.from('next'), '{p}:f', 2)).toBe(false);
    await kv.close();
  });

  it('takes a value that a power cut tore as absent', async () => {
    const { dir } = await place();
    const kv = await openKv({ redisUrl: undefined, dir, emit: noEmit });
    await kv.set('torn', Buffer.alloc(1000, 1));
    const [shard] = await readdir(join(dir, 'v'));
    const [file] = await readdir(join(dir, 'v', shard ?? ''));
    await truncate(join(dir, 'v', shard ?? '', file ?? ''), 500);
    expect(await kv.get('torn')).toBeUndefined();
    await kv.set('torn', Buffer.from('anew'));
    expect(await text(kv, 'torn')).toBe('anew');
    await kv.close();
  });
});

describe('a Redis store', () => {
  const servers: RedisServer[] = [];
  const start = async (...how: Parameters<typeof startRedis>): Promise<RedisServer> => {
    const server = await startRedis(...how);
    servers.push(server);
    return server;
  };
  afterEach(async () => {
    for (const server of servers.splice(0)) await server.remove();
  });

  it('that cannot be reached, or refuses, is an error at the start that names no secret', async (context) => {
    if (!hasRedis) return context.skip(NO_REDIS);
    const server = await start(['--requirepass', 'right']);
    const open = (redisUrl: string) => openKv({ redisUrl, dir: '', emit: noEmit }).catch((e: unknown) => e);
    const failures = await Promise.all([
      open('redis://127.0.0.1:1'),
      open(server.url.replace('//', '//:hunter2@')),
      open(server.url),
      open('http://hunter2@127.0.0.1'),
    ]);
    expect(failures).toMatchObject([
      { code: 'redis-unavailable', parameters: { why: 'nobody listens there' } },
      { code: 'redis-unavailable', parameters: { why: 'it refused the user or the password' } },
      { code: 'redis-unavailable', parameters: { why: 'it refused the user or the password' } },
      { code: 'config-invalid' },
    ]);
    expect(failures.join('\n')).not.toContain('hunter2');
    const kv = await openKv({ redisUrl: server.url.replace('//', '//:right@'), dir: '', emit: noEmit });
    await kv.close();
  });

  it('warns when Redis may drop keys', async (context) => {
    if (!hasRedis) return context.skip(NO_REDIS);
    const server = await start(['--maxmemory', '10mb', '--maxmemory-policy', 'allkeys-lru']);
    const kv = await openKv({ redisUrl: server.url, dir: '', emit: noEmit });
    expect((await kv.check()).warnings).toEqual([expect.stringContaining('noeviction (it is allkeys-lru)')]);
    await kv.close();
  });

  it('that goes away fails within bounds, is told of once, and is used on when it is back', async (context) => {
    if (!hasRedis) return context.skip(NO_REDIS);
    const server = await start();
    const told: string[] = [];
    const kv = await openKv({ redisUrl: server.url, dir: '', emit: (name) => void told.push(name) });
    const heard: string[] = [];
    await kv.listen('news', (message) => heard.push(message));
    await server.kill();
    await expect(kv.get('x')).rejects.toMatchObject({ code: 'redis-unavailable' });
    expect(told).toEqual(['notice']);
    await start([], server.port);
    await until(() =>
      kv.set('x', Buffer.from('back')).then(
        () => true,
        () => false,
      ),
    );
    expect(await text(kv, 'x')).toBe('back');
    await until(async () => {
      await kv.announce('news', 'back');
      return heard.includes('back');
    });
    await kv.close();
  });
});
