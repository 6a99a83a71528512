import { loadModule, parseSync } from 'libpg-query';
import type { Additivity, Catalogue } from '../catalog/index.js';
import type { LegSqlQuery } from './leg-dialect.js';
import { isSqlNode, type SqlNode } from './sql-tree.js';

/** Must have run once before `measureOver`; loading a model does it. */
export const loadSqlParser = loadModule;

const mark = (i: number) => `"\u0001${i}\u0001"`;
const MARK = /"\u0001(\d+)\u0001"/g;

/** What a rollup's row may be used in: no subquery, no table, no star, no parameter. */
const FORBIDDEN = new Set(['SubLink', 'RangeVar', 'RangeSubselect', 'A_Star', 'ParamRef', 'WindowDef']);

/** True when every column of an expression is one of the marks. */
const onlyMarks = (node: unknown): boolean => {
  if (Array.isArray(node)) return node.every(onlyMarks);
  if (!isSqlNode(node)) return true;
  return Object.entries(node).every(([key, value]) => {
    if (FORBIDDEN.has(key)) return false;
    if (key === 'FuncCall' && isSqlNode(value) && value['agg_star'] === true) return false;
    if (key !== 'ColumnRef') return onlyMarks(value);
    const fields = isSqlNode(value) ? value['fields'] : undefined;
    const only = Array.isArray(fields) && fields.length === 1 ? (fields[0] as SqlNode)['String'] : undefined;
    const name = isSqlNode(only) ? only['sval'] : undefined;
    return typeof name === 'string' && /^\u0001\d+\u0001$/.test(name);
  });
};

/** The single expression of a SELECT, or undefined when the text is anything else. */
const parsedExpression = (sql: string): unknown => {
  try {
    const tree = parseSync(`SELECT ${sql}`) as { stmts: readonly { stmt: SqlNode }[] };
    const select = tree.stmts.length === 1 ? tree.stmts[0]?.stmt['SelectStmt'] : undefined;
    if (!isSqlNode(select) || select['fromClause'] !== undefined) return undefined;
    const targets = select['targetList'];
    return Array.isArray(targets) && targets.length === 1 ? targets[0] : undefined;
  } catch (thrown) {
    // an expression of the engine's own grammar is not understood, so nothing is known about what it reads
    if (thrown instanceof Error) return undefined;
    throw thrown;
  }
};

/** Aggregates that do not count a value twice: rows of a rollup stand for several rows of its source. */
const OF_A_SET = new Set<Additivity>(['count_distinct', 'min', 'max']);

/**
 * A measure's aggregate over columns of a rollup. Cube renders it with each given member replaced by a mark; whatever then still
 * reads something else (a table's column, say) shows in the parsed text, and the measure is not served.
 */
export const measureOver = (
  measure: string,
  columns: ReadonlyMap<string, string>,
  query: LegSqlQuery,
  catalogue: Catalogue,
): string | undefined => {
  const member = catalogue.members.get(measure);
  const path = member?.aliasOf ?? measure;
  if (member?.kind !== 'measure' || !OF_A_SET.has(member.additivity)) return undefined;
  const names = [...columns.keys()];
  const renderedReference = Object.fromEntries(names.map((name, i) => [name, mark(i)]));
  const sql = query.evaluateSymbolSqlWithContext(() => query.measureSql(query.newMeasure(path)), { renderedReference });
  // a parameter's place ($0$) stands for a value of the model, which this text could not carry
  if (/\$\d+\$/.test(sql)) return undefined;
  const expression = parsedExpression(sql);
  if (expression === undefined || !onlyMarks(expression)) return undefined;
  if (!/"\u0001\d+\u0001"/.test(sql)) return undefined;
  return sql.replace(MARK, (_, i: string) => columns.get(names[Number(i)] ?? '') ?? '');
};
