import { error } from '../../../errors/index.js';
import { typeText } from '../../../query/index.js';
import type { Transform } from './definition.js';
import type { Reference } from './template.js';
import { meant } from './yaml-reader.js';

const TIMES = ['date', 'timestamp', 'integer', 'bigint'];

/** A column that a declaration names in another table. */
const columnIn = (
  table: Transform,
  name: string,
  what: string,
  fail: (what: string) => Error,
): Transform['columns'][number] => {
  const found = table.columns.find((column) => column.name === name);
  if (!found) {
    const names = table.columns.map((column) => column.name);
    throw fail(`${what}: ${table.id} has no column ${name}${meant(name, names)}`);
  }
  return found;
};

/** Where in the file a declaration's words stand; its first line when they are not found. */
const lineOf = (transform: Transform, words: readonly string[]): number => {
  const lines = transform.text.split('\n').slice(0, transform.bodyLine);
  const at = lines.findIndex((line) => words.every((word) => line.includes(word)));
  return at < 0 ? 1 : at + 1;
};

/**
 * Checks what `partition` and `lookups` say about the tables that are read: that the SELECT reads them, and that they have the columns.
 * Errors: `transform-invalid`.
 */
export const checkInputs = (
  transform: Transform,
  inputs: readonly Reference[],
  reads: ReadonlySet<string>,
  byId: ReadonlyMap<string, Transform>,
): void => {
  const { file, partition, lookups, pseudonyms } = transform;
  const failAt = (words: readonly string[]) => (what: string) =>
    error('transform-invalid', { file, line: lineOf(transform, words), what });
  const table = (id: string, what: string, fail: (what: string) => Error): Transform => {
    const found = reads.has(id) ? byId.get(id) : undefined;
    if (!found) throw fail(`${what}: the SELECT does not read ${id}${meant(id, [...reads])}`);
    return found;
  };
  for (const [id, column] of partition?.inputs ?? []) {
    const fail = failAt([id, column]);
    const { type } = columnIn(table(id, 'partition.inputs', fail), column, 'partition.inputs', fail);
    if (!TIMES.includes(type.kind))
      throw fail(`partition.inputs: ${id}.${column} is ${typeText(type)}; a date, a timestamp or an integer is wanted`);
  }
  const sources = inputs.flatMap((of) => (of.kind === 'source' ? [of.name] : []));
  for (const name of partition?.sources.keys() ?? [])
    if (!sources.includes(name))
      throw failAt([name])(`partition.sources: the SELECT does not read ${name}${meant(name, sources)}`);
  for (const { dimension, key, asOf, input } of lookups) {
    const fail = failAt([dimension, key]);
    columnIn(table(dimension, 'lookups', fail), key, 'lookups.key', fail);
    const driving = input === undefined ? undefined : table(input, 'lookups', fail);
    if (!driving) continue;
    columnIn(driving, key, 'lookups.key', fail);
    columnIn(driving, asOf, 'lookups.as_of', fail);
  }
  if (pseudonyms) {
    const of = byId.get(pseudonyms.of);
    const fail = failAt([pseudonyms.of, pseudonyms.column]);
    if (of) columnIn(of, pseudonyms.column, 'pseudonyms.column', fail);
  }
};
