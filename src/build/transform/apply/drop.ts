import { error } from '../../../errors/index.js';
import { currentEnvironment, dropEnvironment } from '../../../store/state/index.js';
import { PRODUCTION } from '../plan/world.js';
import { swapViews } from '../target/views.js';
import type { Pointed } from './environments.js';
import type { Parts } from './parts.js';

/**
 * Removes an environment beside production, with its views: its name is free again. Tables that nobody else points at go when they are
 * collected; a run that is at work in it is refused when it publishes. Gives the names that its readers found.
 * Errors: `usage` (production), `environment-unknown`, `view-blocked`, `view-locked`.
 */
export const drop = async (parts: Parts, name: string): Promise<Pointed> => {
  if (name === PRODUCTION) throw error('usage', { text: `${PRODUCTION} is what readers have and cannot be removed` });
  return parts.warehouse.transaction(async (tx) => {
    const { revision, pointers } = await currentEnvironment(tx, name);
    const changed = pointers.map((pointer) => pointer.name);
    await dropEnvironment(tx, name);
    await swapViews(tx, [], changed, name);
    return { environment: name, revision, changed };
  });
};
