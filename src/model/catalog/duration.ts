const MICROS: Readonly<Record<string, bigint>> = {
  s: 1_000_000n,
  m: 60_000_000n,
  h: 3_600_000_000n,
  d: 86_400_000_000n,
  w: 604_800_000_000n,
};

/** `7d` in microseconds. Months and years have no one length and are none. Undefined: the text is no length of time above zero. */
export const durationOf = (text: string): bigint | undefined => {
  const [, count = '', unit = ''] = /^([1-9]\d{0,5})\s*([smhdw])$/.exec(text.trim()) ?? [];
  const one = MICROS[unit];
  return one === undefined ? undefined : BigInt(count) * one;
};
