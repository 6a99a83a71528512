import { AssayError, error } from '../../errors/index.js';
import type { DataType, GivenValue, LegFilter, LegQuery } from '../../query/index.js';
import type { Catalogue, Member } from '../catalog/index.js';
import { type Bound, boundValue } from './bound-value.js';

/**
 * The place of a value in a statement. It is no string, so Cube neither escapes, cuts nor formats it; it comes back in the list of
 * parameters, which tells where its value belongs. `cast` is the type that its place is cast to.
 */
export class Slot {
  constructor(
    readonly index: number,
    readonly cast: DataType,
  ) {}
  /** Cube's caches, and ours, are keyed by the JSON of the query. */
  toJSON(): string {
    const { kind } = this.cast;
    return `\u0001${this.index}:${kind}${this.cast.kind === 'decimal' ? this.cast.scale : ''}`;
  }
  toString(): string {
    throw error('internal', {}, new Error('a value would have been written into the text of a statement'));
  }
}

export type SlotFilter =
  | { readonly member: string; readonly operator: string; readonly values: readonly Slot[]; readonly raw: boolean }
  | { readonly and: readonly SlotFilter[] }
  | { readonly or: readonly SlotFilter[] };

/** A leg's query without its values: what decides the text of its statement. */
export interface Shape {
  readonly measures: readonly string[];
  readonly dimensions: readonly string[];
  readonly time: readonly { readonly dimension: string; readonly granularity: string }[];
  readonly segments: readonly string[];
  readonly filters: readonly SlotFilter[];
  readonly order: LegQuery['order'];
  readonly limit: Slot | undefined;
  readonly offset: Slot | undefined;
  readonly timezone: string;
  readonly ungrouped: boolean;
}

type Leaf = Extract<LegFilter, { member: string }>;

/** What an operator becomes under NOT. In three-valued logic each pair is exact: both are null where the value is null. */
const NEGATED: Record<string, string> = {
  eq: 'ne',
  ne: 'eq',
  in: 'notIn',
  notIn: 'in',
  gt: 'lte',
  gte: 'lt',
  lt: 'gte',
  lte: 'gt',
  between: 'notBetween',
  isNull: 'isNotNull',
  isNotNull: 'isNull',
  like: 'notLike',
  ilike: 'notIlike',
  never: 'always',
};
const COUNTS: Record<string, number> = { isNull: 0, isNotNull: 0, never: 0, between: 2 };
const BIGINT: DataType = { kind: 'bigint' };

const invalid = (where: string, what: string) => error('query-invalid', { where, what });

/** Text operators become a pattern whose special characters are escaped by `!`. */
const escaped = (text: string) => text.replace(/[!%_]/g, (c) => `!${c}`);
const PATTERNS: Record<string, (text: string) => string> = {
  contains: (t) => `%${escaped(t)}%`,
  startsWith: (t) => `${escaped(t)}%`,
  endsWith: (t) => `%${escaped(t)}`,
};

/** A caller's LIKE pattern, whose escape is a backslash, in terms of `!`: both engines then read it alike. */
const likePattern = (pattern: string, where: string): string => {
  let out = '';
  for (let i = 0; i < pattern.length; i++) {
    const c = pattern[i] ?? '';
    if (c !== '\\') out += c === '!' ? '!!' : c;
    else {
      i += 1;
      if (i >= pattern.length) throw invalid(where, 'a pattern must not end with its escape character');
      out += escaped(pattern[i] ?? '');
    }
  }
  return out;
};

const STRING: DataType = { kind: 'string' };
/** The values of a condition. Those of a rule come from a caller's attributes, so a wrong one is no fault of the query. */
const ruled = (filter: Leaf, bind: () => { values: Bound[]; cast: DataType }) => {
  try {
    return { ...bind(), never: false };
  } catch (thrown) {
    if (filter.raw && thrown instanceof AssayError) return { values: [], cast: STRING, never: true };
    throw thrown;
  }
};

const powerOfTwo = (n: number) => 2 ** Math.ceil(Math.log2(n));

