import { error } from '../../../errors/index.js';
import type { Transform } from './definition.js';
import { checkInputs } from './input-columns.js';
import { idOfRef, type Reference, referencesOf } from './template.js';
import { meant } from './yaml-reader.js';

/** A transform with what it reads: by its SELECT (`inputs`), and also by its checks (`needs`). */
export interface GraphNode {
  readonly transform: Transform;
  readonly inputs: readonly Reference[];
  /** Ids of the tables that the SELECT reads. */
  readonly reads: ReadonlySet<string>;
  /** Ids of the tables that must be made first. */
  readonly needs: ReadonlySet<string>;
}

type Fail = (line: number, what: string) => Error;

/** All transforms in an order in which each comes after what it needs. Errors: `transform-invalid` (unknown reference, cycle). */
export const orderTransforms = (transforms: readonly Transform[], seeds: ReadonlySet<string>): GraphNode[] => {
  const byId = new Map(transforms.map((t) => [t.id, t]));
  const nodes = new Map(transforms.map((t) => [t.id, nodeOf(t, byId, seeds)]));
  const ordered: GraphNode[] = [];
  const state = new Map<string, 'open' | 'done'>();
  const visit = (node: GraphNode, path: readonly Transform[]): void => {
    const { transform } = node;
    const { id, file } = transform;
    if (state.get(id) === 'done') return;
    if (state.get(id) === 'open') {
      const circle = [...path.slice(path.findIndex((each) => each.id === id)), transform];
      const what = `tables need each other in a circle: ${circle.map((each) => `${each.id} (${each.file})`).join(' -> ')}`;
      throw error('transform-invalid', { file, line: 1, what });
    }
    state.set(id, 'open');
    for (const need of [...node.needs].sort()) {
      const next = nodes.get(need);
      if (next) visit(next, [...path, transform]);
    }
    state.set(id, 'done');
    ordered.push(node);
  };
  for (const id of [...nodes.keys()].sort()) {
    const node = nodes.get(id);
    if (node) visit(node, []);
  }
  for (const { transform, inputs, reads } of ordered) {
    checkInputs(transform, inputs, reads, byId);
    checkView(transform, reads, byId);
  }
  return ordered;
};

/** The id of a `ref`, which must be there. */
const idOf = (
  of: { readonly name: string; readonly version?: number },
  byId: ReadonlyMap<string, Transform>,
  fail: (what: string) => Error,
): string => {
  const id = idOfRef(of, (one) => byId.has(one));
  const found = byId.get(id);
  if (!found) throw fail(`there is no table ${of.name}${meant(of.name, [...byId.keys()])}; see transforms/sql`);
  if (of.version === undefined || found.version === of.version) return id;
  const versions = [...byId.values()].filter(({ name }) => name === of.name).map(({ version }) => version);
  throw fail(`version ${of.version} of ${of.name} is not served; there is ${versions.sort().join(', ')}`);
};

const UPDATING = ['scd2', 'incremental_by_key', 'incremental_by_partition'];

/** Whether a reference may stand in a SELECT of this kind. */
const checkKind = ({ kind, pseudonyms }: Transform, reference: Reference, fail: (what: string) => Error): void => {
  if (reference.kind === 'pseudonyms' && !pseudonyms)
    throw fail('{{secret.pseudonyms}} needs the field pseudonyms: {of: table, column: name}');
  if (reference.kind === 'checks' && kind !== 'history') throw fail('{{checks}} is for kind history only');
  if (reference.kind === 'this' && !UPDATING.includes(kind))
    throw fail(`{{this}} is for checks, and for the SELECT of kind ${UPDATING.join(', ')}`);
  if (kind === 'view' && reference.kind !== 'ref')
    throw fail(
      `a view reads tables and views with {{ref('layer.table')}} only${reference.kind === 'seed' ? '; write a table of kind seed and read that' : ''}`,
    );
  if (reference.kind === 'partition' && kind !== 'incremental_by_partition')
    throw fail(`{{partition.${reference.bound}}} is for kind incremental_by_partition; this one is ${kind}`);
};

const checkSeedKind = ({ kind }: Transform, inputs: readonly Reference[], fail: Fail, line: number): void => {
  if (kind !== 'seed') return;
  const seeds = new Set(inputs.flatMap((of) => (of.kind === 'seed' ? [of.name] : [])));
  if (seeds.size !== 1 || inputs.some((of) => of.kind !== 'seed'))
    throw fail(line, "a table of kind seed reads exactly one {{seed('name')}} and nothing else");
};

/** Whoever reads a view in PostgreSQL reads its tables there. */
const checkView = (
  { kind, targets, file, id }: Transform,
  reads: ReadonlySet<string>,
  byId: ReadonlyMap<string, Transform>,
): void => {
  if (kind !== 'view') return;
  const fail = (what: string) => error('transform-invalid', { file, line: 1, what });
  if (reads.size === 0) throw fail(`the view ${id} reads no table; write kind: full`);
  if (!targets.has('postgres')) return;
  for (const read of reads)
    if (byId.get(read)?.targets.has('postgres') === false)
      throw fail(`the view ${id} is in PostgreSQL and reads ${read}, which is not: add postgres to its targets`);
};

/** A body for another engine may read no more than the file's own: the graph is made from that. */
const checkOverrides = (transform: Transform, inputs: readonly Reference[]): void => {
  const key = (of: Reference): string => JSON.stringify(of);
  const known = new Set(inputs.map(key));
  for (const body of transform.overrides.values())
    for (const { line, reference } of referencesOf(body.file, body.text, body.line))
      if (!known.has(key(reference)) && 'name' in reference)
        throw error('transform-invalid', {
          file: body.file,
          line,
          what: `${reference.kind} ${reference.name} is not read by ${transform.file}; both must read the same`,
        });
};

const nodeOf = (transform: Transform, byId: ReadonlyMap<string, Transform>, seeds: ReadonlySet<string>): GraphNode => {
  const { file } = transform;
  const [reads, needs] = [new Set<string>(), new Set<string>()];
  const fail: Fail = (line, what) => error('transform-invalid', { file, line, what });
  const look = (line: number, reference: Reference, into: Set<string>): void => {
    const here = (what: string) => fail(line, what);
    if (reference.kind === 'ref') {
      const id = idOf(reference, byId, here);
      // A check may ask the table about itself.
      if (id !== transform.id || into === reads) into.add(id);
    } else if (reference.kind === 'seed' && !seeds.has(reference.name))
      throw here(`there is no seed ${reference.name}${meant(reference.name, [...seeds])}; see transforms/seeds`);
    else if (reference.kind === 'source' && !reference.name.startsWith('bronze.'))
      throw here('a source is a table of bronze');
  };
  const body = referencesOf(file, transform.body, transform.bodyLine);
  for (const { line, reference } of body) {
    checkKind(transform, reference, (what) => fail(line, what));
    look(line, reference, reads);
  }
  if (transform.pseudonyms) look(1, { kind: 'ref', name: transform.pseudonyms.of }, reads);
  for (const { question, place } of transform.checks) {
    if (question.type === 'relationship') look(place.line, { kind: 'ref', name: question.to }, needs);
    if (question.type === 'sql')
      for (const { reference } of referencesOf(file, question.sql, place.line)) look(place.line, reference, needs);
  }
  const inputs = body.map(({ reference }) => reference);
  checkSeedKind(transform, inputs, fail, transform.bodyLine);
  checkOverrides(transform, inputs);
  return { transform, inputs, reads, needs: new Set([...reads, ...needs]) };
};
