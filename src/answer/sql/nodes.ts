import type { FuncCall, Node, SelectStmt } from 'libpg-query';
import type { FacadeColumn, FacadeTable } from './facade.js';

/** Reading and rebuilding the parser's trees. A node is an object of one key, its kind. */
export type { Node, SelectStmt };

const isNode = (value: object): value is Node => {
  const keys = Object.keys(value);
  return keys.length === 1 && /^[A-Z]/.test(keys[0] ?? '');
};

export const kindOf = (node: Node): string => Object.keys(node)[0] ?? '';

/** Calls `visit` for every node below and including `value`; `false` keeps it out of that node. */
export const walk = (value: unknown, visit: (node: Node) => boolean | undefined): void => {
  if (Array.isArray(value)) for (const item of value) walk(item, visit);
  else if (typeof value === 'object' && value !== null) {
    if (isNode(value) && visit(value) === false) return;
    for (const item of Object.values(value)) walk(item, visit);
  }
};

/** A copy in which `replace` stands for the nodes for which it answers; what it answers is not entered again. */
export const mapped = <T>(value: T, replace: (node: Node) => Node | undefined): T => {
  const go = (item: unknown): unknown => {
    if (Array.isArray(item)) return item.map(go);
    if (typeof item !== 'object' || item === null) return item;
    if (isNode(item)) {
      const instead = replace(item);
      if (instead) return instead;
    }
    return Object.fromEntries(Object.entries(item).map(([key, part]) => [key, go(part)]));
  };
  return go(value) as T;
};

const POSITIONS = new Set(['location', 'list_start', 'list_end', 'rexpr_list_start', 'rexpr_list_end']);
/** A text that is equal for equal expressions, wherever they stand. */
export const shapeOf = (node: unknown): string =>
  JSON.stringify(node, (key, value) => (POSITIONS.has(key) ? undefined : value));

/** Names of a column reference; undefined for a star. */
export const namesOf = (node: Node): string[] | undefined => {
  if (!('ColumnRef' in node)) return undefined;
  const names = (node.ColumnRef.fields ?? []).map((f) => ('String' in f ? f.String.sval : undefined));
  return names.every((n): n is string => n !== undefined) ? names : undefined;
};

export const columnRef = (...names: readonly string[]): Node => ({
  ColumnRef: { fields: names.map((sval) => ({ String: { sval } })) },
});

const MARK = '\0member';
/** A member in the place of the column that stood for it. */
export const memberNode = (table: FacadeTable, column: FacadeColumn): Node => columnRef(MARK, table.name, column.name);
/** The path parts of a member node: table and column. */
export const memberNames = (node: Node): readonly [string, string] | undefined => {
  const names = namesOf(node);
  return names?.[0] === MARK ? [names[1] ?? '', names[2] ?? ''] : undefined;
};

/** The last part of a function's name. */
export const functionName = (call: FuncCall): string => {
  const last = call.funcname?.at(-1);
  return last && 'String' in last ? (last.String.sval ?? '') : '';
};

export const operatorName = (name: readonly Node[] | undefined): string => {
  const last = name?.at(-1);
  return last && 'String' in last ? (last.String.sval ?? '') : '';
};

/** The last part of a cast's type name, in PostgreSQL's own spelling (`int8`, `timestamptz`, `text`). */
export const castType = (node: Node): string | undefined => {
  if (!('TypeCast' in node)) return undefined;
  const type = node.TypeCast.typeName;
  if (type?.arrayBounds?.length) return `${operatorName(type.names)}[]`;
  return operatorName(type?.names);
};

/** Conjuncts of a condition. */
export const conjuncts = (node: Node | undefined): Node[] => {
  if (!node) return [];
  if ('BoolExpr' in node && node.BoolExpr.boolop === 'AND_EXPR') return (node.BoolExpr.args ?? []).flatMap(conjuncts);
  return [node];
};

export const conjunction = (nodes: readonly Node[]): Node | undefined =>
  nodes.length < 2 ? nodes[0] : { BoolExpr: { boolop: 'AND_EXPR', args: [...nodes] } };

/** A whole number that stands in the text, else undefined. */
export const integerOf = (node: Node | undefined): number | undefined => {
  if (!node || !('A_Const' in node) || !node.A_Const.ival) return undefined;
  return node.A_Const.ival.ival ?? 0;
};
