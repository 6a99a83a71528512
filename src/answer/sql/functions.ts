/** What PostgreSQL's catalogue says of function names; read once from the template database. */
export interface Functions {
  readonly aggregates: ReadonlySet<string>;
  readonly windows: ReadonlySet<string>;
  readonly volatile: ReadonlySet<string>;
  /** Functions that return sets. */
  readonly sets: ReadonlySet<string>;
}

/** Gives one row `(proname, kind)` for each name that is not a plain function of its arguments. */
export const FUNCTIONS_QUERY = `SELECT DISTINCT proname::text,
  CASE WHEN prokind = 'a' THEN 'aggregate' WHEN prokind = 'w' THEN 'window' WHEN proretset THEN 'set' ELSE 'volatile' END
  FROM pg_catalog.pg_proc WHERE prokind IN ('a', 'w') OR proretset OR provolatile = 'v'`;

export const functionsOf = (rows: readonly (readonly (string | null)[])[]): Functions => {
  const of = (kind: string) => new Set(rows.filter((r) => r[1] === kind).map((r) => r[0] ?? ''));
  return { aggregates: of('aggregate'), windows: of('window'), volatile: of('volatile'), sets: of('set') };
};
