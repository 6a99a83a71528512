import { fold, type Json, listAt, type Node, nodeAt, nodesAt, textAt } from '../tree.js';
import { expression } from './expression.js';
import { edgesOf } from './lookup.js';
import { isStar, type Output } from './output.js';
import { type Edges, indirect, merge, type Resolved, type Scope, type Walk } from './scope.js';

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
export const modify = (
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
