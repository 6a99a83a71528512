import { timestampText } from '../../query/index.js';
import { type On, stateOf } from './queries.js';

/** Records that a build begins. */
export const beginBuild = async (
  on: On,
  build: { readonly buildId: string; readonly baseRevision: number; readonly at: bigint },
): Promise<void> => {
  await stateOf(on)
    .insertInto('assay.build')
    .values({
      build_id: build.buildId,
      status: 'running',
      base_revision: String(build.baseRevision),
      started_at: timestampText(build.at),
    })
    .execute();
};

/**
 * Marks builds that nobody runs any more; only the holder of the builder's lock may call it. Runs that tell by a heartbeat that they
 * live are left alone. Gives their ids.
 */
export const abandonBuilds = async (on: On, at: bigint): Promise<readonly string[]> => {
  const rows = await stateOf(on)
    .updateTable('assay.build')
    .set({ status: 'abandoned', finished_at: timestampText(at) })
    .where('status', '=', 'running')
    .where('heartbeat', 'is', null)
    .returning('build_id')
    .execute();
  return rows.map((row) => row.build_id);
};
