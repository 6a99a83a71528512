import type { Classified } from './classify.js';
import { type Token, tokensOf } from './text.js';

const QUERY = ['SELECT', 'WITH', 'VALUES', 'TABLE', '('];

/**
 * Where the query stands inside a statement, in bytes of its text: DECLARE ... FOR query, CREATE TEMP TABLE AS query, COPY (query),
 * EXPLAIN query, INSERT ... query, PREPARE ... AS query, or the statement itself. Undefined for statements whose model tables are not planned (they meet the
 * row policy, which refuses).
 */
export const innerQuery = ({ kind, node, text }: Classified): readonly [number, number] | undefined => {
  const tokens = tokensOf(text);
  const end = tokens.at(-1)?.end ?? 0;
  const find = (words: readonly string[], from = 0): number =>
    tokens.findIndex((t, i) => i >= from && t.depth === 0 && words.includes(t.word));
  const from = (i: number): readonly [number, number] | undefined => {
    const token = tokens[i];
    return token && i >= 0 ? [token.start, end] : undefined;
  };
  if (kind === 'SelectStmt') return 'SelectStmt' in node && node.SelectStmt.intoClause ? undefined : from(0);
  if (kind === 'DeclareCursorStmt') return from(find(['FOR'], find(['CURSOR'])) + 1);
  if ('CreateTableAsStmt' in node) {
    const { query } = node.CreateTableAsStmt;
    if (!query || !('SelectStmt' in query)) return undefined;
    const first = tokens[find(['AS']) + 1];
    return first && [first.start, withoutData(tokens)];
  }
  if ('ExplainStmt' in node) {
    const { query } = node.ExplainStmt;
    if (!query || !('SelectStmt' in query)) return undefined;
    return from(tokens[1]?.word === '(' ? find(QUERY, find([')'], 1) + 1) : find(QUERY, 1));
  }
  if ('CopyStmt' in node) {
    if (!node.CopyStmt.query || !('SelectStmt' in node.CopyStmt.query)) return undefined;
    const open = find(['('], 1);
    const close = find([')'], open + 1);
    const [first, last] = [tokens[open], tokens[close]];
    return first && last && [first.end, last.start];
  }
  if ('InsertStmt' in node) {
    const { selectStmt } = node.InsertStmt;
    return selectStmt && 'SelectStmt' in selectStmt && !node.InsertStmt.withClause
      ? from(find(['SELECT', 'WITH'], 1))
      : undefined;
  }
  return undefined;
};

/** The end of CREATE TABLE AS's query, before WITH [NO] DATA. */
const withoutData = (tokens: readonly Token[]): number => {
  const n = tokens.length;
  const behind = tokens[n - 1]?.word === 'DATA' ? (tokens[n - 2]?.word === 'NO' ? 4 : 3) : 1;
  return tokens[n - behind]?.end ?? 0;
};
