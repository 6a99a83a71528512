import { currentPointers, withLock } from '../../store/state/index.js';
import { orderTransforms } from './files/graph.js';
import { readTransforms } from './files/read-transforms.js';
import { readSeeds } from './files/seeds.js';
import type { BuildOptions } from './options.js';
import { parquetSession } from './parquet-session.js';
import type { Publication } from './publication.js';
import { publicationOf } from './publications.js';
import { runBuild } from './run-build.js';

export interface BuildResult {
  readonly publication: Publication;
  /** False when nothing had moved: the publication is the one that was there. */
  readonly published: boolean;
  /** Tables made anew, in order; those whose contents came out equal are not among them. */
  readonly changed: readonly string[];
}

/**
 * Brings every table to the state of the bronze tables and the files, checks it and publishes all that changed in one step. Safe to
 * kill at any moment and to run again. One build at a time: a second one waits for the first.
 * Errors: `transform-invalid`, `contract-broken`, `check-failed` (no table of data was published; the results of the checks were),
 * `view-blocked`, `view-locked`, `publish-overtaken`, `engine-failed`, `delta-conflict`, `disk-full`, `cancelled`.
 */
export const build = async (options: BuildOptions): Promise<BuildResult> => {
  const { warehouse, duckdb, signal } = options;
  const [transforms, seeds] = await Promise.all([
    readTransforms(options.transformsDir),
    readSeeds(options.transformsDir),
  ]);
  const nodes = orderTransforms(transforms, new Set(seeds.map((seed) => seed.name)));
  return withLock(
    warehouse,
    'build',
    () =>
      duckdb.session(async (session) => {
        const changed = await runBuild({
          ...options,
          now: options.now ?? (() => BigInt(Date.now()) * 1000n),
          signal,
          engine: parquetSession(session, signal),
          nodes,
          seeds,
        });
        const publication = publicationOf(await currentPointers(warehouse));
        return { publication, published: changed !== undefined, changed: changed ?? [] };
      }),
    signal,
  );
};