/** Splits a leg's query into its shape and its values, in the order of their slots. Errors: `query-invalid`, `unknown-member`. */
export const slotted = (query: LegQuery, catalogue: Catalogue): { shape: Shape; values: Bound[] } => {
  const values: Bound[] = [];
  const slot = (value: Bound, cast: DataType): Slot => {
    values.push(value);
    return new Slot(values.length - 1, cast);
  };
  const memberOf = (name: string): Member => {
    const member = catalogue.members.get(name);
    if (!member) throw error('unknown-member', { name });
    return member;
  };

  const leaf = (filter: Leaf, negated: boolean, having: boolean): SlotFilter => {
    const member = memberOf(filter.member);
    if (member.kind === 'segment') throw invalid(member.name, 'a segment is no condition; list it under segments');
    if ((member.kind === 'measure') !== having)
      throw invalid(member.name, having ? 'having takes measures only' : 'where takes dimensions only');
    let given: readonly GivenValue[] = filter.values ?? [];
    let op: string = filter.op;
    const text = op.startsWith('i') ? op.slice(1) : op;
    const wanted = COUNTS[op];
    if (wanted !== undefined && given.length !== wanted)
      throw invalid(member.name, `${op} takes ${wanted} values, not ${given.length}`);
    const pattern = PATTERNS[text] ?? (op === 'like' || op === 'ilike' ? undefined : null);
    if (pattern !== null) {
      if (member.type.kind !== 'string') throw invalid(member.name, `${op} needs text; this is ${member.type.kind}`);
      if (given.length !== 1 || typeof given[0] !== 'string') throw invalid(member.name, `${op} takes one text`);
      given = [pattern ? pattern(given[0]) : likePattern(given[0], member.name)];
      op = op.startsWith('i') ? 'ilike' : 'like';
    }
    if (op === 'in' || op === 'notIn') {
      if (given.length === 0) throw invalid(member.name, `${op} takes at least one value`);
      const last = given[given.length - 1] as GivenValue;
      given = [...given, ...Array<GivenValue>(powerOfTwo(given.length) - given.length).fill(last)];
    } else if (wanted === undefined && given.length !== 1)
      throw invalid(member.name, `${filter.op} takes one value, not ${given.length}`);
    const bound = ruled(filter, () => boundValue.all(given, member, op));
    // a rule's value that is none of its member's type lets no row pass, whatever stands around it
    const operator = bound.never ? 'never' : negated ? NEGATED[op] : op;
    if (operator === undefined) throw invalid(member.name, `there is no operator ${filter.op}`);
    return {
      member: filter.member,
      operator,
      values: bound.values.map((v) => slot(v, bound.cast)),
      raw: filter.raw === true,
    };
  };
  const tree = (filter: LegFilter, negated: boolean, having: boolean): SlotFilter => {
    if ('member' in filter) return leaf(filter, negated, having);
    if ('not' in filter) return tree(filter.not, !negated, having);
    const and = 'and' in filter;
    const parts = and ? filter.and : filter.or;
    // Cube drops an empty group, which would lift a restriction without a word
    if (parts.length === 0) throw invalid('where', 'a group of conditions must not be empty');
    const inside = parts.map((part) => tree(part, negated, having));
    return and !== negated ? { and: inside } : { or: inside };
  };

  if (query.measures.length + query.dimensions.length + query.time.length === 0)
    throw invalid('query', 'at least one member is wanted');
  const filters = [...query.where.map((f) => tree(f, false, false)), ...query.having.map((f) => tree(f, false, true))];
  const count = (name: string, n: number | undefined) => {
    if (n === undefined) return undefined;
    if (!Number.isSafeInteger(n) || n < 0) throw invalid(name, 'a whole number from 0 is wanted');
    return slot(n, BIGINT);
  };
  return {
    shape: {
      measures: query.measures,
      dimensions: query.dimensions,
      time: query.time,
      segments: query.segments,
      filters,
      order: query.order,
      limit: count('limit', query.limit),
      offset: count('offset', query.offset === 0 ? undefined : query.offset),
      timezone: query.timezone,
      ungrouped: query.ungrouped === true,
    },
    values,
  };
};
