import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Candidate, Corpus, SearchBackend, SearchIndex } from '../../src/answer/search/backend.js';
import type { Document } from '../../src/answer/search/documents.js';
import { embeddedBackend } from '../../src/answer/search/embedded-backend.js';
import { type Embedder, unit } from '../../src/answer/search/embedder.js';
import { collectionOf, type SearchEngine } from '../../src/answer/search/engines/engine.js';
import { engineBackend } from '../../src/answer/search/engines/engine-backend.js';
import { partsOf } from '../../src/answer/search/engines/parts.js';
import { readEvaluation } from '../../src/answer/search/evaluation/questions.js';
import { fuse } from '../../src/answer/search/fusion.js';
import { readRelatedWords } from '../../src/answer/search/related-words.js';
import { readTokenVectors } from '../../src/answer/search/token-vectors.js';
import { vectorStore } from '../../src/answer/search/vector-store.js';

/** A likeness that needs no model: how many of each letter a text has. */
const letters = (): Embedder => ({
  id: 'letters',
  version: '1',
  dims: async () => 26,
  embed: async (texts) =>
    texts.map((t) => {
      const counts = new Float32Array(26);
      for (const c of t.toLowerCase())
        if (c >= 'a' && c <= 'z') counts[c.charCodeAt(0) - 97] = (counts[c.charCodeAt(0) - 97] ?? 0) + 1;
      return unit(counts);
    }),
  close: async () => {},
});

const data = join(import.meta.dirname, '../../data/search');
const saas = readEvaluation(join(data, 'saas.yml'));
const related = readRelatedWords(join(data, 'related-words.txt.gz'));
const senses = readTokenVectors(join(data, 'token-vectors.bin.gz'));
/** Texts that repeat in no plain order: two words of a hundred, and a number. */
const texts = (count: number, from = 0): Document[] =>
  Array.from({ length: count }, (_, n) => {
    const i = n + from;
    return { id: `v.${i}`, fields: { value: `${COLOURS[i % 10]} ${THINGS[Math.floor(i / 10) % 10]} no${i}` } };
  });
const COLOURS = 'scarlet crimson turquoise magenta ochre indigo violet emerald ivory charcoal'.split(' ');
const THINGS = 'lantern teapot cushion umbrella bracelet doormat notebook hammock birdcage candle'.split(' ');

const corpus = (slot: string, documents: readonly Document[], meaning: boolean): Corpus => ({
  slot,
  version: '1',
  documents,
  vectors: meaning ? vectorStore(letters(), undefined) : undefined,
});
/** The first five, and how they are scored; engines compare vectors in 32 bits, so scores are equal to four digits, about. */
const ranked = (found: readonly Candidate[]) => {
  const first = fuse(found).slice(0, 5);
  return {
    ids: first.map((f) => f.id),
    scores: first.map((f) => f.score),
    why: first.map((f) => f.why.filter((w) => !w.startsWith('meaning'))),
  };
};

/**
 * What every engine must do, whoever made it: the ranking of the backend in process, imports of what changed and no more, and never an
 * answer from a part of the documents.
 */
