import type { Ask, AskOptions } from '../../answer/run/index.js';
import { error } from '../../errors/index.js';
import {
  type Caller,
  type Column,
  type ColumnBatch,
  JSON_ROWS,
  type MetricQuery,
  type Provenance,
  valueText,
} from '../../query/index.js';
import { cursorOf } from './to-query.js';

/** What every resolver of one request shares. */
export interface GraphqlContext {
  readonly caller: Caller;
  readonly requestId: string;
  readonly signal: AbortSignal;
  /** Provenance of each answered field, by its path in the answer; sent in `extensions`. */
  readonly provenance: Record<string, Provenance>;
}

/** One row of a page: where it stands in its batch. Values are written when their field is resolved. */
export interface Row {
  readonly page: Page;
  readonly batch: ColumnBatch;
  readonly index: number;
}

export interface Page {
  readonly rows: readonly Row[];
  readonly offset: number;
  readonly hasNextPage: boolean;
  /** Names of the answer's columns. */
  readonly columns: ReadonlySet<string>;
  /** A row's value of a column, in the form of its scalar. */
  value(row: Row, column: string): string | number | boolean | null;
}

export const optionsOf = (context: GraphqlContext, rows: number): AskOptions => ({
  surface: 'graphql',
  requestId: context.requestId,
  signal: context.signal,
  limits: { rows },
});

/**
 * Rows of a query: all of them, or `first` and whether there are more (one more row is asked for to know). Errors: those of `Ask`,
 * `budget-exceeded` beyond 100,000 rows.
 */
export const readPage = async (
  ask: Ask,
  query: MetricQuery,
  first: number | undefined,
  context: GraphqlContext,
  path: string,
): Promise<Page> => {
  const asked = first === undefined ? query : { ...query, limit: first + 1 };
  const answer = await ask.query(asked, context.caller, optionsOf(context, JSON_ROWS + (first === undefined ? 0 : 1)));
  const batches: ColumnBatch[] = [];
  let length = 0;
  let whole = false;
  try {
    for await (const batch of answer.rows) {
      length += batch.length;
      if (length > JSON_ROWS + 1) throw error('budget-exceeded', { budget: 'rows', limit: String(JSON_ROWS) });
      batches.push(batch);
    }
    whole = true;
  } finally {
    if (!whole) await answer.rows.cancel();
  }
  context.provenance[path] = answer.provenance();
  const writers = writersOf(answer.columns, answer.timezone);
  const shown = first === undefined ? length : Math.min(first, length);
  const rows: Row[] = [];
  const page: Page = {
    rows,
    offset: query.offset ?? 0,
    hasNextPage: length > shown,
    columns: new Set(answer.columns.map((c) => c.name)),
    value: (row, column) => writers.get(column)?.(row) ?? null,
  };
  for (const batch of batches)
    for (let index = 0; index < batch.length && rows.length < shown; index++) rows.push({ page, batch, index });
  return page;
};

const writersOf = (columns: readonly Column[], zone: string) =>
  new Map(
    columns.map(({ name, type }, i) => {
      const plain =
        type.kind === 'boolean' || type.kind === 'integer' || type.kind === 'double' || type.kind === 'string';
      const write = (row: Row): string | number | boolean | null => {
        const value = row.batch.columns[i]?.[row.index] ?? null;
        return plain && typeof value !== 'bigint' ? value : valueText(type, value, zone);
      };
      return [name, write] as const;
    }),
  );

/** How many groups there are, page or not. Only counted when `totalCount` is selected. Errors: those of `Ask`. */
export const countRows = async (ask: Ask, query: MetricQuery, context: GraphqlContext): Promise<number> => {
  const { order: _order, offset: _offset, limit: _limit, ...all } = query;
  const answer = await ask.query(all, context.caller, optionsOf(context, MOST_COUNTED));
  let rows = 0;
  let whole = false;
  try {
    for await (const batch of answer.rows) rows += batch.length;
    whole = true;
  } finally {
    if (!whole) await answer.rows.cancel();
  }
  return rows;
};
const MOST_COUNTED = 1_000_000;

/** `PageInfo` of a page. */
export const pageInfoOf = ({ rows, offset, hasNextPage }: Page) => ({
  hasNextPage,
  hasPreviousPage: offset > 0,
  startCursor: rows.length > 0 ? cursorOf(offset) : null,
  endCursor: rows.length > 0 ? cursorOf(offset + rows.length) : null,
});
