import type { Interval } from '../../../store/state/index.js';
import type { GraphNode } from '../files/graph.js';
import { WHOLE } from '../step/step.js';
import {
  deciding,
  earlierMeaning,
  type InVersions,
  MEANING,
  movedInputs,
  onlyNewer,
  type Readings,
  wantedOf,
} from './digests.js';
import { inputsOf } from './inputs.js';
import { isPartitioned, type PartitionState, type TableState } from './state.js';
import type { World } from './world.js';

/** From the first key to before the second; either may be missing. */
export interface Span {
  readonly start: string | undefined;
  readonly end: string | undefined;
}

/** Why a partition is made that nothing but a command asks for. */
export const RESTATED = 'restated';

/** Why a partition is taken over as it was. */
const STAYS = 'stays as it was';

/** A partition whose rows an earlier version of the table made. Where nothing moved they are taken over, and no SELECT runs. */
export interface Staying {
  /** Inputs that moved since; empty: it stays. */
  readonly because: readonly string[];
  /** The rows, as that version has them. */
  readonly was: PartitionState;
  /** The meaning that made them, where they are not what the present one would make of the same. */
  readonly meaning: string | undefined;
  /** What they were made from, as the meaning that made them reads it now. */
  readonly reads: InVersions;
}

/** What is to be said of a partition by the meaning that made it. */
export interface Asked {
  /** Inputs that moved; empty: it stays. */
  readonly because: readonly string[];
  readonly reads: InVersions;
  /** The ledger has older digests of the same contents. */
  readonly newer?: true;
}

/** One partition (or `*`) that must be made, and why. */
export interface ToMake {
  readonly partition: string;
  /** What it is to be made from; empty: nothing holds rows of it any more. */
  readonly wanted: InVersions;
  /** Inputs that moved, `never made`, `restated`, `made again`. */
  readonly because: readonly string[];
  /** Its rows are there already: those of an earlier version are taken over. */
  readonly stays?: Staying;
}

export interface Decision {
  readonly make: readonly ToMake[];
  /** Partitions that stay, and whose inputs have newer versions with the same contents in all that they read of them. */
  readonly newer: readonly { readonly partition: string; readonly wanted: InVersions }[];
}

const inSpan = (key: string, span: Span): boolean =>
  key === WHOLE || ((span.start === undefined || key >= span.start) && (span.end === undefined || key < span.end));

/** Whether all that a table reads is as it was when the world was read: then it can be decided once for a plan and its run. */
export const readsPublished = (
  { published }: Pick<World, 'published'>,
  states: ReadonlyMap<string, TableState>,
  node: GraphNode,
): boolean => inputsOf(node).every(({ name }) => states.get(name) === published.get(name));

const isOther = (digest: string | undefined, made: string | undefined): boolean =>
  digest === undefined || deciding(digest) !== deciding(made);

/** Partitions that stay, or have stayed, as an earlier meaning made them. Of the present one's making are those that must be made anew. */
const ofBefore = (
  wanted: ReadonlyMap<string, InVersions>,
  made: ReadonlyMap<string, Interval>,
  options: NonNullable<Parameters<typeof decide>[3]>,
): Decision => {
  const restated = (partition: string): boolean =>
    options.restated === true && inSpan(partition, options.restate ?? { start: undefined, end: undefined });
  const make: ToMake[] = [];
  const newer: { partition: string; wanted: InVersions }[] = [];
  const marked = (reads: InVersions, meaning: string | undefined): InVersions =>
    meaning === undefined ? reads : { ...reads, [MEANING]: meaning };
  for (const [partition, stays] of options.staying ?? []) {
    const reads = stays.meaning === undefined ? wanted.get(partition) : stays.reads;
    if (made.get(partition)?.publishedRevision !== undefined || restated(partition) || !reads) continue;
    if (stays.because.length > 0) continue;
    make.push({ partition, wanted: marked(reads, stays.meaning), because: [STAYS], stays });
  }
  for (const [partition, { because, reads, newer: isNewer }] of options.earlier ?? []) {
    if (restated(partition) && wanted.has(partition)) continue;
    if (because.length > 0) make.push({ partition, wanted: wanted.get(partition) ?? {}, because });
    else if (isNewer) newer.push({ partition, wanted: marked(reads, earlierMeaning(made.get(partition)?.inVersions)) });
  }
  return { make, newer };
};

/**
 * Which partitions of a table must be made: those whose inputs are not what they were made from. Pure but for the look-ups that
 * `readings` does; a plan asks with what it expects of the tables above, a run with what they came to.
 */
export const decide = async (
  node: GraphNode,
  readings: Readings,
  made: ReadonlyMap<string, Interval>,
  options: {
    readonly restate?: Span | undefined;
    readonly restated?: boolean;
    /** Partitions of an earlier version that stay where the present one was never made. */
    readonly staying?: ReadonlyMap<string, Staying>;
    /** Partitions of the present version that hold rows of an earlier meaning. */
    readonly earlier?: ReadonlyMap<string, Asked>;
  } = {},
): Promise<Decision> => {
  const madeFrom = (partition: string) => made.get(partition)?.inVersions;
  const wanted = await wantedOf(node, readings, madeFrom);
  const make: ToMake[] = [];
  const newer: { partition: string; wanted: InVersions }[] = [];
  const moved: { readonly one: ToMake; readonly made: InVersions }[] = [];
  for (const [partition, reads] of wanted) {
    const interval = made.get(partition);
    const published = interval?.publishedRevision === undefined ? undefined : interval;
    const restated =
      options.restated === true && inSpan(partition, options.restate ?? { start: undefined, end: undefined });
    const past = published === undefined && !restated ? options.staying?.get(partition) : undefined;
    if (past?.because.length === 0 || (!restated && options.earlier?.has(partition))) continue;
    const because = restated
      ? [RESTATED]
      : published?.status === 'pending'
        ? ['made again']
        : (past?.because ?? movedInputs(reads, published?.inVersions));
    const one = { partition, wanted: reads, because };
    if (because.length > 0 && published?.inVersions && because.every((name) => Object.hasOwn(reads, name)))
      moved.push({ one, made: published.inVersions });
    else if (because.length > 0) make.push(one);
    else if (published?.inVersions && onlyNewer(reads, published.inVersions)) newer.push({ partition, wanted: reads });
  }
  if (moved.length > 0) {
    const alike = await Promise.all((await readings.alike(node)).map((others) => wantedOf(node, others, madeFrom)));
    for (const { one, made } of moved) {
      const { partition, wanted } = one;
      const seen = one.because.filter((name) => alike.every((of) => isOther(of.get(partition)?.[name], made[name])));
      if (seen.length > 0) make.push({ partition, wanted, because: seen });
      else newer.push({ partition, wanted });
    }
  }
  // What nothing holds rows of any more must be emptied, once.
  if (isPartitioned(node.transform))
    for (const [partition, interval] of made)
      if (!wanted.has(partition) && interval.publishedRevision !== undefined && interval.rows > 0)
        if (!options.earlier?.has(partition))
          make.push({ partition, wanted: {}, because: ['its inputs hold nothing of it any more'] });
  const before = ofBefore(wanted, made, options);
  return {
    make: [...make, ...before.make].sort((a, b) => (a.partition < b.partition ? -1 : 1)),
    newer: [...newer, ...before.newer],
  };
};
