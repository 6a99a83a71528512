import {
  type AddFile,
  type DeltaType,
  fileOf,
  type Held,
  holdsAllColumns,
  type Snapshot,
} from '../../../store/delta/index.js';
import type { SparkView } from '../../../store/engine/index.js';
import type { ContractColumn } from '../files/definition.js';
import { sparkType } from '../sql-text.js';

/**
 * A table as Spark reads it. `files`: Parquet files of one snapshot, with staged ones in the place of published ones, readable while
 * they are held; `made`: rows that DuckDB makes for it (of a view, whose text is DuckDB's), as a file of the step; `rows`: a relation in
 * Spark's dialect that holds the rows itself; `out`: Spark cannot read it, and why.
 */
export type SparkReadable =
  | {
      readonly kind: 'files';
      readonly columns: readonly SparkTyped[];
      view(): SparkView;
      /** Of all files. */
      readonly bytes: number;
      hold(signal: AbortSignal | undefined): Promise<Held>;
    }
  | {
      readonly kind: 'made';
      readonly columns: readonly Pick<ContractColumn, 'name' | 'type'>[];
      /** A relation of DuckDB. */
      readonly relation: string;
    }
  | { readonly kind: 'rows'; readonly relation: string }
  | { readonly kind: 'out'; readonly why: string };

/** A column and its type as Spark's DDL writes it. */
export type SparkTyped = SparkView['columns'][number];

/** A name as Spark reads it. */
export const sparkName = (name: string): string => `\`${name.replaceAll('`', '``')}\``;

const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', "'": "\\'", '\n': '\\n', '\r': '\\r', '\0': '\\0' };

/** A text as Spark reads it: a backslash begins an escape there. */
export const sparkText = (text: string): string => `'${text.replaceAll(/[\\'\n\r\0]/g, (one) => ESCAPES[one] ?? one)}'`;

/** A contract's columns with Spark's types. */
export const sparkTyped = (columns: readonly Pick<ContractColumn, 'name' | 'type'>[]): readonly SparkTyped[] =>
  columns.map(({ name, type }) => ({ name, ddl: sparkType(type) }));

/** Typed columns and no rows. */
export const noSparkRows = (columns: readonly SparkTyped[]): string =>
  `(SELECT ${columns.map((c) => `CAST(NULL AS ${c.ddl}) AS ${sparkName(c.name)}`).join(', ')} WHERE false)`;

const DDL: Readonly<Record<string, string>> = {
  ...{ string: 'string', long: 'bigint', integer: 'int', short: 'smallint', byte: 'tinyint', float: 'float' },
  ...{ double: 'double', boolean: 'boolean', binary: 'binary', date: 'date', timestamp: 'timestamp' },
  timestamp_ntz: 'timestamp_ntz',
};

/** A type of the log as Spark's DDL writes it. */
const ddlOf = (type: DeltaType): string => {
  if (typeof type === 'string') return DDL[type] ?? type;
  if (type.type === 'array') return `array<${ddlOf(type.elementType)}>`;
  if (type.type === 'map') return `map<${ddlOf(type.keyType)},${ddlOf(type.valueType)}>`;
  return `struct<${type.fields.map((field) => `${sparkName(field.name)}:${ddlOf(field.type)}`).join(',')}>`;
};

/** Why these files mean something else to a plain reader of Parquet than to one of the log; undefined when they do not. */
export const whyNotSpark = (snapshot: Snapshot, adds: readonly AddFile[]): string | undefined => {
  const mapping = snapshot.metadata.configuration['delta.columnMapping.mode'];
  if (mapping !== undefined && mapping !== 'none') return 'its columns have other names in its files (column mapping)';
  if (adds.some((add) => add.deletionVector !== undefined)) return 'rows of its files are deleted (deletion vectors)';
  return undefined;
};

/** Some files of a table for Spark: what the log says of them travels as a schema and as constants of partition columns. */
export const sparkFiles = (snapshot: Snapshot, adds: readonly AddFile[]): SparkReadable => {
  const columns = snapshot.schema.fields.map((field) => ({ name: field.name, ddl: ddlOf(field.type) }));
  if (adds.length === 0) return { kind: 'rows', relation: noSparkRows(columns) };
  const why = whyNotSpark(snapshot, adds);
  if (why !== undefined) return { kind: 'out', why };
  return {
    ...{ kind: 'files', columns, view: () => ({ columns, groups: groupsOf(snapshot, adds) }) },
    bytes: adds.reduce((sum, add) => sum + add.size, 0),
    hold: (signal) => {
      const { table } = snapshot;
      return table.files.hold(
        adds.map((add) => ({ path: fileOf(table, add), size: add.size })),
        signal,
      );
    },
  };
};

/** Files with their constants: none for those that hold every column. */
const groupsOf = (snapshot: Snapshot, adds: readonly AddFile[]): SparkView['groups'] => {
  const { table, metadata } = snapshot;
  const whole = holdsAllColumns(snapshot);
  const groups = new Map<string, { files: string[]; constants?: Readonly<Record<string, string | null>> }>();
  for (const add of adds) {
    const values = whole(add) ? undefined : metadata.partitionColumns.map((name) => add.partitionValues[name] || null);
    const constants =
      values && Object.fromEntries(metadata.partitionColumns.map((name, i) => [name, values[i] ?? null]));
    const key = JSON.stringify(values ?? 'own');
    const group = groups.get(key) ?? { files: [], ...(constants ? { constants } : {}) };
    group.files.push(table.files.location(fileOf(table, add), add.size));
    groups.set(key, group);
  }
  return [...groups.values()];
};
