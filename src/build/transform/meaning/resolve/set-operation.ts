import { bare, digest, fold, type Node, nodeAt, textAt } from '../tree.js';
import { modify } from './modifiers.js';
import { columnFrom, type Output } from './output.js';
import {
  type Column,
  type Ctes,
  type Edges,
  emptyScope,
  indirect,
  merge,
  named,
  type Relation,
  type Scope,
  through,
  type Walk,
  whole,
  wild,
} from './scope.js';

/** UNION, INTERSECT, EXCEPT: the columns of both sides by place, or by name. */
export const union = (node: Node, outer: Scope | undefined, ctes: Ctes, walk: Walk, top: boolean): Relation => {
  const sides = [nodeAt(node, 'left'), nodeAt(node, 'right')].map((side) =>
    side ? walk.query(side, outer, ctes) : wild(walk, null, []),
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
  const scope: Scope = emptyScope(outer, ctes);
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
export const recursive = (
  node: Node,
  outer: Scope | undefined,
  ctes: Ctes,
  walk: Walk,
  aliases: readonly string[],
): Relation => {
  const [left, right] = [nodeAt(node, 'left'), nodeAt(node, 'right')];
  const name = fold(textAt(node, 'cte_name'));
  const first = left ? named(walk.query(left, outer, ctes), aliases) : wild(walk, bare(node), []);
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
    const step = walk.query(right, outer, (wanted) => (wanted === name ? self : ctes(wanted)));
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
