import { AGGREGATES, CHOOSING, LAMBDA_FUNCTIONS } from '../functions.js';
import { bare, empty, fold, isNode, type Json, listAt, type Node, nodeAt, nodesAt, textAt } from '../tree.js';
import { edgesOf, lookUp } from './lookup.js';
import { type Edges, indirect, merge, type Resolved, type Scope, through, type Walk, wild } from './scope.js';

/** Parts of a node that say nothing about its meaning. */
const SILENT = new Set(['query_location', 'catalog', 'schema', 'export_state', 'alias']);

/** A part of an expression: anything that is no expression itself stays as it is. */
const part = (json: Json, scope: Scope, walk: Walk): Resolved => {
  if (Array.isArray(json)) {
    const parts = json.map((child: Json) => part(child, scope, walk));
    return { form: parts.map(({ form }) => form), edges: edgesOf(parts) };
  }
  return isNode(json) ? expression(json, scope, walk) : { form: json, edges: [] };
};

/** The node with each part put in, and the edges of each, told apart by `edges`. */
const rebuild = (
  node: Node,
  scope: Scope,
  walk: Walk,
  edges: (key: string, of: Edges) => Edges = (_key, of) => through(of, 'TRANSFORMATION'),
): Resolved => {
  const form: Record<string, Json> = {};
  const found: Edges[] = [];
  for (const [key, value] of Object.entries(node)) {
    if (SILENT.has(key) || empty(value)) continue;
    const resolved = part(value, scope, walk);
    form[key] = resolved.form;
    found.push(edges(key, resolved.edges));
  }
  return { form, edges: merge(...found) };
};

const functionCall = (node: Node, scope: Scope, walk: Walk): Resolved => {
  const name = fold(textAt(node, 'function_name'));
  if (!AGGREGATES.has(name)) {
    if (!LAMBDA_FUNCTIONS.has(name)) return rebuild(node, scope, walk);
    const [list, ...more] = nodesAt(node, 'children');
    const parts = [
      ...(list ? [expression(list, scope, walk)] : []),
      ...more.map((child) =>
        textAt(child, 'class') === 'LAMBDA' ? lambda(child, scope, walk) : expression(child, scope, walk),
      ),
    ];
    return {
      form: { function_name: name, children: parts.map(({ form }) => form) },
      edges: through(edgesOf(parts), 'TRANSFORMATION'),
    };
  }
  const args = nodesAt(node, 'children').map((child) => expression(child, scope, walk));
  tellWhoseRows(
    args.map(({ form }) => form),
    scope,
  );
  const given = CHOOSING.has(name) ? args.slice(0, 1) : args;
  const { form, edges } = rebuild({ ...node, children: [], function_name: name }, scope, walk, (key, of) =>
    indirect(of, key === 'filter' ? 'FILTER' : 'SORT'),
  );
  return {
    form: { ...(form as Node), children: args.map((arg) => arg.form) },
    edges: merge(
      through(edgesOf(given), 'AGGREGATION'),
      CHOOSING.has(name) ? indirect(edgesOf(args.slice(1)), 'SORT') : [],
      edges,
    ),
  };
};

/** An aggregate over columns of an outer query only is one of that query's rows. */
const tellWhoseRows = (forms: readonly Json[], scope: Scope): void => {
  let least = Number.POSITIVE_INFINITY;
  const visit = (json: Json, steps: number): void => {
    if (Array.isArray(json)) for (const child of json) visit(child, steps);
    else if (isNode(json)) {
      const out = json['out'];
      if (Array.isArray(out) && typeof out[0] === 'number') visit(out[1] ?? null, steps + out[0]);
      else if ('#' in json || 'row' in json || 'unknown' in json) least = Math.min(least, steps);
      else for (const child of Object.values(json)) visit(child, steps);
    }
  };
  visit(forms, 0);
  let at: Scope | undefined = scope;
  for (let step = 0; step < least && at && Number.isFinite(least); step += 1) at = at.outer;
  if (Number.isFinite(least) && least > 0) at?.aggregated();
};

