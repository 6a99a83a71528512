import { error } from '../../errors/index.js';
import type { Warehouse } from '../engine/index.js';

/** Runs the work while no other process holds the lock of this name. It dies with the connection that holds it. */
export const withLock = async <T>(
  _warehouse: Warehouse,
  _name: string,
  _work: () => Promise<T>,
  _signal?: AbortSignal,
): Promise<T> => {
  throw error('internal', {});
};
