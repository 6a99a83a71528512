/** Which coarser buckets are made of whole finer ones. Weeks do not fit months; other names are only themselves. */
const WITHIN: Readonly<Record<string, readonly string[]>> = {
  second: ['minute', 'hour', 'day', 'week', 'month', 'quarter', 'year'],
  minute: ['hour', 'day', 'week', 'month', 'quarter', 'year'],
  hour: ['day', 'week', 'month', 'quarter', 'year'],
  day: ['week', 'month', 'quarter', 'year'],
  week: [],
  month: ['quarter', 'year'],
  quarter: ['year'],
  year: [],
};

/** Whether buckets of `fine` add up to buckets of `coarse`. */
export const addsUpTo = (fine: string, coarse: string): boolean =>
  fine === coarse || (WITHIN[fine]?.includes(coarse) ?? false);

const MICROS: Readonly<Record<string, bigint>> = {
  second: 1_000_000n,
  minute: 60_000_000n,
  hour: 3_600_000_000n,
  day: 86_400_000_000n,
};
const DAY = 86_400_000_000n;
const floorMod = (a: bigint, b: bigint): bigint => ((a % b) + b) % b;

/** Whether an instant is the start of a bucket of that granularity, in UTC. Unknown granularities align with nothing. */
export const isAligned = (micros: bigint, granularity: string): boolean => {
  const size = MICROS[granularity];
  if (size !== undefined) return floorMod(micros, size) === 0n;
  if (floorMod(micros, DAY) !== 0n) return false;
  const date = new Date(Number(micros / 1000n));
  switch (granularity) {
    case 'week':
      return date.getUTCDay() === 1;
    case 'month':
      return date.getUTCDate() === 1;
    case 'quarter':
      return date.getUTCDate() === 1 && date.getUTCMonth() % 3 === 0;
    case 'year':
      return date.getUTCDate() === 1 && date.getUTCMonth() === 0;
    default:
      return false;
  }
};

/** Whether buckets of this granularity are kept as dates. */
export const isDateBucket = (granularity: string): boolean => !['second', 'minute', 'hour'].includes(granularity);
