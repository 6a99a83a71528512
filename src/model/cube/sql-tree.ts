/** A node of the tree that PostgreSQL's parser makes of a statement. */
export type SqlNode = Readonly<Record<string, unknown>>;
export const isSqlNode = (value: unknown): value is SqlNode =>
  typeof value === 'object' && value !== null && !Array.isArray(value);
