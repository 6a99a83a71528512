/** Days of the common calendar, as clocks: what a zone's clocks show, in microseconds since 1970 as if it were UTC. */

export const DAY = 86_400_000_000n;

export const floorDiv = (a: bigint, b: bigint): bigint => {
  const q = a / b;
  return a % b !== 0n && a < 0n !== b < 0n ? q - 1n : q;
};

/** Calendar day of a clock, as year, month from 0, day. */
export const dayOf = (clock: bigint): { readonly year: number; readonly month: number; readonly day: number } => {
  const date = new Date(Number(floorDiv(clock, DAY)) * 86_400_000);
  return { year: date.getUTCFullYear(), month: date.getUTCMonth(), day: date.getUTCDate() };
};

/** Midnight of a day; months and days beyond their year and month count on. */
export const clockOfDay = (year: number, month: number, day: number): bigint => {
  const date = new Date(0);
  date.setUTCFullYear(year, month, day);
  return BigInt(date.getTime()) * 1000n;
};

/** The first day of a clock's week, which begins so many days behind Monday. Monday 1970-01-05 was four days after the first. */
export const weekOf = (clock: bigint, weekStart = 0): bigint => {
  const first = BigInt(4 + weekStart) * DAY;
  return floorDiv(clock - first, 7n * DAY) * 7n * DAY + first;
};
