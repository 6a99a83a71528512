export { openSqlServer } from './open-server.js';
export type { SqlServer, SqlServerOptions } from './options.js';
