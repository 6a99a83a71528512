import { error } from '../../../errors/index.js';
import { sparkLiteral, sparkQuoted } from './column-types.js';
import type { SparkView, SparkWrite } from './gateway.js';
import type { Plan, Relation } from './messages.js';

const UNION = 2;
const OVERWRITE = 2;

export const sqlRelation = (query: string): Relation => ({ sql: { query } });

/** Lines that stand above the caller's text in `onlySelect`. */
export const LINES_ABOVE = 1;

/**
 * A text that can be nothing but a SELECT: Spark runs a command even where only its schema is asked for, and a command cannot stand
 * in parentheses. The caller's text keeps its lines.
 */
export const onlySelect = (sql: string): string => `SELECT * FROM (\n${sql.replace(/;\s*$/, '')}\n)`;

/** Commands of SQL as a plan: both forms are sent, servers before 4.0 know the first one only. */
export const commandPlan = (sql: string): Plan => ({ command: { sql_command: { sql, input: sqlRelation(sql) } } });

type Group = SparkView['groups'][number];

/** Spark reads paths as patterns. */
const literalPath = (path: string): string => path.replace(/[\\{}[\]*?]/g, '\\$&');

const readFiles = (view: SparkView, { files, constants }: Group): Relation => {
  const fixed = constants ?? {};
  const inFiles = view.columns.filter(({ name }) => !(name in fixed));
  const read: Relation = {
    read: {
      data_source: {
        format: 'parquet',
        schema: inFiles.map(({ name, ddl }) => `${sparkQuoted(name)} ${ddl}`).join(', '),
        options: { recursiveFileLookup: 'true', mergeSchema: 'false' },
        paths: files.map(literalPath),
      },
    },
  };
  const expressions = view.columns.map(({ name, ddl }) => {
    const value = fixed[name];
    const given = value === null || value === undefined || value === '' ? 'NULL' : sparkLiteral(value);
    const expression = name in fixed ? `CAST(${given} AS ${ddl}) AS ${sparkQuoted(name)}` : sparkQuoted(name);
    return { expression_string: { expression } };
  });
  return { project: { input: read, expressions } };
};

/** Two by two, so that a thousand parts nest ten deep and not a thousand. */
const union = (parts: readonly Relation[]): Relation | undefined => {
  if (parts.length <= 1) return parts[0];
  const middle = parts.length >> 1;
  const left_input = union(parts.slice(0, middle));
  const right_input = union(parts.slice(middle));
  return left_input && right_input
    ? { set_op: { left_input, right_input, set_op_type: UNION, is_all: true } }
    : (left_input ?? right_input);
};

/** Groups of equal constants become one. */
const merged = (groups: readonly Group[]): readonly Group[] => {
  const byConstants = new Map<string, { files: string[]; constants: Record<string, string | null> }>();
  for (const { files, constants } of groups) {
    if (files.length === 0) continue;
    const key = JSON.stringify(Object.entries(constants ?? {}).sort(([a], [b]) => (a < b ? -1 : 1)));
    const found = byConstants.get(key);
    if (found) found.files.push(...files);
    else byConstants.set(key, { files: [...files], constants: { ...constants } });
  }
  return [...byConstants.values()];
};

const emptyRelation = (view: SparkView): Relation =>
  sqlRelation(
    `SELECT ${view.columns.map(({ name, ddl }) => `CAST(NULL AS ${ddl}) AS ${sparkQuoted(name)}`).join(', ')} WHERE false`,
  );

export const viewPlan = (name: string, view: SparkView): Plan => {
  if (view.columns.length === 0) throw error('internal', {}, `the view ${name} has no columns`);
  const input = union(merged(view.groups).map((group) => readFiles(view, group))) ?? emptyRelation(view);
  return { command: { create_dataframe_view: { input, name, is_global: false, replace: true } } };
};

/**
 * Rows of one partition come together before they are written, and Spark cuts a partition that is large into several files; without
 * partitions a sorted result is sorted as a whole, so that files do not overlap.
 */
const writeSql = ({ sql, partitionBy, sortBy }: SparkWrite): string => {
  const sort = (sortBy ?? []).map(sparkQuoted);
  const select = `(\n${sql.replace(/;\s*$/, '')}\n)`;
  if (partitionBy.length === 0)
    return `SELECT * FROM ${select}${sort.length > 0 ? ` ORDER BY ${sort.join(', ')}` : ''}`;
  const by = partitionBy.map(sparkQuoted).join(', ');
  return `SELECT /*+ REBALANCE(${by}) */ * FROM ${select} SORT BY ${[by, ...sort].join(', ')}`;
};

export const writePlan = (write: SparkWrite): Plan => ({
  command: {
    write_operation: {
      input: sqlRelation(writeSql(write)),
      source: 'parquet',
      path: write.path,
      mode: OVERWRITE,
      partitioning_columns: write.partitionBy,
      options: {
        compression: 'zstd',
        // Only a hint for programs that poll a folder; we know when Spark has finished.
        'mapreduce.fileoutputcommitter.marksuccessfuljobs': 'false',
      },
    },
  },
});
