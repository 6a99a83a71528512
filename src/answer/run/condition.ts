import { error } from '../../errors/index.js';
import { compareValues, type DataType, type GivenValue, parseDecimal, type Value } from '../../query/index.js';
import { type ComposedFilter, parseInstant } from '../plan/index.js';

/** True, false, or null for unknown. */
type Truth = boolean | null;
/** Tests the values of one row; `at(i)` is the row's i-th composed value. */
export type RowTest = (at: (value: number) => Value) => Truth;

/** Brings a value and what it is compared with to one comparable form. */
const comparer = (type: DataType, given: readonly GivenValue[]) => {
  const text = (v: GivenValue) => String(v);
  if (type.kind === 'integer' || type.kind === 'bigint' || type.kind === 'decimal') {
    const own = type.kind === 'decimal' ? type.scale : 0;
    const scale = Math.max(own, ...given.map((v) => text(v).split('.')[1]?.length ?? 0));
    const factor = 10n ** BigInt(scale - own);
    return {
      given: given.map((v): Value => parseDecimal(text(v), scale) ?? 0n),
      own: (v: Value): Value => (v === null ? null : BigInt(v as number | bigint) * factor),
    };
  }
  const own = (v: Value): Value => v;
  if (type.kind === 'timestamp') return { given: given.map((v): Value => parseInstant(text(v), 'UTC') ?? 0n), own };
  return { given: given as readonly Value[], own };
};

const escaped = /[.*+?^${}()|[\]\\]/g;
/** A LIKE pattern (escape: backslash) as a regular expression over the whole text. */
const likePattern = (pattern: string): RegExp => {
  let source = '';
  const characters = [...pattern];
  for (let i = 0; i < characters.length; i++) {
    const c = characters[i] ?? '';
    if (c === '%') source += '[\\s\\S]*';
    else if (c === '_') source += '[\\s\\S]';
    else {
      if (c === '\\') i += 1;
      source += (c === '\\' ? (characters[i] ?? '\\') : c).replace(escaped, '\\$&');
    }
  }
  return new RegExp(`^${source}$`, 'u');
};

const textTest = (op: string, given: string): ((text: string) => boolean) => {
  const low = given.toLowerCase();
  switch (op) {
    case 'contains':
      return (t) => t.includes(given);
    case 'startsWith':
      return (t) => t.startsWith(given);
    case 'endsWith':
      return (t) => t.endsWith(given);
    case 'icontains':
      return (t) => t.toLowerCase().includes(low);
    case 'istartsWith':
      return (t) => t.toLowerCase().startsWith(low);
    case 'iendsWith':
      return (t) => t.toLowerCase().endsWith(low);
    case 'like': {
      const pattern = likePattern(given);
      return (t) => pattern.test(t);
    }
    case 'ilike': {
      const pattern = likePattern(low);
      return (t) => pattern.test(t.toLowerCase());
    }
    default:
      throw error('internal', {});
  }
};

const leafTest = (op: string, type: DataType, values: readonly GivenValue[]): ((value: Value) => Truth) => {
  if (op === 'isNull') return (v) => v === null;
  if (op === 'isNotNull') return (v) => v !== null;
  const { given, own } = comparer(type, values);
  const compared =
    (test: (compare: (i: number) => number) => boolean) =>
    (v: Value): Truth => {
      if (v === null) return null;
      const mine = own(v);
      return test((i) => compareValues(mine, given[i] ?? null));
    };
  const some = (compare: (i: number) => number) => given.some((_, i) => compare(i) === 0);
  switch (op) {
    case 'eq':
      return compared((c) => c(0) === 0);
    case 'ne':
      return compared((c) => c(0) !== 0);
    case 'in':
      return compared(some);
    case 'notIn':
      return compared((c) => !some(c));
    case 'gt':
      return compared((c) => c(0) > 0);
    case 'gte':
      return compared((c) => c(0) >= 0);
    case 'lt':
      return compared((c) => c(0) < 0);
    case 'lte':
      return compared((c) => c(0) <= 0);
    case 'between':
      return compared((c) => c(0) >= 0 && c(1) < 0);
    default: {
      const test = textTest(op, String(values[0]));
      return (v) => (v === null ? null : test(String(v)));
    }
  }
};

/** A condition over composed values, in SQL's three-valued logic. A row passes when the test is true. */
export const rowTest = (filter: ComposedFilter, types: readonly DataType[]): RowTest => {
  if ('not' in filter) {
    const inner = rowTest(filter.not, types);
    return (at) => {
      const truth = inner(at);
      return truth === null ? null : !truth;
    };
  }
  if ('and' in filter || 'or' in filter) {
    const decides = 'or' in filter;
    const parts = ('or' in filter ? filter.or : filter.and).map((f) => rowTest(f, types));
    return (at) => {
      let unknown = false;
      for (const part of parts) {
        const truth = part(at);
        if (truth === decides) return decides;
        if (truth === null) unknown = true;
      }
      return unknown ? null : !decides;
    };
  }
  const test = leafTest(filter.op, types[filter.value] ?? { kind: 'string' }, filter.values);
  return (at) => test(at(filter.value));
};
