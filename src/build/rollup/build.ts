import { AssayError, error, toAssayError } from '../../errors/index.js';
import type { RollupDefinition } from '../../model/catalog/index.js';
import { isDataMoved } from '../../store/state/index.js';
import { buildOne } from './build-one.js';
import type { BuildRollupsOptions, RollupBuildResult } from './options.js';

/** How often one rollup is begun again because its tables were changed under it, before the round goes on without it. */
const MOST_MOVES = 5;

/** Builds one rollup; gives what the rest of the round builds from: a newer publication where this one was overtaken. */
const buildNewest = async (given: BuildRollupsOptions, definition: RollupDefinition) => {
  let options = given;
  for (let moves = 1; ; moves++) {
    try {
      return { options, outcome: await buildOne(options, definition) };
    } catch (thrown) {
      if (!isDataMoved(thrown) || options.signal?.aborted) throw thrown;
      if (!options.renew || moves === MOST_MOVES) throw error('data-moved', {}, thrown);
      options = { ...options, ...(await options.renew()) };
    }
  }
};

/**
 * Brings every rollup of the catalogue to the publication: builds what is missing or made from other data versions, proves it
 * against raw, publishes it with one compare-and-set. Errors of one rollup are in its result; a cancelled build throws `cancelled`.
 */
export const buildRollups = async (given: BuildRollupsOptions): Promise<readonly RollupBuildResult[]> => {
  let options = given;
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
      const built = await buildNewest(options, definition);
      options = built.options;
      done(built.outcome);
    } catch (thrown) {
      if (options.signal?.aborted) throw error('cancelled', {}, thrown);
      if (!(thrown instanceof AssayError)) options.emit('bug', { where: `rollup ${definition.id}`, error: thrown });
      done({ outcome: 'failed', changed: [], kept: [], rows: 0, bytes: 0, error: toAssayError(thrown) });
    }
  }
  return results;
};
