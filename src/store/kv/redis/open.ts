import { randomUUID } from 'node:crypto';
import { AssayError, error } from '../../../errors/index.js';
import type { Emit } from '../../../query/index.js';
import { sameSlot } from '../hash-tag.js';
import type { Kv, Lease } from '../kv.js';
import { COMMAND, type Connection, connectRedis, mastersOf, redisFailure } from './connect.js';
import { INCREMENT, LEASE, PUBLISH, RENEW } from './scripts.js';
import { subscriptions } from './subscribe.js';

/** All tries of one call together; ioredis' own limits are per try. */
const CALL = 3 * COMMAND;
const SCAN = 1000;
const OLDEST = 6;

/** Runs one call within its time, and turns what fails into an error of the catalogue. */
const bounded = async <T>(work: () => Promise<T>, milliseconds = CALL): Promise<T> => {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new RangeError('the call timed out')), milliseconds);
  });
  try {
    return await Promise.race([work(), late]);
  } catch (e) {
    throw e instanceof AssayError ? e : redisFailure(e);
  } finally {
    clearTimeout(timer);
  }
};

const plainPrefix = (prefix: string): string => prefix.replace(/[\\*?[\]]/g, '\\$&');

const settingsOf = (info: string): Map<string, string> =>
  new Map(info.split('\r\n').map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)]));

const warningsOf = (infos: readonly string[]): string[] => {
  const warnings = new Set<string>();
  for (const info of infos) {
    const settings = settingsOf(info);
    const major = Number.parseInt(settings.get('redis_version') ?? '', 10);
    if (major < OLDEST)
      throw error('redis-unavailable', { why: `it is version ${major}, and ${OLDEST} or later is wanted` });
    const policy = settings.get('maxmemory_policy');
    if (policy !== undefined && policy !== 'noeviction')
      warnings.add(
        `Redis may drop rollups when memory is short: set its maxmemory-policy to noeviction (it is ${policy})`,
      );
  }
  return [...warnings];
};

/** Opens the store of ASSAY_REDIS_URL. Errors: `config-invalid`, `redis-unavailable`. */
export const openRedisKv = async (redisUrl: string, emit: Emit): Promise<Kv> => {
  const redis: Connection = await connectRedis(redisUrl, emit);
  const news = subscriptions(redis, emit);

  const leaseOf = (key: string, owner: string, fence: number, milliseconds: number): Lease => {
    const renew = (for_: number) =>
      bounded(async () => (await redis.eval(RENEW, 1, key, owner, Math.ceil(for_))) === 1);
    return {
      fence,
      renew: () => renew(milliseconds),
      release: async () => {
        await renew(0);
      },
    };
  };

  return {
    kind: 'redis',
    get: (key) => bounded(async () => (await redis.getBuffer(key)) ?? undefined),
    set: (key, value, options = {}) =>
      bounded(async () => {
        const { ttlSeconds } = options;
        if (ttlSeconds === undefined) await redis.set(key, value);
        else await redis.set(key, value, 'PX', Math.max(1, Math.ceil(ttlSeconds * 1000)));
      }),
    delete: async (keys) => {
      // One by one, pipelined: they may lie on many slots.
      for (let i = 0; i < keys.length; i += SCAN)
        await bounded(() => Promise.all(keys.slice(i, i + SCAN).map((key) => redis.unlink(key))));
    },
    keys: async (prefix) => {
      const found = new Set<string>();
      for (const master of mastersOf(redis)) {
        let cursor = '0';
        do {
          const from = cursor;
          const [next, keys] = await bounded(() =>
            master.scan(from, 'MATCH', `${plainPrefix(prefix)}*`, 'COUNT', SCAN, 'TYPE', 'string'),
          );
          for (const key of keys) found.add(key);
          cursor = next;
        } while (cursor !== '0');
      }
      return [...found];
    },
    publish: async (key, value, fenceKey, fence) => {
      sameSlot(key, fenceKey);
      return bounded(async () => (await redis.eval(PUBLISH, 2, key, fenceKey, value, fence)) === 1);
    },
    lease: (key, milliseconds) =>
      bounded(async () => {
        const owner = randomUUID();
        const fence = Number(await redis.eval(LEASE, 1, key, owner, Math.ceil(milliseconds)));
        return fence > 0 ? leaseOf(key, owner, fence, milliseconds) : undefined;
      }),
    increment: (key, ttlSeconds) =>
      bounded(async () => Number(await redis.eval(INCREMENT, 1, key, Math.max(1, Math.ceil(ttlSeconds * 1000))))),
    announce: (channel, message) =>
      bounded(async () => {
        await redis.publish(channel, message);
      }),
    listen: (channel, on) => bounded(() => news.listen(channel, on)),
    check: () =>
      bounded(async () => ({ warnings: warningsOf(await Promise.all(mastersOf(redis).map((m) => m.info()))) })),
    async close() {
      news.close();
      redis.disconnect();
    },
  };
};
