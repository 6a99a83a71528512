import { createHash } from 'node:crypto';
import { AssayError, error } from '../../errors/index.js';
import type { Catalogue, Member } from '../../model/catalog/index.js';
import type { Caller, Emit, Filter, MetricQuery } from '../../query/index.js';
import type { Candidate, SearchBackend, SearchIndex } from './backend.js';
import type { Document } from './documents.js';
import { type Fused, fuse } from './fusion.js';
import { type KnownValues, knownValues } from './known-values.js';
import {
  memberDocument,
  type Sees,
  searchableDimensions,
  splitValueId,
  valueId,
  visibleMembers,
} from './model-documents.js';
import type { RelatedWords } from './related-words.js';
import { openSlots } from './slots.js';
import type { Senses } from './token-vectors.js';
import type { VectorStore } from './vector-store.js';

/** One thing that was found. A measure carries a query that can be posted as it is, a value the condition that keeps its rows. */
export interface SearchHit {
  /** The member's path; of a value, its dimension's. */
  readonly name: string;
  readonly kind: 'measure' | 'dimension' | 'segment' | 'value';
  readonly value?: string;
  readonly title: string;
  readonly description: string;
  readonly score: number;
  readonly why: readonly string[];
  readonly query?: MetricQuery;
  readonly filter?: Filter;
}

export interface SearchRequest {
  readonly q: string;
  /** Default: members, then values. */
  readonly kind?: 'member' | 'value';
  readonly limit?: number;
  /** Values by meaning, too ("similar to this product"); their vectors are made when this is first asked. */
  readonly similar?: boolean;
}

export interface SearchProvenance {
  readonly modelVersion: string;
  readonly members: number;
  readonly backend: SearchBackend['name'];
  /** The embedder whose vectors were compared; null: words and spelling only, for `why`. */
  readonly embedder: string | null;
  readonly why?: string;
  /** Dimensions whose values are too many to be indexed. */
  readonly notIndexed?: readonly string[];
}

/** `total` counts all hits, also those beyond `limit`; of each signal at most 200 documents are looked at. */
export interface SearchAnswer {
  readonly hits: readonly SearchHit[];
  readonly total: number;
  readonly provenance: SearchProvenance;
}

/** Who asks, how, and for how long it matters. */
export interface SearchContext {
  readonly caller: Caller;
  readonly surface: 'rest' | 'graphql' | 'mcp' | 'cli';
  readonly requestId: string;
  readonly signal?: AbortSignal;
}

/** The model and the rights that one question is asked under. */
export interface SearchModel {
  readonly catalogue: Catalogue;
  readonly sees: Sees;
}

export interface SearchParts {
  readonly backend: SearchBackend;
  /** Undefined: no embedder; the reason is in `noVectors`. */
  readonly vectors: VectorStore | undefined;
  readonly noVectors?: string | undefined;
  readonly related?: RelatedWords | undefined;
  readonly senses?: Senses | undefined;
  /** Distinct values of a dimension that this caller may see, by a query of its own. */
  readonly values: (dimension: string, context: SearchContext) => Promise<readonly string[]>;
  /** Version of the data; another one makes the values anew. */
  readonly dataVersion: () => string;
  readonly emit: Emit;
  /** How long a first question waits for vectors before it is answered by words alone. */
  readonly patienceMilliseconds?: number;
}

export interface Search {
  find(request: SearchRequest, model: SearchModel, context: SearchContext): Promise<SearchAnswer>;
  /** Members alone, ranked, with all that fit; for the parser of questions. Not audited: who asks is. */
  members(q: string, model: SearchModel, context: SearchContext): Promise<readonly Fused[]>;
  /** The values index of a caller as a look-up of exact values, folded. */
  knownValues(model: SearchModel, context: SearchContext): Promise<KnownValues>;
  /** Whether the backend can be used now; its name. Errors: `search-unavailable`. */
  check(signal?: AbortSignal): Promise<SearchBackend['name']>;
  close(): Promise<void>;
}

const MOST_QUESTION = 1_000;
const MOST_HITS = 1_000;
const PATIENCE_MILLISECONDS = 8_000;
/** After an embedder failed, it is left alone for so long. */
const REST_MILLISECONDS = 60_000;

const shortHash = (text: string): string => createHash('sha256').update(text).digest('hex').slice(0, 16);

interface Gathered {
  readonly values: readonly { readonly dimension: string; readonly value: string }[];
  readonly notIndexed: readonly string[];
  readonly known: KnownValues;
}

