/** Edits (insert, delete, replace, swap of neighbours) that lead from one text to another, up to `most`; beyond that `most + 1`. */
const distance = (a: string, b: string, most: number): number => {
  if (Math.abs(a.length - b.length) > most) return most + 1;
  let before: number[] = [];
  let row = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let cost = Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        cost = Math.min(cost, (before[j - 2] ?? 0) + 1);
      next.push(cost);
    }
    before = row;
    row = next;
  }
  return row[b.length] ?? most + 1;
};

const last = (name: string) => name.slice(name.indexOf('.') + 1);

/** The name most like a wrong one, or undefined when none is: same member of another view first, then fewest edits. */
export const nearest = (wrong: string, names: readonly string[]): string | undefined => {
  const given = wrong.trim().toLowerCase();
  const exact = names.find((n) => n.toLowerCase() === given) ?? names.find((n) => last(n) === last(given));
  if (exact) return exact;
  const most = Math.max(1, Math.min(4, Math.floor(given.length / 4)));
  let best: { name: string; cost: number } | undefined;
  for (const name of names) {
    const cost = Math.min(
      distance(given, name.toLowerCase(), most),
      given.includes('.') ? most + 1 : distance(given, last(name).toLowerCase(), most),
    );
    if (cost <= most && (!best || cost < best.cost)) best = { name, cost };
  }
  return best?.name;
};
