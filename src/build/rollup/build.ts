import { AssayError, error, toAssayError } from '../../errors/index.js';
import { buildOne } from './build-one.js';
import type { BuildRollupsOptions, RollupBuildResult } from './options.js';

/**
 * Brings every rollup of the catalogue to the publication: builds what is missing or made from other data versions, proves it
 * against raw, publishes it with one compare-and-set. Errors of one rollup are in its result; a cancelled build throws `cancelled`.
 */
export const buildRollups = async (options: BuildRollupsOptions): Promise<readonly RollupBuildResult[]> => {
  const results: RollupBuildResult[] = [];
  for (const definition of options.catalogue.rollups) {
    if (options.only && !options.only.includes(definition.id)) continue;
    if (options.signal?.aborted) throw error('cancelled', {});
    const started = performance.now();
    const done = (outcome: Omit<RollupBuildResult, 'rollup' | 'milliseconds'>) =>
      results.push({
        rollup: definition.id,
        ...outcome,
        milliseconds: Math.round(performance.now() - started),
      });
    try {
      done(await buildOne(options, definition));
    } catch (thrown) {
      if (options.signal?.aborted) throw error('cancelled', {}, thrown);
      if (!(thrown instanceof AssayError)) options.emit('bug', { where: `rollup ${definition.id}`, error: thrown });
      done({ outcome: 'failed', changed: [], kept: [], rows: 0, bytes: 0, error: toAssayError(thrown) });
    }
  }
  return results;
};
