import { createHash } from 'node:crypto';
import { error } from '../../../errors/index.js';
import type { ParquetEngine } from '../../../store/delta/index.js';

/** A value of DuckDB's serialised statement. Numbers that a JS number cannot hold stay as text. */
export type Json = null | string | number | boolean | readonly Json[] | Node;
export interface Node {
  readonly [key: string]: Json;
}

export const isNode = (json: Json | undefined): json is Node =>
  json !== null && typeof json === 'object' && !Array.isArray(json);
export const nodeAt = (node: Node, key: string): Node | undefined => {
  const found = node[key];
  return isNode(found) ? found : undefined;
};
export const listAt = (node: Node, key: string): readonly Json[] => {
  const found = node[key];
  return Array.isArray(found) ? found : [];
};
export const nodesAt = (node: Node, key: string): readonly Node[] => listAt(node, key).filter(isNode);
export const textAt = (node: Node, key: string): string => {
  const found = node[key];
  return typeof found === 'string' ? found : '';
};

/** Identifiers are told apart without case, as DuckDB does. */
export const fold = (name: string): string => name.toLowerCase();

export const empty = (json: Json | undefined): boolean =>
  json === null || json === undefined || json === '' || json === false || (Array.isArray(json) && json.length === 0);

/** A node without places and without what is empty, for what is not looked into. */
export const bare = (json: Json): Json => {
  if (Array.isArray(json)) return json.map(bare);
  if (!isNode(json)) return json;
  return Object.fromEntries(
    Object.entries(json).flatMap(([key, value]) =>
      key === 'query_location' || empty(value) ? [] : [[key, bare(value)]],
    ),
  );
};

/** 128 bits of sha256, for parts; a table's hashes are whole. */
export const digest = (form: Json): string =>
  createHash('sha256').update(JSON.stringify(form)).digest('hex').slice(0, 32);

/** Whether a node of the tree, or one below it, fits. `into` says which nodes are looked into. */
export const some = (
  json: Json,
  fits: (node: Node) => boolean,
  into: (node: Node) => boolean = () => true,
): boolean => {
  if (Array.isArray(json)) return json.some((child: Json) => some(child, fits, into));
  if (!isNode(json)) return false;
  return fits(json) || (into(json) && Object.values(json).some((child) => some(child, fits, into)));
};

/** Numbers of more than 15 digits would be rounded by JSON.parse, and two statements would look equal. */
const exactNumbers = (json: string): string =>
  json.replaceAll(/"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*/g, (token) =>
    token.startsWith('"') || token.length <= 15 ? token : `"${token}"`,
  );

/** A statement that was parsed, and the line of each place in it. */
export interface Statement {
  readonly root: Node;
  /** Line in the file of a node; the first line of the statement when the node has no place. */
  readonly lineOf: (node: Node) => number;
}

const MOST_CACHED = 2000;
const cache = new Map<string, Promise<Node>>();

const treeOf = (row: Readonly<Record<string, unknown>> | undefined): Node =>
  JSON.parse(exactNumbers(String(row?.['tree']))) as Node;

const parseText = async (engine: ParquetEngine, text: string): Promise<Node> => {
  const [row] = await engine.query('SELECT json_serialize_sql($1::VARCHAR)::VARCHAR AS tree', { parameters: [text] });
  return treeOf(row);
};

const keep = (text: string, tree: Promise<Node>): void => {
  cache.set(text, tree);
  tree.catch(() => cache.delete(text));
  for (const oldest of cache.keys()) {
    if (cache.size <= MOST_CACHED) break;
    cache.delete(oldest);
  }
};

/** Parses many texts in one statement, so that those who ask for them later need not wait for the engine. */
export const parseAhead = async (engine: ParquetEngine, texts: readonly string[]): Promise<void> => {
  const fresh = [...new Set(texts)].filter((text) => !cache.has(text)).slice(0, MOST_CACHED);
  if (fresh.length < 2) return;
  const rows = await engine.query(
    `SELECT json_serialize_sql(texts[i])::VARCHAR AS tree
     FROM (SELECT from_json($1::JSON, '["VARCHAR"]') AS texts) AS given, range(1, len(texts) + 1) AS r(i) ORDER BY i`,
    { parameters: [JSON.stringify(fresh)] },
  );
  fresh.forEach((text, i) => {
    keep(text, Promise.resolve(treeOf(rows[i])));
  });
};

/** The same text is parsed once per process. */
const parsed = (engine: ParquetEngine, text: string): Promise<Node> => {
  const known = cache.get(text);
  if (known) return known;
  const fresh = parseText(engine, text);
  keep(text, fresh);
  return fresh;
};

/**
 * Parses a text that must be exactly one SELECT. `firstLine` is its first line in the file. Errors: `transform-invalid` with the line.
 */
export const parse = async (
  engine: ParquetEngine,
  of: { readonly file: string; readonly text: string; readonly firstLine: number },
): Promise<Statement> => {
  const { file, text, firstLine } = of;
  const tree = await parsed(engine, text);
  const bytes = Buffer.from(text, 'utf8');
  // The parser counts bytes; a node without a place has the largest number there is.
  const lineAt = (offset: number): number =>
    firstLine +
    bytes
      .subarray(0, offset <= bytes.length ? Math.max(0, offset) : 0)
      .toString('utf8')
      .split('\n').length -
    1;
  const first = Buffer.byteLength(text.slice(0, Math.max(0, text.search(/\S/))));
  const fail = (offset: number, what: string) => error('transform-invalid', { file, line: lineAt(offset), what });
  if (tree['error'] === true)
    throw tree['position'] === undefined
      ? fail(first, 'the body must be one SELECT')
      : fail(Number(tree['position']), textAt(tree, 'error_message') || 'the SELECT cannot be parsed');
  const [statement, ...more] = nodesAt(tree, 'statements');
  const root = statement && nodeAt(statement, 'node');
  if (!root || more.length > 0) throw fail(first, 'the body must be exactly one SELECT');
  return { root, lineOf: (node) => lineAt(Number(node['query_location'] ?? first)) };
};
