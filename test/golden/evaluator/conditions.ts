import type { Filter, GivenValue } from '../../../src/query/index.js';

/** Conditions in three-valued logic, by plain words. */
export type Truth = boolean | null;

const points = (text: string) => [...text].map((c) => c.codePointAt(0) ?? 0);
/** Order of texts by code point. */
export const byPoint = (a: string, b: string): number => {
  const [x, y] = [points(a), points(b)];
  for (let i = 0; i < Math.min(x.length, y.length); i++) if (x[i] !== y[i]) return (x[i] ?? 0) - (y[i] ?? 0);
  return x.length - y.length;
};

const like = (text: string, pattern: string): boolean => {
  if (pattern === '') return text === '';
  const [head, tail] = [[...pattern][0] ?? '', [...pattern].slice(1).join('')];
  const rest = [...text];
  if (head === '%')
    return Array.from({ length: rest.length + 1 }, (_, i) => rest.slice(i).join('')).some((t) => like(t, tail));
  if (text === '') return false;
  if (head === '_') return like(rest.slice(1).join(''), tail);
  if (head === '\\') return rest[0] === [...tail][0] && like(rest.slice(1).join(''), [...tail].slice(1).join(''));
  return rest[0] === head && like(rest.slice(1).join(''), tail);
};

/** One condition on a value of which is known how it compares with the i-th given one. */
export const holds = (
  op: string,
  known: boolean,
  order: (i: number) => number,
  count: number,
  text: string,
  given: string,
): Truth => {
  if (op === 'isNull') return !known;
  if (op === 'isNotNull') return known;
  if (!known) return null;
  const any = Array.from({ length: count }, (_, i) => order(i)).includes(0);
  switch (op) {
    case 'eq':
    case 'in':
      return any;
    case 'ne':
    case 'notIn':
      return !any;
    case 'gt':
      return order(0) > 0;
    case 'gte':
      return order(0) >= 0;
    case 'lt':
      return order(0) < 0;
    case 'lte':
      return order(0) <= 0;
    case 'between':
      return order(0) >= 0 && order(1) < 0;
    case 'contains':
      return text.includes(given);
    case 'icontains':
      return text.toLowerCase().includes(given.toLowerCase());
    case 'startsWith':
      return text.startsWith(given);
    case 'endsWith':
      return text.endsWith(given);
    default:
      return like(text, given);
  }
};

export const tree = (
  filter: Filter,
  leaf: (member: string, op: string, values: readonly GivenValue[]) => Truth,
): Truth => {
  if ('member' in filter) return leaf(filter.member, filter.op, filter.values ?? []);
  if ('not' in filter) {
    const truth = tree(filter.not, leaf);
    return truth === null ? null : !truth;
  }
  const and = 'and' in filter;
  const truths = ('and' in filter ? filter.and : filter.or).map((f) => tree(f, leaf));
  if (truths.includes(!and)) return !and;
  return truths.includes(null) ? null : and;
};
