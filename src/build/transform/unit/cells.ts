import { createHash } from 'node:crypto';
import { isMap, isScalar } from 'yaml';
import { type DataType, parseDecimal, typeText } from '../../../query/index.js';
import type { YamlNode } from '../files/yaml-reader.js';

/** A value as exact text, as both engines cast it to the column's type. */
export type Cell = string | null;

const PLAIN: Readonly<Partial<Record<DataType['kind'], RegExp>>> = {
  boolean: /^(true|false)$/,
  integer: /^-?\d{1,10}$/,
  bigint: /^-?\d{1,19}$/,
  double: /^-?(\d+(\.\d*)?([eE][+-]?\d+)?|Infinity)$|^NaN$/,
  date: /^\d{4}-\d{2}-\d{2}$/,
};
const TIMESTAMP = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2})(:\d{2}(?:\.\d{1,6})?)?)?(?:Z|\+00(?::?00)?)?$/;

/** Surrogate keys as both engines make them: md5 of the canonical key text, 60 bits of it. */
export const surrogateOf = (parts: readonly Cell[]): string => {
  const text = parts
    .map((part) => (part === null ? '\\N' : part.replaceAll('\\', '\\\\').replaceAll('\u001f', '\\x1f')))
    .join('\u001f');
  return BigInt(`0x${createHash('md5').update(text).digest('hex').slice(0, 15)}`).toString();
};

/** Text that means exactly one value of the type; undefined: it means none, or would have to be rounded. */
const exactText = (type: DataType, text: string): string | undefined => {
  if (type.kind === 'string') return text;
  if (type.kind === 'decimal') return parseDecimal(text, type.scale) === undefined ? undefined : text;
  if (type.kind !== 'timestamp') return PLAIN[type.kind]?.test(text) ? text : undefined;
  const match = TIMESTAMP.exec(text);
  return match ? `${match[1]} ${match[2] ?? '00:00'}${match[3] ?? ':00'}+00` : undefined;
};

/**
 * A value of a test: null, a text, a number (its source text counts, so decimals are exact), true or false, or `{key: [parts]}` for the
 * surrogate key of some parts. Errors: `transform-invalid` when it is no value of the type.
 */
export const cellOf = (node: YamlNode, column: string, type: DataType): Cell => {
  if (isMap(node.node)) {
    const parts = node.fields(`${column}`, ['key']).get('key');
    if (!parts) throw node.fail(`${column}: a value or {key: [parts]} is wanted`);
    return surrogateOf(parts.list('key').map((part) => cellOf(part, column, { kind: 'string' })));
  }
  const scalar = isScalar(node.node) ? node.node : undefined;
  if (node.node === null || scalar?.value === null) return null;
  if (!scalar) throw node.fail(`${column}: a value is wanted`);
  return typedCell(
    typeof scalar.value === 'string' ? scalar.value : (scalar.source ?? String(scalar.value)),
    node,
    column,
    type,
  );
};

export const typedCell = (text: string, node: YamlNode, column: string, type: DataType): string => {
  const exact = exactText(type, text);
  if (exact === undefined) throw node.fail(`${column}: ${text} is no ${typeText(type)}`);
  return exact;
};
