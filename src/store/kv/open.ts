import { error } from '../../errors/index.js';
import type { Emit } from '../../query/index.js';
import type { Kv } from './kv.js';

export interface KvOptions {
  /** ASSAY_REDIS_URL: redis:// or rediss://; several, comma-separated, are the nodes of a cluster. Undefined: the embedded store. */
  readonly redisUrl: string | undefined;
  /** Folder of the embedded store (`HOME/kv`); shared by every process of the home. */
  readonly dir: string;
  readonly emit: Emit;
}

/** Opens the shared key-value store. Errors: `redis-unavailable`, `config-invalid`, `disk-full`. */
export const openKv = async (_options: KvOptions): Promise<Kv> => {
  throw error('internal', {});
};
