import type {
  Caller,
  Column,
  Explanation,
  Limits,
  MetricQuery,
  Provenance,
  RollupSpec,
  RowStream,
} from '../../query/index.js';

/** How a wire asks. */
export interface AskOptions {
  readonly surface: 'rest' | 'graphql' | 'sql' | 'search' | 'mcp' | 'cli';
  readonly requestId: string;
  readonly signal?: AbortSignal;
  readonly limits?: Partial<Limits>;
}

/** How an explanation is asked for. */
export interface ExplainOptions extends AskOptions {
  /** A rollup that is not in the model: tells whether it would serve the query. For roles that may see statements. */
  readonly hypothetical?: RollupSpec;
}

/** An answer: columns now, rows as they come, provenance when the rows have ended. */
export interface Answer {
  readonly columns: readonly Column[];
  readonly timezone: string;
  readonly rows: RowStream;
  /** Complete after the last row was read; before that, counts and timings are of what was read so far. */
  provenance(): Provenance;
  /** Holds all that the rows depend on (values, data versions, policies); undefined when some table has no version. */
  readonly cacheKey: string | undefined;
}

/** The one entrance that every surface uses. Policies, plan, cache, audit are behind it. */
export interface Ask {
  query(query: MetricQuery, caller: Caller, options: AskOptions): Promise<Answer>;
  explain(query: MetricQuery, caller: Caller, options: ExplainOptions): Promise<Explanation>;
}
