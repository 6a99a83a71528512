import type { Emit } from '../../query/index.js';
import type { Kv } from './kv.js';
import { openLocalKv } from './local/open.js';
import { openRedisKv } from './redis/open.js';

export interface KvOptions {
  /** ASSAY_REDIS_URL: redis:// or rediss://; several, comma-separated, are the nodes of a cluster. Undefined: the embedded store. */
  readonly redisUrl: string | undefined;
  /** Folder of the embedded store (`HOME/kv`); shared by every process of the home. */
  readonly dir: string;
  readonly emit: Emit;
}

/** Opens the shared key-value store. Errors: `redis-unavailable`, `config-invalid`, `disk-full`, `home-unwritable`. */
export const openKv = ({ redisUrl, dir, emit }: KvOptions): Promise<Kv> =>
  redisUrl === undefined ? openLocalKv(dir, emit) : openRedisKv(redisUrl, emit);
