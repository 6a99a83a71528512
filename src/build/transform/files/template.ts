import { error } from '../../../errors/index.js';
import { keySql, splitArguments } from './key-text.js';

/** What stands between `{{` and `}}`. There is no control flow, so a text's references are exact. */
export type Reference =
  | { readonly kind: 'ref' | 'source' | 'seed'; readonly name: string }
  | { readonly kind: 'this' | 'checks' | 'pseudonyms' | 'run' };

interface Piece {
  readonly line: number;
  readonly raw: string;
  readonly reference: Reference | { readonly kind: 'key'; readonly parts: readonly string[] };
}

const NAMED = /^(ref|source|seed)\(\s*'([a-z_][a-z0-9_.]*)'\s*\)$/;
const PLAIN: Readonly<Record<string, Reference>> = {
  this: { kind: 'this' },
  checks: { kind: 'checks' },
  'secret.pseudonyms': { kind: 'pseudonyms' },
  'run.ts': { kind: 'run' },
};

const piecesOf = (file: string, text: string, firstLine: number): Piece[] =>
  [...text.matchAll(/\{\{([\s\S]*?)\}\}/g)].map((match) => {
    const line = firstLine + text.slice(0, match.index).split('\n').length - 1;
    const inner = (match[1] ?? '').trim();
    const named = NAMED.exec(inner);
    const key = /^key\(([\s\S]*)\)$/.exec(inner);
    const plain = PLAIN[inner];
    if (named?.[1] && named[2])
      return { line, raw: match[0], reference: { kind: named[1] as 'ref' | 'source' | 'seed', name: named[2] } };
    if (key?.[1]) return { line, raw: match[0], reference: { kind: 'key', parts: splitArguments(key[1]) } };
    if (plain) return { line, raw: match[0], reference: plain };
    throw error('transform-invalid', {
      file,
      line,
      what: `{{${inner}}} is not known; there are ref('layer.table'), source('bronze.table'), seed('name'), key(...), this, secret.pseudonyms and run.ts`,
    });
  });

/** All references of a text, with their lines. Errors: `transform-invalid`. */
export const referencesOf = (
  file: string,
  text: string,
  firstLine: number,
): { readonly line: number; readonly reference: Reference }[] =>
  piecesOf(file, text, firstLine).flatMap(({ line, reference }) =>
    reference.kind === 'key' ? [] : [{ line, reference }],
  );

/** The text with each reference replaced. Line breaks stay where they were. */
export const render = (file: string, text: string, firstLine: number, resolve: (of: Reference) => string): string => {
  let out = '';
  let rest = text;
  for (const { raw, reference } of piecesOf(file, text, firstLine)) {
    const at = rest.indexOf(raw);
    out += rest.slice(0, at) + (reference.kind === 'key' ? keySql(reference.parts) : resolve(reference));
    rest = rest.slice(at + raw.length);
  }
  return out + rest;
};
