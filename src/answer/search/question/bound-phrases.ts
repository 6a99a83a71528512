import type { Operator } from '../../../query/index.js';
import { cut } from './text.js';

/** "with more than 3 orders": a bound on a measure that the words behind it (or the question) name. */
export interface Bound {
  readonly op: Operator;
  readonly value: string;
  /** The words behind the number; empty: the measure of the question. */
  readonly words: string;
}

const SAYS: Readonly<Record<string, Operator>> = {
  'more than': 'gt',
  over: 'gt',
  above: 'gt',
  'greater than': 'gt',
  'higher than': 'gt',
  exceeding: 'gt',
  'at least': 'gte',
  'no less than': 'gte',
  'less than': 'lt',
  'lower than': 'lt',
  'fewer than': 'lt',
  under: 'lt',
  below: 'lt',
  'at most': 'lte',
  'no more than': 'lte',
  'up to': 'lte',
};
const WORDS = Object.keys(SAYS)
  .sort((a, b) => b.length - a.length)
  .join('|');
const TIMES: Readonly<Record<string, number>> = { k: 3, thousand: 3, m: 6, million: 6 };

/** `1.5k` is 1500, without a detour over floating point. */
const plain = (digits: string, unit: string | undefined): string => {
  const [whole = '', fraction = ''] = digits.split('.');
  const zeros = TIMES[unit ?? ''] ?? 0;
  const moved = `${whole}${fraction.slice(0, zeros).padEnd(zeros, '0')}`.replace(/^0+(?=\d)/, '');
  const rest = fraction.slice(zeros);
  return rest === '' ? moved : `${moved}.${rest}`;
};

export const boundPhrases = (question: string): { readonly rest: string; readonly bounds: readonly Bound[] } => {
  let rest = question;
  const bounds: Bound[] = [];
  const pattern = new RegExp(
    ` (?:with |having |where |and |that |which |who |have |has |had |made |placed |is |are |was |were |of )*(${WORDS}) [£€$]?(\\d+(?:\\.\\d+)?) ?(k|m|thousand|million)?(?: gbp| pounds?)?(?: (?:in|of))?(?= )((?: (?!per |by |in |for |from |and |each |¦)[\\p{L}-]+){0,4}) `,
    'u',
  );
  for (let next = cut(rest, pattern); next && bounds.length < 4; next = cut(rest, pattern)) {
    const [, says = '', digits = '', unit, words = ''] = next.match;
    bounds.push({ op: SAYS[says] ?? 'gt', value: plain(digits, unit), words: words.trim() });
    rest = next.rest;
  }
  return { rest, bounds };
};
