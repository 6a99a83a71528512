import { error } from '../../errors/index.js';
import type { SqlServer, SqlServerOptions } from './options.js';

/** Opens the SQL port. Errors: `port-in-use`, `postgres-unavailable`. */
export const openSqlServer = async (_options: SqlServerOptions): Promise<SqlServer> => {
  throw error('not-supported', { what: 'the SQL server' });
};
