import { error } from '../../errors/index.js';
import { bucketClock, bucketStart, bucketsOf, clockOf, movedMoment, nextBucket, partnerOf } from './calendar.js';
import { isWhole, MOST_BUCKETS, previousRange } from './earlier.js';
import { type Grain, grainName } from './grain.js';
import { isDateBucket } from './granularity.js';
import { instantText } from './instant.js';
import type { AskedComparison, AskedTime, AskedWindow, Range } from './question.js';

/** Pairs of buckets that a window may bring together. */
const MOST_PAIRS = 250_000;

const refuse = (where: string, what: string) => error('query-invalid', { where, what });

/** A bucket's text: its day, or its instant in UTC. */
export const bucketText = (start: bigint, { bucket, zone }: AskedTime): string =>
  bucket !== undefined && !isDateBucket(grainName(bucket.grain))
    ? instantText(start)
    : instantText(bucketClock(clockOf(start, zone), 'day')).slice(0, 10);

/** What the buckets of a time are; there is one that has buckets. */
const grainIn = ({ bucket }: AskedTime): Grain => {
  if (!bucket) throw error('internal', {});
  return bucket.grain;
};

/** The buckets of a query's range. Errors: `query-invalid` for too many. */
export const ownBuckets = (time: AskedTime): readonly bigint[] => {
  const grain = grainIn(time);
  const found = bucketsOf(time.range, grain, time.zone, MOST_BUCKETS);
  if (!found)
    throw refuse(
      'time[0].range',
      `more than ${MOST_BUCKETS} buckets by ${grainName(grain)}; ask for a shorter range or coarser ones`,
    );
  return found;
};

/** A stretch of time; without `from` it is all before `to`. */
export interface Stretch {
  readonly from: bigint | undefined;
  readonly to: bigint;
}

/** What a window reads for a row whose own stretch is given. `previous` finds where the period before that begins. */
const windowed = (
  window: AskedWindow | undefined,
  { from, to }: Range,
  zone: string,
  previous: () => bigint,
): Stretch => {
  if (!window) return { from, to };
  if (window.kind === 'trailing')
    return { from: movedMoment(to, { ...window.span, count: -window.span.count }, zone), to };
  if (window.kind === 'toDate') return { from: bucketStart(to - 1n, window.unit, zone), to };
  switch (window.take) {
    case 'previous':
      return { from: previous(), to: from };
    case 'with_previous':
      return { from: previous(), to };
    case 'before':
      return { from: undefined, to: from };
    default:
      return { from: undefined, to };
  }
};

/** A row's bucket and the stretch of time that a measure reads for it; none where a comparison has no partner for it. */
export interface RowStretch extends Stretch {
  readonly bucket: bigint;
}

/** For each bucket of the answer: whose rows a measure reads there. Errors: `query-invalid`. */
export const rowStretches = (
  time: AskedTime,
  window: AskedWindow | undefined,
  compare: AskedComparison | undefined,
): readonly RowStretch[] => {
  const { zone } = time;
  const grain = grainIn(time);
  if (window && !isWhole(time, grain))
    throw refuse(
      'time[0].range',
      `${window.kind === 'period' ? 'measures of periods' : 'windows'} need whole buckets: let the range begin and end with a ${grainName(grain)}`,
    );
  return ownBuckets(time).flatMap((bucket) => {
    const from = compare ? partnerOf(bucket, compare.span, grain, zone) : bucket;
    if (from === undefined) return [];
    const own = { from, to: nextBucket(from, grain, zone) };
    return [{ bucket, ...windowed(window, own, zone, () => bucketStart(from - 1n, grain, zone)) }];
  });
};

/** All of some stretches, and what lies between. */
export const hullOf = (stretches: readonly Stretch[]): Stretch =>
  stretches.reduce<Stretch>(
    (hull, { from, to }) => ({
      from: hull.from === undefined || from === undefined ? undefined : hull.from < from ? hull.from : from,
      to: to > hull.to ? to : hull.to,
    }),
    stretches[0] ?? { from: undefined, to: 0n },
  );

/** The stretch of a row without a bucket. */
export const wholeStretch = (
  time: AskedTime,
  window: AskedWindow | undefined,
  compare: AskedComparison | undefined,
): Stretch => {
  const range = compare?.range ?? time.range;
  return windowed(window, range, time.zone, () => previousRange({ ...time, range }).from);
};

/**
 * Pairs of a bucket that is read and the bucket that it counts for. Undefined where some stretch does not begin with a bucket: its rows
 * are no sum of buckets. Errors: `query-invalid` for too many.
 */
export const pairsOf = (
  time: AskedTime,
  stretches: readonly RowStretch[],
): readonly (readonly [string, string])[] | undefined => {
  const grain = grainIn(time);
  const texts = new Map<bigint, string>();
  const text = (bucket: bigint): string => {
    const known = texts.get(bucket) ?? bucketText(bucket, time);
    texts.set(bucket, known);
    return known;
  };
  const following = new Map<bigint, bigint>();
  const next = (bucket: bigint): bigint => {
    const known = following.get(bucket) ?? nextBucket(bucket, grain, time.zone);
    following.set(bucket, known);
    return known;
  };
  const pairs: [string, string][] = [];
  for (const { bucket, from, to } of stretches) {
    if (from === undefined || bucketStart(from, grain, time.zone) !== from) return undefined;
    for (let at = from; at < to; at = next(at)) {
      if (pairs.push([text(at), text(bucket)]) > MOST_PAIRS)
        throw refuse(
          'measures',
          `a window over more than ${MOST_PAIRS} pairs of buckets; ask for a shorter range or coarser buckets`,
        );
    }
  }
  return pairs;
};
