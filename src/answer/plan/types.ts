import type { LiveLeg, RollupEdge, RollupInventory, RollupLayout, RollupPartition } from '../../build/rollup/index.js';
import type { Publication } from '../../build/transform/index.js';
import type { Catalogue } from '../../model/catalog/index.js';
import type { LegCompiler } from '../../model/cube/index.js';
import type { Access } from '../../model/policy/index.js';
import type { Candidate, Column, GivenValue, Provenance, TableVersion } from '../../query/index.js';
import type { RuledAsk } from './shape.js';

/** One caller's view of one compiled model. */
export interface PlanModel {
  readonly catalogue: Catalogue;
  readonly access: Access;
  readonly legs: LegCompiler;
}

/** One reading of what is published: tables, and rollups made from them. */
export interface PlanState {
  readonly publication: Publication;
  readonly inventory: RollupInventory;
  layout(rollup: string): RollupLayout | undefined;
  /** Moving edges of rollups that are behind, where the query wants current data: these parts are read from the source. */
  readonly edges?: ReadonlyMap<string, RollupEdge>;
  /** Rows of an edge as the source has them, in a rollup's columns. */
  live?(rollup: string, scope: Pick<RollupEdge, 'spans' | 'nulls'>): LiveLeg | undefined;
}

export interface PlanOptions {
  /** Which copy of gold serves raw legs. */
  readonly raw: 'postgres' | 'lake';
  /** Rollups whose partitions could not be loaded just now: they are passed over. */
  readonly unavailable?: ReadonlySet<string>;
  /** What ranges mean by now, in microseconds since 1970. */
  readonly now?: bigint;
}

/** Where a leg's rows are read. */
export type LegSource = Provenance['source'];

/**
 * One statement of a plan. Tables stand in `sql` as tokens (`"@gold.fact_sales"`; a rollup's partitions as `"@partitions"`), bound
 * by `bindTables` just before it runs, so that the text is the same for every data version.
 */
export interface PlannedLeg {
  readonly source: LegSource;
  readonly sql: string;
  readonly parameters: readonly (string | number | boolean | null)[];
  readonly tables: readonly string[];
  /** c0, c1, ...: dimensions, times, measures of the leg. */
  readonly columns: readonly Column[];
  /** Set when `source` is `rollup`: what must be pinned, in order, for each token of the text. */
  readonly rollups: readonly PlannedRollup[];
}

/** Partitions that one leg reads, under its token. */
export interface PlannedRollup {
  readonly token: string;
  readonly partitions: readonly RollupPartition[];
  /** The columns of those partitions' tables. */
  readonly columns: readonly string[];
}

/** An exact number: a column of the statement, or the ratio or difference of two that are not rounded. */
export type Operand =
  | { readonly kind: 'column'; readonly column: number }
  | { readonly kind: 'ratio'; readonly numerator: Operand; readonly denominator: Operand; readonly scale: number }
  | { readonly kind: 'difference'; readonly a: Operand; readonly b: Operand; readonly scale: number };

/** A value of a composed row: a column of the statement, an exact number rounded once to `scale` digits, or a mask. */
export type Expression =
  | Operand
  | { readonly kind: 'quotient'; readonly a: Operand; readonly b: Operand; readonly scale: number }
  | { readonly kind: 'null' };

/** A condition on composed values, with three-valued logic. `values` are exact. */
export type ComposedFilter =
  | { readonly value: number; readonly op: string; readonly values: readonly GivenValue[] }
  | { readonly and: readonly ComposedFilter[] }
  | { readonly or: readonly ComposedFilter[] }
  | { readonly not: ComposedFilter };

/** What is done above the legs: the first `columns.length` values are the answer's, the others only serve order and having. */
export interface Composition {
  readonly values: readonly Expression[];
  readonly types: readonly Column['type'][];
  readonly having: ComposedFilter | undefined;
  readonly order: readonly { readonly value: number; readonly dir: 'asc' | 'desc'; readonly nulls: 'first' | 'last' }[];
  readonly limit: number | undefined;
  readonly offset: number;
  /** Set where the rows beyond the page are counted. */
  readonly total?: true;
}

/** Everything that is decided about a query; nothing of it is read from a store. Frozen data. */
export interface Plan {
  readonly kind: Provenance['plan'];
  readonly source: LegSource;
  readonly columns: readonly Column[];
  readonly timezone: string;
  readonly leg: PlannedLeg;
  readonly composition: Composition;
  readonly candidates: readonly Candidate[];
  readonly tables: readonly TableVersion[];
  readonly policies: readonly string[];
  readonly stale: Provenance['stale'];
  readonly rollups: Provenance['rollups'];
  readonly modelVersion: string;
  /** Members that the caller named, for the audit. */
  readonly members: readonly string[];
  /** The query's legs with the rules of its caller's policies: what rollups were matched against. */
  readonly asks: readonly RuledAsk[];
  /** Undefined when some table has no data version. */
  readonly cacheKey: string | undefined;
}
