/** A lease that was won. The fence grows with every lease of the same name; writers compare it when they publish. */
export interface Lease {
  readonly fence: number;
  renew(): Promise<boolean>;
  release(): Promise<void>;
}

/**
 * The shared key-value store. `redis/` (ioredis, cluster-safe: every call touches keys of one hash tag) and `local/` (memory with
 * files under the home) obey one contract test. Keys are text, values bytes.
 */
export interface Kv {
  readonly kind: 'redis' | 'local';
  get(key: string): Promise<Buffer | undefined>;
  set(key: string, value: Buffer, options?: { ttlSeconds?: number }): Promise<void>;
  delete(keys: readonly string[]): Promise<void>;
  /** All keys with this prefix, over every node of a cluster; no order. */
  keys(prefix: string): Promise<string[]>;
  /**
   * One step on one slot: sets `key` to `value` unless a higher fence published there before. `fenceKey` shares the key's hash tag.
   * False means that this writer was overtaken.
   */
  publish(key: string, value: Buffer, fenceKey: string, fence: number): Promise<boolean>;
  /** Undefined when somebody else holds it. */
  lease(key: string, milliseconds: number): Promise<Lease | undefined>;
  increment(key: string, ttlSeconds: number): Promise<number>;
  /** Tells every node that listens; delivery is not promised, so listeners poll as well. */
  announce(channel: string, message: string): Promise<void>;
  listen(channel: string, on: (message: string) => void): Promise<() => Promise<void>>;
  /** Throws `redis-unavailable` when the store cannot be used; gives settings that make it unsafe (eviction). */
  check(): Promise<{ readonly warnings: readonly string[] }>;
  close(): Promise<void>;
}
