import { tableToken } from '../../query/index.js';

/** The token that stands for the partitions of a rollup leg. */
export const PARTITIONS = 'partitions';

/** A statement with its tables bound: every token becomes the relation that `relation` gives for its table. */
export const bindTables = (sql: string, tables: readonly string[], relation: (table: string) => string): string =>
  tables.reduce((text, table) => text.replaceAll(tableToken(table), () => relation(table)), sql);
