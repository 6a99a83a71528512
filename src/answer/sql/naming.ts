import { parseSync } from 'libpg-query';
import { functionName, type Node, namesOf, type SelectStmt, walk } from './nodes.js';
import { type ByteText, byteText, joined, quoteName, readable, slice, type Token, tokensOf } from './text.js';

/** Text put into a statement. `at`: before which character of the text as it was sent; `length` in characters. */
interface Insertion {
  readonly at: number;
  readonly length: number;
}

/** A text in which measures of the outermost select lists have their own names. */
export interface Named {
  readonly text: string;
  /** A position (of a character, from 1) in `text` as one in the text that was sent. */
  readonly original: (position: number) => number;
}

const AGGREGATES = new Set(['measure', 'agg']);

/** The query whose column names the client sees, or which a temporary table gets. */
const outermost = (node: Node | undefined): SelectStmt | undefined => {
  if (!node) return undefined;
  if ('SelectStmt' in node) return node.SelectStmt as SelectStmt;
  if ('CreateTableAsStmt' in node) return outermost(node.CreateTableAsStmt.query);
  if ('DeclareCursorStmt' in node) return outermost(node.DeclareCursorStmt.query);
  if ('PrepareStmt' in node) return outermost(node.PrepareStmt.query);
  if ('CopyStmt' in node) return outermost(node.CopyStmt.query);
  return undefined;
};

/** The measure's name of `MEASURE(m)` and `AGG(m)` without a name of its own. */
const measureOf = (target: Node): string | undefined => {
  if (!('ResTarget' in target) || target.ResTarget.name || !target.ResTarget.val) return undefined;
  const { val } = target.ResTarget;
  if (!('FuncCall' in val) || val.FuncCall.over || val.FuncCall.agg_filter || val.FuncCall.agg_order?.length)
    return undefined;
  const { args = [] } = val.FuncCall;
  if (!AGGREGATES.has(functionName(val.FuncCall)) || args.length !== 1 || !args[0]) return undefined;
  return namesOf(args[0])?.at(-1);
};

const nameOf = (target: Node): string | undefined => {
  if (!('ResTarget' in target)) return undefined;
  const { name, val } = target.ResTarget;
  return name ?? (val && namesOf(val)?.at(-1));
};

/** Whether ORDER BY or GROUP BY of the select uses the name that the function would give. */
const usesFunctionName = (select: SelectStmt): boolean => {
  let used = false;
  walk([select.sortClause, select.groupClause, select.distinctClause], (n) => {
    const names = namesOf(n);
    if (names?.length === 1 && AGGREGATES.has(names[0] ?? '')) used = true;
    return !used;
  });
  return used;
};

/** Behind the parenthesis that closes the call at a place. */
const endOfCall = (tokens: readonly Token[], location: number): number | undefined => {
  const from = tokens.findIndex((t) => t.start >= location);
  const open = tokens.findIndex((t, i) => i >= from && t.word === '(');
  return tokens.find((t, i) => i > open && t.word === ')' && t.depth === tokens[open]?.depth)?.end;
};

const charactersOf = (text: string): number => [...readable(text)].length;

/**
 * Names `MEASURE(m)` in outermost select lists `m`, as a column would be: PostgreSQL would name every one of them after the
 * function, and rows as objects would lose all but one. Left as they are: a column beside one that has the name already, set
 * operations, and queries that order by the function's name.
 */
export const measuresNamed = (text: string): Named => {
  const unchanged: Named = { text, original: (position) => position };
  if (!/\b(measure|agg)\b/i.test(text)) return unchanged;
  const bytes = byteText(text);
  let tree: ReturnType<typeof parseSync>;
  try {
    tree = parseSync(text);
  } catch (thrown) {
    if (thrown instanceof Error) return unchanged; // a syntax error is PostgreSQL's to tell
    throw thrown;
  }
  const tokens = tokensOf(bytes);
  const places: { at: number; name: string }[] = [];
  for (const { stmt } of tree.stmts ?? []) {
    const select = outermost(stmt);
    if (select?.op !== 'SETOP_NONE' || usesFunctionName(select)) continue;
    const targets = select.targetList ?? [];
    const taken = new Set(targets.map(nameOf));
    for (const target of targets) {
      const name = measureOf(target);
      const location = 'ResTarget' in target ? (target.ResTarget.location ?? 0) : 0;
      const at = name === undefined || taken.has(name) ? undefined : endOfCall(tokens, location);
      if (name === undefined || at === undefined) continue;
      places.push({ at, name });
      taken.add(name);
    }
  }
  if (places.length === 0) return unchanged;
  places.sort((a, b) => a.at - b.at);
  const insertions: Insertion[] = [];
  let out: ByteText = byteText('');
  let from = 0;
  for (const { at, name } of places) {
    const alias = byteText(` AS ${quoteName(name)}`);
    out = joined(out, slice(bytes, from, at), alias);
    insertions.push({ at: charactersOf(bytes.slice(0, at)), length: charactersOf(alias) });
    from = at;
  }
  out = joined(out, slice(bytes, from));
  return {
    text: readable(out),
    original: (position) => {
      let moved = position;
      for (const { at, length } of insertions) if (moved > at) moved = Math.max(at + 1, moved - length);
      return moved;
    },
  };
};
