import type { DataType } from '../../query/index.js';

/** A name in double quotes. */
export const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;
/** A text in single quotes, for DuckDB and for PostgreSQL with standard strings. */
export const literal = (text: string): string => `'${text.replaceAll("'", "''")}'`;

/** A contract's type as DuckDB's DESCRIBE prints it. */
export const duckdbType = (type: DataType): string => {
  switch (type.kind) {
    case 'string':
      return 'VARCHAR';
    case 'timestamp':
      return 'TIMESTAMP WITH TIME ZONE';
    case 'decimal':
      return `DECIMAL(${type.precision},${type.scale})`;
    default:
      return type.kind.toUpperCase();
  }
};

/** A contract's type as PostgreSQL's format_type prints it. */
export const postgresType = (type: DataType): string => {
  switch (type.kind) {
    case 'string':
      return 'text';
    case 'timestamp':
      return 'timestamp with time zone';
    case 'double':
      return 'double precision';
    case 'decimal':
      return `numeric(${type.precision},${type.scale})`;
    default:
      return type.kind;
  }
};

/** The temporary view that stands for a table while a build runs. */
export const viewOf = (name: string): string => quoted(`@${name}`);

/** A contract's type as Spark's DDL writes it. */
export const sparkType = (type: DataType): string => {
  switch (type.kind) {
    case 'integer':
      return 'int';
    case 'decimal':
      return `decimal(${type.precision},${type.scale})`;
    default:
      return type.kind;
  }
};
