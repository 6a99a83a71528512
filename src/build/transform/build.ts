import { withLock } from '../../store/state/index.js';
import { forward } from './apply/commands.js';
import type { Parts } from './apply/parts.js';
import type { Unmade } from './apply/work.js';
import { PRODUCTION } from './plan/world.js';
import type { Publication } from './publication.js';
import { readPublication } from './publications.js';

export interface BuildOptions extends Parts {
  /** Tables whose breaking change is wanted under their present version: all of them is made again. */
  readonly restate?: readonly string[];
}

export interface BuildResult {
  readonly publication: Publication;
  /** False when nothing had moved: the publication is the one that was there. */
  readonly published: boolean;
  /** Tables whose contents changed, in order; those that were made and came out equal are not among them. */
  readonly changed: readonly string[];
  /** What could not be made; everything else is published. */
  readonly unmade: readonly Unmade[];
}

/**
 * Brings every table to the state of the sources and the files, checks it and publishes all that changed in one step. Safe to kill at
 * any moment and to run again. One build at a time: a second one waits for the first.
 * Errors: `transform-invalid`, `plan-blocked`, `view-blocked`, `view-locked`, `publish-overtaken`, `engine-failed`, `disk-full`,
 * `cancelled`.
 */
export const build = async (options: BuildOptions): Promise<BuildResult> =>
  withLock(
    options.warehouse,
    'build',
    async () => {
      const again = new Map((options.restate ?? []).map((id) => [id, undefined]));
      const result = await forward(options, { environment: PRODUCTION, restate: again });
      return {
        publication: await readPublication(options.warehouse, PRODUCTION),
        published: result.status === 'published' || result.status === 'partial',
        changed: result.changed,
        unmade: result.unmade,
      };
    },
    options.signal,
  );
