import { error } from '../../../errors/index.js';
import type { DialectName, Transform } from '../files/definition.js';
import { ORDERED_AGGREGATES, ORDERED_WINDOWS, TABLE_FUNCTIONS, UNSTABLE } from './functions.js';
import type { Warning } from './meaning.js';
import { fold, isNode, type Json, listAt, type Node, nodeAt, nodesAt, type Statement, textAt } from './tree.js';

/** What an engine other than DuckDB does not have, or has with another meaning, as the words that name it. */
const notPortable = (node: Node): string | undefined => {
  const type = textAt(node, 'type');
  const name = fold(textAt(node, 'function_name'));
  if (isNode(node['qualify'])) return 'QUALIFY';
  if (textAt(node, 'aggregate_handling') === 'FORCE_AGGREGATES') return 'GROUP BY ALL';
  if (textAt(node, 'ref_type') === 'ASOF') return 'ASOF JOIN';
  if (textAt(node, 'ref_type') === 'POSITIONAL') return 'POSITIONAL JOIN';
  if (['SEMI', 'ANTI'].includes(textAt(node, 'join_type'))) return `${textAt(node, 'join_type')} JOIN`;
  if (type === 'PIVOT') return 'PIVOT';
  if (type === 'LAMBDA') return 'a lambda';
  if (textAt(node, 'setop_type') === 'UNION_BY_NAME') return 'UNION BY NAME';
  if (
    type === 'STAR' &&
    (node['columns'] === true ||
      ['exclude_list', 'replace_list', 'rename_list', 'qualified_exclude_list'].some(
        (key) => listAt(node, key).length > 0,
      ))
  )
    return '* with EXCLUDE, REPLACE, RENAME or COLUMNS';
  if (name === '//') return 'the operator //';
  if (ONLY_DUCKDB.has(name)) return `${name}()`;
  return undefined;
};
const ONLY_DUCKDB = new Set(
  'list_value struct_pack unnest strftime strptime try_strptime arg_max arg_min max_by min_by hash regexp_full_match list_filter list_transform isodow isoyear epoch_ms starts_with contains median quantile_cont generate_series range'.split(
    ' ',
  ),
);

/** Engines that would run this very text although it is not written for them. */
const others = (transform: Transform): DialectName[] =>
  transform.engine.allow.filter((name) => name !== transform.engine.dialect && !transform.overrides.has(name));

const cteNames = (json: Json, into = new Set<string>()): ReadonlySet<string> => {
  if (Array.isArray(json)) for (const child of json) cteNames(child, into);
  else if (isNode(json)) {
    for (const entry of nodesAt(nodeAt(json, 'cte_map') ?? {}, 'map')) into.add(fold(textAt(entry, 'key')));
    for (const child of Object.values(json)) cteNames(child, into);
  }
  return into;
};

const hasOrder = (node: Node): boolean =>
  nodesAt(node, 'modifiers').some((each) => textAt(each, 'type') === 'ORDER_MODIFIER');

/** Why the inputs alone do not decide what a node gives; undefined when they do. */
const undecided = (node: Node, exists: boolean): string | undefined => {
  for (const each of nodesAt(node, 'modifiers')) {
    const type = textAt(each, 'type');
    if (hasOrder(node)) continue;
    if (type.startsWith('LIMIT') && !exists)
      return 'LIMIT without ORDER BY takes any rows; add ORDER BY over a unique key';
    if (type === 'DISTINCT_MODIFIER' && listAt(each, 'distinct_on_targets').length > 0)
      return 'DISTINCT ON without ORDER BY keeps any row of each; add ORDER BY';
  }
  if (isNode(node['sample'])) return 'a sample takes other rows each time; filter by a hash of the key';
  const name = fold(textAt(node, 'function_name'));
  if (textAt(node, 'class') === 'FUNCTION' && UNSTABLE.has(name))
    return `${name}() gives another result each time; {{run.ts}} is the build's time`;
  if (textAt(node, 'class') === 'WINDOW' && ORDERED_WINDOWS.has(name) && listAt(node, 'orders').length === 0)
    return `${name}() OVER without ORDER BY numbers rows in any order; add ORDER BY over a unique key`;
  return undefined;
};

/** What may not stand in a transform, because it reads something that is no reference. */
const forbidden = (node: Node, ctes: ReadonlySet<string>): string | undefined => {
  const type = textAt(node, 'type');
  const table = textAt(node, 'table_name');
  if (type === 'BASE_TABLE' && !textAt(node, 'schema_name').startsWith('@')) {
    if (textAt(node, 'schema_name') === '' && ctes.has(fold(table))) return undefined;
    return `${table} is read directly; write {{ref('layer.table')}} or {{source('bronze.table')}}`;
  }
  if (type === 'SHOW_REF') return 'DESCRIBE and SHOW are no SELECT over references';
  if (type !== 'TABLE_FUNCTION') return undefined;
  const name = textAt(nodeAt(node, 'function') ?? {}, 'function_name');
  return TABLE_FUNCTIONS.has(fold(name))
    ? undefined
    : `the table function ${name} is not allowed: inputs are references`;
};

const looseAggregate = (node: Node): string | undefined => {
  const name = fold(textAt(node, 'function_name'));
  if (textAt(node, 'class') !== 'FUNCTION' || !ORDERED_AGGREGATES.has(name)) return undefined;
  return listAt(nodeAt(node, 'order_bys') ?? {}, 'orders').length > 0
    ? undefined
    : `${name}() takes rows in any order; write ${name}(... ORDER BY ...) over a unique key`;
};

/**
 * Looks through a statement. Errors: `transform-invalid` with the line, for what reads past the references or what its inputs do not
 * decide. Gives the rest: what some allowed engine does not know, aggregates that hang on the order of rows.
 */
export const lint = (statement: Statement, transform: Transform): Warning[] => {
  const { file } = transform;
  const ctes = cteNames(statement.root);
  const engines = others(transform);
  const warnings: Warning[] = [];
  const visit = (json: Json, exists: boolean): void => {
    if (Array.isArray(json)) for (const child of json) visit(child, exists);
    if (!isNode(json)) return;
    const wrong = forbidden(json, ctes) ?? undecided(json, exists);
    if (wrong !== undefined) throw error('transform-invalid', { file, line: statement.lineOf(json), what: wrong });
    const loose = looseAggregate(json);
    if (loose !== undefined) warnings.push({ file, line: statement.lineOf(json), what: loose });
    const construct = engines.length > 0 ? notPortable(json) : undefined;
    if (construct !== undefined)
      warnings.push({
        file,
        line: statement.lineOf(json),
        what: `${construct} is not the same on ${engines.join(' and ')}; write ${transform.table}.v${transform.version}.${engines[0]}.sql or take it from engine.allow`,
      });
    const within = textAt(json, 'subquery_type') === 'EXISTS';
    for (const child of Object.values(json)) visit(child, within || (exists && !('select_list' in json)));
  };
  visit(statement.root, false);
  return warnings;
};
