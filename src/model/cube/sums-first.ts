import { parseSync } from 'libpg-query';
import { placedSql, type SqlPiece, tableToken } from '../../query/index.js';
import { isSqlNode, type SqlNode } from './sql-tree.js';

/** A table of a leg that has many rows for each row of what it joins: its alias in the text, and the name behind its token. */
export interface ManySide {
  readonly alias: string;
  readonly table: string;
}

const inside = (value: unknown, kind: string): SqlNode | undefined => {
  const found = isSqlNode(value) ? value[kind] : undefined;
  return isSqlNode(found) ? found : undefined;
};
const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
const textOf = (value: unknown): string | undefined => {
  const found = inside(value, 'String')?.['sval'];
  return typeof found === 'string' ? found : undefined;
};

/** What cannot be moved below a join, or whose columns cannot be told. */
const FORBIDDEN = new Set(['SubLink', 'A_Star', 'WindowDef', 'GroupingSet', 'GroupingFunc']);

/** A column with its table's alias; undefined as alias for one that stands alone. */
interface Ref {
  readonly alias: string | undefined;
  readonly column: string;
}

/** Columns of an expression; undefined where it holds what we do not look into. */
const refsIn = (node: unknown): readonly Ref[] | undefined => {
  if (Array.isArray(node)) return joined(node.map(refsIn));
  if (!isSqlNode(node)) return [];
  if (Object.keys(node).some((key) => FORBIDDEN.has(key))) return undefined;
  const ref = inside(node, 'ColumnRef');
  if (!ref) return joined(Object.values(node).map(refsIn));
  const names = list(ref['fields']).map(textOf);
  const [first, second] = names;
  if (names.length > 2 || first === undefined || (names.length === 2 && second === undefined)) return undefined;
  return [second === undefined ? { alias: undefined, column: first } : { alias: first, column: second }];
};
const joined = (parts: readonly (readonly Ref[] | undefined)[]): readonly Ref[] | undefined =>
  parts.some((part) => part === undefined) ? undefined : parts.flatMap((part) => part ?? []);

/** The conditions of left joins one after the other, and the table that they begin at; undefined for anything else. */
const leftJoins = (node: unknown): { readonly root: string; readonly quals: readonly unknown[] } | undefined => {
  const join = inside(node, 'JoinExpr');
  if (!join) {
    const alias = inside(inside(node, 'RangeVar'), 'alias')?.['aliasname'];
    return typeof alias === 'string' ? { root: alias, quals: [] } : undefined;
  }
  const left = leftJoins(join['larg']);
  if (!left || join['jointype'] !== 'JOIN_LEFT' || !inside(join['rarg'], 'RangeVar')) return undefined;
  return { root: left.root, quals: [...left.quals, join['quals']] };
};

/** What each aggregate is above the partial results of its own kind. */
const ABOVE: Readonly<Record<string, (column: string) => string>> = {
  sum: (c) => `sum(${c})`,
  min: (c) => `min(${c})`,
  max: (c) => `max(${c})`,
  count: (c) => `coalesce(sum(${c}), 0)::bigint`,
};

interface Aggregate {
  readonly name: string;
  /** Byte at which it begins. */
  readonly at: number;
}

/** An aggregate over columns of one table alone, and nothing around it. */
const aggregateOf = (node: unknown, alias: string): Aggregate | undefined => {
  const call = inside(node, 'FuncCall');
  const names = list(call?.['funcname']).map(textOf);
  const [name] = names;
  if (!call || names.length !== 1 || name === undefined || !Object.hasOwn(ABOVE, name)) return undefined;
  const plain = Object.keys(call).every((key) => ['funcname', 'args', 'location', 'funcformat'].includes(key));
  const refs = refsIn(call['args']);
  if (!plain || list(call['args']).length !== 1 || !refs || refs.length === 0) return undefined;
  if (!refs.every((ref) => ref.alias === alias)) return undefined;
  return { name, at: typeof call['location'] === 'number' ? call['location'] : 0 };
};

