import { error } from '../../../errors/index.js';
import { sparkLiteral, sparkQuoted } from './column-types.js';
import type { SparkView, SparkWrite } from './gateway.js';
import type { Expression, Plan, Relation } from './messages.js';

const UNION = 2;
const LEFT_OUTER = 3;
const OVERWRITE = 2;

export const sqlRelation = (query: string): Relation => ({ sql: { query } });

/** Lines that stand above the caller's text in `onlySelect`. */
export const LINES_ABOVE = 1;

/**
 * A text that can be nothing but a SELECT: Spark runs a command even where only its schema is asked for, and a command cannot stand
 * in parentheses. The caller's text keeps its lines.
 */
export const onlySelect = (text: string): string => `SELECT * FROM (\n${text.replace(/;\s*$/, '')}\n)`;

/** Commands of SQL as a plan: both forms are sent, servers before 4.0 know the first one only. */
export const commandPlan = (sql: string): Plan => ({ command: { sql_command: { sql, input: sqlRelation(sql) } } });

type Group = SparkView['groups'][number];

/** Spark reads paths as patterns. */
const literalPath = (path: string): string => path.replace(/[\\{}[\]*?]/g, '\\$&');

const sql = (expression: string): Expression => ({ expression_string: { expression } });

const filesOf = (columns: SparkView['columns'], files: readonly string[]): Relation => ({
  read: {
    data_source: {
      format: 'parquet',
      schema: columns.map(({ name, ddl }) => `${sparkQuoted(name)} ${ddl}`).join(', '),
      options: { recursiveFileLookup: 'true', mergeSchema: 'false' },
      paths: files.map(literalPath),
    },
  },
});

/** A constant with its type. The protocol's empty text is null. */
const constant = (value: string | null | undefined, ddl: string): string =>
  `CAST(${value === null || value === undefined || value === '' ? 'NULL' : sparkLiteral(value)} AS ${ddl})`;

/** The files of one group; conditions on its constants are decided before anything is read. */
const readGroup = (view: SparkView, { files, constants }: Group): Relation => {
  const fixed = constants ?? {};
  const inFiles = view.columns.filter(({ name }) => !Object.hasOwn(fixed, name));
  const expressions = view.columns.map(({ name, ddl }) =>
    sql(Object.hasOwn(fixed, name) ? `${constant(fixed[name], ddl)} AS ${sparkQuoted(name)}` : sparkQuoted(name)),
  );
  return { project: { input: filesOf(inFiles, files), expressions } };
};

/** Columns of the join below; no column of a table is called so. */
const FILE = '__assay_file';
const KEY = '__assay_key';

/**
 * A file's name as Spark tells it with a row: a URI whose path has its ASCII characters escaped as `java.net.URI` does, others as they are.
 * A path without a scheme is a file of the machine.
 */
export const fileUri = (path: string): string => {
  const scheme = /^([a-zA-Z][a-zA-Z0-9+.-]*):\/\/([^/]*)(\/.*)$/.exec(path) ?? /^(file):()(\/.*)$/.exec(path);
  const escaped = (scheme?.[3] ?? path).replace(
    /[^A-Za-z0-9_\-!.~'()*:@&=+$,;/\u0080-\u{10ffff}]/gu,
    (c) => `%${(c.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(2, '0')}`,
  );
  return `${scheme?.[1] ?? 'file'}://${scheme?.[2] ?? ''}${escaped}`;
};

/**
 * Many groups with the same constant columns: all files are read at once, and each row gets the constants of its file from a list. A
 * row of a file that is not in the list, which would be a mistake of ours, is an error and no null.
 */
const readListed = (view: SparkView, groups: readonly Group[]): Relation => {
  const names = Object.keys(groups[0]?.constants ?? {});
  const inFiles = view.columns.filter(({ name }) => !names.includes(name));
  const files = [...new Set(groups.flatMap((group) => group.files))];
  const fixed = view.columns.filter(({ name }) => names.includes(name));
  const rows = groups.flatMap(({ files, constants }) => {
    const values = fixed.map(({ name, ddl }) => constant(constants?.[name], ddl));
    return files.map((file) => `(${[sparkLiteral(fileUri(file)), ...values].join(', ')})`);
  });
  const listed = fixed.map((_, i) => `c${i}`);
  const right = `SELECT ${[`k AS ${KEY}`, ...listed].join(', ')} FROM VALUES ${rows.join(', ')} AS listed(k, ${listed.join(', ')})`;
  const left: Relation = {
    project: {
      input: filesOf(inFiles, files),
      expressions: [
        ...inFiles.map(({ name }) => sql(sparkQuoted(name))), // Hadoop writes `file:/` or `file:///`, as it got the name.
        sql(`regexp_replace(_metadata.file_path, '^file:/+', 'file:///') AS ${FILE}`),
      ],
    },
  };
  const unknown = `raise_error(concat('no constants for ', ${FILE}))`;
  const expressions = view.columns.map(({ name, ddl }) => {
    const at = fixed.findIndex((c) => c.name === name);
    const value = `IF(${KEY} IS NULL, CAST(${unknown} AS ${ddl}), ${listed[at]})`;
    return sql(at < 0 ? sparkQuoted(name) : `${value} AS ${sparkQuoted(name)}`);
  });
  const join_condition = sql(`${FILE} = ${KEY}`);
  return {
    project: {
      input: { join: { left, right: sqlRelation(right), join_condition, join_type: LEFT_OUTER } },
      expressions,
    },
  };
};

/** Above this number one reading of all files is faster than one for each group. */
const FEW = 16;
const sameColumns = (groups: readonly Group[]): boolean => {
  const keys = new Set(groups.map(({ constants }) => JSON.stringify(Object.keys(constants ?? {}).sort())));
  return keys.size === 1 && !keys.has('[]');
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
  const groups = merged(view.groups);
  const input =
    groups.length > FEW && sameColumns(groups)
      ? readListed(view, groups)
      : (union(groups.map((group) => readGroup(view, group))) ?? emptyRelation(view));
  return { command: { create_dataframe_view: { input, name: sparkQuoted(name), is_global: false, replace: true } } };
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
