import { readFileSync } from 'node:fs';
import { gunzipSync } from 'node:zlib';
import { words } from './tokens.js';

/** Words that mean nearly the same, with how near they are (0 to 1); as `words` writes them. */
export type RelatedWords = (word: string) => ReadonlyMap<string, number>;

/** Common verbs whose other forms no rule of endings gives. */
const IRREGULAR = new Map(
  `became become,began begin,bought buy,broke break,broken break,brought bring,built build,burnt burn,came come,chose choose,chosen choose,cost cost,dealt deal,driven drive,drove drive,fell fall,felt feel,flew fly,forgotten forget,found find,gave give,given give,gone go,grew grow,grown grow,held hold,kept keep,knew know,known know,laid lay,lain lie,led lead,left leave,lent lend,lost lose,made make,meant mean,met meet,paid pay,people person,ran run,rose rise,risen rise,said say,saw see,seen see,sent send,shown show,sold sell,sought seek,spent spend,spoke speak,stolen steal,stood stand,taken take,taught teach,told tell,took take,thought think,went go,women woman,men man,won win,wore wear,worn wear,written write,wrote write`
    .split(',')
    .map((pair) => pair.split(' ') as [string, string]),
);
const ENDINGS = [
  ['ing', ''],
  ['ing', 'e'],
  ['ed', ''],
  ['ed', 'e'],
  ['er', ''],
  ['est', ''],
  ['ly', ''],
] as const;

/** What an inflected word may be a form of, itself first. */
export const baseForms = (word: string): readonly string[] => {
  const bases = [word];
  const irregular = IRREGULAR.get(word);
  if (irregular !== undefined) bases.push(irregular);
  for (const [ending, instead] of ENDINGS) {
    if (!word.endsWith(ending) || word.length - ending.length < 3) continue;
    const base = word.slice(0, -ending.length) + instead;
    bases.push(base);
    if (/(.)\1$/.test(base)) bases.push(base.slice(0, -1)); // "stopped" is of "stop"
  }
  return bases;
};

/** Another form of the word itself. */
export const OTHER_FORM = 0.9;
const DIGIT = 9;

/** Reads the list that `bin/related-words.js` made; it is read when first asked, and parsed word by word. */
export const readRelatedWords = (file: string): RelatedWords => {
  let lines: Map<string, string> | undefined;
  const lineOf = (word: string): string | undefined => {
    if (!lines) {
      lines = new Map();
      for (const line of gunzipSync(readFileSync(file)).toString('latin1').split('\n')) {
        const cut = line.indexOf(' ');
        if (cut > 0) lines.set(line.slice(0, cut), line.slice(cut + 1));
      }
    }
    return lines.get(word);
  };
  const known = new Map<string, ReadonlyMap<string, number>>();
  return (word) => {
    const before = known.get(word);
    if (before) return before;
    const found = new Map<string, number>();
    for (const base of baseForms(word)) {
      const line = lineOf(base);
      if (line === undefined) continue;
      if (base !== word) found.set(base, OTHER_FORM);
      for (const item of line.split(' ')) {
        const [other] = words(item.slice(0, -1));
        const near = Number(item.at(-1)) / DIGIT;
        if (other !== undefined && near > (found.get(other) ?? 0)) found.set(other, near);
      }
    }
    if (known.size >= 10_000) known.clear();
    known.set(word, found);
    return found;
  };
};
