import { error } from '../../errors/index.js';
import { bucketClock, bucketStart, bucketsOf, clockOf, movedMoment, nextBucket, partnerOf } from './calendar.js';
import { isWhole, MOST_BUCKETS } from './earlier.js';
import { instantText, localToInstant } from './instant.js';
import type { AskedComparison, AskedTime, AskedWindow, Range } from './question.js';

/** Pairs of buckets that a window may bring together. */
const MOST_PAIRS = 250_000;

const refuse = (where: string, what: string) => error('query-invalid', { where, what });

/** A bucket's text: its day, or its instant in UTC. */
export const bucketText = (start: bigint, { bucket, zone }: AskedTime): string =>
  bucket !== undefined && ['second', 'minute', 'hour'].includes(bucket.granularity)
    ? instantText(start)
    : instantText(bucketClock(clockOf(start, zone), 'day') ?? start).slice(0, 10);

/** The buckets of a query's range. Errors: `query-invalid` for too many. */
export const ownBuckets = (time: AskedTime): readonly bigint[] => {
  const granularity = time.bucket?.granularity ?? '';
  const found = bucketsOf(time.range, granularity, time.zone, MOST_BUCKETS);
  if (!found)
    throw refuse(
      'time[0].range',
      `more than ${MOST_BUCKETS} buckets by ${granularity}; ask for a shorter range or coarser ones`,
    );
  return found;
};

/** Where a window begins that ends at `end`. */
export const windowStart = (window: AskedWindow, end: bigint, zone: string): bigint => {
  if (window.kind === 'trailing') return movedMoment(end, { ...window.span, count: -window.span.count }, zone);
  const last = end - 1n;
  const clock = bucketClock(clockOf(last, zone), window.unit) ?? last;
  return bucketStart(last, window.unit, zone) ?? localToInstant(clock, zone);
};

/** A row's bucket and the stretch of time that a measure reads for it; none where a comparison has no partner for it. */
export interface RowStretch extends Range {
  readonly bucket: bigint;
}

/** For each bucket of the answer: whose rows a measure reads there. Errors: `query-invalid`. */
export const rowStretches = (
  time: AskedTime,
  window: AskedWindow | undefined,
  compare: AskedComparison | undefined,
): readonly RowStretch[] => {
  const granularity = time.bucket?.granularity ?? '';
  if (window && !isWhole(time, granularity))
    throw refuse('time[0].range', `windows need whole buckets: let the range begin and end with a ${granularity}`);
  return ownBuckets(time).flatMap((bucket) => {
    const from = compare ? partnerOf(bucket, compare.span, granularity, time.zone) : bucket;
    if (from === undefined) return [];
    const to = nextBucket(from, granularity, time.zone);
    return [{ bucket, from: window ? windowStart(window, to, time.zone) : from, to }];
  });
};

/** The stretch of a row without a bucket. */
export const wholeStretch = (
  time: AskedTime,
  window: AskedWindow | undefined,
  compare: AskedComparison | undefined,
): Range => {
  const { from, to } = compare?.range ?? time.range;
  return { from: window ? windowStart(window, to, time.zone) : from, to };
};

/**
 * Pairs of a bucket that is read and the bucket that it counts for. Undefined where some stretch does not begin with a bucket: its rows
 * are no sum of buckets. Errors: `query-invalid` for too many.
 */
export const pairsOf = (
  time: AskedTime,
  stretches: readonly RowStretch[],
): readonly (readonly [string, string])[] | undefined => {
  const granularity = time.bucket?.granularity ?? '';
  const texts = new Map<bigint, string>();
  const text = (bucket: bigint): string => {
    const known = texts.get(bucket) ?? bucketText(bucket, time);
    texts.set(bucket, known);
    return known;
  };
  const following = new Map<bigint, bigint>();
  const next = (bucket: bigint): bigint => {
    const known = following.get(bucket) ?? nextBucket(bucket, granularity, time.zone);
    following.set(bucket, known);
    return known;
  };
  const pairs: [string, string][] = [];
  for (const { bucket, from, to } of stretches) {
    if (bucketStart(from, granularity, time.zone) !== from) return undefined;
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
