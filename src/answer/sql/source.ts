import type { Facade, FacadeTable } from './facade.js';
import type { Functions } from './functions.js';
import {
  columnRef,
  conjuncts,
  functionName,
  mapped,
  memberNode,
  type Node,
  namesOf,
  type SelectStmt,
  walk,
} from './nodes.js';
import { refuse } from './refuse.js';

/** A bag of model rows under a name: the view itself, or what transparent queries made of it. */
export interface OpenSource {
  readonly table: FacadeTable;
  readonly alias: string;
  /** Output columns as expressions over members. */
  readonly columns: ReadonlyMap<string, Node>;
  readonly where: readonly Node[];
}

/** Names of common table expressions in scope: those that are model rows, and all others. */
export type Scope = ReadonlyMap<string, OpenSource | 'closed'>;

/** An expression with every column of the source replaced by what it stands for. Subqueries stay as they are. */
export const resolved = (node: Node, source: OpenSource): Node =>
  mapped(node, (n) => {
    if ('SubLink' in n)
      return n.SubLink.testexpr ? { SubLink: { ...n.SubLink, testexpr: resolved(n.SubLink.testexpr, source) } } : n;
    if (!('ColumnRef' in n)) return undefined;
    const names = namesOf(n);
    const column = names?.at(-1);
    const known =
      column !== undefined && (names?.length === 1 || names?.[0] === source.alias) && source.columns.get(column);
    return (
      known ||
      refuse('a reference to a column of an outer query or to a whole row', 'name the columns of the view itself')
    );
  });

/** Whether a select has aggregates of its own (those of subqueries are not). */
export const hasAggregates = (value: unknown, functions: Functions): boolean => {
  let found = false;
  walk(value, (n) => {
    if ('SubLink' in n) {
      if (n.SubLink.testexpr && hasAggregates(n.SubLink.testexpr, functions)) found = true;
      return false;
    }
    if ('FuncCall' in n && !n.FuncCall.over && functions.aggregates.has(functionName(n.FuncCall))) found = true;
    if ('GroupingFunc' in n) found = true;
    return !found;
  });
  return found;
};

const isTransparent = (select: SelectStmt, functions: Functions): boolean => {
  if (select.op !== 'SETOP_NONE' || select.valuesLists?.length || select.withClause || select.lockingClause?.length)
    return false;
  if (select.groupClause?.length || select.havingClause || select.distinctClause?.length || select.windowClause?.length)
    return false;
  if (select.limitCount || select.limitOffset || select.fromClause?.length !== 1) return false;
  let plain = true;
  walk(select.targetList, (n) => {
    if ('SubLink' in n) plain = false;
    if ('FuncCall' in n) {
      const name = functionName(n.FuncCall);
      if (n.FuncCall.over || functions.sets.has(name) || functions.volatile.has(name)) plain = false;
    }
    return plain;
  });
  return plain && !hasAggregates(select.targetList, functions);
};

/** The name of an output column in the normal form, which leaves out what is the column's own. */
export const targetName = (target: Node): string => {
  if (!('ResTarget' in target)) return '?column?';
  const { name, val } = target.ResTarget;
  return name ?? (val && namesOf(val)?.at(-1)) ?? '?column?';
};

export const targetValue = (target: Node): Node => {
  const value = 'ResTarget' in target ? target.ResTarget.val : undefined;
  return value ?? refuse('an output column without an expression');
};

/** What a transparent select over model rows makes of them; undefined for any other select. */
export const openSelect = (
  select: SelectStmt,
  alias: { name: string; columns: readonly string[] },
  scope: Scope,
  facade: Facade,
  functions: Functions,
): OpenSource | undefined => {
  if (!isTransparent(select, functions)) return undefined;
  const inner = openSource(select.fromClause?.[0], scope, facade, functions);
  if (!inner) return undefined;
  const columns = new Map<string, Node>();
  (select.targetList ?? []).forEach((target, i) => {
    columns.set(alias.columns[i] ?? targetName(target), resolved(targetValue(target), inner));
  });
  const where = [...inner.where, ...conjuncts(select.whereClause).map((c) => resolved(c, inner))];
  return { table: inner.table, alias: alias.name, columns, where };
};

const aliasOf = (alias: { aliasname?: string; colnames?: Node[] } | undefined, otherwise: string) => ({
  name: alias?.aliasname ?? otherwise,
  columns: (alias?.colnames ?? []).map((c) => ('String' in c ? (c.String.sval ?? '') : '')),
});

/** The model rows that an item of FROM is, or undefined. */
export const openSource = (
  item: Node | undefined,
  scope: Scope,
  facade: Facade,
  functions: Functions,
): OpenSource | undefined => {
  if (!item) return undefined;
  if ('RangeSubselect' in item) {
    const { subquery, alias, lateral } = item.RangeSubselect;
    if (lateral || !subquery || !('SelectStmt' in subquery)) return undefined;
    return openSelect(subquery.SelectStmt, aliasOf(alias, ''), scope, facade, functions);
  }
  if (!('RangeVar' in item)) return undefined;
  const { schemaname, relname = '', alias } = item.RangeVar;
  const { name, columns } = aliasOf(alias, relname);
  const table = schemaname === 'public' ? facade.tables.get(relname) : undefined;
  if (table) {
    const made = table.columns.map((c, i) => [columns[i] ?? c.name, memberNode(table, c)] as const);
    return { table, alias: name, columns: new Map(made), where: [] };
  }
  const known = schemaname === undefined ? scope.get(relname) : undefined;
  if (!known || known === 'closed') return undefined;
  const renamed = [...known.columns].map(([c, node], i) => [columns[i] ?? c, node] as const);
  return { ...known, alias: name, columns: new Map(renamed) };
};

/** The block's own column `cN`. */
export const blockColumn = (n: number): Node => columnRef('_b', `c${n}`);
