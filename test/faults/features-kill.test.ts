import { spawn } from 'node:child_process';
import { join, resolve } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { hasRedis, type RedisServer, startRedis } from '../engines/redis-servers.js';
import { BOSS, type FeatureWorld, OPTIONS, openFeatureWorld } from '../features/world.js';

const root = resolve(import.meta.dirname, '../..');
const ACCOUNTS = 700;
const asked = Array.from({ length: ACCOUNTS }, (_, i) => ({ account: `a${String(i).padStart(5, '0')}` }));
const ONLINE = {
  'features/online.yml': `feature_views:
  - name: endless_online
    entity: account
    cube: events
    event_time: events.at
    features: [{ name: amount_1d, measure: events.amount, window: 1d }]
    online: true
`,
};

interface Moment {
  readonly call: string;
  readonly nth?: number;
  readonly when?: 'before';
}
/** Every step of a materialization; `published` from the one on that readers see the new values. */
const MOMENTS: readonly (readonly [name: string, moment: Moment, published: boolean])[] = [
  ['when it has its lease', { call: 'lease' }, false],
  ['when the first blob is written', { call: 'set' }, false],
  ['when the last blob is written', { call: 'set', nth: -1 }, false],
  ['before it publishes', { call: 'publish', when: 'before' }, false],
  ['right after it has published', { call: 'publish' }, true],
  ['when it has told of it', { call: 'announce' }, true],
  ['when old blobs are removed', { call: 'delete', nth: 2 }, true],
];

describe.each(['local', 'redis'] as const)('a materialization that is killed, in the %s store', (kind) => {
  let world: FeatureWorld;
  let redis: RedisServer | undefined;
  beforeAll(async () => {
    redis = kind === 'redis' && hasRedis ? await startRedis(['--maxmemory-policy', 'noeviction']) : undefined;
    world = await openFeatureWorld({ files: ONLINE, ...(redis ? { redisUrl: redis.url } : {}) });
  });
  afterAll(async () => {
    await world?.close();
    await redis?.remove();
  });

  const child = (amount: number, at?: Moment): Promise<{ code: number | null; signal: string | null; out: string }> =>
    new Promise((done) => {
      const nth = at?.nth === -1 ? (kind === 'redis' ? ACCOUNTS : Math.ceil(ACCOUNTS / 256)) : at?.nth;
      const given = { dist: join(root, 'dist'), model: join(world.dir, 'model'), kv: join(world.dir, 'kv') };
      const rest = { redisUrl: redis?.url, amount, accounts: ACCOUNTS, ...(at ? { at: { ...at, nth } } : {}) };
      const script = join(import.meta.dirname, 'features-child.mjs');
      const of = spawn(process.execPath, [script, JSON.stringify({ ...given, ...rest })], {
        stdio: ['ignore', 'pipe', 'ignore'],
      });
      let out = '';
      of.stdout.on('data', (chunk: Buffer) => {
        out += chunk.toString();
      });
      of.on('close', (code, signal) => done({ code, signal, out }));
    });
  /** The distinct values of one answer over all accounts: two would be a mix of versions. */
  const seen = async (): Promise<string[]> => {
    const answer = await world.features.online(
      { features: ['endless_online.amount_1d'], entities: asked },
      BOSS,
      OPTIONS,
    );
    return [...new Set(answer.rows.map(([, value]) => String(value)))];
  };
  /** A run that another's lease kept away is done again, until the lease has ended. */
  const untilMade = async (amount: number) => {
    for (;;) {
      const made = await child(amount);
      if (made.code === 0) return;
      expect(made.out).toBe('');
    }
  };

  /** A run that kills itself; where another's lease is still there, again. */
  const killedAt = async (amount: number, moment: Moment) => {
    for (;;) {
      const ended = await child(amount, moment);
      if (ended.signal === 'SIGKILL') return;
      expect(ended.out).toBe('');
    }
  };

  it.skipIf(kind === 'redis' && !hasRedis)(
    'leaves readers the values before or the new ones, never a mix',
    async () => {
      await untilMade(1);
      expect(await seen()).toEqual(['100']);
      let before = 1;
      // what is the store's own is asked of both, what is the writer's of the embedded one
      for (const [name, moment, published] of MOMENTS.filter(([, m]) => kind === 'local' || m.call === 'publish')) {
        const next = before + 1;
        let over = false;
        const readings: string[][] = [];
        const reading = (async () => {
          while (!over) {
            readings.push(await seen());
            await pause(5);
          }
        })();
        await killedAt(next, moment);
        over = true;
        await reading;
        for (const values of readings) expect([[`${before}00`], [`${next}00`]]).toContainEqual(values);
        // a pointer is believed for half a second where no news came
        while (published && (await seen())[0] !== `${next}00`) await pause(5);
        expect([name, await seen()]).toEqual([name, [`${published ? next : before}00`]]);
        if (published) before = next;
      }
      await untilMade(99);
      while ((await seen())[0] !== '9900') await pause(5);
      // whatever the killed ones left is swept by the next one; the version before stays for slow readers
      const blobs = await world.kv.keys('assay:test:features:endless_online:');
      expect(new Set(blobs.map((key) => key.split(':')[4])).size).toBe(2);
    },
  );
});
