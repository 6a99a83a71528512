import { type Facade, type FacadeTable, postgresType } from './facade.js';
import { quoteLiteral, quoteName } from './text.js';

/** Role that every session's login role is a member of; it owns nothing. */
export const CALLER_ROLE = 'assay_caller';
/** Role of the backends that normalise: it alone may write functions, in transactions that are rolled back. */
export const HELPER_ROLE = 'assay_normaliser';
export const REFUSED = 'this statement must be planned by the semantic layer';

/** Functions that reveal other sessions, write outside of the session, or wait. */
const REVOKED = [
  'pg_notify(text, text)',
  'pg_sleep(double precision)',
  'pg_sleep_for(interval)',
  'pg_sleep_until(timestamptz)',
  'lo_create(oid)',
  'lo_creat(integer)',
  'lo_from_bytea(oid, bytea)',
  'pg_advisory_lock(bigint)',
  'pg_advisory_lock(integer, integer)',
  'pg_advisory_lock_shared(bigint)',
  'pg_advisory_lock_shared(integer, integer)',
  'pg_try_advisory_lock(bigint)',
  'pg_try_advisory_lock(integer, integer)',
  'pg_try_advisory_lock_shared(bigint)',
  'pg_try_advisory_lock_shared(integer, integer)',
  'pg_advisory_xact_lock(bigint)',
  'pg_advisory_xact_lock(integer, integer)',
  'pg_advisory_xact_lock_shared(bigint)',
  'pg_advisory_xact_lock_shared(integer, integer)',
  'pg_try_advisory_xact_lock(bigint)',
  'pg_try_advisory_xact_lock(integer, integer)',
  'pg_try_advisory_xact_lock_shared(bigint)',
  'pg_try_advisory_xact_lock_shared(integer, integer)',
];

/**
 * What a superuser runs once in the template database. A row policy that raises does not close a table alone: leakproof conditions,
 * index and TID conditions and samples run before it. So nothing here is leakproof, and no sampling method has its name.
 */
export const templateStatements = (): readonly string[] => [
  'UPDATE pg_catalog.pg_proc SET proleakproof = false WHERE proleakproof',
  `UPDATE pg_catalog.pg_proc SET proname = '_assay_' || proname WHERE prorettype = 'tsm_handler'::regtype`,
  'CREATE SCHEMA assay',
  `CREATE FUNCTION assay.refuse() RETURNS boolean LANGUAGE plpgsql VOLATILE AS $$
    BEGIN RAISE EXCEPTION '${REFUSED}' USING ERRCODE = '0A000',
      HINT = 'ask for dimensions and MEASURE(m) with GROUP BY'; END $$`,
  `CREATE FUNCTION assay.fail(code text, message text, hint text) RETURNS void LANGUAGE plpgsql VOLATILE AS $$
    BEGIN
      IF hint = '' THEN RAISE EXCEPTION USING ERRCODE = code, MESSAGE = message; END IF;
      RAISE EXCEPTION USING ERRCODE = code, MESSAGE = message, HINT = hint;
    END $$`,
  `CREATE FUNCTION assay.first(anyelement, anyelement) RETURNS anyelement LANGUAGE sql IMMUTABLE STRICT AS 'SELECT $1'`,
  'CREATE AGGREGATE public.measure(anyelement) (SFUNC = assay.first, STYPE = anyelement)',
  'CREATE AGGREGATE public.agg(anyelement) (SFUNC = assay.first, STYPE = anyelement)',
  `COMMENT ON FUNCTION public.measure(anyelement) IS 'the value of a measure for the group'`,
  'REVOKE ALL ON SCHEMA public FROM PUBLIC',
  'GRANT USAGE ON SCHEMA public, assay TO PUBLIC',
  'REVOKE ALL ON LANGUAGE plpgsql, sql FROM PUBLIC',
  `GRANT USAGE ON LANGUAGE sql TO ${HELPER_ROLE}`,
  `REVOKE ALL ON ALL FUNCTIONS IN SCHEMA assay FROM PUBLIC`,
  `GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA assay TO ${CALLER_ROLE}`,
  ...REVOKED.map((f) => `REVOKE EXECUTE ON FUNCTION pg_catalog.${f} FROM PUBLIC`),
  ...ownRowsOnly(),
];

/** System views that would list other sessions, roles and databases show the session's own rows. */
const ownRowsOnly = (): readonly string[] => [
  'SET allow_system_table_mods = on',
  `DO $$ DECLARE text text; BEGIN
    text := rtrim(pg_get_viewdef('pg_catalog.pg_stat_activity'::regclass), ';');
    EXECUTE 'CREATE OR REPLACE VIEW pg_catalog.pg_stat_activity AS SELECT * FROM (' || text || ') s WHERE s.pid = pg_backend_pid()';
    text := rtrim(pg_get_viewdef('pg_catalog.pg_roles'::regclass), ';');
    EXECUTE 'CREATE OR REPLACE VIEW pg_catalog.pg_roles AS SELECT * FROM (' || text || ') s WHERE s.rolname = current_user';
    text := rtrim(pg_get_viewdef('pg_catalog.pg_policies'::regclass), ';');
    EXECUTE 'CREATE OR REPLACE VIEW pg_catalog.pg_policies AS SELECT * FROM (' || text || ') s WHERE false';
  END $$`,
  // The last column had this name before PostgreSQL 17; psql 15 and 16 list databases by it.
  'ALTER TABLE pg_catalog.pg_database RENAME TO _assay_database',
  `DO $$ DECLARE columns text; BEGIN
    SELECT string_agg(quote_ident(attname), ', ' ORDER BY attnum) INTO columns FROM pg_catalog.pg_attribute
      WHERE attrelid = 'pg_catalog._assay_database'::regclass AND attnum > 0;
    EXECUTE 'CREATE VIEW pg_catalog.pg_database AS SELECT ' || columns
      || ', datlocale AS daticulocale FROM pg_catalog._assay_database WHERE datname = current_database()';
  END $$`,
  'REVOKE ALL ON pg_catalog._assay_database FROM PUBLIC',
  'GRANT SELECT ON pg_catalog.pg_database TO PUBLIC',
  'RESET allow_system_table_mods',
];

const tableStatements = (table: FacadeTable): readonly string[] => {
  const name = `public.${quoteName(table.name)}`;
  const columns = table.columns.map((c) => `${quoteName(c.name)} ${postgresType(c.type)}`);
  return [
    `CREATE TABLE ${name} (${columns.join(', ')})`,
    `COMMENT ON TABLE ${name} IS ${quoteLiteral(table.comment)}`,
    ...table.columns
      .filter((c) => c.comment !== '')
      .map((c) => `COMMENT ON COLUMN ${name}.${quoteName(c.name)} IS ${quoteLiteral(c.comment)}`),
    `INSERT INTO ${name} DEFAULT VALUES`,
    `ALTER TABLE ${name} ENABLE ROW LEVEL SECURITY`,
    `CREATE POLICY planned_only ON ${name} USING (assay.refuse())`,
    `GRANT SELECT ON ${name} TO ${CALLER_ROLE}`,
  ];
};

/** What a superuser runs in a facade's database, made from the template. */
export const facadeStatements = (facade: Facade): readonly string[] =>
  [...facade.tables.values()].flatMap(tableStatements);
