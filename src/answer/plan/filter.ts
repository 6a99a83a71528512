import { error } from '../../errors/index.js';
import { type DataType, type Filter, type GivenValue, OPERATORS, type Operator, typeText } from '../../query/index.js';
import { instantText, writtenInstant } from './instant.js';
import { checkValue } from './value.js';

const DEEPEST = 64;
const MOST_VALUES = 100_000;
const TEXT = new Set<Operator>([
  'contains',
  'startsWith',
  'endsWith',
  'icontains',
  'istartsWith',
  'iendsWith',
  'like',
  'ilike',
]);
const ORDERED = new Set<Operator>(['gt', 'gte', 'lt', 'lte', 'between']);
const operators = new Set<string>(OPERATORS);

/** A checked condition: names are those to compile, values are in their types' forms. */
export type CheckedFilter =
  | { readonly member: string; readonly op: Operator; readonly values?: readonly GivenValue[] }
  | { readonly and: readonly CheckedFilter[] }
  | { readonly or: readonly CheckedFilter[] }
  | { readonly not: CheckedFilter };

/** Finds what a condition's name stands for. It throws where the name may not be used. */
export type NameOf = (name: string, where: string) => { readonly member: string; readonly type: DataType };

const bad = (where: string, what: string) => error('query-invalid', { where, what });

const valuesOf = (op: Operator, given: unknown, where: string): readonly GivenValue[] => {
  const values = (given ?? []) as readonly GivenValue[];
  if (!Array.isArray(values)) throw bad(`${where}.values`, 'a list is wanted');
  const none = op === 'isNull' || op === 'isNotNull';
  if (none && values.length > 0) throw bad(`${where}.values`, `${op} takes no values`);
  if ((op === 'in' || op === 'notIn') && values.length === 0)
    throw bad(`${where}.values`, `${op} takes at least one value`);
  if (op === 'between' && values.length !== 2) throw bad(`${where}.values`, 'between takes two values, [from, to)');
  if (!none && op !== 'in' && op !== 'notIn' && op !== 'between' && values.length !== 1)
    throw bad(`${where}.values`, `${op} takes one value${op === 'eq' ? '; in takes a list' : ''}`);
  if (values.length > MOST_VALUES) throw bad(`${where}.values`, `at most ${MOST_VALUES} values`);
  return values;
};

/** Instants are whole microseconds: `> t` is `>= t + 1 µs`, so that every range is half-open and rollups can read it. */
const halfOpen = (member: string, op: Operator, values: readonly GivenValue[]): CheckedFilter => {
  const micros = op === 'gt' || op === 'lte' ? writtenInstant(String(values[0])) : undefined;
  if (micros === undefined) return { member, op, values };
  return { member, op: op === 'gt' ? 'gte' : 'lt', values: [instantText(micros + 1n)] };
};

/**
 * Checks a tree of conditions: known operators, the right number of values, each of its member's type. `where` names the place
 * in the query (`where.and[1]`). Errors: `query-invalid`, and what `nameOf` throws.
 */
export const checkFilter = (filter: Filter, nameOf: NameOf, zone: string, where: string, depth = 0): CheckedFilter => {
  if (depth > DEEPEST) throw bad(where, `conditions may be nested ${DEEPEST} deep`);
  if (typeof filter !== 'object' || filter === null) throw bad(where, 'a condition is wanted');
  if ('and' in filter || 'or' in filter) {
    const key = 'and' in filter ? 'and' : 'or';
    const parts = 'and' in filter ? filter.and : filter.or;
    if (!Array.isArray(parts) || parts.length === 0) throw bad(`${where}.${key}`, 'at least one condition is wanted');
    const checked = parts.map((part: Filter, i) => checkFilter(part, nameOf, zone, `${where}.${key}[${i}]`, depth + 1));
    return key === 'and' ? { and: checked } : { or: checked };
  }
  if ('not' in filter) return { not: checkFilter(filter.not, nameOf, zone, `${where}.not`, depth + 1) };
  if (typeof filter.member !== 'string') throw bad(where, 'member, and, or or not is wanted');
  const { member, type } = nameOf(filter.member, `${where}.member`);
  const { op } = filter;
  if (!operators.has(op))
    throw bad(`${where}.op`, `${JSON.stringify(op)} is no operator; known: ${OPERATORS.join(', ')}`);
  if (TEXT.has(op) && type.kind !== 'string')
    throw bad(`${where}.op`, `${op} needs a string; ${filter.member} is ${typeText(type)}`);
  if (ORDERED.has(op) && type.kind === 'boolean') throw bad(`${where}.op`, `${op} is not defined on boolean`);
  const values = valuesOf(op, filter.values, where).map((v, i) => checkValue(v, type, zone, `${where}.values[${i}]`));
  if ((op === 'like' || op === 'ilike') && /(^|[^\\])(\\\\)*\\$/.test(String(values[0])))
    throw bad(`${where}.values[0]`, 'a pattern must not end with its escape character, the backslash');
  if (values.length === 0) return { member, op };
  return type.kind === 'timestamp' ? halfOpen(member, op, values) : { member, op, values };
};

/** A tree's top-level conjuncts. */
export const conjuncts = (filter: CheckedFilter | undefined): readonly CheckedFilter[] =>
  filter === undefined ? [] : 'and' in filter ? filter.and.flatMap(conjuncts) : [filter];

/** A tree's conditions, in order. */
export const checkedLeaves = (filter: CheckedFilter): readonly Extract<CheckedFilter, { member: string }>[] =>
  'member' in filter
    ? [filter]
    : 'not' in filter
      ? checkedLeaves(filter.not)
      : ('and' in filter ? filter.and : filter.or).flatMap(checkedLeaves);
