import { createHash } from 'node:crypto';
import { AGGREGATES } from './functions.js';
import { bare, empty, fold, isNode, type Json, listAt, type Node, nodeAt, nodesAt, some, textAt } from './tree.js';

/** Where a node has names of columns and tables, which are told apart without case. */
const IDENTIFIERS = new Set(
  'column_names table_name relation_name exclude_list using_columns column_name_alias aliases cte_name function_name key'.split(
    ' ',
  ),
);

/** The tree without comments, layout, places and case of identifiers. The alias of an argument is a field's name and stays as it is. */
const canonicalTree = (json: Json, key: string, argument: boolean): Json => {
  if (typeof json === 'string') return IDENTIFIERS.has(key) || (key === 'alias' && !argument) ? fold(json) : json;
  if (Array.isArray(json)) return json.map((child: Json) => canonicalTree(child, key, argument));
  if (!isNode(json)) return json;
  return Object.fromEntries(
    Object.entries(json).flatMap(([name, value]) =>
      name === 'query_location' || empty(value)
        ? []
        : [[name, canonicalTree(value, name, name === 'alias' ? argument : key === 'children')]],
    ),
  );
};

/** A statement's text for machines: equal text, equal statement. */
export interface Canonical {
  readonly text: string;
  /** Each top-level projection; undefined where one more may change the rows that are there. */
  readonly projections: readonly string[] | undefined;
  /** The statement without its projections. */
  readonly rest: string;
  /** Part (`WHERE`, `FROM`, `WITH lines`) to a hash of its text. */
  readonly parts: Readonly<Record<string, string>>;
}

const hash = (json: Json): string => createHash('sha256').update(JSON.stringify(json)).digest('hex').slice(0, 16);

const PARTS: readonly (readonly [string, string])[] = [
  ['FROM', 'from_table'],
  ['WHERE', 'where_clause'],
  ['GROUP BY', 'group_expressions'],
  ['GROUP BY', 'group_sets'],
  ['GROUP BY', 'aggregate_handling'],
  ['HAVING', 'having'],
  ['QUALIFY', 'qualify'],
  ['DISTINCT, ORDER BY or LIMIT', 'modifiers'],
];

const isUnnest = (node: Node): boolean =>
  textAt(node, 'type') === 'TABLE_FUNCTION' || fold(textAt(node, 'function_name')) === 'unnest';
const isAggregate = (node: Node): boolean =>
  textAt(node, 'class') === 'FUNCTION' && AGGREGATES.has(fold(textAt(node, 'function_name')));
const outsideQueries = (node: Node): boolean =>
  textAt(node, 'class') !== 'SUBQUERY' && textAt(node, 'type') !== 'SUBQUERY';

/** Whether one more projection leaves the rows as they are. */
const takesMore = (root: Node): boolean =>
  textAt(root, 'type') === 'SELECT_NODE' &&
  textAt(root, 'aggregate_handling') === 'STANDARD_HANDLING' &&
  !nodesAt(root, 'modifiers').some((each) => textAt(each, 'type') === 'DISTINCT_MODIFIER') &&
  !some([...listAt(root, 'select_list'), root['from_table'] ?? null], isUnnest, outsideQueries);

/** Whether the rows are those of groups: by GROUP BY, or one group of all rows because of an aggregate. */
const grouped = (root: Node): boolean =>
  listAt(root, 'group_expressions').length > 0 || some(listAt(root, 'select_list'), isAggregate, outsideQueries);

export const canonicalOf = (root: Node): Canonical => {
  const tree = canonicalTree(root, '', false) as Node;
  const list = listAt(tree, 'select_list').map((each) => JSON.stringify(each));
  const parts: Record<string, string> = {};
  for (const entry of nodesAt(nodeAt(tree, 'cte_map') ?? {}, 'map'))
    parts[`WITH ${textAt(entry, 'key')}`] = hash(bare(entry['value'] ?? null));
  if (textAt(tree, 'type') === 'SELECT_NODE')
    for (const [part, key] of PARTS) parts[part] = hash([parts[part] ?? '', tree[key] ?? null]);
  else parts[textAt(tree, 'setop_type').replaceAll('_', ' ') || 'the statement'] = hash({ ...tree, cte_map: null });
  return {
    text: JSON.stringify(tree),
    projections: takesMore(root) ? list : undefined,
    rest: JSON.stringify({ ...tree, select_list: grouped(root) ? 'groups' : 'rows' }),
    parts,
  };
};
