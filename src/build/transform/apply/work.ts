import type { Snapshot } from '../../../store/delta/index.js';
import type { CheckResultRow, Leased } from '../../../store/state/index.js';
import type { RunTelling } from '../lineage/telling.js';
import type { Decision, Span } from '../plan/decide.js';
import type { Selection } from '../plan/selection.js';
import type { TableState } from '../plan/state.js';
import type { World } from '../plan/world.js';
import type { FailingKeys, PartitionSummary, Refusal } from '../step/step.js';
import type { Leases } from './leases.js';

/** What is asked of a run. */
export interface RunOrder {
  readonly runId: string;
  readonly kind: 'build' | 'run' | 'restate' | 'plan';
  readonly planId: string | undefined;
  /** Ids to be made again whatever their inputs say; without a span the whole of them. */
  readonly restate: ReadonlyMap<string, Span | undefined>;
  /** Names what is to be made again: a run that is asked the same goes on where one that was stopped left off. */
  readonly restatement: string | undefined;
  /** Tables that it is of; all others are left as readers have them. Undefined: it is of all. */
  readonly selection: Selection | undefined;
}

/** A partition that could not be made: what stood in its way, and how to try again. */
export interface Unmade {
  readonly model: string;
  readonly partition: string;
  /** `blocked`: what it reads could not be made. */
  readonly status: 'quarantined' | 'failed' | 'blocked';
  readonly code: string;
  readonly reason: string;
  /** The check that failed, when one did. */
  readonly refusal?: Refusal;
  /** The command that tries just this again. */
  readonly retry: string;
}

/** A table whose contents this run changes. */
export interface Moved {
  readonly id: string;
  /** Keys whose contents differ from the published ones. */
  readonly partitions: Set<string>;
  snapshot: Snapshot;
}

/** What a run has come to so far. */
export interface Work {
  readonly world: World;
  readonly order: RunOrder;
  /** `{{run.ts}}`. */
  readonly at: bigint;
  readonly leases: Leases;
  readonly told: RunTelling;
  /** Tables as this run will leave them. */
  readonly states: Map<string, TableState>;
  readonly moved: Map<string, Moved>;
  /** Views that give something else than what is published, with the rows that were counted. */
  readonly views: Map<string, { readonly rows: number }>;
  /** What the plan of this run decided, by id; it holds for tables of which no input has moved since. */
  readonly decided: ReadonlyMap<string, Decision>;
  /** Everything that was staged, and is published together. */
  readonly staged: Leased[];
  readonly unmade: Unmade[];
  /** Ids of which something could not be made: tables that read them as a whole wait. */
  readonly behind: Set<string>;
  /** By id: partitions that could not be made. */
  readonly missing: Map<string, Set<string>>;
  /** Ids whose checks were changed since they were last written down. */
  readonly newChecks: ReadonlySet<string>;
  readonly results: CheckResultRow[];
  readonly failing: { readonly model: string; readonly keys: FailingKeys }[];
  readonly summaries: { readonly versionId: number; readonly summary: PartitionSummary }[];
  /** Folders of staged files, by table: what is not published of them goes at the end. */
  readonly folders: { readonly id: string; readonly stepId: string; readonly snapshot: Snapshot }[];
  /** Set when nothing of this run may be published but the history of checks: environments keep their tables. */
  held: boolean;
  /** Steps done, for progress. */
  steps: number;
}
