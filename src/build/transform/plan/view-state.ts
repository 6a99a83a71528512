import type { GraphNode } from '../files/graph.js';
import type { Meaning } from '../meaning/meaning.js';
import { viewTextOf } from '../meaning/stored.js';
import { emptyRelation } from '../step/relations.js';
import { viewRelation } from '../target/view-relation.js';
import { digestOf, isPartitioned, type PartitionState, readableOf, type TableState } from './state.js';

const VERSION_LENGTH = 16;

/** The data version of a view: it changes with each table that it reads, and is none while one of them was never made. */
export const viewVersion = (
  fingerprint: string,
  inputs: readonly (readonly [id: string, dataVersion: string])[],
): string =>
  inputs.some(([, version]) => version === '')
    ? ''
    : digestOf([fingerprint, ...inputs.map(([id, version]) => `${id} ${version}`)]).slice(0, VERSION_LENGTH);

const ACROSS_ROWS = new Set(['AGGREGATION', 'GROUP_BY', 'WINDOW', 'SORT']);

/** The column by which a table or a view is cut into partitions. */
const partitionColumn = (state: TableState): string | undefined =>
  isPartitioned(state.transform) ? state.transform.partition?.column : state.handed;

/**
 * The column of a view that hands partitions through: each row comes from rows of one partition of the table below, and the column
 * is that table's own. Only where the view reads each such table once and puts no rows of it together. Undefined: none does.
 */
const handedColumn = (
  { inputs, transform }: GraphNode,
  meaning: Meaning | undefined,
  below: ReadonlyMap<string, TableState>,
): { readonly column: string; readonly tables: readonly TableState[] } | undefined => {
  if (!meaning || meaning.lineage.opaque.size > 0) return undefined;
  if (Object.keys(meaning.parts).some((part) => part.startsWith('WITH '))) return undefined;
  const { columns, rows } = meaning.lineage;
  const all = [...rows, ...[...columns.values()].flat()];
  for (const { name } of transform.columns) {
    const edges = columns.get(name) ?? [];
    const direct = edges.filter(({ type }) => type === 'DIRECT');
    const own = direct.every(({ table, column, subtype }) => {
      const state = below.get(table);
      return subtype === 'IDENTITY' && state !== undefined && partitionColumn(state) === column;
    });
    if (direct.length === 0 || !own) continue;
    const ids = [...new Set(direct.map(({ table }) => table))];
    const once = ids.every((id) => inputs.filter((of) => of.kind === 'ref' && of.name === id).length === 1);
    const apart = all.every(({ table, subtype }) => !ids.includes(table) || !ACROSS_ROWS.has(subtype));
    if (once && apart) return { column: name, tables: ids.flatMap((id) => below.get(id) ?? []) };
  }
  return undefined;
};

/** What the view holds by partition: what the tables that it hands through hold, and the versions of all others. */
const partitionsOf = (
  handed: readonly TableState[],
  others: readonly TableState[],
): ReadonlyMap<string, PartitionState> => {
  if (handed.length === 0) return new Map();
  const beside = others.map(({ transform, dataVersion }) => `${transform.id} ${dataVersion}`);
  const keys = new Set(handed.flatMap(({ partitions }) => [...partitions.keys()]));
  return new Map(
    [...keys].map((key) => {
      const parts = handed.map(
        ({ transform, partitions }) => `${transform.id} ${partitions.get(key)?.contentHash ?? ''}`,
      );
      const rows = handed.reduce((sum, { partitions }) => sum + (partitions.get(key)?.rows ?? 0), 0);
      return [key, { contentHash: digestOf([...parts, ...beside]), rows, bytes: 0 }];
    }),
  );
};

/** A table that a plan expects and that nobody has made yet: a view over it is known by what it will stand on. */
const expectedRelation = ({ dataVersion, view, transform }: TableState) =>
  dataVersion === '' || view !== undefined ? undefined : { ...emptyRelation(transform.columns), postgres: undefined };

/**
 * A view over its tables as they are at this moment of a run: its relations, its data version, and its partitions where it hands them
 * through. Without a relation and a version while one of the tables was never made.
 */
export const viewStateOf = (
  state: TableState,
  node: GraphNode,
  states: ReadonlyMap<string, TableState>,
  meaning: Meaning | undefined,
): TableState => {
  const below = new Map(
    [...node.reads].sort().flatMap((id) => {
      const found = states.get(id);
      return found ? [[id, found] as const] : [];
    }),
  );
  const readables = new Map([...below].map(([id, one]) => [id, readableOf(one) ?? expectedRelation(one)]));
  const text = viewTextOf(node.transform);
  const view = viewRelation(text, 'duckdb', new Map([...readables].map(([id, one]) => [id, one?.duckdb])));
  const dataVersion = viewVersion(
    state.fingerprint,
    [...below].map(([id, one]) => [id, one.dataVersion]),
  );
  const handed = handedColumn(node, meaning, below);
  const now = { ...state, handed: handed?.column };
  if (view === undefined || dataVersion === '')
    return { ...now, view: undefined, postgres: undefined, dataVersion: '', partitions: new Map() };
  const others = [...below.values()].filter((one) => !handed?.tables.includes(one));
  return {
    ...now,
    ...{ view, dataVersion },
    postgres: viewRelation(text, 'postgres', new Map([...readables].map(([id, one]) => [id, one?.postgres]))),
    partitions: partitionsOf(handed?.tables ?? [], others),
  };
};

/** The tables that hold the rows which a table or a view gives: itself, or those under a view. */
export const tablesUnder = (id: string, nodes: ReadonlyMap<string, GraphNode>): readonly string[] => {
  const node = nodes.get(id);
  if (node?.transform.kind !== 'view') return [id];
  return [...new Set([...node.reads].flatMap((read) => tablesUnder(read, nodes)))];
};
