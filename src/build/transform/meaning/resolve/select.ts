import { AGGREGATES } from '../functions.js';
import { bare, digest, fold, isNode, type Json, type Node, nodeAt, nodesAt, some, textAt } from '../tree.js';
import { expression, projection } from './expression.js';
import { type Filling, from } from './from.js';
import { edgesOf } from './lookup.js';
import { modify } from './modifiers.js';
import { columnFrom, isStar, nameOf, type Output } from './output.js';
import {
  type Ctes,
  emptyScope,
  indirect,
  merge,
  type Relation,
  type Resolved,
  type Scope,
  type Walk,
  whole,
  wild,
} from './scope.js';
import { starOutputs } from './star.js';

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

/** A SELECT as a relation. `top`: the whole statement, in which the order of rows is nothing. */
export const select = (node: Node, outer: Scope | undefined, ctes: Ctes, walk: Walk, top: boolean): Relation => {
  const list = nodesAt(node, 'select_list');
  let overRows = isNode(node['having']) || aggregates([...list, ...nodesAt(node, 'modifiers')]);
  const scope: Filling = {
    ...emptyScope(outer, ctes),
    ...{ items: [], merged: new Map() },
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
