import { error } from '../../../errors/index.js';
import { type Candidate, type Corpus, MOST_CANDIDATES, type SearchBackend, type SearchIndex } from '../backend.js';
import { breathe, type Document, sentenceOf } from '../documents.js';
import { gramIndex, gramStatistics, grams, LEAST_GRAMS, speltTexts } from '../gram-index.js';
import { relatedIndex } from '../related-index.js';
import { best } from '../scores.js';
import { senseIndex } from '../token-vectors.js';
import { questionWords, words } from '../tokens.js';
import { wordIndex, wordStatistics } from '../word-index.js';
import type { Dims, EngineFound, EngineQuestion, EngineRecord, SearchEngine } from './engine.js';
import { type Part, partsOf } from './parts.js';

/** Records of one request. */
const SLICE = 500;
/** Words of a question that are looked for one by one. */
const MOST_WORDS = 12;

const gramsOf = (text: string): readonly string[] => [...grams(text)].map((g) => g.replaceAll(' ', '_'));
const unique = (texts: readonly string[]): readonly string[] => [...new Set(texts)];

const recordOf = (part: Part, place: number, document: Document, vector: Float32Array | undefined): EngineRecord => ({
  id: `${part.name}_${place}`,
  part: part.name,
  words: unique(Object.values(document.fields).flatMap(words)),
  grams: unique(speltTexts(document).flatMap(({ text }) => gramsOf(text))),
  vector,
});

/**
 * Search by an engine of another process. The engine gives ids of documents that may answer; which documents there are, how much each
 * signal says of them and what is shown is ours, so a wrong, stale or hostile engine can hide an answer but add none.
 */
