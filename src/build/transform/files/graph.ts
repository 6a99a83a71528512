import { error } from '../../../errors/index.js';
import type { Transform } from './definition.js';
import { type Reference, referencesOf } from './template.js';

/** A transform with what it reads: by its SELECT (`inputs`), and also by its checks (`needs`). */
export interface GraphNode {
  readonly transform: Transform;
  readonly inputs: readonly Reference[];
  /** Ids of the tables that the SELECT reads. */
  readonly reads: ReadonlySet<string>;
  /** Ids of the tables that must be made first. */
  readonly needs: ReadonlySet<string>;
}

/** All transforms in an order in which each comes after what it needs. Errors: `transform-invalid` (unknown reference, cycle). */
export const orderTransforms = (transforms: readonly Transform[], seeds: ReadonlySet<string>): GraphNode[] => {
  const names = new Set(transforms.map((t) => t.name));
  const nodes = new Map(transforms.map((t) => [t.name, nodeOf(t, names, seeds)]));
  const ordered: GraphNode[] = [];
  const state = new Map<string, 'open' | 'done'>();
  const visit = (node: GraphNode, path: readonly string[]): void => {
    const { name, file } = node.transform;
    if (state.get(name) === 'done') return;
    if (state.get(name) === 'open')
      throw error('transform-invalid', {
        file,
        line: 1,
        what: `tables need each other in a circle: ${[...path.slice(path.indexOf(name)), name].join(' -> ')}`,
      });
    state.set(name, 'open');
    for (const need of [...node.needs].sort()) {
      const next = nodes.get(need);
      if (next) visit(next, [...path, name]);
    }
    state.set(name, 'done');
    ordered.push(node);
  };
  for (const name of [...nodes.keys()].sort()) {
    const node = nodes.get(name);
    if (node) visit(node, []);
  }
  return ordered;
};

const nodeOf = (transform: Transform, names: ReadonlySet<string>, seeds: ReadonlySet<string>): GraphNode => {
  const { file } = transform;
  const needs = new Set<string>();
  const look = (line: number, reference: Reference) => {
    const fail = (what: string) => error('transform-invalid', { file, line, what });
    if (reference.kind === 'ref') {
      if (!names.has(reference.name)) throw fail(`there is no table ${reference.name}; see transforms/sql`);
      needs.add(reference.name);
    } else if (reference.kind === 'seed' && !seeds.has(reference.name))
      throw fail(`there is no seed ${reference.name}; see transforms/seeds`);
    else if (reference.kind === 'source' && !reference.name.startsWith('bronze.'))
      throw fail('a source is a table of bronze');
    else if (reference.kind === 'pseudonyms' && !transform.pseudonyms)
      throw fail('{{secret.pseudonyms}} needs the field pseudonyms: {of: table, column: name}');
    else if (reference.kind === 'checks' && transform.kind !== 'history')
      throw fail('{{checks}} is for kind history only');
  };
  const body = referencesOf(file, transform.body, transform.bodyLine);
  for (const { line, reference } of body) {
    if (reference.kind === 'this')
      throw error('transform-invalid', { file, line, what: '{{this}} is for checks only' });
    look(line, reference);
  }
  if (transform.pseudonyms) look(1, { kind: 'ref', name: transform.pseudonyms.of });
  for (const check of transform.checks) {
    if (check.question.type === 'relationship') look(check.place.line, { kind: 'ref', name: check.question.to });
    if (check.question.type === 'sql')
      for (const { reference } of referencesOf(file, check.question.sql, check.place.line))
        look(check.place.line, reference);
  }
  const reads = new Set(body.flatMap(({ reference }) => (reference.kind === 'ref' ? [reference.name] : [])));
  return { transform, inputs: body.map(({ reference }) => reference), reads, needs };
};
