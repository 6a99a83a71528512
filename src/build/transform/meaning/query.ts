import { expression, projection } from './expression.js';
import { type Filling, from, wildQuery } from './from.js';
import { AGGREGATES } from './functions.js';
import { edgesOf } from './lookup.js';
import {
  type Column,
  type Ctes,
  type Edges,
  indirect,
  merge,
  named,
  type Relation,
  type Resolved,
  type Scope,
  tablesOf,
  through,
  type Visible,
  type Walk,
  whole,
  wild,
} from './scope.js';
import { bare, digest, fold, isNode, type Json, listAt, type Node, nodeAt, nodesAt, some, textAt } from './tree.js';

const NO_SCOPE: Omit<Scope, 'outer' | 'ctes' | 'items' | 'merged'> = {
  alias: () => undefined,
  both: false,
  parameters: new Set(),
  aggregated: () => undefined,
};

/** One item of a SELECT, or what `*` became. */
interface Output extends Resolved {
  readonly name: string;
}

const isStar = (node: Node): boolean => textAt(node, 'class') === 'STAR';
const notWithin = (node: Node): boolean => textAt(node, 'class') !== 'SUBQUERY';
const aggregates = (json: Json): boolean =>
  some(
    json,
    (node) => textAt(node, 'class') === 'FUNCTION' && AGGREGATES.has(fold(textAt(node, 'function_name'))),
    notWithin,
  );
const unnests = (json: Json): boolean =>
  some(
    json,
    (node) => textAt(node, 'class') === 'FUNCTION' && fold(textAt(node, 'function_name')) === 'unnest',
    notWithin,
  );

const nameOf = (node: Node): string => {
  const alias = textAt(node, 'alias');
  if (alias !== '') return fold(alias);
  return textAt(node, 'class') === 'COLUMN_REF' ? fold(String(listAt(node, 'column_names').at(-1) ?? '')) : '';
};

/** The columns of `*`, `t.*`, with EXCLUDE, REPLACE and RENAME. Undefined when it cannot be told which they are. */
const starOutputs = (
  node: Node,
  scope: Filling,
  all: readonly Visible[],
  walk: Walk,
): { readonly outputs: Output[]; readonly open: Relation['open'] } | undefined => {
  if (node['columns'] === true || isNode(node['expr'])) return undefined;
  const table = fold(textAt(node, 'relation_name'));
  const items = scope.items.filter((item) => item.alias === table && !item.hidden);
  if (table !== '' && items.length !== 1) return undefined;
  const ofTable = (item: Filling['items'][number]): Visible[] => [
    ...item.relation.columns.map((column) => ({
      name: column.name,
      value: { form: { '#': [0, item.index, column.hash] }, edges: column.edges },
    })),
    ...(item.relation.open ? [{ item }] : []),
  ];
  const source = table === '' ? all : items.flatMap(ofTable);
  if (listAt(node, 'qualified_exclude_list').length > 0 && table === '') return undefined;
  const excluded = new Set([
    ...listAt(node, 'exclude_list').map((name) => fold(String(name))),
    ...nodesAt(node, 'qualified_exclude_list').map((each) => fold(textAt(each, 'column'))),
  ]);
  const replaced = new Map(
    nodesAt(node, 'replace_list').map((each) => [fold(textAt(each, 'key')), nodeAt(each, 'value') ?? {}] as const),
  );
  const renamed = new Map(
    nodesAt(node, 'rename_list').map(
      (each) => [fold(textAt(nodeAt(each, 'key') ?? {}, 'column')), fold(textAt(each, 'value'))] as const,
    ),
  );
  const outputs: Output[] = [];
  const open: Relation[] = [];
  for (const each of source) {
    if ('item' in each) {
      for (const one of tablesOf(each.item.relation)) walk.opaque.add(one);
      open.push(each.item.relation);
    } else if (!excluded.has(each.name)) {
      const other = replaced.get(each.name);
      const value = other ? projection(other, scope, walk) : each.value;
      outputs.push({ ...value, name: renamed.get(each.name) ?? each.name });
    }
  }
  if (open.length === 0) return { outputs, open: undefined };
  if (open.length > 1 || replaced.size > 0 || renamed.size > 0) return undefined;
  const [only] = open;
  const index = scope.items.find(({ relation }) => relation === only)?.index ?? -1;
  return {
    outputs,
    open: (name) => {
      const column = only?.open?.(name);
      const hash = digest({ '#': [0, index, column?.hash ?? ''] });
      return { name, hash, edges: excluded.has(name) ? [] : (column?.edges ?? []) };
    },
  };
};

