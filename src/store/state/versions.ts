import { error } from '../../errors/index.js';
import type { ModelVersion, PhysicalTable } from './ledger-types.js';
import type { On } from './queries.js';

export type NewVersion = Omit<ModelVersion, 'id' | 'createdAt'>;
export type NewPhysical = Pick<PhysicalTable, 'versionId' | 'postgres' | 'lakePath'>;

/** Gives the versions of these names, numbers and data hashes, in the given order; those that are not there yet are made. */
export const ensureVersions = async (_on: On, _list: readonly NewVersion[]): Promise<ModelVersion[]> => {
  throw error('internal', {});
};

/** Versions by id; ids that do not exist are left out. */
export const versionsById = async (_on: On, _ids: readonly number[]): Promise<Map<number, ModelVersion>> => {
  throw error('internal', {});
};

/** Where these versions' rows are, by version id; versions without a physical table are left out. */
export const physicalTables = async (_on: On, _ids: readonly number[]): Promise<Map<number, PhysicalTable>> => {
  throw error('internal', {});
};

/** Says where versions have or will have their rows. The state of one that is there already stays as it is. */
export const putPhysical = async (_on: On, _list: readonly NewPhysical[]): Promise<void> => {
  throw error('internal', {});
};
