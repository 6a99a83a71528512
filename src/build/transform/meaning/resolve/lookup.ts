import { fold, type Json, type Node } from '../tree.js';
import {
  bound,
  columnOf,
  type Edges,
  type Item,
  merge,
  type Relation,
  type Resolved,
  type Scope,
  tablesOf,
  through,
  type Walk,
  whole,
} from './scope.js';

/** What a scope says to a name: nothing, this, or perhaps this (a column of a table whose columns are not known). */
type Answer = { readonly sure: Resolved } | { readonly perhaps: Resolved } | 'ambiguous' | undefined;

const has = (relation: Relation, name: string): boolean => relation.columns.some((column) => column.name === name);
const columnIn = (item: Item, name: string): Resolved | undefined => {
  const column = columnOf(item.relation, name);
  return column && bound(item, column);
};
const visible = (scope: Scope): readonly Item[] => scope.items.filter((item) => !item.hidden);

/** A table's name where a value is wanted is its whole row. */
const rowOf = (item: Item, walk: Walk): Resolved => {
  if (item.relation.open) for (const table of tablesOf(item.relation)) walk.opaque.add(table);
  const edges = merge(...item.relation.columns.map((column) => column.edges));
  return { form: { row: [item.index, whole(item.relation)] }, edges: through(edges, 'TRANSFORMATION') };
};

const unqualified = (scope: Scope, name: string): Answer => {
  const merged = scope.merged.get(name);
  if (merged) return { sure: merged };
  const items = visible(scope);
  const sure = items.filter((item) => has(item.relation, name));
  const [first] = sure;
  if (sure.length > 1) return 'ambiguous';
  const found = first && columnIn(first, name);
  if (found) return { sure: found };
  const open = items.filter((item) => item.relation.open);
  if (open.length > 1) return 'ambiguous';
  const perhaps = open[0] && columnIn(open[0], name);
  return perhaps && { perhaps };
};

/** The fields that follow a column's name read out of a struct. */
const fieldsOf = (value: Resolved, fields: readonly string[]): Resolved =>
  fields.length === 0
    ? value
    : { form: { field: [value.form, ...fields] }, edges: through(value.edges, 'TRANSFORMATION') };

const own = (scope: Scope, parts: readonly string[], walk: Walk): Answer => {
  const [first = '', second, ...more] = parts;
  const named = visible(scope).filter((item) => item.alias === first);
  if (second !== undefined) {
    const fitting = named.flatMap((item) => {
      const column = columnIn(item, second);
      return column ? [fieldsOf(column, more)] : [];
    });
    if (fitting.length > 1) return 'ambiguous';
    if (fitting[0]) return { sure: fitting[0] };
  }
  const column = unqualified(scope, first);
  if (column !== undefined && (column === 'ambiguous' || 'sure' in column || named.length === 0)) {
    if (column === 'ambiguous') return column;
    return 'sure' in column
      ? { sure: fieldsOf(column.sure, parts.slice(1)) }
      : { perhaps: fieldsOf(column.perhaps, parts.slice(1)) };
  }
  if (second === undefined && named.length === 1 && named[0]) return { sure: rowOf(named[0], walk) };
  return undefined;
};

/** Forms count the scopes between an expression and what it names. */
const outward = (value: Resolved, steps: number): Resolved =>
  steps === 0 ? value : { form: { out: [steps, value.form] }, edges: value.edges };

const parameterOf = (scope: Scope, parts: readonly string[]): Resolved | undefined =>
  scope.parameters.has(parts[0] ?? '') ? { form: { parameter: [...parts] }, edges: [] } : undefined;

/** Both meanings of a name of HAVING: a column of the groups, or one of the SELECT's names. */
const either = (one: Resolved, other: Resolved): Resolved => ({
  form: { either: [one.form, other.form] },
  edges: merge(one.edges, other.edges),
});

/** Everything in reach, for a name that was not understood: the value may hang on any of it. */
const anything = (parts: readonly string[], scope: Scope, walk: Walk): Resolved => {
  const within: Json[] = [];
  for (let at: Scope | undefined = scope; at; at = at.outer)
    for (const { relation } of at.items) {
      for (const table of tablesOf(relation)) walk.opaque.add(table);
      within.push(whole(relation));
    }
  return { form: { unknown: [...parts], within }, edges: [] };
};

/** What a name means in its scope: columns of FROM first, then names of the SELECT, then the scopes around. */
export const lookUp = (names: readonly string[], scope: Scope, walk: Walk, node: Node): Resolved => {
  const parts = names.map(fold);
  let perhaps: Resolved | undefined;
  let steps = 0;
  for (let at: Scope | undefined = scope; at; at = at.outer) {
    const parameter = parameterOf(at, parts);
    if (parameter) return parameter;
    const found = own(at, parts, walk);
    const alias = parts.length === 1 ? at.alias(parts[0] ?? '') : undefined;
    if (found === 'ambiguous') return anything(parts, scope, walk);
    if (found && 'sure' in found) {
      if (perhaps) return anything(parts, scope, walk);
      return outward(at.both && alias ? either(found.sure, alias) : found.sure, steps);
    }
    if (alias) return perhaps || found ? anything(parts, scope, walk) : outward(alias, steps);
    if (found) {
      if (perhaps) return anything(parts, scope, walk);
      perhaps = outward(found.perhaps, steps);
    }
    steps += 1;
  }
  if (perhaps) return perhaps;
  walk.unknown(parts, node);
  return anything(parts, scope, walk);
};

export const edgesOf = (values: readonly Resolved[]): Edges => merge(...values.map(({ edges }) => edges));
