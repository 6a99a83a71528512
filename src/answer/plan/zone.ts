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
