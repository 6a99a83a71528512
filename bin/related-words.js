#!/usr/bin/env node
// Makes data/search/related-words.txt.gz from a folder with WordNet's database files (data.noun, index.noun, index.sense, ...):
// `node bin/related-words.js FOLDER`. A line is a word and its related words with a digit of nearness each: `customer client9 buyer4`.
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';

const [folder] = process.argv.slice(2);
if (!folder) {
  process.stderr.write('usage: node bin/related-words.js FOLDER\n');
  process.exit(2);
}
const PARTS = [
  ['noun', 'n'],
  ['verb', 'v'],
  ['adj', 'a'],
  ['adv', 'r'],
];
/** How near a word of another synset is, by WordNet's pointer symbols: hypernym, hyponym, derivation, similar, ... */
const NEAR = { '@': 0.5, '~': 0.4, '+': 0.7, '&': 0.6, '^': 0.4, '*': 0.4, $: 0.5, '\\': 0.6, '>': 0.4 };
/** How much a sense counts, the most frequent first. */
const SENSES = [1, 0.8, 0.65, 0.5, 0.4];
const MOST = 40;

const lines = (name) => readFileSync(join(folder, name), 'latin1').split('\n');
const synsets = new Map();
for (const [part, letter] of PARTS)
  for (const line of lines(`data.${part}`)) {
    if (!/^\d{8}/.test(line)) continue;
    const cells = line.split(' | ')[0].trim().split(' ');
    const count = Number.parseInt(cells[3], 16);
    const words = Array.from({ length: count }, (_, k) => cells[4 + 2 * k].replace(/\(.*\)$/, '').toLowerCase());
    const at = 4 + 2 * count;
    const pointers = Array.from({ length: Number(cells[at]) }, (_, k) => cells.slice(at + 1 + 4 * k, at + 5 + 4 * k));
    synsets.set(letter + cells[0], { words, pointers });
  }
const used = new Map();
for (const line of lines('index.sense')) {
  const [key = '', , , count] = line.split(' ');
  const word = key.split('%')[0];
  used.set(word, (used.get(word) ?? 0) + Number(count ?? 0));
}
const common = (word) => /^[a-z]{3,}$/.test(word) && (used.get(word) ?? 0) > 0;
const related = new Map();
const add = (word, other, near) => {
  if (word === other || !common(other)) return;
  const mine = related.get(word) ?? new Map();
  related.set(word, mine.set(other, Math.max(mine.get(other) ?? 0, near)));
};
for (const [part, letter] of PARTS)
  for (const line of lines(`index.${part}`)) {
    const cells = line.trim().split(' ');
    const [word] = cells;
    if (line.startsWith(' ') || !/^[a-z]{3,}$/.test(word ?? '')) continue;
    for (const [rank, offset] of cells
      .slice(6 + Number(cells[3]))
      .slice(0, SENSES.length)
      .entries()) {
      const synset = synsets.get(letter + offset);
      for (const other of synset?.words ?? []) add(word, other, SENSES[rank]);
      for (const [symbol, to, pos] of synset?.pointers ?? [])
        for (const other of (synsets.get((pos === 's' ? 'a' : pos) + to)?.words ?? []).slice(0, 4))
          if (NEAR[symbol]) add(word, other, SENSES[rank] * NEAR[symbol]);
    }
  }
const text = [...related]
  .filter(([word, others]) => common(word) && others.size > 0)
  .sort(([a], [b]) => (a < b ? -1 : 1))
  .map(([word, others]) => {
    const best = [...others].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).slice(0, MOST);
    return `${word} ${best.map(([other, near]) => `${other}${Math.min(9, Math.round(near * 9))}`).join(' ')}\n`;
  })
  .join('');
const out = join(dirname(dirname(fileURLToPath(import.meta.url))), 'data', 'search', 'related-words.txt.gz');
writeFileSync(out, gzipSync(text, { level: 9 }));
process.stdout.write(`${text.split('\n').length - 1} words in ${out}\n`);
