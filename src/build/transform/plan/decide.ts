import type { Interval } from '../../../store/state/index.js';
import type { GraphNode } from '../files/graph.js';
import { WHOLE } from '../step/step.js';
import { deciding, type InVersions, movedInputs, onlyNewer, type Readings, wantedOf } from './digests.js';
import { inputsOf } from './inputs.js';
import { isPartitioned, type TableState } from './state.js';
import type { World } from './world.js';

/** From the first key to before the second; either may be missing. */
export interface Span {
  readonly start: string | undefined;
  readonly end: string | undefined;
}

/** Why a partition is made that nothing but a command asks for. */
export const RESTATED = 'restated';

/** One partition (or `*`) that must be made, and why. */
export interface ToMake {
  readonly partition: string;
  /** What it is to be made from; empty: nothing holds rows of it any more. */
  readonly wanted: InVersions;
  /** Inputs that moved, `never made`, `restated`, `made again`. */
  readonly because: readonly string[];
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

/**
 * Which partitions of a table must be made: those whose inputs are not what they were made from. Pure but for the look-ups that
 * `readings` does; a plan asks with what it expects of the tables above, a run with what they came to.
 */
export const decide = async (
  node: GraphNode,
  readings: Readings,
  made: ReadonlyMap<string, Interval>,
  options: { readonly restate?: Span | undefined; readonly restated?: boolean } = {},
): Promise<Decision> => {
  const madeFrom = (partition: string) => made.get(partition)?.inVersions;
  const wanted = await wantedOf(node, readings, madeFrom);
  const make: ToMake[] = [];
  const newer: { partition: string; wanted: InVersions }[] = [];
  const moved: { readonly one: ToMake; readonly made: InVersions }[] = [];
  for (const [partition, reads] of wanted) {
    const interval = made.get(partition);
    const published = interval?.publishedRevision === undefined ? undefined : interval;
    const because =
      options.restated === true && inSpan(partition, options.restate ?? { start: undefined, end: undefined })
        ? [RESTATED]
        : published?.status === 'pending'
          ? ['made again']
          : movedInputs(reads, published?.inVersions);
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
        make.push({ partition, wanted: {}, because: ['its inputs hold nothing of it any more'] });
  return { make: make.sort((a, b) => (a.partition < b.partition ? -1 : 1)), newer };
};