const lambda = (node: Node, scope: Scope, walk: Walk): Resolved => {
  const left = nodeAt(node, 'lhs');
  const body = nodeAt(node, 'expr');
  const declared = left && textAt(left, 'class') === 'FUNCTION' ? nodesAt(left, 'children') : left ? [left] : [];
  const names = declared.map((each) => fold(String(listAt(each, 'column_names')[0] ?? '')));
  const within: Scope = { ...scope, parameters: new Set([...scope.parameters, ...names]) };
  const value = body ? expression(body, within, walk) : { form: null, edges: [] };
  return { form: { lambda: names, body: value.form }, edges: value.edges };
};

const windowCall = (node: Node, scope: Scope, walk: Walk): Resolved => {
  const aggregate = textAt(node, 'type') === 'WINDOW_AGGREGATE';
  return rebuild(node, scope, walk, (key, edges) => {
    if (key === 'filter_expr') return indirect(edges, 'FILTER');
    if (['children', 'offset_expr', 'default_expr'].includes(key))
      return through(edges, aggregate ? 'AGGREGATION' : 'TRANSFORMATION');
    return indirect(edges, 'WINDOW');
  });
};

const caseExpression = (node: Node, scope: Scope, walk: Walk): Resolved => {
  const checks = nodesAt(node, 'case_checks').map((check) => ({
    when: part(check['when_expr'] ?? null, scope, walk),
    gives: part(check['then_expr'] ?? null, scope, walk),
  }));
  const other = part(node['else_expr'] ?? null, scope, walk);
  return {
    form: { case: checks.map(({ when, gives }) => [when.form, gives.form]), else: other.form },
    edges: merge(
      through(edgesOf([...checks.map(({ gives }) => gives), other]), 'TRANSFORMATION'),
      indirect(edgesOf(checks.map(({ when }) => when)), 'CONDITIONAL'),
    ),
  };
};

const subquery = (node: Node, scope: Scope, walk: Walk): Resolved => {
  const inner = nodeAt(nodeAt(node, 'subquery') ?? {}, 'node');
  const kind = textAt(node, 'subquery_type');
  if (!inner) return { form: null, edges: [] };
  const relation = walk.query(inner, scope, scope.ctes);
  const child = part(node['child'] ?? null, scope, walk);
  const exists = kind === 'EXISTS' || kind === 'NOT_EXISTS';
  const columns = exists ? [] : relation.columns;
  return {
    form: {
      subquery: kind,
      rows: relation.rows,
      columns: columns.map(({ hash }) => hash),
      comparison: textAt(node, 'comparison_type'),
      child: child.form,
    },
    edges: merge(
      through(merge(child.edges, ...columns.map(({ edges }) => edges)), 'TRANSFORMATION'),
      indirect(relation.edges, 'FILTER'),
    ),
  };
};

/** `COLUMNS(...)` and the like inside of an expression: any column may be meant. */
const anyColumns = (node: Node, scope: Scope, walk: Walk): Resolved => {
  const all = wild(
    walk,
    bare(node),
    scope.items.map(({ relation }) => relation),
  );
  return { form: { wild: all.rows }, edges: [] };
};

const unnamed = (node: Node, scope: Scope, walk: Walk): Resolved => {
  switch (textAt(node, 'class')) {
    case 'COLUMN_REF':
      return lookUp(listAt(node, 'column_names').map(String), scope, walk, node);
    case 'FUNCTION':
      return functionCall(node, scope, walk);
    case 'WINDOW':
      return windowCall(node, scope, walk);
    case 'CASE':
      return caseExpression(node, scope, walk);
    case 'SUBQUERY':
      return subquery(node, scope, walk);
    case 'STAR':
    case 'POSITIONAL_REFERENCE':
      return anyColumns(node, scope, walk);
    default:
      return rebuild(node, scope, walk);
  }
};

/** An expression with its columns looked up. The alias of an argument is its name: a field of a struct, a named parameter. */
export const expression = (node: Node, scope: Scope, walk: Walk): Resolved => {
  const value = unnamed(node, scope, walk);
  const alias = textAt(node, 'alias');
  return alias === '' ? value : { form: { as: [alias, value.form] }, edges: value.edges };
};

/** An item of a SELECT: its alias is the column's name and no part of its value. */
export const projection = unnamed;
