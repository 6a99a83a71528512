// Benchmark 10: search. 500 members x 200 questions with and without an embedder; 100,000 values by their words and through typos.
// Limit: for meanings the embedder alone, for values one look at every text (a folded `includes` in a loop). Peers: MiniSearch with
// prefixes and fuzziness where it can be imported (BENCH_PEERS is a folder that has it installed), DuckDB's own likeness of texts.
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gunzipSync } from 'node:zlib';
import { DuckDBInstance } from '@duckdb/node-api';
import { report, timed } from './measure.js';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const search = await import('../dist/answer/search/index.js');
const { fuse } = await import('../dist/answer/search/fusion.js');
const data = (name) => join(root, 'data', 'search', name);
const related = search.readRelatedWords(data('related-words.txt.gz'));

/** A seeded sequence of numbers from 0 to 1. */
const seeded = (seed) => () => {
  seed = (seed + 0x6d2b79f5) | 0;
  let t = Math.imul(seed ^ (seed >>> 15), 1 | seed);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
};
const next = seeded(7);
const dictionary = gunzipSync(readFileSync(data('related-words.txt.gz')))
  .toString('latin1')
  .split('\n')
  .map((l) => l.split(' ')[0])
  .filter((w) => w.length > 3);
// a few words stand in many values, most in few, as in any list of names
const word = () => dictionary[Math.floor(dictionary.length * next() ** 3)];

const values = new Set();
while (values.size < 100_000) values.add(`${word()} ${word()} ${word()}`.toUpperCase());
const texts = [...values];
const typo = (text) => {
  const at = 1 + Math.floor(next() * (text.length - 2));
  const kinds = [
    text.slice(0, at) + text.slice(at + 1),
    text.slice(0, at) + text[at + 1] + text[at] + text.slice(at + 2),
    `${text.slice(0, at)}${'aeiou'[Math.floor(next() * 5)]}${text.slice(at)}`,
  ];
  return kinds[Math.floor(next() * 3)];
};
const sample = Array.from({ length: 2_000 }, () => texts[Math.floor(next() * texts.length)]);
const asked = {
  'all words': sample.map((t) => t.toLowerCase()),
  'two words, one with a typo': sample.map((t) => {
    const [a, b] = t.toLowerCase().split(' ');
    return `${typo(a)} ${b}`;
  }),
  'the beginning of a word': sample.map((t) => t.toLowerCase().split(' ')[2].slice(0, 4)),
};

const sets = ['retail', 'saas', 'logistics'].map((name) => search.readEvaluation(data(`${name}.yml`)));
const questions = sets.flatMap((s) => s.questions.map((q) => q.q)).slice(0, 200);
const own = sets.flatMap((s) => s.documents ?? []);
const members = [
  ...own,
  ...Array.from({ length: 500 - own.length }, (_, i) => ({
    id: `made.m${i}`,
    fields: {
      title: `${word()} ${word()}`,
      name: `${word()} ${word()}`,
      synonyms: `${word()}, ${word()}`,
      description: Array.from({ length: 12 }, word).join(' '),
      owner: 'made',
    },
  })),
];
const corpus = (documents, vectors, withRelated) => ({
  slot: 's',
  version: '1',
  documents,
  vectors,
  related: withRelated ? related : undefined,
});
const rows = [];
const row = (name, unit, figures) =>
  rows.push({ id: 10, name, unit, limit: null, peer: null, ratio: null, ...figures });

// members
const words = await search.embeddedBackend.open(corpus(members, undefined, true));
const lexical = await timed(200, async (i) => fuse(await words.candidates(questions[i % questions.length])));
row('500 members, no embedder (p50)', 'ms', { ours: lexical.p50, aim: '<= 2 ms', met: lexical.p50 <= 2 });
const encoder = search.sentenceEncoder();
if (encoder) {
  const store = search.vectorStore(encoder, undefined);
  const meaning = await search.embeddedBackend.open(corpus(members, store, true));
  // every question differs: none is remembered
  let n = 0;
  const alone = await timed(200, (i) => encoder.embed([`${questions[i % questions.length]} ${n++}`]));
  const dense = await timed(200, async (i) =>
    fuse(await meaning.candidates(`${questions[i % questions.length]} ${n++}`)),
  );
  row('500 members, by meaning (p50)', 'ms', {
    limit: alone.p50,
    ours: dense.p50,
    ratio: dense.p50 / alone.p50,
    aim: '<= 12 ms',
    met: dense.p50 <= 12,
  });
  await store.close();
}

// values
const began = performance.now();
const documents = texts.map((value, i) => ({ id: `v\u0000${i}`, fields: { value } }));
const index = await search.embeddedBackend.open(corpus(documents, undefined, false));
row('100,000 values: making the index', 's', { ours: (performance.now() - began) / 1000, aim: '', met: null });

const lower = texts.map((t) => t.toLowerCase());
const peers = process.env.BENCH_PEERS ? createRequire(join(process.env.BENCH_PEERS, 'x.js')) : undefined;
const mini = peers && new (peers('minisearch'))({ fields: ['value'], searchOptions: { prefix: true, fuzzy: 0.2 } });
mini?.addAll(texts.map((value, id) => ({ id, value })));
const duckdb = await (await DuckDBInstance.create(':memory:')).connect();
await duckdb.run('CREATE TABLE v (t VARCHAR)');
const appender = await duckdb.createAppender('v');
for (const t of lower) {
  appender.appendVarchar(t);
  appender.endRow();
}
appender.closeSync();
for (const [name, list] of Object.entries(asked)) {
  const right = (i, text) => text === sample[i % sample.length];
  let hits = 0;
  let count = 0;
  const ours = await timed(300, async (i) => {
    const [first] = fuse(await index.candidates(list[i % list.length]));
    count++;
    if (first && right(i, texts[Number(first.id.slice(2))])) hits++;
  });
  const look = await timed(100, (i) => lower.reduce((n, t) => n + (t.includes(list[i % list.length]) ? 1 : 0), 0));
  const byMini = mini ? await timed(100, (i) => mini.search(list[i % list.length])) : undefined;
  row(`100,000 values, ${name} (p50)`, 'ms', {
    limit: look.p50,
    peer: byMini?.p50 ?? null,
    ours: ours.p50,
    ratio: ours.p50 / look.p50,
    aim: '<= 10 ms',
    met: ours.p50 <= 10,
  });
  row('  the same (p99)', 'ms', { peer: byMini?.p99 ?? null, ours: ours.p99, aim: '', met: null });
  if (name === 'all words')
    row('  right value first', 'share', { ours: hits / count, aim: '>= .99', met: hits / count >= 0.99 });
}
const jaro = await timed(10, (i) =>
  duckdb.runAndReadAll('SELECT t FROM v ORDER BY jaro_winkler_similarity(t, $1) DESC LIMIT 10', [
    asked['two words, one with a typo'][i],
  ]),
);
row('  the same by DuckDB’s jaro_winkler_similarity (p50)', 'ms', { peer: jaro.p50, ours: null, aim: '', met: null });

report(rows);
process.exit(0);
