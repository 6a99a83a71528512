import { randomUUID } from 'node:crypto';
import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { AssayError } from '../../../errors/index.js';
import type { Emit } from '../../../query/index.js';
import { hashTag, sameSlot } from '../hash-tag.js';
import type { Kv, Lease } from '../kv.js';
import { channels } from './channel.js';
import { fileFailure, isMissing } from './files.js';
import { ledger } from './ledger.js';
import { valueFiles } from './values.js';

const SWEEP = 5 * 60_000;
const ABANDONED = 60 * 60_000;

/** What changes in one step: everything of one hash tag that publishing and leases touch. */
interface Slot {
  /** Published values, base64. */
  readonly published: Readonly<Record<string, string>>;
  readonly fences: Readonly<Record<string, number>>;
  readonly leases: Readonly<Record<string, Held>>;
}
interface Held {
  readonly owner: string;
  readonly fence: number;
  readonly until: number;
}
interface Counter {
  readonly count: number;
  readonly until: number;
}

const without = <V>(record: Readonly<Record<string, V>>, key: string): Record<string, V> => {
  const { [key]: _gone, ...rest } = record;
  return rest;
};

/** Opens the embedded store in a folder; every process of the home may have it open. Errors: `disk-full`, `home-unwritable`. */
export const openLocalKv = async (dir: string, emit: Emit): Promise<Kv> => {
  const told = (e: unknown) => emit('bug', { where: 'store/kv/local', error: e });
  const guarded = async <T>(work: () => Promise<T>): Promise<T> => {
    try {
      return await work();
    } catch (e) {
      throw e instanceof AssayError ? e : fileFailure(e, dir);
    }
  };
  await guarded(async () => {
    for (const name of ['v', 's', 'c', 'ch', 'tmp']) await mkdir(join(dir, name), { recursive: true, mode: 0o700 });
    await removeAbandoned(join(dir, 'tmp'));
  });
  const values = valueFiles(dir);
  const slots = ledger<Slot>(dir, 's', { published: {}, fences: {}, leases: {} }, true);
  const counters = ledger<Counter>(dir, 'c', { count: 0, until: 0 }, false);
  const news = channels(dir, told);
  const sweep = async () => {
    await values.sweep();
    await counters.sweep((c) => c.until < Date.now() - ABANDONED);
  };
  const sweeper = setInterval(() => sweep().catch(told), SWEEP);
  sweeper.unref();

  const unpublish = (key: string) =>
    slots.change(hashTag(key), (slot) =>
      key in slot.published ? { ...slot, published: without(slot.published, key) } : slot,
    );

  const leaseOf = (key: string, held: Held, milliseconds: number): Lease => {
    const mine = (slot: Slot) => slot.leases[key]?.owner === held.owner;
    const change = (until: () => number) =>
      slots.change(hashTag(key), (slot) =>
        mine(slot) && (slot.leases[key]?.until ?? 0) > Date.now()
          ? { ...slot, leases: { ...slot.leases, [key]: { ...held, until: until() } } }
          : slot,
      );
    return {
      fence: held.fence,
      renew: () =>
        guarded(async () => {
          const slot = await change(() => Date.now() + milliseconds);
          return mine(slot) && (slot.leases[key]?.until ?? 0) > Date.now();
        }),
      release: () =>
        guarded(async () => {
          await change(() => 0);
        }),
    };
  };

  return {
    kind: 'local',
    get: (key) =>
      guarded(async () => {
        const text = (await slots.read(hashTag(key))).published[key];
        return text === undefined ? values.get(key) : Buffer.from(text, 'base64');
      }),
    set: (key, value, options = {}) =>
      guarded(async () => {
        const { ttlSeconds } = options;
        await values.set(key, value, ttlSeconds === undefined ? 0 : Date.now() + ttlSeconds * 1000);
        await unpublish(key);
      }),
    delete: (keys) =>
      guarded(async () => {
        for (const key of keys) {
          await values.delete(key);
          await unpublish(key);
          if ((await counters.read(key)).until > 0) await counters.change(key, () => ({ count: 0, until: 0 }));
        }
      }),
    keys: (prefix) =>
      guarded(async () => {
        const published = (await slots.all()).flatMap((slot) => Object.keys(slot.published));
        const found = [...published.filter((key) => key.startsWith(prefix)), ...(await values.keys(prefix))];
        return [...new Set(found)];
      }),
    publish: (key, value, fenceKey, fence) =>
      guarded(async () => {
        sameSlot(key, fenceKey);
        let done = false;
        await slots.change(hashTag(key), (slot) => {
          done = (slot.fences[fenceKey] ?? 0) <= fence;
          if (!done) return slot;
          const published = { ...slot.published, [key]: value.toString('base64') };
          return { ...slot, published, fences: { ...slot.fences, [fenceKey]: fence } };
        });
        return done;
      }),
    lease: (key, milliseconds) =>
      guarded(async () => {
        const owner = randomUUID();
        const slot = await slots.change(hashTag(key), (before) => {
          const held = before.leases[key];
          const now = Date.now();
          if (held && held.until > now) return before;
          // The clock keeps fences growing even when the store was emptied.
          const fence = Math.max((held?.fence ?? 0) + 1, now * 1000);
          return { ...before, leases: { ...before.leases, [key]: { owner, fence, until: now + milliseconds } } };
        });
        const held = slot.leases[key];
        return held?.owner === owner ? leaseOf(key, held, milliseconds) : undefined;
      }),
    increment: (key, ttlSeconds) =>
      guarded(async () => {
        const counter = await counters.change(key, (before) => {
          const now = Date.now();
          return before.until > now
            ? { ...before, count: before.count + 1 }
            : { count: 1, until: now + ttlSeconds * 1000 };
        });
        return counter.count;
      }),
    announce: (channel, message) => guarded(() => news.announce(channel, message)),
    listen: (channel, on) => guarded(() => news.listen(channel, on)),
    check: async () => ({ warnings: [] }),
    async close() {
      clearInterval(sweeper);
      news.close();
    },
  };
};

/** Files that a killed process was just writing. */
const removeAbandoned = async (folder: string): Promise<void> => {
  for (const name of await readdir(folder)) {
    const path = join(folder, name);
    try {
      if ((await stat(path)).mtimeMs < Date.now() - ABANDONED) await rm(path, { force: true });
    } catch (e) {
      if (!isMissing(e)) throw e;
    }
  }
};