export const engineContract = (name: string, opened: () => Promise<SearchEngine>): void => {
  describe(`${name} as the engine of search`, () => {
    let engine: SearchEngine;
    let backend: SearchBackend;
    const puts: string[] = [];
    beforeAll(async () => {
      const plain = await opened();
      engine = {
        ...plain,
        put: (dims, records, signal) => {
          puts.push(...records.map((r) => r.id));
          return plain.put(dims, records, signal);
        },
      };
      backend = engineBackend(engine);
      await backend.check();
    });
    afterAll(async () => {
      // what an outside server is given is taken away
      for (const index of kept) await index.close(true);
      await backend.close();
    });
    const kept: SearchIndex[] = [];
    const open = async (given: Corpus): Promise<SearchIndex> => {
      const index = await backend.open(given);
      kept.push(index);
      return index;
    };

    it.each([
      ['words and related words', false],
      ['meaning, too', true],
    ])('ranks members as the backend in process does, to the last digit: %s', async (_case, meaning) => {
      const given = { ...corpus('members', saas.documents ?? [], meaning), related, senses };
      const [theirs, ours] = [await open(given), await embeddedBackend.open(given)];
      for (const { q } of saas.questions.slice(0, 40)) {
        const [a, b] = [ranked(await theirs.candidates(q)), ranked(await ours.candidates(q))];
        expect([a.ids, a.why], q).toEqual([b.ids, b.why]);
        for (const [i, score] of a.scores.entries()) expect(score, q).toBeCloseTo(b.scores[i] ?? Number.NaN, 3);
      }
    });

    it('finds values among thousands by their words, parts of words, and through typos', async () => {
      const index = await open(corpus('values', texts(3_000), false));
      const first = async (q: string) => fuse(await index.candidates(q))[0]?.id;
      expect(await first('turquoise cushion no122')).toBe('v.122');
      expect(await first('no2999')).toBe('v.2999');
      expect(await first('turqoise cushon no122')).toBe('v.122');
      expect(fuse(await index.candidates('hammo')).every(({ why }) => why.includes('hammo ~ hammock in value'))).toBe(
        true,
      );
      expect(await index.candidates('wwqqzz')).toEqual([]);
    });

    it('takes in what changed and no more, and lets go of what no index uses', async () => {
      const [before, after] = [texts(2_000), [...texts(2_000), ...texts(3, 5_000)]];
      const first = await open(corpus('moving', before, false));
      puts.length = 0;
      const second = await open(corpus('moving', after, false));
      const names = (d: readonly Document[]) => new Set(partsOf(d, undefined).map((p) => p.name));
      const fresh = [...names(after)].filter((n) => !names(before).has(n));
      expect(fresh.length).toBeLessThanOrEqual(3);
      expect(new Set(puts.map((id) => id.split('_')[0]))).toEqual(new Set(fresh));
      expect(fuse(await second.candidates('no5001'))[0]?.id).toBe('v.5001');
      expect(fuse(await first.candidates('no5001')).map((f) => f.id)).not.toContain('v.5001');
      await first.close(true);
      kept.splice(kept.indexOf(first), 1);
      const gone = [...names(before)].filter((n) => !names(after).has(n));
      const held = await engine.counts(undefined, [...names(before), ...fresh]);
      expect(gone.map((n) => held.get(n) ?? 0)).toEqual(gone.map(() => 0));
      expect([...names(after)].reduce((sum, n) => sum + (held.get(n) ?? 0), 0)).toBe(after.length);
    });

    it('puts back what was taken away behind its back, before it answers', async () => {
      const documents = texts(700, 9_000);
      const index = await open(corpus('robbed', documents, false));
      const [part] = partsOf(documents, undefined);
      await engine.drop(undefined, [part?.name ?? '']);
      const lost = documents[part?.documents[0] ?? 0];
      expect(fuse(await index.candidates(lost?.fields['value'] ?? ''))[0]?.id).toBe(lost?.id);
    });

    it('shows nothing of one corpus in another of the same collection', async () => {
      const mine = await open(corpus('mine', texts(50, 20_000), false));
      await open(corpus('others', texts(50, 30_000), false));
      expect(collectionOf(undefined)).toBe('assay_search_1_words');
      expect((await mine.candidates('scarlet lantern no30000')).filter((c) => Number(c.id.slice(2)) >= 30_000)).toEqual(
        [],
      );
    });

    it('ends when the asker goes away', async () => {
      const index = await open(corpus('gone', texts(20, 40_000), false));
      const thrown = (await index.candidates('lantern', AbortSignal.abort()).catch((e: unknown) => e)) as Error & {
        code?: string;
      };
      expect(thrown.name === 'AbortError' || thrown.code === 'cancelled').toBe(true);
    });
  });
};
