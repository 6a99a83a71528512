import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { BOSS, type FeatureWorld, OPTIONS, openFeatureWorld } from '../features/world.js';
import { hasRedis, type RedisServer, startRedis } from './redis-servers.js';

/** Accounts b0 to b39, with one event each. */
const EVENTS = Array.from({ length: 40 }, (_, i) => ({
  ...{ id: i, account: `b${i}`, at: 1_290_000_000 + i, known: null, amount: BigInt(100 * i) },
  ...{ basket: null, plan: 'x', land: 'n' },
}));
const ONLINE = (name: string) => `  - name: ${name}
    entity: account
    cube: events
    event_time: events.at
    features: [{ name: amount_1d, measure: events.amount, window: 1d }]
    online: true
`;

describe.skipIf(!hasRedis)(
  `online values in Redis${hasRedis ? '' : ' (skipped: redis-server is not installed)'}`,
  () => {
    let redis: RedisServer;
    let world: FeatureWorld;
    beforeAll(async () => {
      redis = await startRedis(['--maxmemory-policy', 'noeviction']);
      const files = { 'features/online.yml': `feature_views:\n${ONLINE('one')}${ONLINE('other')}` };
      world = await openFeatureWorld({ files, redisUrl: redis.url });
      await world.load(EVENTS);
    });
    afterAll(async () => {
      await world?.close();
      await redis?.remove();
    });
    const asked = (view: string, account: string) =>
      world.features.online(
        { features: [`${view}.amount_1d`], entities: [{ account }], include: ['status'] },
        BOSS,
        OPTIONS,
      );

    it('tell an entity that was never there from one that the store has lost', async () => {
      await world.features.materialize({ only: ['one'] });
      expect((await asked('one', 'b7')).rows).toEqual([['b7', 700n, 'present']]);
      expect((await asked('one', 'nobody')).rows).toEqual([['nobody', null, 'missing']]);
      const blobs = await world.kv.keys('assay:test:features:one:');
      await world.kv.delete(blobs.filter((key) => key.endsWith(':b8')));
      await expect(asked('one', 'b8')).rejects.toMatchObject({ code: 'features-lost' });
      // those that are there, or never were, are answered all the same
      expect((await asked('one', 'b9')).rows).toEqual([['b9', 900n, 'present']]);
      expect((await asked('one', 'somebody')).rows).toEqual([['somebody', null, 'missing']]);
      const [made] = await world.features.materialize({ only: ['one'], anew: true });
      expect(made?.outcome).toBe('made');
      expect((await asked('one', 'b8')).rows).toEqual([['b8', 800n, 'present']]);
    });

    it('of two views with equal features are each their own', async () => {
      await world.features.materialize({ only: ['one'], anew: true });
      expect((await asked('one', 'b3')).rows).toEqual([['b3', 300n, 'present']]);
      // of an instant at which only the first four accounts had an event
      await world.features.materialize({ only: ['other'], asOf: 1_290_000_003_000_000n + 1n });
      expect((await asked('other', 'b3')).rows).toEqual([['b3', 300n, 'present']]);
      expect((await asked('other', 'b4')).rows).toEqual([['b4', null, 'missing']]);
      expect((await asked('one', 'b4')).rows).toEqual([['b4', 400n, 'present']]);
    });
  },
);