export const engineBackend = (engine: SearchEngine): SearchBackend => {
  /** Indexes of this process that use a part. */
  const uses = new Map<string, number>();
  const use = (parts: readonly Part[], by: 1 | -1) => {
    for (const { name } of parts) uses.set(name, (uses.get(name) ?? 0) + by);
  };

  /** Parts that are being put: whoever wants the same one waits for that. */
  const underWay = new Map<string, Promise<void>>();
  const put = async (corpus: Corpus, part: Part, dims: Dims, signal?: AbortSignal): Promise<void> => {
    const documents = part.documents.flatMap((doc) => corpus.documents[doc] ?? []);
    const vectors = await corpus.vectors?.of(documents.map(sentenceOf), signal);
    const records = documents.map((document, place) => recordOf(part, place, document, vectors?.[place]));
    for (let i = 0; i < records.length; i += SLICE) await engine.put(dims, records.slice(i, i + SLICE), signal);
    await breathe(signal);
  };

  /** Puts what the engine does not hold whole. Parts are content: what is there is right. */
  const ensure = async (corpus: Corpus, parts: readonly Part[], dims: Dims, signal?: AbortSignal): Promise<void> => {
    if (parts.length === 0) return;
    await engine.prepare(dims, signal);
    const names = parts.map((p) => p.name);
    const held = await engine.counts(dims, names, signal);
    for (const part of parts) {
      if (held.get(part.name) === part.documents.length) continue;
      const others = underWay.get(part.name);
      if (
        others &&
        (await others.then(
          () => true,
          () => false,
        ))
      )
        continue;
      const mine = put(corpus, part, dims, signal);
      underWay.set(part.name, mine);
      try {
        await mine;
      } finally {
        if (underWay.get(part.name) === mine) underWay.delete(part.name);
      }
    }
  };

  const open = async (corpus: Corpus, signal?: AbortSignal): Promise<SearchIndex> => {
    const { documents, vectors: store } = corpus;
    const parts = partsOf(documents, store?.id);
    const names = parts.map((p) => p.name);
    const byName = new Map(parts.map((p) => [p.name, p] as const));
    const dims = await store?.dims();
    const ofWords = await wordStatistics(documents, signal);
    const ofGrams = await gramStatistics(documents.map(speltTexts), signal);
    const near = corpus.related && relatedIndex(documents, corpus.related);
    const sense = corpus.senses && senseIndex(documents.map(sentenceOf), corpus.senses);
    await ensure(corpus, parts, dims, signal);
    use(parts, 1);

    /** Positions of ids; ids that name none of our documents are passed over. */
    const positions = (ids: Iterable<string>): ReadonlySet<number> => {
      const found = new Set<number>();
      for (const id of ids) {
        const cut = id.lastIndexOf('_');
        const doc = byName.get(id.slice(0, cut))?.documents[Number(id.slice(cut + 1))];
        if (doc !== undefined) found.add(doc);
      }
      return found;
    };
    const look = async (question: EngineQuestion, asking?: AbortSignal): Promise<EngineFound> => {
      if (documents.length === 0) return { ids: new Set(), near: new Map(), documents: 0 };
      const first = await engine.find(dims, names, question, asking);
      if (first.documents === documents.length) return first;
      // another process, or a person, dropped what it took for garbage
      await ensure(corpus, parts, dims, asking);
      const second = await engine.find(dims, names, question, asking);
      if (second.documents === documents.length) return second;
      const why = `it holds ${second.documents} of ${documents.length} documents`;
      throw error('search-unavailable', { backend: engine.name, setting: engine.setting, why });
    };

    return {
      semantic: store !== undefined,
      candidates: async (question, asking) => {
        const vector = await store?.ofQuestion(question, asking);
        const found = await look(
          {
            words: wordsOf(question, ofWords),
            grams: unique(gramsOf(question)),
            vector,
            most: MOST_CANDIDATES,
          },
          asking,
        );
        const byRelated = near?.score(question);
        const bySense = sense?.score(question);
        const more = [
          ...(byRelated ? best(byRelated.touched, (doc) => byRelated.of(doc), MOST_CANDIDATES) : []),
          ...(bySense ? best(bySense.keys(), (doc) => bySense[doc] ?? 0, MOST_CANDIDATES) : []),
        ];
        // so few that no choice is wanted: then they rank to the last digit as they do in process
        const all = documents.length <= MOST_CANDIDATES ? documents.keys() : [];
        const docs = [...new Set([...positions(found.ids), ...positions(found.near.keys()), ...more, ...all])];
        const like = new Map<number, number>();
        for (const [id, cosine] of found.near) for (const doc of positions([id])) like.set(doc, cosine);
        const some = docs.flatMap((doc) => documents[doc] ?? []);
        const byWords = (await wordIndex(some, asking, ofWords)).find(question);
        const byGrams = (await gramIndex(some.map(speltTexts), asking, ofGrams)).score(question);
        return docs.flatMap((doc, i): Candidate[] => {
          const [spelt, meant, dense] = [byGrams.of(i), byRelated?.of(doc) ?? 0, like.get(doc)];
          const said = byWords.scores.of(i);
          if (said === 0 && spelt < LEAST_GRAMS && meant === 0 && dense === undefined && !bySense) return [];
          const id = documents[doc]?.id ?? '';
          return [{ id, words: said, grams: spelt, related: meant, dense, sense: bySense?.[doc], why: byWords.why(i) }];
        });
      },
      close: async (replaced) => {
        use(parts, -1);
        const unused = names.filter((name) => (uses.get(name) ?? 0) <= 0);
        for (const name of unused) uses.delete(name);
        if (replaced && unused.length > 0) await engine.drop(dims, unused);
      },
    };
  };

  return { name: engine.name, check: (signal) => engine.check(signal), open, close: () => engine.close() };
};

/** The words of a question with those that stand for them, the most telling first. */
const wordsOf = (question: string, corpus: Awaited<ReturnType<typeof wordStatistics>>): EngineQuestion['words'] =>
  questionWords(question)
    .flatMap((word) => {
      const terms = corpus.vocabulary.expand(word).map(([term]) => term);
      if (terms.length === 0) return [];
      const held = Math.max(...terms.map((t) => corpus.frequency.get(t) ?? 0));
      return [{ terms, weight: Math.log(1 + corpus.documents / (held + 0.5)) }];
    })
    .sort((a, b) => b.weight - a.weight)
    .slice(0, MOST_WORDS);
