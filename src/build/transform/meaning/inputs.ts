import type { ContractColumn } from '../files/definition.js';
import type { GraphNode } from '../files/graph.js';
import { idOfRef } from '../files/template.js';
import { type Input, relationOf } from './lineage.js';
import type { Meaning } from './meaning.js';
import { type Relation, through } from './resolve/scope.js';
import { digest } from './tree.js';

/** What a statement's inputs are. */
export interface MeaningContext {
  /** Id of each table that the statement reads to what it means. */
  readonly meanings: ReadonlyMap<string, Meaning>;
  readonly seeds: readonly {
    readonly name: string;
    readonly columns: readonly ContractColumn[];
    readonly hash: string;
  }[];
  /** Name of a bronze table to its columns, in order; one that is missing is opaque where `*` reads it. */
  readonly sources: ReadonlyMap<string, readonly string[]>;
  /** Names the key of the pseudonyms without telling it. */
  readonly pseudonymKeyId: string;
}

/** A reference as the placeholder for the parser spells it: `gold.x`, `gold.x@1`. */
export const nameOfRef = (of: { readonly name: string; readonly version?: number }): string =>
  of.version === undefined ? of.name : `${of.name}@${of.version}`;

/** The columns of `{{checks}}`, which kind history collects. */
const CHECKS =
  'metric_id table_name column_name metric_type metric_value threshold_value status check_timestamp check_details severity weight'.split(
    ' ',
  );

/** The inputs of one statement: as relations for its placeholders, and by the names that lineage calls them. */
export interface Inputs {
  base(kind: string, name: string): Relation | undefined;
  readonly known: ReadonlyMap<string, Input>;
  /** All that the statement refers to. */
  all(): Relation[];
}

const fixed = (name: string, columns: readonly string[]): Input => ({
  name,
  rows: digest(['fixed', name]),
  columns: new Map(columns.map((column) => [column, digest([name, column])])),
});

/** The same names with hashes that only their names decide: what a file says by itself, whatever its inputs mean. */
const apart = (input: Input, spelled: string): Input => ({
  name: input.name,
  rows: digest(['input', spelled]),
  columns: input.columns && new Map([...input.columns.keys()].map((column) => [column, digest([spelled, column])])),
});

/** What a reference stands for. A seed is one with its whole file: a changed line changes all that reads it. */
const inputOf = (kind: string, name: string, node: GraphNode, context: MeaningContext): Input | undefined => {
  const { transform } = node;
  switch (kind) {
    case '@ref': {
      const [table = '', version] = name.split('@');
      const of = { name: table, ...(version === undefined ? {} : { version: Number(version) }) };
      const id = idOfRef(of, (one) => context.meanings.has(one));
      const meaning = context.meanings.get(id);
      return meaning && { name: id, rows: meaning.rowset, columns: meaning.columns };
    }
    case '@source': {
      const columns = context.sources.get(name);
      return columns ? fixed(name, columns) : { ...fixed(name, []), columns: undefined };
    }
    case '@seed': {
      const seed = context.seeds.find((each) => each.name === name);
      if (!seed) return undefined;
      const columns = seed.columns.map((column) => [column.name, digest([seed.hash, column.name])] as const);
      return { name, rows: digest(['seed', name, seed.hash]), columns: new Map(columns) };
    }
    case '@this':
      return fixed(
        transform.id,
        transform.columns.map((column) => column.name),
      );
    case '@checks':
      return fixed('checks', CHECKS);
    default:
      return undefined;
  }
};

/** `{{secret.pseudonyms}}`: one row for each id that a table's column holds; its columns come from that column. */
const pseudonyms = (table: Relation, column: string, keyId: string): Relation => {
  const id = table.columns.find((each) => each.name === column) ?? { name: column, hash: '', edges: [] };
  const made = (name: string, edges: Relation['edges']) => ({
    name,
    hash: digest(['pseudonym', name, keyId, id.hash]),
    edges,
  });
  return {
    columns: [{ ...id, name: 'id' }, made('pseudonym', through(id.edges, 'TRANSFORMATION')), made('key_id', [])],
    open: undefined,
    rows: digest(['pseudonyms', table.rows, id.hash, keyId]),
    edges: [...table.edges, ...id.edges.map((edge) => ({ ...edge, type: 'INDIRECT', subtype: 'GROUP_BY' }) as const)],
  };
};

/** The inputs of a transform's SELECT. `own`: with hashes that do not hang on what the inputs mean. */
export const inputsOf = (node: GraphNode, context: MeaningContext, own = false): Inputs => {
  const { transform } = node;
  const known = new Map<string, Input>();
  const relations = new Map<string, Relation>();
  const make = (kind: string, name: string): Relation | undefined => {
    if (kind === '@pseudonyms') {
      const of = transform.pseudonyms;
      const table = of && base('@ref', of.of);
      return of && table && pseudonyms(table, of.column, own ? '' : context.pseudonymKeyId);
    }
    const input = inputOf(kind, name, node, context);
    if (!input) return undefined;
    known.set(input.name, input);
    return relationOf(own ? apart(input, `${kind} ${name}`) : input);
  };
  const base = (kind: string, name: string): Relation | undefined => {
    const key = `${kind} ${name}`;
    const relation = relations.get(key) ?? make(kind, name);
    if (relation) relations.set(key, relation);
    return relation;
  };
  const all = (): Relation[] => {
    for (const of of node.inputs)
      if (of.kind === 'ref') base('@ref', nameOfRef(of));
      else if (of.kind === 'source' || of.kind === 'seed') base(`@${of.kind}`, of.name);
      else if (of.kind === 'pseudonyms' || of.kind === 'checks' || of.kind === 'this') base(`@${of.kind}`, of.kind);
    return [...relations.values()];
  };
  return { base, known, all };
};
