import { error } from '../../errors/index.js';

const UTC = new Set([
  'utc',
  'etc/utc',
  'gmt',
  'etc/gmt',
  'zulu',
  'etc/zulu',
  'universal',
  'etc/universal',
  'uct',
  'etc/uct',
]);
const known = new Map<string, string>();

/**
 * An IANA zone's name as engines read it, every name of UTC as `UTC`. Offsets (`+02:00`) are refused: engines read their sign in
 * two ways. Errors: `query-invalid`.
 */
export const zoneName = (given: string | undefined): string => {
  if (given === undefined || given === 'UTC') return 'UTC';
  const kept = known.get(given);
  if (kept !== undefined) return kept;
  const refuse = () =>
    error('query-invalid', {
      where: 'timezone',
      what: `${JSON.stringify(given)} is no IANA time zone, such as Europe/Berlin`,
    });
  if (typeof given !== 'string' || !/^[A-Za-z][A-Za-z0-9_+\-/]{1,63}$/.test(given)) throw refuse();
  let name: string;
  try {
    const resolved = new Intl.DateTimeFormat('en-US', { timeZone: given }).resolvedOptions().timeZone;
    // the runtime may answer with an older alias; only its spelling of the same name is taken
    name = resolved.toLowerCase() === given.toLowerCase() ? resolved : given;
  } catch (thrown) {
    if (thrown instanceof RangeError) throw refuse();
    throw thrown;
  }
  if (UTC.has(name.toLowerCase())) name = 'UTC';
  if (known.size > 1_000) known.clear();
  known.set(given, name);
  return name;
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
