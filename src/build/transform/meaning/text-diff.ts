const CONTEXT = 3;

type Step = { readonly sign: ' ' | '-' | '+'; readonly line: string };

/** The longest common lines of two texts whose equal beginnings and ends were cut off: by the table of lengths from the end. */
const steps = (before: readonly string[], after: readonly string[]): Step[] => {
  const width = after.length + 1;
  const lengths = new Uint32Array((before.length + 1) * width);
  const at = (i: number, j: number): number => lengths[i * width + j] ?? 0;
  for (let i = before.length - 1; i >= 0; i -= 1)
    for (let j = after.length - 1; j >= 0; j -= 1)
      lengths[i * width + j] = before[i] === after[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
  const found: Step[] = [];
  let i = 0;
  let j = 0;
  while (i < before.length || j < after.length) {
    if (i < before.length && j < after.length && before[i] === after[j]) {
      found.push({ sign: ' ', line: before[i] ?? '' });
      i += 1;
      j += 1;
    } else if (i < before.length && (j >= after.length || at(i + 1, j) >= at(i, j + 1))) {
      found.push({ sign: '-', line: before[i] ?? '' });
      i += 1;
    } else {
      found.push({ sign: '+', line: after[j] ?? '' });
      j += 1;
    }
  }
  return found;
};

const commonEnds = (a: readonly string[], b: readonly string[]): { readonly head: number; readonly tail: number } => {
  const most = Math.min(a.length, b.length);
  let head = 0;
  while (head < most && a[head] === b[head]) head += 1;
  let tail = 0;
  while (tail < most - head && a[a.length - 1 - tail] === b[b.length - 1 - tail]) tail += 1;
  return { head, tail };
};

/** Ranges of steps that are shown: the changed ones and three lines around them. */
const hunks = (all: readonly Step[]): { readonly from: number; readonly to: number }[] => {
  const ranges: { from: number; to: number }[] = [];
  all.forEach(({ sign }, i) => {
    if (sign === ' ') return;
    const last = ranges.at(-1);
    const [from, to] = [Math.max(0, i - CONTEXT), Math.min(all.length, i + CONTEXT + 1)];
    if (last && from <= last.to) last.to = to;
    else ranges.push({ from, to });
  });
  return ranges;
};

const position = (start: number, count: number): string =>
  count === 1 ? `${start}` : `${count === 0 ? start - 1 : start},${count}`;

/** A unified diff with three lines around each change; '' when the texts are equal. */
export const textDiff = (
  before: { readonly name: string; readonly text: string },
  after: { readonly name: string; readonly text: string },
): string => {
  if (before.text === after.text) return '';
  const [a, b] = [before.text.split('\n'), after.text.split('\n')];
  const { head, tail } = commonEnds(a, b);
  const same = (lines: readonly string[]): Step[] => lines.map((line) => ({ sign: ' ', line }));
  const all = [
    ...same(a.slice(0, head)),
    ...steps(a.slice(head, a.length - tail), b.slice(head, b.length - tail)),
    ...same(a.slice(a.length - tail)),
  ];
  const out = [`--- ${before.name}`, `+++ ${after.name}`];
  for (const { from, to } of hunks(all)) {
    const count = (range: readonly Step[], not: Step['sign']) => range.filter(({ sign }) => sign !== not).length;
    const [earlier, shown] = [all.slice(0, from), all.slice(from, to)];
    out.push(
      `@@ -${position(count(earlier, '+') + 1, count(shown, '+'))} +${position(count(earlier, '-') + 1, count(shown, '-'))} @@`,
    );
    out.push(...shown.map(({ sign, line }) => `${sign}${line}`));
  }
  return `${out.join('\n')}\n`;
};