/** Search over what exists for a caller. Indexes are made per rights, so that what is hidden shows in no hit, count or weight of a word. */
export const openSearch = (parts: SearchParts): Search => {
  const { emit, vectors } = parts;
  const slots = openSlots(parts.backend, emit);
  const gathered = new Map<string, Promise<Gathered>>();
  const leftOut = new Map<string, readonly string[]>();
  let restsUntil = 0;

  const gather = (model: SearchModel, context: SearchContext): Promise<Gathered> => {
    const { catalogue, sees } = model;
    const key = `${catalogue.version}/${sees.visibilityKey}/${sees.attributesKey}/${parts.dataVersion()}`;
    const known = gathered.get(key);
    if (known) return known;
    const made = gatherValues(searchableDimensions(visibleMembers(catalogue, sees), sees), parts, context);
    made.catch(() => gathered.delete(key));
    if (gathered.size >= 32) gathered.delete(gathered.keys().next().value ?? '');
    gathered.set(key, made);
    return made;
  };

  const failed = (thrown: unknown): undefined => {
    if (!(thrown instanceof AssayError) || thrown.code !== 'embedder-failed') throw thrown;
    restsUntil = performance.now() + REST_MILLISECONDS;
    emit('bug', { where: 'search', error: thrown });
    return undefined;
  };
  const asleep = () =>
    performance.now() < restsUntil ? 'the embedder failed; it is tried again within a minute' : undefined;

  /** An index with vectors if it is there in time, else undefined; its building goes on. */
  const inTime = async (building: Promise<SearchIndex>): Promise<SearchIndex | undefined> => {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<undefined>((resolve) => {
      timer = setTimeout(() => resolve(undefined), parts.patienceMilliseconds ?? PATIENCE_MILLISECONDS);
    });
    try {
      return await Promise.race([building, late]);
    } catch (thrown) {
      return failed(thrown);
    } finally {
      clearTimeout(timer);
      building.catch(() => {}); // it was raced: whoever opens the slot next hears of it
    }
  };

  const candidates = async (
    q: string,
    corpus: {
      readonly slot: string;
      readonly version: string;
      readonly documents: () => Promise<readonly Document[]>;
      readonly related?: RelatedWords | undefined;
      readonly senses?: Senses | undefined;
    },
    semantic: boolean,
    signal: AbortSignal | undefined,
  ): Promise<{ found: readonly Candidate[]; why?: string }> => {
    const open = (store: VectorStore | undefined) => {
      const slot = `${corpus.slot}-${store ? 'meaning' : 'words'}`;
      const version = shortHash(`${corpus.version}/${store?.id ?? 'words'}`);
      return slots.open({
        slot,
        version,
        corpus: async () => ({
          slot,
          version,
          documents: await corpus.documents(),
          vectors: store,
          related: corpus.related,
          senses: corpus.senses,
        }),
      });
    };
    let why = semantic ? (vectors ? asleep() : (parts.noVectors ?? 'there is no embedder')) : undefined;
    if (semantic && vectors && why === undefined) {
      const index = await inTime(open(vectors));
      const found = await index?.candidates(q, signal).catch(failed);
      if (found) return { found };
      why = asleep() ?? 'vectors of the documents are being made; ask again in a while';
    }
    const index = await open(undefined);
    return { found: await index.candidates(q, signal), ...(why === undefined ? {} : { why }) };
  };

  const findMembers = async (q: string, { catalogue, sees }: SearchModel, signal: AbortSignal | undefined) => {
    const members = visibleMembers(catalogue, sees);
    const documents = [...members.values()].map((m) => memberDocument(m, catalogue));
    const prior = new Map(documents.flatMap((d) => (d.prior ? [[d.id, d.prior] as const] : [])));
    const { found, why } = await candidates(
      q,
      {
        slot: `members-${shortHash(sees.visibilityKey)}`,
        version: catalogue.version,
        documents: async () => documents,
        related: parts.related,
        senses: parts.senses,
      },
      true,
      signal,
    );
    const ranked = fuse(found, (id) => prior.get(id) ?? 0).filter(({ id }) => members.has(id));
    return { ranked, why };
  };

  const findValues = async (request: SearchRequest, model: SearchModel, context: SearchContext) => {
    const { catalogue, sees } = model;
    const dimensions = new Map(
      searchableDimensions(visibleMembers(catalogue, sees), sees).map((m) => [m.name, m] as const),
    );
    const slot = `values-${shortHash(`${sees.visibilityKey}/${sees.attributesKey}`)}`;
    const { found, why } = await candidates(
      request.q,
      {
        slot,
        version: `${catalogue.version}/${parts.dataVersion()}`,
        documents: async () => {
          const { values, notIndexed } = await gather(model, context);
          leftOut.set(slot, notIndexed);
          return values.map(({ dimension, value }) => ({ id: valueId(dimension, value), fields: { value } }));
        },
      },
      request.similar === true,
      context.signal,
    );
    // an index of the version before may hold a dimension that is masked or gone by now
    const ranked = fuse(found).filter(({ id }) => dimensions.has(splitValueId(id).dimension));
    return { dimensions, ranked, why, notIndexed: leftOut.get(slot) ?? [] };
  };

  const find = async (request: SearchRequest, model: SearchModel, context: SearchContext): Promise<SearchAnswer> => {
    const { q, kind, limit = 10 } = request;
    check(q, limit);
    const { ranked, why } =
      kind === 'value' ? { ranked: [], why: undefined } : await findMembers(q, model, context.signal);
    const members = visibleMembers(model.catalogue, model.sees);
    const values = kind === 'member' ? undefined : await findValues(request, model, context);
    const memberHits: readonly Fused[] = ranked;
    const valueHits = values?.ranked ?? [];
    // with both, values have up to half of the places
    const places = kind === undefined ? Math.max(limit - valueHits.length, Math.ceil(limit / 2)) : limit;
    const shown = memberHits.slice(0, places).flatMap((f) => memberHit(f, members));
    const hits = [
      ...shown,
      ...valueHits.slice(0, limit - shown.length).flatMap((f) => valueHit(f, values?.dimensions ?? new Map())),
    ];
    const reason = kind === 'value' ? values?.why : why;
    return {
      hits,
      total: memberHits.length + valueHits.length,
      provenance: {
        modelVersion: model.catalogue.version,
        members: members.size,
        backend: parts.backend.name,
        embedder: reason === undefined && vectors && (kind !== 'value' || request.similar) ? vectors.id : null,
        ...(reason === undefined ? {} : { why: reason }),
        ...(values && values.notIndexed.length > 0 ? { notIndexed: values.notIndexed } : {}),
      },
    };
  };

  return {
    find: async (request, model, context) => {
      const began = performance.now();
      const { caller, surface, requestId } = context;
      try {
        const answer = await find(request, model, context);
        emit('query.answered', {
          surface,
          subject: caller.subject,
          roles: caller.roles,
          plan: 'search',
          source: answer.provenance.backend,
          cached: false,
          rows: answer.hits.length,
          milliseconds: performance.now() - began,
          members: [...new Set(answer.hits.map((h) => h.name))],
          policies: [],
          requestId,
        });
        return answer;
      } catch (thrown) {
        if (thrown instanceof AssayError)
          emit('query.refused', { surface, subject: caller.subject, code: thrown.code, requestId });
        throw thrown;
      }
    },
    members: async (q, model, context) => (await findMembers(q, model, context.signal)).ranked,
    knownValues: async (model, context) => (await gather(model, context)).known,
    check: async (signal) => {
      await parts.backend.check(signal);
      return parts.backend.name;
    },
    close: async () => {
      await slots.close();
      await vectors?.close();
    },
  };
};

