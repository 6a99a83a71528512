import {
  GraphQLBoolean,
  GraphQLFloat,
  type GraphQLInputFieldConfigMap,
  GraphQLInputObjectType,
  type GraphQLInputType,
  GraphQLInt,
  GraphQLList,
  GraphQLNonNull,
  type GraphQLScalarType,
  GraphQLString,
} from 'graphql/index.js';
import { error } from '../../errors/index.js';
import type { DataType, Filter, GivenValue, Operator } from '../../query/index.js';
import { BigIntScalar, DateScalar, DateTimeScalar, DecimalScalar } from './scalars.js';

/** The scalar that carries a type's values. */
export const SCALARS: Readonly<Record<DataType['kind'], GraphQLScalarType>> = {
  string: GraphQLString,
  boolean: GraphQLBoolean,
  integer: GraphQLInt,
  bigint: BigIntScalar,
  decimal: DecimalScalar,
  double: GraphQLFloat,
  date: DateScalar,
  timestamp: DateTimeScalar,
};

const ORDERED = ['gt', 'gte', 'lt', 'lte'] as const;
const TEXTUAL = [
  'contains',
  'startsWith',
  'endsWith',
  'icontains',
  'istartsWith',
  'iendsWith',
  'like',
  'ilike',
] as const;
const DOCS: Partial<Record<Operator, string>> = {
  between: 'half-open: [from, to)',
  isNull: 'true: is null; false: is not null',
  ne: 'never true of null',
  notIn: 'never true of null',
  contains: 'respects case',
  icontains: 'does not respect case',
};

/** One input per scalar: `StringFilter { eq ne in notIn gt … contains … }`; several operators of one input are joined by "and". */
const filterType = (scalar: GraphQLScalarType): GraphQLInputObjectType => {
  const list = new GraphQLList(new GraphQLNonNull(scalar));
  const fields: GraphQLInputFieldConfigMap = {};
  const add = (op: Operator, type: GraphQLInputType) => {
    const description = DOCS[op];
    fields[op] = description === undefined ? { type } : { type, description };
  };
  for (const op of ['eq', 'ne'] as const) add(op, scalar);
  for (const op of ['in', 'notIn'] as const) add(op, list);
  if (scalar !== GraphQLBoolean) {
    for (const op of ORDERED) add(op, scalar);
    add('between', list);
  }
  if (scalar === GraphQLString) for (const op of TEXTUAL) add(op, scalar);
  add('isNull', GraphQLBoolean);
  return new GraphQLInputObjectType({ name: `${scalar.name}Filter`, fields });
};
export const FILTERS = new Map([...new Set(Object.values(SCALARS))].map((scalar) => [scalar, filterType(scalar)]));

/** Paths of the members that a view's `where` or `having` names. */
export type Paths = ReadonlyMap<string, string>;
type Input = Readonly<Record<string, unknown>>;

/** A `where` or `having` as a filter; undefined for an empty one. Errors: `query-invalid`. */
export const filterOf = (input: Input, paths: Paths, place: string): Filter | undefined => {
  const parts: Filter[] = [];
  for (const [key, value] of Object.entries(input)) {
    const at = `${place}.${key}`;
    if (value === null || value === undefined)
      throw error('query-invalid', { where: at, what: 'is null; to ask for missing values use isNull: true' });
    const path = paths.get(key);
    if (key === 'and' || key === 'or') {
      const inner = (value as Input[]).map((part, i) => filterOf(part, paths, `${at}[${i}]`) ?? empty(`${at}[${i}]`));
      if (inner.length === 0) throw empty(at);
      parts.push(key === 'and' ? { and: inner } : { or: inner });
    } else if (key === 'not') parts.push({ not: filterOf(value as Input, paths, at) ?? empty(at) });
    else if (path !== undefined) parts.push(...leavesOf(path, value as Input, at));
  }
  return parts.length > 1 ? { and: parts } : parts[0];
};
const empty = (where: string): never => {
  throw error('query-invalid', { where, what: 'has no condition' });
};

/** The conditions on one member. */
const leavesOf = (member: string, input: Input, place: string): Filter[] =>
  Object.entries(input).map(([op, value]) => {
    if (value === null || value === undefined)
      throw error('query-invalid', {
        where: `${place}.${op}`,
        what: 'is null; to ask for missing values use isNull: true',
      });
    if (op === 'isNull') return { member, op: value === true ? 'isNull' : 'isNotNull' };
    const values = (Array.isArray(value) ? value : [value]) as GivenValue[];
    if (op === 'between' && values.length !== 2)
      throw error('query-invalid', { where: `${place}.between`, what: 'takes two values: [from, to)' });
    return { member, op: op as Operator, values };
  });
