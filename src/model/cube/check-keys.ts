import { isAlias, isMap, isScalar, isSeq, type Node } from 'yaml';
import { nearest } from '../policy/index.js';
import type { Report } from './faults.js';
import { invalid, type ParsedFile } from './model-files.js';
import { KEYS, type KeyGroup, type Wanted } from './model-keys.js';

/** Cube reads keys in either spelling; ours is the one of YAML. */
const snake = (key: string) => key.replace(/[A-Z]/g, (c) => `_${c.toLowerCase()}`);

const SINGULAR: Record<string, string> = {
  rollup: 'pre_aggregation',
  measureFilter: 'filter',
  memberLevel: 'member list',
  rowLevel: 'row_level',
  rowFilter: 'row filter',
  viewCube: 'cube of a view',
  policy: 'access_policy',
  nonAdditive: 'non_additive',
  featureView: 'feature view',
  featureService: 'feature service',
  stageCondition: 'condition of a stage',
};

/** What the files of one folder may hold. */
export interface FileForm {
  readonly keys: Readonly<Record<string, KeyGroup>>;
  /** Said of a file that is no mapping. */
  readonly what: string;
}
const MODEL: FileForm = { keys: KEYS, what: 'a file of the model holds the keys cubes or views' };

/** Checks one file's keys and forms, and reports every fault of them. */
export const checkKeys = (file: ParsedFile, report: Report, form: FileForm = MODEL): void => {
  const refuse = (node: unknown, what: string) => report(invalid(file.fileName, file.lineOf(node), what));
  const plain = (node: unknown): unknown => (isAlias(node) ? node.resolve(file.document) : node);

  const describe = (wanted: Wanted): string => {
    if (wanted === 'text') return 'text';
    if (wanted === 'flag') return 'true or false';
    if (wanted === 'number') return 'a number';
    if (wanted === 'any') return 'a value';
    if ('oneOf' in wanted) return `one of ${wanted.oneOf.join(', ')}`;
    if ('each' in wanted) return `a list of ${describe(wanted.each)}`;
    if ('object' in wanted) return `a ${SINGULAR[wanted.object] ?? wanted.object}`;
    return wanted.either.map(describe).join(' or ');
  };

  const fits = (given: unknown, wanted: Wanted): boolean => {
    const node = plain(given);
    if (wanted === 'any') return true;
    if (typeof wanted === 'string') {
      const value = isScalar(node) ? node.value : undefined;
      if (wanted === 'text') return isScalar(node) && value !== null;
      return typeof value === (wanted === 'flag' ? 'boolean' : 'number');
    }
    if ('oneOf' in wanted) return isScalar(node);
    if ('each' in wanted) return isSeq(node);
    if ('object' in wanted) return isMap(node);
    return wanted.either.some((w) => fits(node, w));
  };

  const value = (given: unknown, wanted: Wanted, name: string, at: unknown): void => {
    const node = plain(given);
    if (!fits(node, wanted)) {
      refuse(given ?? at, `${name}: ${describe(wanted)} is wanted`);
      return;
    }
    if (typeof wanted === 'string') return;
    if ('oneOf' in wanted) {
      const text = String(isScalar(node) ? node.value : '');
      if (wanted.oneOf.includes(text) || wanted.oneOf.includes(snake(text))) return;
      const like = nearest(text, wanted.oneOf);
      refuse(node, `${name}: ${text} is not ${describe(wanted)}${like ? `; did you mean ${like}?` : ''}`);
      return;
    }
    if ('each' in wanted) {
      if (isSeq(node)) for (const item of node.items) value(item, wanted.each, name, node);
    } else if ('object' in wanted) group(node, wanted.object, name);
    else {
      const one = wanted.either.find((w) => fits(node, w));
      if (one) value(node, one, name, at);
    }
  };

  const group = (node: unknown, kind: string, above: string): void => {
    const rules = form.keys[kind];
    if (!rules || !isMap(node)) return;
    const label = String((isMap(node) && node.get('name')) || above);
    const seen = new Set<string>();
    for (const { key, value: inside } of node.items) {
      const given = String(isScalar(key) ? key.value : key);
      const name = rules.open ? given : snake(given);
      seen.add(name);
      const refused = rules.refused?.[name];
      const wanted = rules.keys[name];
      if (refused !== undefined) refuse(key as Node, `${label}: ${given} is not supported: ${refused}`);
      else if (wanted) value(inside, wanted, `${label}: ${given}`, key);
      else if (!rules.open && given !== '<<') {
        const like = nearest(name, Object.keys(rules.keys));
        refuse(
          key as Node,
          `${label}: there is no key ${given} in a ${SINGULAR[kind] ?? kind}${like ? `; did you mean ${like}?` : ''}`,
        );
      }
    }
    const missing = rules.required?.find((name) => !seen.has(name));
    if (missing && !seen.has('<<') && !seen.has('extends')) refuse(node, `${label}: ${missing} is missing`);
  };

  const root = file.document.contents;
  if (root === null) return;
  if (isMap(root)) group(root, 'file', 'model');
  else refuse(root, form.what);
};
