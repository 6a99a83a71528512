/** GraphQL's names (October 2021, section 2.1.9); two underscores in front are the language's own. */
const NAME = /^(?!__)[A-Za-z_][A-Za-z0-9_]*$/;
export const isName = (text: string): boolean => NAME.test(text) && !['true', 'false', 'null'].includes(text);

/** `customer_health` is `CustomerHealth`. */
const pascal = (name: string): string =>
  name
    .split('_')
    .map((word) => word.charAt(0).toUpperCase() + word.slice(1))
    .join('');

/** Types that every schema has; no view may take their names. */
const RESERVED = [
  'Query',
  'PageInfo',
  'Explanation',
  'Candidate',
  'TableVersion',
  'Statement',
  'Direction',
  'Nulls',
  'Source',
  'Fresh',
  'Totals',
  'Shown',
  'TimeUnit',
  'Comparison',
  'Limits',
  'AsOf',
  'AsOfTable',
];
const SUFFIXES = [
  '',
  'Connection',
  'Where',
  'Having',
  'Order',
  'Column',
  'Segment',
  'Measure',
  'MeasureName',
  'Time',
  'Period',
];

/** A type name for each view, all different: in Pascal case, or as in the model where that would meet another's name. */
export const typeNames = (views: readonly string[]): ReadonlyMap<string, string> => {
  const taken = new Set(RESERVED);
  const names = new Map<string, string>();
  for (const view of views) {
    let name = [pascal(view), view].find((n) => SUFFIXES.every((suffix) => !taken.has(n + suffix))) ?? `${view}_`;
    while (SUFFIXES.some((suffix) => taken.has(name + suffix))) name += '_';
    for (const suffix of SUFFIXES) taken.add(name + suffix);
    names.set(view, name);
  }
  return names;
};

/** The type of a time dimension's buckets, as in `RetailSoldAtTime`. */
export const timeTypeName = (view: string, member: string): string => `${view}${pascal(member)}Time`;
