import { join } from 'node:path';
import type { Config } from '../../config/index.js';
import { isAddress, type Mount, mountLake } from '../../store/delta/index.js';

/** Where copies of a bucket's objects are kept, for all processes of a home. */
const copiesOf = (home: string): string => join(home, 'lake-cache');

/** Makes the lake of a home reachable where it is in a bucket. Undefined: it is a folder. Errors: those of `mountLake`. */
export const openLake = (
  config: Config,
  lake: string,
  options: { readonly writes: boolean; readonly signal?: AbortSignal },
): Promise<Mount | undefined> =>
  isAddress(lake)
    ? mountLake({
        ...config.s3,
        ...options,
        ...{ address: lake, cacheDir: copiesOf(config.home), cacheBytes: config.lakeCache },
      })
    : Promise.resolve(undefined);
