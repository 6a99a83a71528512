import { error } from '../../errors/index.js';

/**
 * The known media type that a client likes best (RFC 9110, section 12.5.1); the first known one when it likes all the same.
 * Errors: `not-acceptable`.
 */
export const negotiate = <const T extends string>(accept: string | undefined, known: readonly [T, ...T[]]): T => {
  if (accept === undefined || accept === '' || accept === '*/*' || accept === known[0]) return known[0];
  const wishes = accept.split(',').map((part) => {
    const [range = '', ...parameters] = part.split(';').map((p) => p.trim().toLowerCase());
    const q = parameters.find((p) => p.startsWith('q='))?.slice(2);
    return { range, q: q === undefined ? 1 : /^(0(\.\d{0,3})?|1(\.0{0,3})?)$/.test(q) ? Number(q) : 0 };
  });
  let best: { type: T; q: number } | undefined;
  for (const type of known) {
    // The most exact range that names the type decides, also when it says no.
    const q =
      [type, `${type.slice(0, type.indexOf('/'))}/*`, '*/*']
        .map((range) => wishes.find((w) => w.range === range))
        .find((w) => w !== undefined)?.q ?? 0;
    if (q > (best?.q ?? 0)) best = { type, q };
  }
  if (!best) throw error('not-acceptable', { accept: accept.slice(0, 200), known: known.join(', ') });
  return best.type;
};
