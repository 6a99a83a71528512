import { AssayError } from '../../errors/index.js';
import type { Place } from '../catalog/index.js';
import { invalid, type ParsedFile, type Places } from './model-files.js';

/** `sales.orders` of "orders cannot be resolved", wherever a name of the model stands in the text. */
const named = (line: string, places: Places): Place | undefined => {
  const cube = /^(\w+) (?:cube|view):/.exec(line)?.[1];
  const path = /\((?:dimensions|measures|segments|preAggregations)\.(\w+)/.exec(line)?.[1];
  if (cube && path && places.has(`${cube}.${path}`)) return places.of(`${cube}.${path}`);
  const names = [...line.matchAll(/[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*/g)].map((m) => m[0]);
  for (const name of names) {
    const short = name.split('.').slice(0, 2).join('.');
    if (name.includes('.') && places.has(short)) return places.of(short);
  }
  const owner = cube ?? names.find((name) => places.has(name));
  return owner !== undefined && places.has(owner) ? places.of(owner) : undefined;
};

/** The line on which a wrong reference is written: `{nope}` or a plain `nope` in a list. */
const written = (line: string, files: readonly ParsedFile[]): Place | undefined => {
  const wrong = /^'?([\w.]+)'? (?:is not defined|cannot be resolved)/.exec(line)?.[1];
  if (!wrong) return undefined;
  const parts = wrong.split('.');
  for (const tail of [wrong, parts.slice(-2).join('.'), parts.slice(-1).join()])
    for (const file of files) {
      const at = file.content
        .split('\n')
        .findIndex((l) => new RegExp(`(?<![\\w.])${tail}(?!\\w)`).test(l) && !/name:/.test(l));
      if (at >= 0) return { file: file.fileName, line: at + 1 };
    }
  return undefined;
};

/**
 * Cube's compile errors carry no line, and a file only where parsing failed; the names in them lead back to one.
 * Errors: `model-invalid`, with the first of Cube's complaints.
 */
export const compileError = (thrown: unknown, files: readonly ParsedFile[], places: Places): unknown => {
  if (thrown instanceof AssayError || !(thrown instanceof Error)) return thrown;
  const text = (thrown as { messages?: unknown }).messages;
  const all = (typeof text === 'string' ? text : thrown.message).split('\n').map((l) => l.trim());
  const file = all.map((l) => /^(\S+\.ya?ml) Errors:$/.exec(l)?.[1]).find((l) => l !== undefined);
  const lines = all.filter((l) => l !== '' && !/Errors:$/.test(l) && !/^Possible reasons/.test(l));
  const first = lines[0] ?? 'the model does not compile';
  const place =
    written(first, files) ??
    named(first, places) ??
    ({ file: file ?? files[0]?.fileName ?? 'cubes', line: 1 } as Place);
  const more = lines.length > 1 ? ` (and ${lines.length - 1} more)` : '';
  return invalid(place.file, place.line, `${first}${more}`);
};
