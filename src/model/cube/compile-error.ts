import { AssayError } from '../../errors/index.js';
import type { Place } from '../catalog/index.js';
import type { Report } from './faults.js';
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
 * Cube's compile errors carry no line, and a file only where parsing failed; the names in them lead back to one. Each complaint is
 * reported; anything that is no error of the model is thrown again.
 */
export const reportCompileError = (
  thrown: unknown,
  files: readonly ParsedFile[],
  places: Places,
  report: Report,
): void => {
  if (thrown instanceof AssayError || !(thrown instanceof Error)) throw thrown;
  const text = (thrown as { messages?: unknown }).messages;
  const all = (typeof text === 'string' ? text : thrown.message).split('\n').map((l) => l.trim());
  let file = files[0]?.fileName ?? 'cubes';
  let told = false;
  for (const line of all) {
    const within = /^(\S+\.ya?ml) Errors:$/.exec(line)?.[1];
    if (within !== undefined) file = within;
    if (line === '' || /Errors:$/.test(line) || /^Possible reasons/.test(line)) continue;
    const place = written(line, files) ?? named(line, places) ?? { file, line: 1 };
    report(invalid(place.file, place.line, line));
    told = true;
  }
  if (!told) report(invalid(file, 1, 'the model does not compile'));
};
