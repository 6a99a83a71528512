import type { TSchema } from '@sinclair/typebox';
import { type TypeCheck, TypeCompiler, type ValueError, ValueErrorType } from '@sinclair/typebox/compiler';
import { type AssayError, error } from '../../errors/index.js';
import type { Limits, MetricQuery } from '../../query/index.js';
import { type MetricQueryBody, MetricQuerySchema } from './metric-query-schema.js';
import { withParameters } from './query-parameters.js';

const schema = TypeCompiler.Compile(MetricQuerySchema);
/** Levels of `and`, `or`, `not`; deeper trees would only exhaust the stack of whoever walks them. */
const DEEPEST = 64;

/** A body to a metric query and the budgets that it lowers. Errors: `query-invalid` with the place, `not-supported`, `request-invalid`. */
export const decodeQuery = (body: unknown): { query: MetricQuery; limits: Partial<Limits> } => {
  if (typeof body !== 'object' || body === null || Array.isArray(body))
    throw error('request-invalid', { where: 'body', what: 'a metric query in JSON is wanted' });
  checkDepth(body);
  const given = withParameters(body as Readonly<Record<string, unknown>>);
  if (!schema.Check(given)) throw mistake(schema, given);
  const { limits = {}, parameters: _given, ...query } = given as MetricQueryBody;
  const place = inexact(query, 'query');
  if (place)
    throw error('query-invalid', { where: place, what: 'is beyond 2^53 and was rounded by JSON; give it as text' });
  return { query: query as MetricQuery, limits: limits as Partial<Limits> };
};

const checkDepth = (body: object): void => {
  const open: [object, number][] = [[body, 0]];
  for (let next = open.pop(); next; next = open.pop()) {
    const [value, depth] = next;
    // A level of the tree is an object and its list: two steps; the query itself and the values of a leaf add a few.
    if (depth > 2 * DEEPEST + 4)
      throw error('query-invalid', { where: 'body', what: `is nested deeper than ${DEEPEST} levels` });
    for (const inner of Object.values(value))
      if (typeof inner === 'object' && inner !== null) open.push([inner as object, depth + 1]);
  }
};

/** The first whole number that JSON cannot have kept exactly. */
const inexact = (value: unknown, place: string): string | undefined => {
  if (typeof value === 'number') return Number.isInteger(value) && !Number.isSafeInteger(value) ? place : undefined;
  if (typeof value !== 'object' || value === null) return undefined;
  for (const [key, inner] of Object.entries(value)) {
    const found = inexact(
      inner,
      Array.isArray(value) ? `${place}[${key}]` : place === 'query' ? key : `${place}.${key}`,
    );
    if (found) return found;
  }
  return undefined;
};

/** The one mistake to name: the first that no other explains better. */
export const mistake = (schema: TypeCheck<TSchema>, body: object): AssayError => {
  const all = [...schema.Errors(body)];
  const first = all[0];
  if (!first) return error('query-invalid', { where: 'body', what: 'is not understood' });
  const { path, what } = explain(first);
  return error('query-invalid', { where: placeOf(path), what });
};

interface Mistake {
  readonly path: string;
  readonly what: string;
}
const explain = (e: ValueError): Mistake => {
  if (e.type === ValueErrorType.ObjectAdditionalProperties) return { path: e.path, what: 'is not known here' };
  if (e.type === ValueErrorType.ObjectRequiredProperty) return { path: e.path, what: 'is missing' };
  if (e.type !== ValueErrorType.Union)
    return { path: e.path, what: e.message.charAt(0).toLowerCase() + e.message.slice(1) };
  const choices = (e.schema['anyOf'] as { const?: unknown; type?: unknown; properties?: object }[] | undefined) ?? [];
  if (choices.length > 0 && choices.every((c) => c.const !== undefined))
    return { path: e.path, what: `one of ${choices.map((c) => c.const).join(', ')} is wanted` };
  const given = typeof e.schema['wanted'] === 'string' ? e.schema['wanted'] : undefined;
  if (choices.every((c) => c.properties === undefined))
    return { path: e.path, what: given ?? `${choices.map((c) => c.type).join(', ')} is wanted` };
  const wanted = given ?? 'is not understood';
  const keys = choices.flatMap((c) => Object.keys(c.properties ?? {}));
  if (typeof e.value !== 'object' || e.value === null || !keys.some((k) => k in (e.value as object)))
    return { path: e.path, what: wanted };
  // Of the forms, the one that fits best: the fewest mistakes, and those as deep as possible.
  const forms = e.errors
    .map((errors) => [...errors])
    .filter((errors, i) => errors.length > 0 && choices[i]?.properties !== undefined);
  forms.sort((a, b) => a.length - b.length || depthOf(b) - depthOf(a));
  const best = forms[0]?.[0];
  return best ? explain(best) : { path: e.path, what: wanted };
};
const depthOf = (errors: readonly ValueError[]): number => errors[0]?.path.split('/').length ?? 0;

/** `/where/and/0/op` is `where.and[0].op`. */
const placeOf = (path: string): string => {
  const text = path
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'))
    .map((part) => (/^\d+$/.test(part) ? `[${part}]` : `.${part}`))
    .join('')
    .replace(/^\./, '');
  return text === '' ? 'body' : text;
};
