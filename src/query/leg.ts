import type { Filter, GivenValue } from './metric-query.js';

/** A condition of a leg. `raw` ones are rules of the policy engine: they compare real values, never masks. `never` is false. */
export type LegFilter =
  | {
      readonly member: string;
      readonly op: Extract<Filter, { member: string }>['op'] | 'never';
      readonly values?: readonly GivenValue[];
      readonly raw?: boolean;
    }
  | { readonly and: readonly LegFilter[] }
  | { readonly or: readonly LegFilter[] }
  | { readonly not: LegFilter };

/** What one leg asks of Cube: one fact, one grain. Ranges are instants: microseconds since 1970 UTC, half-open. */
export interface LegQuery {
  readonly measures: readonly string[];
  readonly dimensions: readonly string[];
  readonly time: readonly { readonly dimension: string; readonly granularity: string }[];
  readonly segments: readonly string[];
  readonly where: readonly LegFilter[];
  readonly having: readonly LegFilter[];
  /** By column number of the leg's own output, from 0. */
  readonly order: readonly {
    readonly column: number;
    readonly dir: 'asc' | 'desc';
    readonly nulls: 'first' | 'last';
  }[];
  readonly limit?: number;
  readonly offset?: number;
  /** Rows one by one: a measure is what its row adds to it. */
  readonly ungrouped?: boolean;
  readonly timezone: string;
}

/**
 * A leg's statement. Columns are named c0, c1, ... : dimensions, then times, then measures, in the order asked.
 * `tables` stand in the text as quoted tokens, `"@gold.fact_sales"`, which the planner replaces by the physical names of the data
 * version it chose.
 */
export interface CompiledLeg {
  readonly sql: string;
  /** The same text in pieces: a number stands for the place of that parameter, from 0. */
  readonly pieces: readonly SqlPiece[];
  readonly parameters: readonly (string | number | boolean | null)[];
  readonly tables: readonly string[];
  /** Every cube of the join tree: their row rules all apply. */
  readonly cubes: readonly string[];
  /** Cube members that the statement reads. */
  readonly members: readonly string[];
  /** Cubes whose rows a join multiplies; a measure of one of them makes a leg of its own. */
  readonly multiplied: readonly string[];
}

export type SqlPiece = string | number;

/** The text of a statement, its places numbered from `offset` on (`$1` for 0): so it can stand in another one. */
export const placedSql = (pieces: readonly SqlPiece[], offset = 0): string =>
  pieces.map((piece) => (typeof piece === 'string' ? piece : `$${piece + offset + 1}`)).join('');

/** A text in which places are written as `\u0002<number>\u0002`, in pieces. */
export const sqlPieces = (text: string): readonly SqlPiece[] =>
  text
    .split(PLACE)
    .map((piece, i) => (i % 2 === 0 ? piece : Number(piece)))
    .filter((piece) => piece !== '');
const PLACE = /\u0002(\d+)\u0002/;
/** How a place is written in a text that `sqlPieces` will read. */
export const markedPlace = (index: number): string => `\u0002${index}\u0002`;

export type Dialect = 'postgres' | 'duckdb';

/** The token that stands for a table in a leg's text. */
export const tableToken = (table: string): string => `"@${table}"`;
