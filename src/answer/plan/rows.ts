import { error } from '../../errors/index.js';
import type { Catalogue, Member } from '../../model/catalog/index.js';
import type { Access } from '../../model/policy/index.js';
import { type Filter, type MetricQuery, measureColumnName } from '../../query/index.js';
import { namesOf } from './names.js';

const bad = (where: string, what: string) => error('query-invalid', { where, what });

/** What a query of single rows cannot have: all of it is about groups. */
const OF_GROUPS = ['totals', 'compare'] as const;

/** Measures of which a single row has a share. */
const isOfRows = (m: Member): boolean => ['sum', 'min', 'max'].includes(m.additivity) && m.multipliable !== true;

/**
 * A query with `rows` or `drill` in terms of the others: drilling shows the drill members of a measure, and what each row adds to it,
 * of rows that add something. Errors: `query-invalid`, `unknown-member`, `not-supported`.
 */
export const rowsQuery = (query: MetricQuery, catalogue: Catalogue, access: Access): MetricQuery => {
  if (query.drill === undefined && query.rows !== true) return query;
  for (const key of OF_GROUPS)
    if (query[key] !== undefined && query[key] !== 'none')
      throw bad(key, 'rows that are not grouped have none; leave rows and drill out');
  if (query.time?.some((t) => t.fill === true)) throw bad('time[0].fill', 'rows that are not grouped fill no buckets');
  if (query.drill !== undefined && (query.measures ?? []).length > 0)
    throw bad('measures', 'drill shows the rows of one measure; leave measures out, or give rows: true instead');
  const { drill, ...rest } = query;
  const names = namesOf(catalogue, access);
  for (const [i, item] of (drill === undefined ? (query.measures ?? []) : [drill]).entries()) {
    if (typeof item !== 'string')
      throw bad(
        `measures[${i}]`,
        `${measureColumnName(item)} is over rows of its own; rows that are not grouped have none`,
      );
    const member = names.member(item);
    if (member.kind === 'measure' && !isOfRows(member))
      throw error('not-supported', {
        what: `${member.name} is no sum over single rows`,
        instead: 'ask for the rows of a sum, a count, a least or a greatest value',
      });
  }
  if (drill === undefined) return query;
  const member = names.member(drill);
  if (member.kind !== 'measure') throw bad('drill', `${drill} is a ${member.kind}, not a measure`);
  // what does not exist for the caller is not shown
  const dimensions = query.dimensions ?? member.drillMembers.filter((name) => access.visible(name));
  if (dimensions.length === 0) throw bad('drill', `${drill} has no drill_members that you may see; name dimensions`);
  const counted: Filter = { member: drill, op: 'isNotNull' };
  const having: Filter = query.having === undefined ? counted : { and: [counted, query.having] };
  return { ...rest, rows: true, measures: [drill], dimensions, having };
};
