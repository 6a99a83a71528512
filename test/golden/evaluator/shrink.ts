/** Takes parts out of a value for as long as it stays `wrong`: what is left is what the fault needs. */
export const shrunk = async <T>(value: T, wrong: (smaller: T) => Promise<boolean>, most = 400): Promise<T> => {
  let best = value;
  let tries = 0;
  for (let found = true; found && tries < most; ) {
    found = false;
    for (const smaller of smallerOnes(best)) {
      if (++tries > most) break;
      if (!(await wrong(smaller as T))) continue;
      best = smaller as T;
      found = true;
      break;
    }
  }
  return best;
};

/** The value with one part left out, large parts first. Trees of conditions may also become one of their branches. */
function* smallerOnes(value: unknown): Generator<unknown> {
  if (Array.isArray(value)) {
    for (let size = Math.ceil(value.length / 2); size >= 1; size = size === 1 ? 0 : Math.ceil(size / 2))
      for (let at = 0; at < value.length; at += size) yield [...value.slice(0, at), ...value.slice(at + size)];
    for (const [i, inner] of value.entries())
      for (const smaller of smallerOnes(inner)) yield [...value.slice(0, i), smaller, ...value.slice(i + 1)];
    return;
  }
  if (typeof value !== 'object' || value === null) return;
  const entries = Object.entries(value);
  for (const [key, inner] of entries) {
    yield Object.fromEntries(entries.filter(([k]) => k !== key));
    if (key === 'and' || key === 'or') yield* inner as unknown[];
    if (key === 'not') yield inner;
  }
  for (const [key, inner] of entries)
    for (const smaller of smallerOnes(inner))
      yield Object.fromEntries(entries.map(([k, v]) => [k, k === key ? smaller : v]));
}
