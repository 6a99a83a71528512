import type { SearchRequest } from '../../answer/search/index.js';
import { error } from '../../errors/index.js';

const bad = (where: string, what: string) => error('request-invalid', { where, what });

/** Query parameters as texts: known ones only, each once. Errors: `request-invalid`. */
export const parametersOf = <const N extends string>(
  given: unknown,
  known: readonly N[],
): Partial<Record<N, string>> => {
  const found: Partial<Record<N, string>> = {};
  for (const [name, value] of Object.entries(given as Record<string, unknown>)) {
    if (!(known as readonly string[]).includes(name))
      throw bad(
        `parameter ${name.slice(0, 100)}`,
        `is not known here${known.length > 0 ? `; there are ${known.join(', ')}` : ''}`,
      );
    if (typeof value !== 'string') throw bad(`parameter ${name}`, 'is given more than once');
    found[name as N] = value;
  }
  return found;
};

const LONGEST_QUESTION = 1_000;
const MOST_HITS = 100;

/** `q`, `kind`, `limit`, `similar` of a search. Errors: `request-invalid`. */
export const searchRequestOf = (given: unknown): SearchRequest => {
  const { q, kind, limit, similar } = parametersOf(given, ['q', 'kind', 'limit', 'similar']);
  if (q === undefined || q.trim() === '') throw bad('parameter q', 'is missing');
  if (q.length > LONGEST_QUESTION) throw bad('parameter q', `is longer than ${LONGEST_QUESTION} characters`);
  if (kind !== undefined && kind !== 'member' && kind !== 'value') throw bad('parameter kind', 'is member or value');
  if (limit !== undefined && (!/^\d{1,3}$/.test(limit) || Number(limit) < 1 || Number(limit) > MOST_HITS))
    throw bad('parameter limit', `is a whole number from 1 to ${MOST_HITS}`);
  if (similar !== undefined && similar !== 'true' && similar !== 'false')
    throw bad('parameter similar', 'is true or false');
  return {
    q,
    ...(kind === undefined ? {} : { kind }),
    ...(limit === undefined ? {} : { limit: Number(limit) }),
    ...(similar === 'true' ? { similar: true } : {}),
  };
};
