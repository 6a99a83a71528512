import { error } from '../../../errors/index.js';
import { nearest } from '../../../model/policy/index.js';
import type { DialectName } from './definition.js';
import { keySql, splitArguments } from './key-text.js';

/**
 * What stands between `{{` and `}}`. There is no control flow, so a text's references are exact. A `ref` without a version means the
 * highest one. `partition` is the first instant of the statement's partitions (`start`) or the first after them (`end`), UTC.
 */
export type Reference =
  | { readonly kind: 'ref'; readonly name: string; readonly version?: number }
  | { readonly kind: 'source' | 'seed'; readonly name: string }
  | { readonly kind: 'partition'; readonly bound: 'start' | 'end' }
  | { readonly kind: 'this' | 'checks' | 'pseudonyms' | 'run' };

interface Piece {
  readonly line: number;
  readonly at: number;
  readonly raw: string;
  readonly reference: Reference | { readonly kind: 'key'; readonly parts: readonly string[] };
}

const NAMED = /^(source|seed)\(\s*'([a-z_][a-z0-9_.]*)'\s*\)$/;
const REF = /^ref\(\s*'([a-z_][a-z0-9_.]*)'\s*(?:,\s*([1-9][0-9]*)\s*)?\)$/;
const KEY = /^key\(([\s\S]*)\)$/;
const PLAIN: Readonly<Record<string, Reference>> = {
  this: { kind: 'this' },
  checks: { kind: 'checks' },
  'secret.pseudonyms': { kind: 'pseudonyms' },
  'run.ts': { kind: 'run' },
  'partition.start': { kind: 'partition', bound: 'start' },
  'partition.end': { kind: 'partition', bound: 'end' },
};
const KNOWN =
  "ref('layer.table'), ref('layer.table', version), source('bronze.table'), seed('name'), key(...), partition.start, partition.end, this, checks, secret.pseudonyms and run.ts";

const referenceOf = (inner: string): Piece['reference'] | undefined => {
  const ref = REF.exec(inner);
  if (ref?.[1]) return { kind: 'ref', name: ref[1], ...(ref[2] === undefined ? {} : { version: Number(ref[2]) }) };
  const named = NAMED.exec(inner);
  if (named?.[1] && named[2]) return { kind: named[1] as 'source' | 'seed', name: named[2] };
  const key = KEY.exec(inner);
  if (key?.[1]) return { kind: 'key', parts: splitArguments(key[1]) };
  return Object.hasOwn(PLAIN, inner) ? PLAIN[inner] : undefined;
};

const piecesOf = (file: string, text: string, firstLine: number): Piece[] =>
  [...text.matchAll(/\{\{([\s\S]*?)\}\}/g)].map((match) => {
    const line = firstLine + text.slice(0, match.index).split('\n').length - 1;
    const inner = (match[1] ?? '').trim();
    const reference = referenceOf(inner);
    if (reference) return { line, at: match.index, raw: match[0], reference };
    const like = nearest(inner.replace(/\(.*$/s, ''), [...Object.keys(PLAIN), 'ref', 'source', 'seed', 'key']);
    const meant = like === undefined || inner.startsWith(`${like}(`) ? '' : ` (did you mean ${like}?)`;
    throw error('transform-invalid', { file, line, what: `{{${inner}}} is not known${meant}; there are ${KNOWN}` });
  });

/** All references of a text, with their lines; keys are none. Errors: `transform-invalid`. */
export const referencesOf = (
  file: string,
  text: string,
  firstLine: number,
): { readonly line: number; readonly reference: Reference }[] =>
  piecesOf(file, text, firstLine).flatMap(({ line, reference }) =>
    reference.kind === 'key' ? [] : [{ line, reference }],
  );

/**
 * The text with each reference replaced and each `{{key(...)}}` written for the dialect. Line breaks stay where they were.
 * Errors: `transform-invalid`.
 */
export const render = (
  file: string,
  text: string,
  firstLine: number,
  resolve: (of: Reference) => string,
  dialect: DialectName = 'duckdb',
): string => {
  let out = '';
  let end = 0;
  for (const { at, raw, reference } of piecesOf(file, text, firstLine)) {
    const put = reference.kind === 'key' ? keySql(reference.parts, dialect) : resolve(reference);
    out += text.slice(end, at) + put;
    end = at + raw.length;
  }
  return out + text.slice(end);
};

/**
 * The id of the table that a `ref` means. `has` says which ids there are: an older version that is kept has the id `gold.x_v1`, the
 * highest has its plain name, with which a `ref` that names its version is met, too.
 */
export const idOfRef = (
  of: { readonly name: string; readonly version?: number },
  has: (id: string) => boolean,
): string => {
  const own = `${of.name}_v${of.version}`;
  return of.version !== undefined && has(own) ? own : of.name;
};