const check = (q: string, limit: number): void => {
  if (q.trim() === '') throw error('query-invalid', { where: 'q', what: 'is empty' });
  if (q.length > MOST_QUESTION)
    throw error('query-invalid', { where: 'q', what: `is longer than ${MOST_QUESTION} characters` });
  if (!Number.isInteger(limit) || limit < 1 || limit > MOST_HITS)
    throw error('query-invalid', { where: 'limit', what: `is a whole number from 1 to ${MOST_HITS}` });
};

const gatherValues = async (
  dimensions: readonly Member[],
  parts: SearchParts,
  context: SearchContext,
): Promise<Gathered> => {
  // made once for all who ask meanwhile: it does not end when the first of them goes away
  const { signal: _gone, ...asker } = context;
  const values: { dimension: string; value: string }[] = [];
  const notIndexed: string[] = [];
  for (const { name } of dimensions)
    try {
      for (const value of await parts.values(name, asker)) values.push({ dimension: name, value });
    } catch (thrown) {
      if (!(thrown instanceof AssayError) || thrown.code !== 'budget-exceeded') throw thrown;
      notIndexed.push(name);
    }
  return { values, notIndexed, known: knownValues(values) };
};

const rounded = (score: number): number => Math.round(score * 1e6) / 1e6;

const memberHit = (f: Fused, members: ReadonlyMap<string, Member>): SearchHit[] => {
  const m = members.get(f.id);
  if (!m) return [];
  const { name, kind, title, description } = m;
  const query = kind === 'measure' ? { query: { measures: [name] } } : {};
  return [{ name, kind, title, description, score: rounded(f.score), why: f.why, ...query }];
};

const valueHit = (f: Fused, dimensions: ReadonlyMap<string, Member>): SearchHit[] => {
  const { dimension, value } = splitValueId(f.id);
  const m = dimensions.get(dimension);
  if (!m) return [];
  return [
    {
      name: m.name,
      kind: 'value',
      value,
      title: m.title,
      description: m.description,
      score: rounded(f.score),
      why: f.why,
      filter: { member: m.name, op: 'eq', values: [value] },
    },
  ];
};
