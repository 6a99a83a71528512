import { error } from '../../../errors/index.js';
import type { ParquetEngine } from '../../../store/delta/index.js';
import type { ContractColumn } from '../files/definition.js';
import type { GraphNode } from '../files/graph.js';
import type { Meaning } from './meaning.js';

/** What a statement's inputs are. */
export interface MeaningContext {
  /** Id of each table that the statement reads to what it means. */
  readonly meanings: ReadonlyMap<string, Meaning>;
  readonly seeds: readonly {
    readonly name: string;
    readonly columns: readonly ContractColumn[];
    readonly hash: string;
  }[];
  /** Name of a bronze table to its columns, in order; one that is missing is opaque where `*` reads it. */
  readonly sources: ReadonlyMap<string, readonly string[]>;
  /** Names the key of the pseudonyms without telling it. */
  readonly pseudonymKeyId: string;
}

/**
 * What a transform means. Errors: `transform-invalid` with the line: not one SELECT, a table read without a reference, results that
 * the inputs do not decide (now(), random(), LIMIT without ORDER BY, ...), columns that are not those of the contract.
 */
export const meaningOf = async (
  _engine: ParquetEngine,
  _node: GraphNode,
  _context: MeaningContext,
): Promise<Meaning> => {
  throw error('internal', {});
};

/** The meanings of all transforms, id to meaning, in the given order, in which each comes after what it reads. */
export const meaningsOf = async (
  engine: ParquetEngine,
  nodes: readonly GraphNode[],
  context: Omit<MeaningContext, 'meanings'>,
): Promise<Map<string, Meaning>> => {
  const meanings = new Map<string, Meaning>();
  for (const node of nodes) meanings.set(node.transform.id, await meaningOf(engine, node, { ...context, meanings }));
  return meanings;
};
