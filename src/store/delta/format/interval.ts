const UNITS: Readonly<Record<string, bigint>> = {
  week: 604_800_000_000n,
  day: 86_400_000_000n,
  hour: 3_600_000_000n,
  minute: 60_000_000n,
  second: 1_000_000n,
  millisecond: 1000n,
  microsecond: 1n,
};

/**
 * Milliseconds of an interval of a table's properties, such as `interval 30 days` or `interval 1 week 12 hours`. Undefined where it is
 * none, or counts in months or years, which have no fixed length.
 */
export const intervalMilliseconds = (text: string): number | undefined => {
  const words = text
    .trim()
    .toLowerCase()
    .replace(/^interval\s+/, '')
    .split(/\s+/);
  if (words.length === 0 || words.length % 2 !== 0) return undefined;
  let micros = 0n;
  for (let at = 0; at < words.length; at += 2) {
    const count = /^\d{1,12}$/.exec(words[at] ?? '')?.[0];
    const unit = UNITS[(words[at + 1] ?? '').replace(/s$/, '')];
    if (count === undefined || unit === undefined) return undefined;
    micros += BigInt(count) * unit;
  }
  const milliseconds = Number(micros / 1000n);
  return Number.isSafeInteger(milliseconds) ? milliseconds : undefined;
};
