/** Words of a text: lower case, without accents, cut at anything that is no letter or digit and between `camelCase` parts. */
export const words = (text: string): string[] =>
  text
    .replace(/([\p{Ll}\d])(\p{Lu})/gu, '$1 $2')
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .split(/[^\p{L}\p{N}]+/u)
    .filter((w) => w !== '')
    .map(stem);

/** English plurals only: a search for "orders" finds "order". Short words and -ss stay. */
const stem = (word: string): string => {
  if (word.length > 4 && word.endsWith('ies')) return `${word.slice(0, -3)}y`;
  if (word.length > 4 && /(s|x|ch|sh)es$/.test(word)) return word.slice(0, -2);
  if (word.length > 3 && word.endsWith('s') && !word.endsWith('ss') && !word.endsWith('us')) return word.slice(0, -1);
  return word;
};

/** Words that say nothing about which member is meant. */
const FILLER = new Set(
  'a an and are as at be been but by did do does for from had has have how i in is it last many me much my of on or our per s show that the their there this to was we were what when where which who with you your'.split(
    ' ',
  ),
);

/** A question's words without filler; if nothing else is left, the filler itself. */
export const questionWords = (question: string): string[] => {
  const all = [...new Set(words(question))];
  const telling = all.filter((w) => !FILLER.has(w));
  return telling.length > 0 ? telling : all;
};

/** Edits between two words (insert, delete, replace, swap neighbours), or undefined when more than `most`. */
export const editDistance = (a: string, b: string, most: number): number | undefined => {
  if (Math.abs(a.length - b.length) > most) return undefined;
  let before: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    let least = i;
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1];
      let cost = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + (same ? 0 : 1));
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        cost = Math.min(cost, (before[j - 2] ?? 0) + 1);
      row.push(cost);
      least = Math.min(least, cost);
    }
    if (least > most) return undefined;
    before = last;
    last = row;
  }
  const distance = last[b.length] ?? 0;
  return distance <= most ? distance : undefined;
};

/** How many edits a word of this length forgives: short ones none, or everything would match everything. */
export const forgiven = (word: string): number => (word.length < 4 ? 0 : word.length < 8 ? 1 : 2);
