/** Stands where something was cut out; no phrase reaches across it. */
export const CUT = '¦';
/** Stands where a rank was cut out: what follows it are the things that are ranked. */
export const RANKED = '¬';

/** Lower case, signs that say nothing removed, one blank between words and at both ends. */
export const normalised = (question: string): string =>
  ` ${question
    .normalize('NFKD')
    .replace(/\p{M}/gu, '')
    .toLowerCase()
    .replace(/[’']s\b/g, '')
    .replace(/(\d),(?=\d{3}\b)/g, '$1')
    .replace(/[^\p{L}\p{N}.:£€$%-]+/gu, ' ')
    .replace(/[.:](?=\s|$)/g, ' ')
    .replace(/\s+/g, ' ')
    .trim()} `;

/** Cuts the first match out of a text; undefined when there is none. Patterns see blanks at both ends. */
export const cut = (
  rest: string,
  pattern: RegExp,
  mark = CUT,
): { readonly match: RegExpExecArray; readonly rest: string } | undefined => {
  const match = pattern.exec(rest);
  if (!match) return undefined;
  return {
    match,
    rest: `${rest.slice(0, match.index)} ${mark} ${rest.slice(match.index + match[0].length)}`.replace(/\s+/g, ' '),
  };
};

const NUMBERS = 'zero one two three four five six seven eight nine ten eleven twelve'.split(' ');
export const NUMBER = `\\d+|${NUMBERS.slice(1).join('|')}|twenty|fifty|hundred`;

export const numberOf = (word: string): number => {
  const at = NUMBERS.indexOf(word);
  if (at >= 0) return at;
  return { twenty: 20, fifty: 50, hundred: 100 }[word] ?? Number(word);
};
