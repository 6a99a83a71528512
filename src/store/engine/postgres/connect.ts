import pg from 'pg';
import { AssayError, error } from '../../../errors/index.js';
import { postgresFailure } from './failures.js';

/**
 * Checks that an outside server answers and is new enough. `setting` names where the url came from (default ASSAY_POSTGRES_URL),
 * `atLeast` is a major version (default 15). `version` is the server's number: 180004.
 * Errors: `postgres-unavailable`, `config-invalid`.
 */
export const connectPostgres = async (
  url: string,
  wanted: { readonly setting?: string; readonly atLeast?: number } = {},
): Promise<{ readonly version: number; readonly superuser: boolean }> => {
  const { setting = 'ASSAY_POSTGRES_URL', atLeast = 15 } = wanted;
  const bad = (why: string) => error('config-invalid', { name: setting, value: '***', wanted: why });
  if (!/^postgres(ql)?:\/\//.test(url) || !URL.canParse(url))
    throw bad('a url such as postgres://user:password@host:5432/database is wanted');
  const { host, pathname } = new URL(url);
  const what = `the PostgreSQL server of ${setting} (${host}${pathname})`;
  const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 10_000 });
  // A connection that breaks rejects what waits on it.
  client.on('error', () => {});
  try {
    await client.connect();
    const { rows } = await client.query<{ version: number; superuser: boolean; encoding: string }>(
      `SELECT current_setting('server_version_num')::int AS version, current_setting('is_superuser') = 'on' AS superuser,
        current_setting('server_encoding') AS encoding`,
    );
    const found = rows[0] ?? { version: 0, superuser: false, encoding: '' };
    if (found.version < atLeast * 10_000)
      throw bad(
        `PostgreSQL ${atLeast} or later is wanted, and the server is version ${Math.floor(found.version / 10_000)}`,
      );
    if (found.encoding !== 'UTF8') throw bad(`a database in UTF8 is wanted, and this one is in ${found.encoding}`);
    return { version: found.version, superuser: found.superuser };
  } catch (e) {
    throw e instanceof AssayError ? e : postgresFailure(e, what);
  } finally {
    await client.end();
  }
};
