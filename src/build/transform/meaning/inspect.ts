import { createHash } from 'node:crypto';
import { error } from '../../../errors/index.js';
import { typeText } from '../../../query/index.js';
import type { ParquetEngine } from '../../../store/delta/index.js';
import type { Transform } from '../files/definition.js';
import { type Reference, render } from '../files/template.js';
import { quoted } from '../sql-text.js';

/** Functions whose result is not decided by the inputs; `{{run.ts}}` is the only clock. */
const UNSTABLE = new Set(
  'now current_timestamp get_current_timestamp current_date today current_time get_current_time transaction_timestamp localtime localtimestamp current_localtime current_localtimestamp random setseed uuid gen_random_uuid uuidv4 uuidv7 nextval currval version getenv'.split(
    ' ',
  ),
);
const TABLE_FUNCTIONS = new Set(['range', 'generate_series', 'unnest']);

type Json = null | string | number | boolean | readonly Json[] | { readonly [key: string]: Json };

/** References as names that no file can mean otherwise, for the parser only. */
const placeholder = (of: Reference): string =>
  of.kind === 'run'
    ? "TIMESTAMPTZ '1970-01-01 00:00:00+00'"
    : of.kind === 'partition'
      ? `CAST('@partition.${of.bound}' AS timestamptz)`
      : `"@${of.kind}".${quoted('name' in of ? of.name : of.kind)}`;

/**
 * Checks that the body is one SELECT over its references and nothing else, and gives the fingerprint of what it means: comments,
 * layout and documentation do not count. Errors: `transform-invalid` with the line.
 */
export const fingerprint = async (engine: ParquetEngine, transform: Transform): Promise<string> => {
  const { file, body, bodyLine } = transform;
  const text = render(file, body, bodyLine, placeholder);
  const [row] = await engine.query('SELECT json_serialize_sql($1::VARCHAR)::VARCHAR AS tree', { parameters: [text] });
  const tree = JSON.parse(String(row?.['tree'])) as {
    error: boolean;
    error_message?: string;
    position?: string;
    statements?: Json[];
  };
  const lineAt = (offset: number) => bodyLine + text.slice(0, Math.max(0, offset)).split('\n').length - 1;
  const fail = (offset: number, what: string) => error('transform-invalid', { file, line: lineAt(offset), what });
  if (tree.error)
    throw tree.position === undefined
      ? fail(text.search(/\S/), 'the body must be one SELECT')
      : fail(Number(tree.position), tree.error_message ?? 'the SELECT cannot be parsed');
  if (tree.statements?.length !== 1) throw fail(text.search(/\S/), 'the body must be exactly one SELECT');
  const canonical = clean(tree.statements[0] ?? null, fail);
  const { columns, kind, targets, natural, surrogate, partition, clusterBy, indexes, scd2, pseudonyms } = transform;
  const meaning = {
    canonical,
    columns: columns.map((c) => [c.name, typeText(c.type), c.nullable]),
    ...{ kind, targets: [...targets].sort(), natural, surrogate, partition, clusterBy, indexes, scd2, pseudonyms },
    checks: transform.checks.map(({ place: _place, toleranceMillionths, ...check }) => [
      check,
      String(toleranceMillionths),
    ]),
    minScore: String(transform.minScoreMillionths),
  };
  return createHash('sha256').update(JSON.stringify(meaning)).digest('hex');
};

/** The tree without places, looked through on the way. */
const clean = (tree: Json, fail: (offset: number, what: string) => Error): Json => {
  const names = new Set<string>();
  const collect = (node: Json): void => {
    if (Array.isArray(node)) for (const child of node) collect(child);
    else if (node !== null && typeof node === 'object') {
      for (const [key, child] of Object.entries(node)) {
        if (key === 'cte_map') for (const cte of entriesOf(child)) names.add(cte);
        collect(child);
      }
    }
  };
  collect(tree);
  const visit = (node: Json): Json => {
    if (Array.isArray(node)) return node.map(visit);
    if (node === null || typeof node !== 'object') return node;
    const of = node as { readonly [key: string]: Json };
    const at = Number(of['query_location'] ?? 0);
    const called = String(of['function_name'] ?? '').toLowerCase();
    if (
      of['type'] === 'BASE_TABLE' &&
      !String(of['schema_name']).startsWith('@') &&
      !names.has(String(of['table_name']))
    )
      throw fail(
        at,
        `${String(of['table_name'])} is read directly; write {{ref('layer.table')}} or {{source('bronze.table')}}`,
      );
    if (of['type'] === 'TABLE_FUNCTION') {
      const inner = of['function'] as { readonly function_name?: string } | undefined;
      if (!TABLE_FUNCTIONS.has(String(inner?.function_name).toLowerCase()))
        throw fail(at, `the table function ${String(inner?.function_name)} is not allowed: inputs are references`);
    }
    if (of['class'] === 'FUNCTION' && UNSTABLE.has(called))
      throw fail(at, `${called}() gives another result each time; {{run.ts}} is the build's time`);
    return Object.fromEntries(
      Object.entries(of)
        .filter(([key]) => key !== 'query_location')
        .map(([key, child]) => [key, visit(child)]),
    );
  };
  return visit(tree);
};

const entriesOf = (cteMap: Json): string[] => {
  const list = cteMap !== null && typeof cteMap === 'object' && 'map' in cteMap ? cteMap['map'] : undefined;
  return Array.isArray(list) ? list.map((entry) => String((entry as { key?: Json }).key)) : [];
};