/** ORDER BY, DISTINCT ON: a plain name is first one of the SELECT's, a whole number is a place in it. */
const sortKey = (node: Node, scope: Scope, outputs: readonly Output[], walk: Walk): Resolved => {
  const value = nodeAt(node, 'value');
  const at = textAt(node, 'class') === 'CONSTANT' && value ? value['value'] : undefined;
  const placed = typeof at === 'number' ? outputs[at - 1] : undefined;
  if (placed) return placed;
  if (isStar(node)) return { form: outputs.map(({ form }) => form), edges: edgesOf(outputs) };
  const names = listAt(node, 'column_names');
  const own =
    names.length === 1 ? outputs.find(({ name }) => name !== '' && name === fold(String(names[0]))) : undefined;
  return own ?? expression(node, scope, walk);
};

/** What DISTINCT, ORDER BY and LIMIT do to the rows. The order alone is nothing at the top, where no rows are cut off. */
const modify = (
  node: Node,
  scope: Scope,
  outputs: readonly Output[],
  walk: Walk,
  top: boolean,
): { readonly form: Json; readonly edges: Edges } => {
  const modifiers = nodesAt(node, 'modifiers');
  const cuts = modifiers.some((each) => {
    const type = textAt(each, 'type');
    return (
      type !== 'ORDER_MODIFIER' && (type !== 'DISTINCT_MODIFIER' || listAt(each, 'distinct_on_targets').length > 0)
    );
  });
  const parts = modifiers.map((each): { form: Json; edges: Edges } => {
    const type = textAt(each, 'type');
    if (type === 'DISTINCT_MODIFIER') {
      const targets = nodesAt(each, 'distinct_on_targets').map((target) => sortKey(target, scope, outputs, walk));
      const by: readonly Resolved[] = targets.length > 0 ? targets : outputs;
      return {
        form: ['distinct', targets.length, by.map(({ form }) => form)],
        edges: indirect(edgesOf(by), 'GROUP_BY'),
      };
    }
    if (type === 'ORDER_MODIFIER') {
      if (top && !cuts) return { form: null, edges: [] };
      const orders = nodesAt(each, 'orders').map((order) => ({
        ...sortKey(nodeAt(order, 'expression') ?? {}, scope, outputs, walk),
        how: [textAt(order, 'type'), textAt(order, 'null_order')],
      }));
      return { form: ['order', orders.map(({ form, how }) => [form, how])], edges: indirect(edgesOf(orders), 'SORT') };
    }
    const limits = ['limit', 'offset'].map((key) => {
      const of = nodeAt(each, key);
      return of ? expression(of, scope, walk) : { form: null, edges: [] };
    });
    return { form: [type, limits.map(({ form }) => form)], edges: indirect(edgesOf(limits), 'FILTER') };
  });
  return {
    form: parts.map(({ form }) => form).filter((form) => form !== null),
    edges: merge(...parts.map(({ edges }) => edges)),
  };
};

/** The names that a SELECT gives, each worked out when it is asked for. */
const aliasesOf = (list: readonly Node[], resolve: (node: Node) => Resolved): Scope['alias'] => {
  const known = new Map<string, Resolved | 'open'>();
  return (name) => {
    const found = known.get(name);
    if (found !== undefined) return found === 'open' ? undefined : found;
    const node = list.find((each) => fold(textAt(each, 'alias')) === name && !isStar(each));
    if (!node) return undefined;
    known.set(name, 'open');
    const value = resolve(node);
    const named: Resolved = { form: value.form, edges: value.edges };
    known.set(name, named);
    return named;
  };
};

