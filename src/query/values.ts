import type { DataType, Value } from './types.js';

/** An unscaled decimal in plain notation with its full scale: (47541272n, 2) is "475412.72". */
export const decimalText = (unscaled: bigint, scale: number): string => {
  if (scale === 0) return unscaled.toString();
  const negative = unscaled < 0n;
  const digits = (negative ? -unscaled : unscaled).toString().padStart(scale + 1, '0');
  const cut = digits.length - scale;
  return `${negative ? '-' : ''}${digits.slice(0, cut)}.${digits.slice(cut)}`;
};

/**
 * Reads plain or exponent notation into an unscaled decimal of the given scale. Undefined when the text is no number or holds
 * more non-zero digits behind the point than the scale keeps: nothing is rounded here.
 */
export const parseDecimal = (text: string, scale: number): bigint | undefined => {
  const match = /^([+-]?)(\d*)(?:\.(\d*))?(?:[eE]([+-]?\d{1,4}))?$/.exec(text.trim());
  if (!match) return undefined;
  const whole = match[2] ?? '';
  const fraction = match[3] ?? '';
  if (whole === '' && fraction === '') return undefined;
  const shift = Number(match[4] ?? '0') + scale - fraction.length;
  const digits = BigInt(whole + fraction);
  let unscaled: bigint;
  if (shift >= 0) unscaled = digits * 10n ** BigInt(shift);
  else {
    const divisor = 10n ** BigInt(-shift);
    if (digits % divisor !== 0n) return undefined;
    unscaled = digits / divisor;
  }
  return match[1] === '-' ? -unscaled : unscaled;
};

const DAY = 86_400_000_000n;

/** ISO date and clock of an instant shifted by `offsetMinutes`; microseconds only when they are not zero. */
export const timestampText = (micros: bigint, offsetMinutes = 0): string => {
  const local = micros + BigInt(offsetMinutes) * 60_000_000n;
  let days = local / DAY;
  let rest = local % DAY;
  if (rest < 0n) {
    rest += DAY;
    days -= 1n;
  }
  const iso = new Date(Number(days * 86_400_000n + rest / 1000n)).toISOString();
  const fraction = rest % 1_000_000n;
  const seconds = iso.slice(0, iso.indexOf('.'));
  const sign = offsetMinutes < 0 ? '-' : '+';
  const minutes = Math.abs(offsetMinutes);
  const zone =
    offsetMinutes === 0
      ? 'Z'
      : `${sign}${String(Math.floor(minutes / 60)).padStart(2, '0')}:${String(minutes % 60).padStart(2, '0')}`;
  return `${seconds}${fraction === 0n ? '' : `.${fraction.toString().padStart(6, '0')}`}${zone}`;
};

const formats = new Map<string, Intl.DateTimeFormat>();

/** Offset of a zone from UTC at an instant, both in microseconds; exact to the second, as the zone's history has it. */
export const offsetMicros = (zone: string, micros: bigint): bigint => {
  if (zone === 'UTC') return 0n;
  let format = formats.get(zone);
  if (!format) {
    format = new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      hourCycle: 'h23',
      era: 'short',
      year: 'numeric',
      month: 'numeric',
      day: 'numeric',
      hour: 'numeric',
      minute: 'numeric',
      second: 'numeric',
    });
    formats.set(zone, format);
  }
  let seconds = micros / 1_000_000n;
  if (micros < 0n && seconds * 1_000_000n !== micros) seconds -= 1n;
  const part: Record<string, string> = {};
  for (const p of format.formatToParts(new Date(Number(seconds) * 1000))) part[p.type] = p.value;
  const year = Number(part['year']) * (part['era'] === 'BC' ? -1 : 1) + (part['era'] === 'BC' ? 1 : 0);
  // Date.UTC reads years 0 to 99 as 1900 to 1999
  const local = new Date(0);
  local.setUTCFullYear(year, Number(part['month']) - 1, Number(part['day']));
  local.setUTCHours(Number(part['hour']), Number(part['minute']), Number(part['second']));
  return (BigInt(local.getTime()) / 1000n - seconds) * 1_000_000n;
};

/** The same in whole minutes, as RFC 3339 writes offsets. */
export const zoneOffsetMinutes = (zone: string, micros: bigint): number =>
  Math.round(Number(offsetMicros(zone, micros)) / 60_000_000);

/** A value as text in its exact form, times in `zone`; null stays null. JSON, CSV and logs print this. */
export const valueText = (type: DataType, value: Value, zone = 'UTC'): string | null => {
  if (value === null) return null;
  if (type.kind === 'decimal') return decimalText(value as bigint, type.scale);
  if (type.kind === 'timestamp') return timestampText(value as bigint, zoneOffsetMinutes(zone, value as bigint));
  return String(value);
};

/**
 * Order of two non-null values of one type: numbers by value, text by code point (as DuckDB and PostgreSQL's C collation do,
 * not by UTF-16 unit), false before true.
 */
export const compareValues = (a: Value, b: Value): number => {
  if (typeof a === 'string' && typeof b === 'string') return compareText(a, b);
  return (a as number) < (b as number) ? -1 : (a as number) > (b as number) ? 1 : 0;
};

/** Code-point order. UTF-16 order differs only where surrogates meet the range U+E000 to U+FFFF. */
export const compareText = (a: string, b: string): number => {
  const n = Math.min(a.length, b.length);
  for (let i = 0; i < n; i++) {
    const x = a.charCodeAt(i);
    const y = b.charCodeAt(i);
    if (x === y) continue;
    const fix = (u: number) => (u >= 0xe000 ? u - 0x800 : u >= 0xd800 ? u + 0x2000 : u);
    return fix(x) < fix(y) ? -1 : 1;
  }
  return a.length - b.length;
};
