import { isMap, isScalar, isSeq, type Scalar, visit } from 'yaml';
import type { Report } from './faults.js';
import { invalid, type ParsedFile } from './model-files.js';

const text = (node: unknown): string | undefined => {
  const value = isScalar(node) ? node.value : undefined;
  return typeof value === 'string' ? value : undefined;
};

/** A slash that divides: not one inside quotes, not one of a comment. */
const divides = (sql: string): boolean =>
  /\/(?!\*)/.test(
    sql
      .replace(/'(?:[^']|'')*'/g, "''")
      .replace(/--[^\n]*/g, '')
      .replace(/\/\*[\s\S]*?\*\//g, ''),
  );

/**
 * What Cube would accept and answer wrongly, reported by name.
 *
 * - `$1$` in any text: Cube's own mark for a parameter, so the text would become one.
 * - `SECURITY_CONTEXT` and `FILTER_PARAMS`: with an absent attribute they open every row; row rules say the same and close.
 * - a list with one quoted expression as values of a row rule: it becomes one value that no row has.
 * - a measure that divides: engines divide differently; `meta.ratio` is divided exactly, once.
 */
export const checkSql = (file: ParsedFile, report: Report): void => {
  const refuse = (node: unknown, what: string) => report(invalid(file.fileName, file.lineOf(node), what));
  visit(file.document, {
    Scalar: (_, node: Scalar) => {
      const value = text(node);
      if (value === undefined) return;
      if (/\$\d+\$/.test(value)) refuse(node, `${/\$\d+\$/.exec(value)?.[0]} is read as the place of a parameter`);
      if (/\bSECURITY_CONTEXT\b/.test(value))
        refuse(node, 'SECURITY_CONTEXT opens every row when the attribute is absent; write a row rule instead');
      if (/\bFILTER_(PARAMS|GROUP)\b/.test(value))
        refuse(node, 'FILTER_PARAMS is not supported; conditions are pushed down without it');
      if (/\bCOMPILE_CONTEXT\b/.test(value)) refuse(node, 'COMPILE_CONTEXT is not supported: one model serves all');
    },
    Pair: (_, pair) => {
      const key = isScalar(pair.key) ? String(pair.key.value) : '';
      if (key !== 'values' || !isSeq(pair.value)) return;
      for (const item of pair.value.items)
        if (text(item)?.includes('{'))
          refuse(item, 'an expression in a list becomes one value; write values: "{ securityContext.x }"');
    },
    Map: (_, node) => {
      if (node.get('type') !== 'number' || node.get('name') === undefined) return;
      const meta = node.get('meta', true);
      const ratio = isMap(meta) && meta.get('ratio') !== undefined;
      const sql = text(node.get('sql', true));
      const measure = sql !== undefined && !node.has('primary_key') && isMeasure(file, node);
      if (measure && !ratio && divides(sql))
        refuse(
          node.get('sql', true),
          `${String(node.get('name'))} divides; give meta.ratio: {numerator, denominator}, which is divided exactly`,
        );
    },
  });
};

/** Whether a node stands in a list of measures. */
const isMeasure = (file: ParsedFile, node: unknown): boolean => {
  const owners = file.document.get('cubes', true);
  if (!isSeq(owners)) return false;
  return owners.items.some((owner) => {
    const measures = isMap(owner) ? owner.get('measures', true) : undefined;
    return isSeq(measures) && measures.items.includes(node);
  });
};
