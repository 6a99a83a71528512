import { TABLE_FUNCTIONS } from '../functions.js';
import { bare, digest, fold, isNode, type Json, listAt, type Node, nodeAt, nodesAt, textAt } from '../tree.js';
import { expression } from './expression.js';
import { edgesOf } from './lookup.js';
import {
  bound,
  type Column,
  columnOf,
  type Edges,
  type Item,
  indirect,
  merge,
  named,
  type Relation,
  type Resolved,
  type Scope,
  through,
  type Visible,
  type Walk,
  whole,
  wild,
} from './scope.js';

/** What a FROM, or a side of a join in it, brings: what decides its rows, and what `*` gives. */
interface Brought {
  readonly form: Json;
  readonly edges: Edges;
  readonly items: readonly Item[];
  readonly visible: readonly Visible[];
}

/** The scope of a SELECT while its FROM is read: relations are added from left to right. */
export interface Filling extends Scope {
  readonly items: Item[];
  readonly merged: Map<string, Resolved>;
}

const NOTHING: Brought = { form: 'one row', edges: [], items: [], visible: [] };

const add = (scope: Filling, alias: string, relation: Relation, more: Json = null): Brought => {
  const item: Item = { alias: fold(alias), index: scope.items.length, relation, hidden: false };
  scope.items.push(item);
  const visible: Visible[] = relation.columns.map((column) => ({ name: column.name, value: bound(item, column) }));
  if (relation.open) visible.push({ item });
  return { form: { table: item.index, rows: relation.rows, more }, edges: relation.edges, items: [item], visible };
};

/** All that a relation of a kind we do not know holds. */
const relationsBelow = (json: Json, scope: Scope, walk: Walk): Relation[] => {
  if (Array.isArray(json)) return json.flatMap((child: Json) => relationsBelow(child, scope, walk));
  if (!isNode(json)) return [];
  const found = textAt(json, 'type') === 'BASE_TABLE' ? tableOf(json, scope, walk) : undefined;
  return found ? [found] : Object.values(json).flatMap((child) => relationsBelow(child, scope, walk));
};

/** A query that is not understood: everything it reads counts. */
export const wildQuery = (node: Node, scope: Scope, walk: Walk): Relation =>
  wild(walk, bare(node), relationsBelow(node, scope, walk));

const tableOf = (node: Node, scope: Scope, walk: Walk): Relation | undefined => {
  const schema = textAt(node, 'schema_name');
  const table = textAt(node, 'table_name');
  return schema === '' ? scope.ctes(fold(table)) : walk.base(schema, table);
};

const table = (node: Node, scope: Filling, walk: Walk): Brought => {
  const relation = tableOf(node, scope, walk) ?? wild(walk, bare(node), []);
  const columns = listAt(node, 'column_name_alias').map(String);
  const alias = textAt(node, 'alias') || textAt(node, 'table_name');
  return add(scope, alias, columns.length > 0 ? named(relation, columns) : relation, [
    bare(node['sample'] ?? null),
    bare(node['at_clause'] ?? null),
  ]);
};

/** A subquery sees what stands left of it, as LATERAL says; the SELECT's own names it does not. */
const beside = (scope: Filling): Scope => ({ ...scope, items: [...scope.items], alias: () => undefined, both: false });

const derived = (node: Node, scope: Filling, walk: Walk): Brought => {
  const inner = nodeAt(nodeAt(node, 'subquery') ?? {}, 'node');
  const relation = inner ? walk.query(inner, beside(scope), scope.ctes) : wild(walk, bare(node), []);
  return add(
    scope,
    textAt(node, 'alias'),
    named(relation, listAt(node, 'column_name_alias').map(String)),
    bare(node['sample'] ?? null),
  );
};

const tableFunction = (node: Node, scope: Filling, walk: Walk): Brought => {
  const call = nodeAt(node, 'function') ?? {};
  const name = fold(textAt(call, 'function_name'));
  const args = nodesAt(call, 'children').map((child) => expression(child, beside(scope), walk));
  const form: Json = [name, args.map((arg) => arg.form)];
  const edges = edgesOf(args);
  const ordinality = textAt(node, 'with_ordinality') === 'WITH_ORDINALITY';
  const several = !TABLE_FUNCTIONS.has(name) || (name === 'unnest' && args.length > 1);
  const rows = digest(['rows', form]);
  const relation: Relation = several
    ? { ...wild(walk, form, []), edges: indirect(edges, 'JOIN') }
    : {
        columns: [
          { name, hash: digest(['value', form]), edges: through(edges, 'TRANSFORMATION') },
          ...(ordinality ? [{ name: 'ordinality', hash: 'ordinality', edges: [] }] : []),
        ],
        open: undefined,
        rows,
        edges: indirect(edges, 'JOIN'),
      };
  return add(
    scope,
    textAt(node, 'alias') || name,
    named(relation, listAt(node, 'column_name_alias').map(String)),
    ordinality,
  );
};

