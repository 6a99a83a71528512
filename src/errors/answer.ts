import { entry } from './entry.js';

/** Questions that cannot be answered, and why. */
export const answer = {
  'query-invalid': entry<{ where: string; what: string }>({
    blame: 'caller',
    status: 400,
    sqlstate: '22023',
    exit: 1,
    message: (p) => `${p.where}: ${p.what}`,
  }),
  'not-supported': entry<{ what: string; instead?: string }>({
    blame: 'caller',
    status: 400,
    sqlstate: '0A000',
    exit: 1,
    message: (p) => p.what,
    hint: (p) => p.instead ?? 'ask for the parts separately',
  }),
  'filter-on-mask': entry<{ member: string }>({
    blame: 'caller',
    status: 403,
    sqlstate: '42501',
    exit: 1,
    message: (p) => `${p.member} is masked for your roles and cannot be used in a condition`,
  }),
  'measure-ungrouped': entry<{ measure: string; table: string }>({
    blame: 'caller',
    status: 400,
    sqlstate: '42803',
    exit: 1,
    message: (p) => `${p.table}.${p.measure} is a measure: it has a value for a group, not for a row`,
    hint: (p) => `group by dimensions and select MEASURE(${p.measure})`,
  }),
  'no-rollup': entry<{ reasons: string }>({
    blame: 'caller',
    status: 409,
    sqlstate: '55000',
    exit: 1,
    message: (p) => `no rollup serves this query: ${p.reasons}`,
    hint: () => 'ask with source auto or raw, or add what is missing to a rollup',
  }),
  'budget-exceeded': entry<{ budget: string; limit: string }>({
    blame: 'caller',
    status: 413,
    sqlstate: '54000',
    exit: 1,
    message: (p) => `the answer is over the budget of ${p.limit} ${p.budget}`,
    hint: () => 'ask for fewer groups or a shorter range, or page with limit and offset',
  }),
  'time-limit': entry<{ milliseconds: number }>({
    blame: 'caller',
    status: 504,
    sqlstate: '57014',
    exit: 1,
    message: (p) => `canceling statement due to the time limit of ${p.milliseconds} ms`,
    hint: () => 'ask for less at once',
  }),
  'versions-moved': entry<Record<string, never>>({
    blame: 'dependency',
    status: 503,
    sqlstate: '40001',
    exit: 1,
    message: () => 'the tables were published anew several times while the query ran',
    hint: () => 'ask again',
  }),
  'data-moved': entry<{ table?: string }>({
    blame: 'dependency',
    status: 503,
    sqlstate: '40001',
    exit: 1,
    message: (p) =>
      `${p.table ?? 'a table'} was changed while the question was asked, and its new state cannot be seen yet`,
    hint: () => 'ask again',
  }),
};
