import { error } from '../../errors/index.js';
import type { Filter, MetricQuery } from '../../query/index.js';

/**
 * What planning may be given. Its time grows with these alone, so a query that was sent to keep a server busy is refused before any
 * work is done for it.
 */
export const MOST = { members: 200, times: 50, conditions: 2_000, values: 20_000, depth: 64 } as const;

const bad = (where: string, what: string) => error('query-invalid', { where, what });

/** Counts conditions and values of a tree without recursion: its depth is what is not known yet. */
const measured = (filter: unknown, where: string): { conditions: number; values: number } => {
  let conditions = 0;
  let values = 0;
  const open: (readonly [unknown, number])[] = [[filter, 0]];
  for (let next = open.pop(); next; next = open.pop()) {
    const [node, depth] = next;
    if (depth > MOST.depth) throw bad(where, `conditions may be nested ${MOST.depth} deep`);
    if (typeof node !== 'object' || node === null) continue;
    const { and, or, not, values: given } = node as { and?: unknown; or?: unknown; not?: unknown; values?: unknown };
    for (const list of [and, or]) if (Array.isArray(list)) for (const part of list) open.push([part, depth + 1]);
    if (not !== undefined) open.push([not, depth + 1]);
    if (and === undefined && or === undefined && not === undefined) conditions += 1;
    if (Array.isArray(given)) values += given.length;
    if (conditions > MOST.conditions) throw bad(where, `at most ${MOST.conditions} conditions are taken`);
    if (values > MOST.values)
      throw bad(where, `at most ${MOST.values} values are taken; join a table of them in the warehouse instead`);
  }
  return { conditions, values };
};

/** Refuses a query that is larger than any that people write. Errors: `query-invalid`. */
export const checkSize = (query: MetricQuery): void => {
  const most = (given: unknown, name: string, limit: number) => {
    if (!Array.isArray(given)) return;
    if (given.length > limit) throw bad(name, `at most ${limit} are taken`);
    const hole = given.findIndex((one) => one === null || one === undefined);
    if (hole >= 0) throw bad(`${name}[${hole}]`, 'is empty');
  };
  most(query.measures, 'measures', MOST.members);
  most(query.dimensions, 'dimensions', MOST.members);
  most(query.segments, 'segments', MOST.members);
  most(query.order, 'order', MOST.members);
  most(query.time, 'time', MOST.times);
  most(query.compare, 'compare', MOST.times);
  const filters: (readonly [Filter | undefined, string])[] = [
    [query.where, 'where'],
    [query.having, 'having'],
  ];
  if (Array.isArray(query.measures))
    for (const [i, item] of query.measures.entries())
      if (typeof item === 'object' && item !== null) filters.push([item.where, `measures[${i}].where`]);
  const all = filters.map(([filter, where]) => measured(filter, where));
  const values = all.reduce((n, one) => n + one.values, 0);
  if (values > MOST.values) throw bad('query', `at most ${MOST.values} values are taken in all conditions together`);
};
