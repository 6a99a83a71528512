import type { RollupPartition, RollupState } from '../../build/rollup/index.js';
import type { CheckedFilter } from './filter.js';
import { writtenInstant } from './instant.js';

/** A half-open stretch of time in microseconds; a missing end is open. */
export interface Stretch {
  readonly from: bigint | undefined;
  readonly to: bigint | undefined;
}

/** What a query's top-level conditions on one time dimension leave of time. Undefined when there is no such condition. */
export const stretchOf = (
  filters: readonly CheckedFilter[],
  isTime: (member: string) => boolean,
): Stretch | undefined => {
  let from: bigint | undefined;
  let to: bigint | undefined;
  let found = false;
  for (const f of filters) {
    if (!('member' in f) || !isTime(f.member) || !['gte', 'lt', 'between'].includes(f.op)) continue;
    const [first, second] = (f.values ?? []).map((v) => writtenInstant(String(v)));
    const low = f.op === 'lt' ? undefined : first;
    const high = f.op === 'lt' ? first : second;
    if (low !== undefined && (from === undefined || low > from)) from = low;
    if (high !== undefined && (to === undefined || high < to)) to = high;
    found = true;
  }
  return found ? { from, to } : undefined;
};

/** Partitions that may hold rows of a stretch. Those without a span hold rows without a time, or all rows. */
export const touched = (
  state: RollupState,
  stretch: Stretch | undefined,
  partitioned: boolean,
): readonly RollupPartition[] =>
  state.partitions.filter(({ span }) => {
    if (span === null) return stretch === undefined || !partitioned;
    return (
      (stretch?.to === undefined || span.from < stretch.to) && (stretch?.from === undefined || span.to > stretch.from)
    );
  });

/** Whether a stretch lies inside what the partitions cover. A complete rollup covers all time: nothing is outside it. */
export const covered = (state: RollupState, stretch: Stretch | undefined): boolean => {
  if (state.complete) return true;
  const { covers } = state;
  if (covers === null || stretch?.from === undefined || stretch.to === undefined) return false;
  return covers.from <= stretch.from && stretch.to <= covers.to;
};

/** The first moment of a covered stretch that no partition holds; undefined when there is none. */
export const holeIn = (partitions: readonly RollupPartition[], stretch: Stretch): bigint | undefined => {
  let at = stretch.from;
  if (at === undefined || stretch.to === undefined) return undefined;
  const spans = partitions.flatMap(({ span }) => (span === null ? [] : [span]));
  if (spans.length < partitions.length) return undefined;
  spans.sort((a, b) => (a.from < b.from ? -1 : a.from > b.from ? 1 : 0));
  for (const span of spans) {
    if (span.from > at) return at;
    if (span.to > at) at = span.to;
  }
  return at < stretch.to ? at : undefined;
};
