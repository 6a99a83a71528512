import { parseSync } from 'libpg-query';
import { error } from '../../errors/index.js';
import type { Block } from './block.js';
import { Cutter, placed } from './cut.js';
import type { Facade } from './facade.js';
import type { Functions } from './functions.js';
import { conjuncts, integerOf, type Node, operatorName, type SelectStmt } from './nodes.js';
import { hasAggregates } from './source.js';
import { byteText, quoteLiteral, quoteName } from './text.js';

/** Settings that change what a text means. They are read in the session, and set in the backend that normalises. */
export const PARSE_SETTINGS = [
  'search_path',
  'TimeZone',
  'DateStyle',
  'IntervalStyle',
  'transform_null_equals',
  'array_nulls',
  'extra_float_digits',
] as const;

/**
 * One round trip that gives a query's normal form: stars expanded, names, aliases and ordinals resolved as PostgreSQL resolves them,
 * parameters kept, literals of times in ISO and UTC. It must be rolled back. `stubs`: statements that make the session's temporary
 * tables known.
 */
export const normalisation = (
  query: string,
  parameterTypes: readonly string[],
  settings: readonly (readonly [string, string])[],
  stubs: string,
): string =>
  [
    'BEGIN',
    ...settings.map(
      ([name, value]) => `SELECT pg_catalog.set_config(${quoteLiteral(name)}, ${quoteLiteral(value)}, true)`,
    ),
    ...(stubs === '' ? [] : [stubs]),
    `CREATE FUNCTION pg_temp._assay_n(${parameterTypes.join(', ')}) RETURNS SETOF record LANGUAGE sql BEGIN ATOMIC ${query}\n; END`,
    `SET LOCAL search_path = ''`,
    `SET LOCAL DateStyle = 'ISO, YMD'`,
    `SET LOCAL TimeZone = 'UTC'`,
    `SET LOCAL IntervalStyle = 'iso_8601'`,
    `SELECT pg_catalog.pg_get_function_sqlbody('pg_temp._assay_n'::pg_catalog.regproc)`,
  ].join(';\n');

/** The query inside what `pg_get_function_sqlbody` printed. */
export const normalForm = (body: string): string => body.replace(/^\s*BEGIN ATOMIC\s+/, '').replace(/;\s*END\s*$/, '');

/** A query over the model: its blocks, and the text above them. */
export interface StatementPlan {
  readonly blocks: readonly Block[];
  /** Where the arrays of the blocks' values go. */
  readonly text: (put: (block: number, column: number) => string, names: readonly string[]) => string;
}

/**
 * Cuts a normal form into blocks. Errors: `not-supported` with what to write instead, `measure-ungrouped`. Undefined when the query
 * reads no model row after all (LIMIT 0; a temporary table of the same name).
 */
export const planStatement = (normal: string, facade: Facade, functions: Functions): StatementPlan | undefined => {
  const tree = parseSync(normal).stmts?.[0]?.stmt;
  if (!tree || !('SelectStmt' in tree))
    throw error('not-supported', { what: 'only queries can be asked of the model' });
  const select = tree.SelectStmt as SelectStmt;
  if (readsNothing(select, functions)) return undefined;
  const cutter = new Cutter(byteText(normal), facade, functions);
  const text = cutter.cut(select);
  if (cutter.blocks.length === 0) return undefined;
  return { blocks: cutter.blocks, text: (put, names) => placed(named(text, names), put) };
};

/** LIMIT 0, or rows under a condition that is false as it stands: PostgreSQL gives the columns and reads no row. */
const readsNothing = (select: SelectStmt, functions: Functions): boolean => {
  if (integerOf(select.limitCount) === 0) return true;
  if (select.op !== 'SETOP_NONE' || select.groupClause?.length || select.havingClause) return false;
  return (
    conjuncts(select.whereClause).some(isFalse) && !hasAggregates([select.targetList, select.sortClause], functions)
  );
};

const isFalse = (node: Node): boolean => {
  if ('A_Const' in node) return !!node.A_Const.boolval && !node.A_Const.boolval.boolval;
  if (!('A_Expr' in node) || node.A_Expr.kind !== 'AEXPR_OP' || operatorName(node.A_Expr.name) !== '=') return false;
  const [a, b] = [integerOf(node.A_Expr.lexpr), integerOf(node.A_Expr.rexpr)];
  return a !== undefined && b !== undefined && a !== b;
};

/** The text with the described names: printing loses those that PostgreSQL made up. */
const named = (text: string, names: readonly string[]): string => {
  if (!names.includes('?column?')) return text;
  const columns = names.map((_, i) => `o${i}`);
  const outputs = names.map((name, i) => `_o.o${i} AS ${quoteName(name)}`);
  return `SELECT ${outputs.join(', ')} FROM (${text}) AS _o(${columns.join(', ')})`;
};
