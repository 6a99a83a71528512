import { createHash } from 'node:crypto';
import type { Catalogue } from '../../model/catalog/index.js';
import type { Emit, MetricQuery } from '../../query/index.js';
import { type CountedShape, type Plan, shapeOf } from '../plan/index.js';

/** Queries of one shape, counted since they were last written. */
export interface ShapeCount extends CountedShape {
  /** SHA-256 of the shape. */
  readonly hash: string;
}

/** Counts answered queries by their shape: what rollups are suggested from. */
export interface QueryLog {
  /** Cheap: a query that was seen before costs a look-up. */
  note(plan: Plan, query: Pick<MetricQuery, 'source' | 'fresh'>, catalogue: Catalogue): void;
  /** Writes what is held. */
  flush(): Promise<void>;
  close(): Promise<void>;
}

/** Shapes that are held until they are written, and equal queries whose shape is remembered. */
const MOST_HELD = 2_000;
const MOST_KNOWN = 4_000;
const EVERY = 5_000;

/**
 * A log that is written now and then. When it cannot be written, shapes are held until it can, up to a bound; those beyond are
 * lost, which is told once. `write` adds counts to what is stored.
 */
export const openQueryLog = (parts: {
  readonly write: (counts: readonly ShapeCount[]) => Promise<void>;
  readonly emit: Emit;
  readonly milliseconds?: number;
}): QueryLog => {
  let held = new Map<string, ShapeCount>();
  /** Cache key of a query (it names the model's version, too) to its shape. */
  const known = new Map<string, { readonly hash: string; readonly shape: CountedShape['shape'] }>();
  let writing: Promise<void> | undefined;
  let told = false;

  const shaped = (plan: Plan, query: Pick<MetricQuery, 'fresh'>, catalogue: Catalogue) => {
    const key = plan.cacheKey === undefined ? undefined : `${plan.cacheKey} ${query.fresh ?? ''}`;
    const found = key === undefined ? undefined : known.get(key);
    if (found) return found;
    const shape = shapeOf(plan.asks, query.fresh, catalogue);
    const hash = createHash('sha256').update(JSON.stringify(shape)).digest('hex');
    const made = { hash, shape };
    if (key !== undefined) {
      if (known.size >= MOST_KNOWN) known.delete(known.keys().next().value ?? '');
      known.set(key, made);
    }
    return made;
  };
  const add = (count: ShapeCount) => {
    const there = held.get(count.hash);
    if (!there && held.size >= MOST_HELD) {
      if (!told) parts.emit('notice', { message: 'the log of queries is full; suggestions of rollups miss some' });
      told = true;
      return;
    }
    const { asked, served } = there ?? { asked: 0, served: 0 };
    held.set(count.hash, { ...count, asked: asked + count.asked, served: served + count.served });
  };
  const write = async () => {
    if (held.size === 0) return;
    const counts = [...held.values()];
    held = new Map();
    try {
      await parts.write(counts);
      told = false;
    } catch (thrown) {
      for (const count of counts) add(count);
      throw thrown;
    }
  };
  const flush = (): Promise<void> => {
    writing ??= write().finally(() => {
      writing = undefined;
    });
    return writing;
  };
  const quietly = () =>
    flush().catch((thrown: unknown) => parts.emit('bug', { where: 'the log of queries', error: thrown }));
  const timer = setInterval(() => void quietly(), parts.milliseconds ?? EVERY);
  timer.unref();
  return {
    note: (plan, query, catalogue) => {
      if (query.source === 'raw') return; // wanted so: no rollup could have served it
      add({ ...shaped(plan, query, catalogue), asked: 1, served: plan.source === 'rollup' ? 1 : 0 });
    },
    flush,
    close: async () => {
      clearInterval(timer);
      await writing?.catch(() => undefined); // told by whoever began it
      await quietly();
    },
  };
};
