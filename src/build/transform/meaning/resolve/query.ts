import { fold, listAt, type Node, nodeAt, nodesAt, textAt } from '../tree.js';
import { wildQuery } from './from.js';
import { type Ctes, emptyScope, named, type Relation, type Scope, type Walk } from './scope.js';
import { select } from './select.js';
import { recursive, union } from './set-operation.js';

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
      return wildQuery(node, emptyScope(outer, ctes), walk);
  }
};