const values = (node: Node, scope: Filling, walk: Walk): Brought => {
  const lists = listAt(node, 'values').map((row) => (Array.isArray(row) ? (row as readonly Json[]) : []));
  const resolved = lists.map((row) => row.filter(isNode).map((value) => expression(value, beside(scope), walk)));
  const columns: Column[] = (resolved[0] ?? []).map((_, i) => {
    const cells = resolved.flatMap((row) => (row[i] ? [row[i]] : []));
    return {
      name: `col${i}`,
      hash: digest(['values', cells.map(({ form }) => form)]),
      edges: through(edgesOf(cells), 'TRANSFORMATION'),
    };
  });
  const relation = { columns, open: undefined, rows: digest(['values', lists.length]), edges: [] };
  const expected = listAt(node, 'expected_names').map(String);
  return add(scope, textAt(node, 'alias'), named(relation, expected));
};

const sideColumn = (side: Brought, name: string): Resolved | undefined => {
  const known = side.visible.find((each) => 'name' in each && each.name === name);
  if (known && 'value' in known) return known.value;
  const open = side.visible.flatMap((each) => ('item' in each ? [each.item] : []));
  const column = open.length === 1 && open[0] ? columnOf(open[0].relation, name) : undefined;
  return column && open[0] && bound(open[0], column);
};

/** The columns by which a join brings both sides together: USING, or all common ones of a NATURAL join. */
const joinedBy = (node: Node, left: Brought, right: Brought): string[] | undefined => {
  if (textAt(node, 'ref_type') !== 'NATURAL') return listAt(node, 'using_columns').map((name) => fold(String(name)));
  if ([...left.visible, ...right.visible].some((each) => 'item' in each)) return undefined;
  const names = new Set(right.visible.flatMap((each) => ('name' in each ? [each.name] : [])));
  return left.visible.flatMap((each) => ('name' in each && names.has(each.name) ? [each.name] : []));
};

const mergedColumn = (joinType: string, left: Resolved, right: Resolved): Resolved => {
  if (joinType === 'RIGHT') return right;
  if (joinType !== 'OUTER' && joinType !== 'FULL') return left;
  return {
    form: { '#': [0, 'using', [left.form, right.form]] },
    edges: through(merge(left.edges, right.edges), 'TRANSFORMATION'),
  };
};

const join = (node: Node, scope: Filling, walk: Walk): Brought => {
  const sides = [nodeAt(node, 'left'), nodeAt(node, 'right')];
  const [left = NOTHING, right = NOTHING] = sides.map((side) => (side ? from(side, scope, walk) : NOTHING));
  const joinType = textAt(node, 'join_type');
  const items = [...left.items, ...right.items];
  const by = joinedBy(node, left, right);
  if (by === undefined)
    wild(
      walk,
      bare(node),
      items.map(({ relation }) => relation),
    );
  const pairs = (by ?? []).map((name) => ({ name, left: sideColumn(left, name), right: sideColumn(right, name) }));
  const condition = nodeAt(node, 'condition');
  const on = condition && expression(condition, { ...scope, items, alias: () => undefined }, walk);
  const using = pairs.flatMap((pair) => (pair.left && pair.right ? [pair.left, pair.right] : []));
  const semi = joinType === 'SEMI' || joinType === 'ANTI';
  if (semi) for (const item of right.items) item.hidden = true;
  const merged = new Map(
    pairs.flatMap(({ name, left: l, right: r }) => (l && r ? [[name, mergedColumn(joinType, l, r)] as const] : [])),
  );
  if (!semi) for (const [name, value] of merged) scope.merged.set(name, value);
  return {
    form: {
      join: [joinType, textAt(node, 'ref_type')],
      left: left.form,
      right: right.form,
      on: on?.form ?? null,
      using: using.map(({ form }) => form),
      unclear: by === undefined ? items.map(({ relation }) => whole(relation)) : [],
      names: by === undefined || using.length < pairs.length * 2 ? pairs.map(({ name }) => name) : [],
    },
    edges: merge(left.edges, right.edges, indirect(merge(on?.edges ?? [], edgesOf(using)), 'JOIN')),
    items: semi ? left.items : items,
    visible: semi
      ? left.visible
      : [
          ...left.visible.map((each) =>
            'name' in each ? { name: each.name, value: merged.get(each.name) ?? each.value } : each,
          ),
          ...right.visible.filter((each) => !('name' in each && merged.has(each.name))),
        ],
  };
};

/** Reads a FROM into the scope. */
export const from = (node: Node, scope: Filling, walk: Walk): Brought => {
  switch (textAt(node, 'type')) {
    case 'EMPTY':
      return NOTHING;
    case 'BASE_TABLE':
      return table(node, scope, walk);
    case 'SUBQUERY':
      return derived(node, scope, walk);
    case 'JOIN':
      return join(node, scope, walk);
    case 'TABLE_FUNCTION':
      return tableFunction(node, scope, walk);
    case 'EXPRESSION_LIST':
      return values(node, scope, walk);
    default:
      return add(scope, textAt(node, 'alias'), wildQuery(node, scope, walk));
  }
};
