import type { Column, Estimate, EstimatedRead } from '../../query/index.js';
import type { Engine, Statement } from '../../store/engine/index.js';
import type { Plan } from '../plan/index.js';

const text = (name: string): Column => ({ name, type: { kind: 'string' }, role: 'dimension' });
const number = (name: string): Column => ({ name, type: { kind: 'bigint' }, role: 'measure' });

const rowsOf = async (engine: Engine, statement: Statement, signal?: AbortSignal): Promise<unknown[][]> => {
  const rows: unknown[][] = [];
  for await (const { length, columns } of await engine.run(statement, signal ? { signal } : {}))
    for (let row = 0; row < length; row++) rows.push(columns.map((column) => column[row]));
  return rows;
};

type Node = Readonly<Record<string, unknown>>;
const isNode = (value: unknown): value is Node => typeof value === 'object' && value !== null && !Array.isArray(value);

/** All nodes of a plan that an engine has printed as JSON, whatever it calls the list of those below. */
const nodesIn = (value: unknown): readonly Node[] => {
  if (Array.isArray(value)) return value.flatMap(nodesIn);
  if (!isNode(value)) return [];
  return [value, ...['Plan', 'Plans', 'children'].flatMap((key) => nodesIn(value[key]))];
};

const summed = (reads: readonly EstimatedRead[]): Estimate => ({
  rows: reads.reduce((sum, read) => sum + read.rows, 0),
  ...(reads.every(({ bytes }) => bytes !== undefined) && {
    bytes: reads.reduce((sum, { bytes = 0 }) => sum + bytes, 0),
  }),
  reads,
});

/** Names of tables as they are in PostgreSQL's catalogue, given as JSON: `[["gold", "fact_sales"], …]`. */
const SIZES = `SELECT n.nspname || '.' || c.relname, greatest(c.reltuples, 0)::bigint, pg_table_size(c.oid)
  FROM jsonb_array_elements($1::jsonb) AS given JOIN pg_namespace n ON n.nspname = given ->> 0
  JOIN pg_class c ON c.relnamespace = n.oid AND c.relname = given ->> 1 ORDER BY 1`;

/** Tables that the server's own plan reads, partitions that it prunes not among them. One that is read twice counts twice. */
const inPostgres = async (engine: Engine, statement: Statement, signal?: AbortSignal): Promise<Estimate> => {
  const sql = `EXPLAIN (VERBOSE, FORMAT JSON) ${statement.sql}`;
  const [[plan] = []] = await rowsOf(engine, { ...statement, sql, columns: [text('plan')] }, signal);
  const scans = nodesIn(JSON.parse(String(plan))).flatMap((node) =>
    typeof node['Relation Name'] === 'string' ? [[String(node['Schema']), node['Relation Name']]] : [],
  );
  const columns = [text('name'), number('rows'), number('bytes')];
  const sizes = await rowsOf(engine, { sql: SIZES, parameters: [JSON.stringify(scans)], columns }, signal);
  return summed(sizes.map(([name, rows, bytes]) => ({ name: String(name), rows: Number(rows), bytes: Number(bytes) })));
};

/** Scans of DuckDB's plan with the rows that it expects of each, after the files that it leaves out. It does not say how many bytes. */
const inDuckDb = async (engine: Engine, statement: Statement, signal?: AbortSignal): Promise<Estimate> => {
  const sql = `EXPLAIN (FORMAT JSON) ${statement.sql}`;
  const [[, plan] = []] = await rowsOf(engine, { ...statement, sql, columns: [text('key'), text('plan')] }, signal);
  return summed(
    nodesIn(JSON.parse(String(plan))).flatMap(({ name, extra_info: told }) => {
      const [kind, facts] = [String(name).trim(), isNode(told) ? told : {}];
      if (!/SCAN|READ_PARQUET/.test(kind) || facts['Estimated Cardinality'] === undefined) return [];
      return [{ name: String(facts['Table'] ?? 'parquet'), rows: Number(facts['Estimated Cardinality']) }];
    }),
  );
};

/**
 * What a plan reads, by statistics: partitions of rollups are known exactly; of tables it is what their engine's own plan says.
 * Errors: those of `Engine.run`.
 */
export const estimateOf = async (
  { leg }: Plan,
  engine: Engine,
  statement: Statement,
  signal?: AbortSignal,
): Promise<Estimate> => {
  if (leg.source === 'rollup')
    return summed(
      leg.rollups.flatMap(({ partitions }) =>
        partitions.map(({ rollup, key, rows, bytes }) => ({ name: `${rollup}/${key}`, rows, bytes })),
      ),
    );
  return engine.dialect === 'postgres' ? inPostgres(engine, statement, signal) : inDuckDb(engine, statement, signal);
};