/** Index behind the quoted text or the bracket that begins at a place. */
const behind = (sql: string, from: number): number => {
  const first = sql[from];
  if (first === '"' || first === "'") {
    const end = sql.indexOf(first, from + 1);
    return end < 0 ? sql.length : end + 1;
  }
  let at = from + 1;
  while (at < sql.length && sql[at] !== ')') at = /["'(]/.test(sql[at] ?? '') ? behind(sql, at) : at + 1;
  return at + 1;
};

/** Where a word stands outside of quotes and brackets; -1: nowhere. */
const wordAt = (sql: string, word: string): number => {
  for (let at = 0; at < sql.length; ) {
    if (/["'(]/.test(sql[at] ?? '')) at = behind(sql, at);
    else if (sql.startsWith(word, at)) return at;
    else at += 1;
  }
  return -1;
};

/** A text with numbered places in pieces again. */
const piecesOf = (sql: string): readonly SqlPiece[] => {
  const pieces: SqlPiece[] = [];
  let from = 0;
  for (let at = 0; at < sql.length; ) {
    const quoted = sql[at] === '"' || sql[at] === "'";
    const place = quoted ? undefined : /^\$\d+/.exec(sql.slice(at, at + 8))?.[0];
    if (place === undefined) {
      at = quoted ? behind(sql, at) : at + 1;
      continue;
    }
    if (at > from) pieces.push(sql.slice(from, at));
    pieces.push(Number(place.slice(1)) - 1);
    at += place.length;
    from = at;
  }
  return from < sql.length ? [...pieces, sql.slice(from)] : pieces;
};

const parsed = (sql: string): SqlNode | undefined => {
  try {
    const tree = parseSync(sql) as { stmts: readonly { stmt: SqlNode }[] };
    return tree.stmts.length === 1 ? inside(tree.stmts[0]?.stmt, 'SelectStmt') : undefined;
  } catch (thrown) {
    // what the parser does not know stays as it is
    if (thrown instanceof Error) return undefined;
    throw thrown;
  }
};

/** What of a statement may be summed up by one key before it is joined. */
interface Plan {
  readonly key: string;
  readonly aggregates: readonly Aggregate[];
  /** Whether it has conditions; they are all on the table itself, which the joins begin at. */
  readonly filtered: boolean;
}

const KNOWN = new Set([
  'targetList',
  'fromClause',
  'whereClause',
  'groupClause',
  'sortClause',
  'limitCount',
  'limitOffset',
  'limitOption',
  'op',
]);

const planOf = (select: SqlNode, alias: string): Plan | undefined => {
  if (Object.keys(select).some((key) => !KNOWN.has(key))) return undefined;
  const [from, ...more] = list(select['fromClause']);
  const joins = leftJoins(from);
  if (!joins || joins.quals.length === 0 || more.length > 0) return undefined;
  const on = refsIn(joins.quals);
  const where = select['whereClause'] === undefined ? [] : refsIn(select['whereClause']);
  const order = refsIn(select['sortClause'] ?? []);
  if (!on || !where || !order || order.some((ref) => ref.alias === undefined || ref.alias === alias)) return undefined;
  if (on.some((ref) => ref.alias === undefined)) return undefined;
  const keys = [...new Set(on.filter((ref) => ref.alias === alias).map((ref) => ref.column))];
  const [key] = keys;
  // by two keys there may be as many groups as rows
  if (key === undefined || keys.length > 1) return undefined;
  // a condition on what is joined may leave few rows, which an index finds; then nothing is to be summed up before
  const filtered = where.length > 0 || select['whereClause'] !== undefined;
  if (filtered && (joins.root !== alias || where.some((ref) => ref.alias !== alias))) return undefined;
  const grouped = new Set(
    list(select['groupClause']).map((item) => inside(inside(item, 'A_Const'), 'ival')?.['ival'] ?? -1),
  );
  if (grouped.size === 0 || grouped.has(-1)) return undefined;
  const aggregates: Aggregate[] = [];
  for (const [i, target] of list(select['targetList']).entries()) {
    const value = inside(target, 'ResTarget')?.['val'];
    if (grouped.has(i + 1)) {
      const refs = refsIn(value);
      if (!refs?.every((ref) => ref.alias !== undefined && ref.alias !== alias)) return undefined;
      continue;
    }
    const aggregate = aggregateOf(value, alias);
    if (!aggregate) return undefined;
    aggregates.push(aggregate);
  }
  return aggregates.length === 0 ? undefined : { key, aggregates, filtered };
};

const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/**
 * A leg's statement that sums up the table with many rows by the key of its join first, and joins the sums: every row of a group of
 * one key finds the same partners, so a sum, count, least or greatest of sums is the one of the rows, whatever the joins multiply.
 * PostgreSQL does not do so by itself (before version 19). The text comes back as it was where that is not certain: conditions on what is
 * joined, several keys, other aggregates, columns without a table.
 */
export const sumsFirst = (pieces: readonly SqlPiece[], many: readonly ManySide[]): readonly SqlPiece[] => {
  const sql = placedSql(pieces);
  if (many.length === 0 || !sql.includes(' JOIN ') || !sql.includes('GROUP BY')) return pieces;
  const select = parsed(sql);
  if (!select) return pieces;
  for (const { alias, table } of many) {
    const plan = planOf(select, alias);
    const rewritten = plan && rewrite(sql, plan, alias, table);
    if (rewritten !== undefined) return piecesOf(rewritten);
  }
  return pieces;
};

const rewrite = (sql: string, plan: Plan, alias: string, table: string): string | undefined => {
  const own = `${tableToken(table)} AS ${quoted(alias)}`;
  const inner: string[] = [];
  const bytes = Buffer.from(sql);
  let text = sql;
  // from the last to the first, so that places before stay where they are
  for (const [i, { name, at }] of [...plan.aggregates.entries()].reverse()) {
    const from = bytes.subarray(0, at).toString().length;
    const open = text.indexOf('(', from);
    const end = behind(text, open);
    if (open < 0 || text.slice(from, open).trim().toLowerCase() !== name) return undefined;
    const column = `${quoted(alias)}."~${i}"`;
    inner.unshift(`${name}${text.slice(open, end)} AS "~${i}"`);
    text = `${text.slice(0, from)}${ABOVE[name]?.(column) ?? ''}${text.slice(end)}`;
  }
  let where = '';
  if (plan.filtered) {
    const [from, to] = [wordAt(text, ' WHERE '), wordAt(text, ' GROUP BY ')];
    if (from < 0 || to < from) return undefined;
    where = text.slice(from, to);
    text = `${text.slice(0, from)}${text.slice(to)}`;
  }
  const parts = text.split(own);
  const [before, after] = parts;
  if (parts.length !== 2 || before === undefined || after === undefined) return undefined;
  const key = `${quoted(alias)}.${quoted(plan.key)}`;
  return `${before}(SELECT ${key}, ${inner.join(', ')} FROM ${own}${where} GROUP BY 1) AS ${quoted(alias)}${after}`;
};
