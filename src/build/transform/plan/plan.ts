import type { DialectName } from '../files/definition.js';
import type { ModelChange } from '../meaning/compare.js';
import type { Span } from './decide.js';
import type { Carry } from './past.js';

/** Partitions that stay as earlier meanings made them. No SELECT runs for them. */
export interface PlanStays {
  readonly partitions: number;
  readonly first: string;
  readonly last: string;
  /** Fingerprints of the meanings that made them. */
  readonly meanings: readonly string[];
  /** The file itself says another thing from now on. False: it says the same over inputs that stay. */
  readonly own: boolean;
  /** Columns that are null there. */
  readonly nulls: readonly string[];
}

/** What one table needs: which partitions, by which engine, and why. */
export interface PlanStep {
  readonly id: string;
  /** Of a view nothing is made: its checks are asked of what it will give. */
  readonly view?: true;
  /** How many partitions are to be made; 1 for a whole table, 0 where all of it stays. */
  readonly partitions: number;
  /** `*` for a whole table. */
  readonly first: string;
  readonly last: string;
  /** Of these, those that are made only if the tables named in `because` come out changed. */
  readonly perhaps: number;
  /** Partitions that are taken over from the version that readers have, besides; undefined: none. */
  readonly stays?: PlanStays;
  /** Partitions that come out to have nothing new are taken over, too. */
  readonly elseStays?: true;
  /** What moved: inputs, `never made`, `restated`. */
  readonly because: readonly string[];
  readonly engine: string | undefined;
  readonly statements: number;
  /** Why this engine, with the numbers. */
  readonly route: string;
  /** What the largest statement is expected to work on, in bytes: the figure that the engine was chosen by. */
  readonly estimateBytes?: number;
  /** Compressed bytes that it reads. */
  readonly readBytes: number;
  /** What the same partitions took and held the last time; undefined: they were never made. */
  readonly past: { readonly milliseconds: number; readonly bytes: number } | undefined;
  readonly checks: { readonly all: number; readonly critical: number };
}

export interface PlanViews {
  readonly make: readonly string[];
  /** Keeps its identity and its grants. */
  readonly replace: readonly string[];
  /** Must be dropped and made anew, because columns went or changed. */
  readonly recreate: readonly string[];
  readonly drop: readonly string[];
}

/** What would happen, decided and not done. The same stages as a run's; plain data, so that it can be kept and printed. */
export interface Plan {
  readonly id: string;
  readonly environment: string;
  readonly baseRevision: number;
  /** Of the files that it was made from: it holds for these only. */
  readonly filesHash: string;
  readonly restate: readonly { readonly id: string; readonly span: Span | undefined }[];
  /** Engines that were asked for by hand: table or pattern, engine. */
  readonly engines?: readonly (readonly [string, DialectName])[];
  /** Patterns of the tables that it is of, and their ids; undefined: it is of all. */
  readonly select?: { readonly patterns: readonly string[]; readonly ids: readonly string[] };
  /** Tables whose rows are taken over where nothing has moved. */
  readonly carries?: readonly Carry[];
  readonly changes: readonly ModelChange[];
  readonly steps: readonly PlanStep[];
  /** Tables that stay as they are. */
  readonly reuse: readonly string[];
  /** Of these, the ones that are production's and stay as production has them. */
  readonly shared: readonly string[];
  readonly views: PlanViews;
  /** Tables whose newest row is older than they allow; they are among the risks. */
  readonly stale: readonly string[];
  /** What could go wrong, each a sentence; those in `blocked` forbid it. */
  readonly risks: readonly string[];
  readonly blocked: readonly string[];
  readonly dryRuns: readonly { readonly engine: string; readonly ok: boolean; readonly problems: readonly string[] }[];
  /** Sources that hold nothing yet: there is nothing to make of them. */
  readonly emptySources: readonly string[];
  readonly readBytes: number;
  /** The environment was rolled back from this revision: applying lets scheduled runs go on, even where nothing is to be made. */
  readonly heldFrom: number | undefined;
  /** The revision that `assay rollback` goes back to; undefined: there is none. */
  readonly rollbackTo: number | undefined;
}

/** `none`: nothing to do; `changes`; `blocked`: it must not be applied. The exit codes 0, 2 and 1 of `assay plan`. */
export const planStatus = (plan: Plan): 'none' | 'changes' | 'blocked' =>
  plan.blocked.length > 0
    ? 'blocked'
    : plan.steps.length + plan.changes.length + plan.views.drop.length > 0 ||
        (plan.heldFrom !== undefined && plan.select === undefined) ||
        (plan.baseRevision === 0 && plan.reuse.length > 0)
      ? 'changes'
      : 'none';
