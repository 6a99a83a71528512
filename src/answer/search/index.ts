import { error } from '../../errors/index.js';
import type { Catalogue, Member } from '../../model/catalog/index.js';
import type { MetricQuery } from '../../query/index.js';
import { type WordIndex, wordIndex } from './word-index.js';

/** What search must know of the caller's rights: two callers of one key see the same members. */
export interface Sees {
  readonly visibilityKey: string;
  visible(member: string): boolean;
}

/** One thing that was found. A measure carries a query that can be posted as it is. */
export interface SearchHit {
  readonly name: string;
  readonly kind: 'measure' | 'dimension' | 'segment';
  readonly title: string;
  readonly description: string;
  readonly score: number;
  readonly why: readonly string[];
  readonly query?: MetricQuery;
}

export interface SearchRequest {
  readonly q: string;
  readonly kind?: 'member' | 'value';
  readonly limit?: number;
}

/** `total` counts all hits, also those beyond `limit`. */
export interface SearchAnswer {
  readonly hits: readonly SearchHit[];
  readonly total: number;
  readonly provenance: { readonly modelVersion: string; readonly members: number; readonly backend: 'embedded' };
}

const MOST_QUESTION = 1_000;
const MOST_INDEXES = 64;

/**
 * Search over the members that exist for a caller. An index is made per visibility, so that a hidden member shows neither in hits
 * and counts nor in the weights of the words of others. Errors: `query-invalid`, `not-supported`.
 */
export const openSearch = (): ((request: SearchRequest, catalogue: Catalogue, sees: Sees) => SearchAnswer) => {
  const indexes = new Map<string, { index: WordIndex; members: ReadonlyMap<string, Member> }>();
  const indexOf = (catalogue: Catalogue, sees: Sees) => {
    const key = `${catalogue.version}/${sees.visibilityKey}`;
    const known = indexes.get(key);
    if (known) return known;
    const members = new Map(
      [...catalogue.members.values()].filter((m) => m.public && sees.visible(m.name)).map((m) => [m.name, m] as const),
    );
    const made = { index: wordIndex([...members.values()].map((m) => documentOf(m, catalogue))), members };
    const oldest = indexes.keys().next();
    if (indexes.size >= MOST_INDEXES && !oldest.done) indexes.delete(oldest.value);
    indexes.set(key, made);
    return made;
  };
  return (request, catalogue, sees) => {
    const { q, kind, limit = 10 } = request;
    if (q.trim() === '') throw error('query-invalid', { where: 'q', what: 'is empty' });
    if (q.length > MOST_QUESTION)
      throw error('query-invalid', { where: 'q', what: `is longer than ${MOST_QUESTION} characters` });
    if (!Number.isInteger(limit) || limit < 1 || limit > 1_000)
      throw error('query-invalid', { where: 'limit', what: 'is a whole number from 1 to 1000' });
    if (kind === 'value')
      throw error('not-supported', {
        what: 'search over values is not offered yet',
        instead: 'search members (kind=member), or query the dimension with a `contains` filter',
      });
    const { index, members } = indexOf(catalogue, sees);
    const found = index.find(q);
    const hits = found.slice(0, limit).flatMap((match) => {
      const m = members.get(match.id);
      if (!m) return [];
      const hit: SearchHit = {
        name: m.name,
        kind: m.kind,
        title: m.title,
        description: m.description,
        score: Math.round(match.score * 1e6) / 1e6,
        why: match.why,
        ...(m.kind === 'measure' ? { query: { measures: [m.name] } } : {}),
      };
      return [hit];
    });
    return {
      hits,
      total: found.length,
      provenance: { modelVersion: catalogue.version, members: members.size, backend: 'embedded' },
    };
  };
};

const documentOf = (m: Member, catalogue: Catalogue) => ({
  id: m.name,
  fields: {
    title: m.title,
    name: m.name.slice(m.owner.length + 1).replaceAll('_', ' '),
    synonyms: m.synonyms.join(' '),
    description: m.description,
    unit: m.unit ?? '',
    owner: catalogue.owners.get(m.owner)?.title ?? m.owner,
  },
});