const select = (node: Node, outer: Scope | undefined, ctes: Ctes, walk: Walk, top: boolean): Relation => {
  const list = nodesAt(node, 'select_list');
  let overRows = aggregates(list) || aggregates(node['having'] ?? null) || isNode(node['having']);
  const scope: Filling = {
    ...NO_SCOPE,
    ...{ items: [], merged: new Map(), outer, ctes },
    alias: (name) => alias(name),
    aggregated: () => {
      overRows = true;
    },
  };
  const alias = aliasesOf(list, (each) => projection(each, scope, walk));
  const brought = from(nodeAt(node, 'from_table') ?? { type: 'EMPTY' }, scope, walk);
  const outputs: Output[] = [];
  const spread: Output[] = [];
  let open: Relation['open'];
  let unclear: Relation | undefined;
  for (const each of list) {
    const stars = isStar(each) ? starOutputs(each, scope, brought.visible, walk) : undefined;
    if (isStar(each) && (stars === undefined || (stars.open && open)))
      unclear = wild(
        walk,
        bare(list),
        scope.items.map(({ relation }) => relation),
      );
    else if (stars) {
      outputs.push(...stars.outputs);
      open = stars.open ?? open;
    } else {
      const output = { ...projection(each, scope, walk), name: nameOf(each) };
      if (unnests(each)) spread.push(output);
      outputs.push(output);
    }
  }
  const condition = (key: string, within: Scope): Resolved | undefined => {
    const found = nodeAt(node, key);
    return found && expression(found, within, walk);
  };
  const where = condition('where_clause', scope);
  const groups = nodesAt(node, 'group_expressions').map((each) => {
    const value = nodeAt(each, 'value');
    const at = textAt(each, 'class') === 'CONSTANT' && value ? value['value'] : undefined;
    return (typeof at === 'number' ? outputs[at - 1] : undefined) ?? expression(each, scope, walk);
  });
  const byAll = textAt(node, 'aggregate_handling') === 'FORCE_AGGREGATES';
  const having = condition('having', { ...scope, both: true });
  const qualify = condition('qualify', scope);
  const modified = modify(node, scope, outputs, walk, top);
  const keys: readonly Resolved[] = byAll ? outputs : groups;
  const rows = digest({
    from: brought.form,
    where: where?.form ?? null,
    groups: keys.map(({ form }) => form),
    sets: bare(node['group_sets'] ?? null),
    how: groups.length > 0 || byAll ? textAt(node, 'aggregate_handling') : overRows,
    having: having?.form ?? null,
    qualify: qualify?.form ?? null,
    modified: modified.form,
    spread: spread.map(({ form }) => form),
    sample: bare(node['sample'] ?? null),
    unclear: unclear ? whole(unclear) : null,
  });
  const edges = merge(
    brought.edges,
    indirect(where?.edges ?? [], 'FILTER'),
    indirect(edgesOf(keys), 'GROUP_BY'),
    indirect(merge(having?.edges ?? [], qualify?.edges ?? []), 'FILTER'),
    indirect(edgesOf(spread), 'JOIN'),
    modified.edges,
  );
  if (unclear) return { ...unclear, rows, edges: merge(edges, unclear.edges) };
  return { columns: outputs.map(columnFrom), open, rows, edges };
};

const columnFrom = ({ name, form, edges }: Output): Column => ({ name, hash: digest(form), edges });

const union = (node: Node, outer: Scope | undefined, ctes: Ctes, walk: Walk, top: boolean): Relation => {
  const sides = [nodeAt(node, 'left'), nodeAt(node, 'right')].map((side) =>
    side ? query(side, outer, ctes, walk, false) : wild(walk, null, []),
  );
  const [left, right] = sides;
  const type = textAt(node, 'setop_type');
  const byName = type === 'UNION_BY_NAME';
  if (!left || !right || left.open || right.open || (!byName && left.columns.length !== right.columns.length))
    return wild(walk, bare(node), sides);
  const kept = type === 'UNION' || byName;
  const names = byName ? [...new Set([...left.columns, ...right.columns].map(({ name }) => name))] : [];
  const pairs = byName
    ? names.map(
        (name) => [left.columns.find((c) => c.name === name), right.columns.find((c) => c.name === name)] as const,
      )
    : left.columns.map((column, i) => [column, right.columns[i]] as const);
  const outputs: Output[] = pairs.map(([l, r]) => ({
    name: l?.name ?? r?.name ?? '',
    form: { [type]: [l?.hash ?? null, r?.hash ?? null] },
    edges: merge(l?.edges ?? [], kept ? (r?.edges ?? []) : []),
  }));
  const all = node['setop_all'] === true && kept;
  const everything = [...left.columns, ...right.columns];
  const scope: Scope = { ...NO_SCOPE, items: [], merged: new Map(), outer, ctes };
  const modified = modify(node, scope, outputs, walk, top);
  return {
    columns: outputs.map(columnFrom),
    open: undefined,
    rows: digest({
      type,
      all: node['setop_all'] === true,
      rows: [left.rows, right.rows],
      by: all ? [] : everything.map(({ hash }) => hash),
      modified: modified.form,
    }),
    edges: merge(
      left.edges,
      right.edges,
      all ? [] : indirect(merge(...everything.map(({ edges }) => edges)), 'GROUP_BY'),
      modified.edges,
    ),
  };
};

