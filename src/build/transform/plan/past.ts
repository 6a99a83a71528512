import type { Interval } from '../../../store/state/index.js';
import type { GraphNode } from '../files/graph.js';
import type { Lineage, Read } from '../meaning/meaning.js';
import type { TableState } from './state.js';

/** Partitions that one earlier meaning of a table made, and how that meaning read what is still there of its inputs. */
export interface MadeBefore {
  /** Names the meaning in the ledger; undefined: that of the version at hand. */
  readonly meaning: string | undefined;
  /** The table as that version's file said. */
  readonly node: GraphNode;
  readonly lineage: Lineage;
  readonly reads: ReadonlyMap<string, Read>;
  /** Published partitions, with what they were made from of what is still there. */
  readonly made: ReadonlyMap<string, Interval>;
  /** Some of what they followed is gone: rows that nothing holds any more are not empty, they are past. */
  readonly lost: boolean;
}

/** The version that readers have of a table whose rows are taken over into the next one. */
export interface Past {
  /** As it is published, in the environment or, while that has no tables of its own, in production. */
  readonly state: TableState;
  /** Its partitions by the meaning that made them. */
  readonly parts: readonly MadeBefore[];
  /** The file itself says another thing. False: only its inputs mean something else. */
  readonly own: boolean;
}

/** Tables whose partitions stay, and why: kept with a plan, so that its run does the same. */
export interface Carry {
  readonly id: string;
  readonly own: boolean;
  /** The version that they are taken over from. */
  readonly from: number;
}
