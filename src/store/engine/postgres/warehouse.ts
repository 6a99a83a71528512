import { error } from '../../../errors/index.js';
import type { Warehouse, WarehouseOptions } from './types.js';

/** Opens the pools of one database. Errors: `postgres-unavailable`, `config-invalid` (server too old). */
export const openWarehouse = async (_options: WarehouseOptions): Promise<Warehouse> => {
  throw error('internal', {});
};