/** A recursive expression: what it gives hangs on both parts and on itself; edges grow until they no longer do. */
const recursive = (
  node: Node,
  outer: Scope | undefined,
  ctes: Ctes,
  walk: Walk,
  aliases: readonly string[],
): Relation => {
  const [left, right] = [nodeAt(node, 'left'), nodeAt(node, 'right')];
  const name = fold(textAt(node, 'cte_name'));
  const first = left ? named(query(left, outer, ctes, walk, false), aliases) : wild(walk, bare(node), []);
  if (!right || first.open) return wild(walk, bare(node), [first]);
  const itself = (columns: readonly Column[], edges: Edges): Relation => ({
    columns: columns.map((column, i) => ({ ...column, hash: `itself ${i}` })),
    open: undefined,
    rows: 'itself',
    edges,
  });
  let known = itself(first.columns, first.edges);
  for (;;) {
    const self = known;
    const step = query(right, outer, (wanted) => (wanted === name ? self : ctes(wanted)), walk, false);
    if (step.open || step.columns.length !== first.columns.length) return wild(walk, bare(node), [first, step]);
    const columns = first.columns.map((column, i) => ({
      ...column,
      edges: merge(known.columns[i]?.edges ?? [], through(step.columns[i]?.edges ?? [], 'TRANSFORMATION')),
    }));
    const next = itself(columns, merge(known.edges, step.edges));
    if (sizeOf(next) > sizeOf(known)) {
      known = next;
      continue;
    }
    const rows = digest([
      'recursive',
      bare(node['union_all'] ?? false),
      whole(first),
      whole(step),
      bare(node['key_targets'] ?? null),
    ]);
    return {
      columns: known.columns.map((column, i) => ({ ...column, hash: digest(['recursive', i, rows]) })),
      open: undefined,
      rows,
      edges: merge(known.edges, indirect(merge(...known.columns.map(({ edges }) => edges)), 'FILTER')),
    };
  }
};
const sizeOf = (relation: Relation): number =>
  relation.edges.length + relation.columns.reduce((sum, { edges }) => sum + edges.length, 0);

/** The expressions of a WITH, in front of those that were there. */
const withCtes = (node: Node, outer: Scope | undefined, before: Ctes, walk: Walk): Ctes => {
  let ctes = before;
  for (const entry of nodesAt(nodeAt(node, 'cte_map') ?? {}, 'map')) {
    const name = fold(textAt(entry, 'key'));
    const value = nodeAt(entry, 'value') ?? {};
    const inner = nodeAt(nodeAt(value, 'query') ?? {}, 'node') ?? {};
    const aliases = listAt(value, 'aliases').map(String);
    const around = ctes;
    let made: Relation | undefined;
    const make = (): Relation =>
      textAt(inner, 'type') === 'RECURSIVE_CTE_NODE'
        ? recursive(inner, outer, around, walk, aliases)
        : named(query(inner, outer, around, walk, false), aliases);
    ctes = (wanted) => {
      if (wanted !== name) return around(wanted);
      made ??= make();
      return made;
    };
  }
  return ctes;
};

/** A query as a relation. `top`: the whole statement. */
export const query = (node: Node, outer: Scope | undefined, before: Ctes, walk: Walk, top: boolean): Relation => {
  const ctes = withCtes(node, outer, before, walk);
  switch (textAt(node, 'type')) {
    case 'SELECT_NODE':
      return select(node, outer, ctes, walk, top);
    case 'SET_OPERATION_NODE':
      return union(node, outer, ctes, walk, top);
    default:
      return wildQuery(node, { ...NO_SCOPE, items: [], merged: new Map(), outer, ctes }, walk);
  }
};
