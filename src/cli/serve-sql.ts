import type { Ask } from '../answer/run/index.js';
import type { Config } from '../config/index.js';
import type { LoadedModel } from '../model/cube/index.js';
import { accessOf } from '../model/policy/index.js';
import type { Emit } from '../query/index.js';
import type { Authenticator } from '../serve/auth/index.js';
import { openSqlServer, type SqlServer } from '../serve/pgwire/index.js';

/** The SQL wire of the settings over the model in use. */
export const serveSql = (w: {
  readonly config: Config;
  readonly auth: Authenticator;
  readonly ask: Ask;
  readonly model: () => LoadedModel;
  readonly emit: Emit;
  readonly cluster: () => string;
}): Promise<SqlServer> =>
  openSqlServer({
    host: w.config.sqlHost,
    port: w.config.sqlPort,
    cluster: w.cluster,
    ask: w.ask,
    catalogue: () => w.model().catalogue,
    access: (catalogue, caller) => accessOf(catalogue, caller),
    authenticate: (_user, password) => w.auth.verify(password),
    emit: w.emit,
    sessions: w.config.sqlSessions,
  });
