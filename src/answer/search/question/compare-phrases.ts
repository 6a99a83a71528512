import type { Comparison } from '../../../query/index.js';
import { cut } from './text.js';

const UNIT = 'day|week|month|quarter|year';

/** "compared to the month before", "year over year", "growth": cut out. Every one is a column beside the measure, with its ratio. */
export const comparePhrases = (
  question: string,
): { readonly rest: string; readonly compare: readonly Comparison[] } => {
  const made = (rest: string, shift: string) => ({
    rest,
    compare: [{ as: 'before', shift, show: ['value' as const, 'difference' as const, 'ratio' as const] }],
  });
  const with_ = '(?:compared (?:to|with)|in comparison (?:to|with)|versus|vs|against|than)';
  const same = cut(
    question,
    new RegExp(` ${with_} (?:the )?same (?:${UNIT}|period|time) (?:of )?(?:the )?(?:last|previous|prior) (${UNIT}) `),
  );
  if (same) return made(same.rest, `1 ${same.match[1]}`);
  const period = cut(
    question,
    new RegExp(` ${with_} (?:the )?(?:previous|prior|preceding|last) period | ${with_} (?:the )?period before `),
  );
  if (period) return made(period.rest, 'previous');
  const before = cut(
    question,
    new RegExp(
      ` ${with_} (?:the )?(?:(?:previous|prior|preceding|last) (?<a>${UNIT})|(?<b>${UNIT}) before|(?<c>yesterday|before)) `,
    ),
  );
  if (before) {
    const { a, b, c } = before.match.groups ?? {};
    return made(before.rest, c === 'before' ? 'previous' : `1 ${a ?? b ?? 'day'}`);
  }
  const over = cut(question, new RegExp(` (?:(${UNIT}) (?:over|on) \\1|(yoy|mom|wow|qoq)) `));
  if (over) {
    const unit = over.match[1] ?? { yoy: 'year', mom: 'month', wow: 'week', qoq: 'quarter' }[over.match[2] ?? 'yoy'];
    const growth = cut(over.rest, / (?:growth|change)(?: (?:of|in))? /);
    return made(growth?.rest ?? over.rest, `1 ${unit}`);
  }
  const growth = cut(question, / (?:the )?(?:growth|change|increase|decrease)(?: (?:of|in))? /);
  return growth ? made(growth.rest, 'previous') : { rest: question, compare: [] };
};
