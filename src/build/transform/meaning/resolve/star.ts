import { digest, fold, isNode, listAt, type Node, nodeAt, nodesAt, textAt } from '../tree.js';
import { projection } from './expression.js';
import type { Filling } from './from.js';
import type { Output } from './output.js';
import { bound, type Relation, tablesOf, type Visible, type Walk } from './scope.js';

/** The columns of `*`, `t.*`, with EXCLUDE, REPLACE and RENAME. Undefined when it cannot be told which they are. */
export const starOutputs = (
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
    ...item.relation.columns.map((column) => ({ name: column.name, value: bound(item, column) })),
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
