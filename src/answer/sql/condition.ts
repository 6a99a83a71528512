import type { DataType, Filter, GivenValue, Operator } from '../../query/index.js';
import type { FacadeColumn } from './facade.js';
import { refuse } from './refuse.js';
import { exactNumber, instantText, type SlotKind, type SlotValue } from './slots.js';

/**
 * A condition whose values come when it runs. It is in negation normal form, so that "unknown" and "false" never differ: both keep
 * a row out, and constants fold.
 */
export type Condition = (values: readonly SlotValue[]) => Filter | boolean;

export const everything =
  (value: boolean): Condition =>
  () =>
    value;
export const all =
  (parts: readonly Condition[]): Condition =>
  (values) => {
    const made = parts.map((p) => p(values));
    if (made.includes(false)) return false;
    const rest = made.filter((m): m is Filter => typeof m !== 'boolean');
    return rest.length === 0 ? true : rest.length === 1 && rest[0] ? rest[0] : { and: rest };
  };
export const any =
  (parts: readonly Condition[]): Condition =>
  (values) => {
    const made = parts.map((p) => p(values));
    if (made.includes(true)) return true;
    const rest = made.filter((m): m is Filter => typeof m !== 'boolean');
    return rest.length === 0 ? false : rest.length === 1 && rest[0] ? rest[0] : { or: rest };
  };

/** How values of a dimension's type are evaluated. Undefined: the type has no exact comparison here. */
export const slotKind = (type: DataType): SlotKind | undefined =>
  type.kind === 'string'
    ? 'string'
    : type.kind === 'boolean'
      ? 'boolean'
      : type.kind === 'date'
        ? 'date'
        : type.kind === 'timestamp'
          ? 'timestamp'
          : type.kind === 'double'
            ? undefined
            : 'number';

const INT4 = [-2147483648n, 2147483647n] as const;
const INT8 = [-9223372036854775808n, 9223372036854775807n] as const;

/** A value in the form of the member's type, or `undefined` when no value of that type equals it. */
const given = (type: DataType, value: string | boolean): GivenValue | undefined => {
  if (type.kind === 'timestamp') return instantText(String(value));
  if (type.kind === 'date')
    return /^\d{4}-\d\d-\d\d$/.test(String(value))
      ? String(value)
      : refuse('an infinite date, or one outside the years 1 to 9999');
  if (type.kind !== 'integer' && type.kind !== 'bigint' && type.kind !== 'decimal') return value;
  const [unscaled, scale] = exactNumber(String(value));
  if (type.kind === 'decimal') return String(value);
  const unit = 10n ** BigInt(scale);
  if (unscaled % unit !== 0n) return undefined;
  const whole = unscaled / unit;
  const [low, high] = type.kind === 'integer' ? INT4 : INT8;
  if (whole < low || whole > high) return undefined;
  return type.kind === 'integer' ? Number(whole) : whole.toString();
};

/** Types that an expression compared with a dimension may have, where the comparison is more than one of values. */
const checkType = (type: DataType, slot: SlotValue): void => {
  const name = slot.type.replace(/\[\]$/, '');
  if (type.kind === 'date' && name !== 'date') refuse(`a date compared with ${name}`, 'cast the other side to date');
  if (type.kind === 'decimal' && (name === 'double precision' || name === 'real'))
    refuse(`an exact number compared with ${name}`, 'cast the other side to numeric');
};

/** `member op value`; every comparison with null is unknown. */
export const compared =
  (column: FacadeColumn, op: Extract<Operator, 'eq' | 'ne' | 'lt' | 'lte' | 'gt' | 'gte'>, slot: number): Condition =>
  (values) => {
    const { member, type } = column;
    const v = values[slot];
    if (!v || v.value === null || Array.isArray(v.value)) return false;
    checkType(type, v);
    const value = given(type, v.value as string | boolean);
    if (value !== undefined) return { member, op, values: [value] };
    if (op === 'eq') return false;
    if (op === 'ne') return { member, op: 'isNotNull' };
    return refuse(`${column.name} compared with ${String(v.value)}`, 'compare it with a whole number of its own type');
  };

/** `member = ANY (array)` or `member <> ALL (array)`. */
export const listed =
  (column: FacadeColumn, negated: boolean, slot: number): Condition =>
  (values) => {
    const { member, type } = column;
    const v = values[slot];
    if (!v || v.value === null || !Array.isArray(v.value)) return false;
    checkType(type, v);
    const items = v.value as readonly (string | boolean | null)[];
    if (items.length === 0) return negated;
    const known = items.flatMap((i) => (i === null ? [] : [given(type, i)])).filter((i) => i !== undefined);
    if (negated && items.includes(null)) return false;
    if (known.length === 0) return negated ? { member, op: 'isNotNull' } : false;
    return { member, op: negated ? 'notIn' : 'in', values: known };
  };

/** LIKE and its relatives. A pattern is PostgreSQL's: `%`, `_`, and backslash before a plain character. */
export const matched =
  (column: FacadeColumn, op: 'like' | 'ilike' | 'startsWith', negated: boolean, slot: number): Condition =>
  (values) => {
    const value = values[slot]?.value;
    if (typeof value !== 'string') return false;
    const filter: Filter = { member: column.member, op, values: [value] };
    return negated ? { not: filter } : filter;
  };

/** IS [NOT] DISTINCT FROM a value. */
export const distinctFrom =
  (column: FacadeColumn, negated: boolean, slot: number): Condition =>
  (values) => {
    const { member } = column;
    if (values[slot]?.value === null) return { member, op: negated ? 'isNull' : 'isNotNull' };
    const plain = compared(column, negated ? 'eq' : 'ne', slot)(values);
    if (negated || typeof plain === 'boolean') return plain;
    return { or: [plain, { member, op: 'isNull' }] };
  };

/**
 * A comparison of a bucket of `member`; `from` and `to` are the slots of the first instants of the buckets that are not before the
 * value, and that are after it. `isDate`: the value must be a date.
 */
export const comparedBucket =
  (
    column: FacadeColumn,
    op: 'eq' | 'ne' | 'lt' | 'lte' | 'gt' | 'gte',
    from: number,
    to: number,
    isDate: boolean,
  ): Condition =>
  (values) => {
    const { member } = column;
    const first = values[from];
    const next = values[to];
    if (!first || !next || first.value === null || next.value === null) return false;
    if (isDate && first.type !== 'date') refuse(`a date compared with ${first.type}`, 'cast the other side to date');
    const leaf = (o: Operator, v: SlotValue): Filter => ({ member, op: o, values: [instantText(String(v.value))] });
    if (op === 'eq') return { and: [leaf('gte', first), leaf('lt', next)] };
    if (op === 'ne') return { or: [leaf('lt', first), leaf('gte', next)] };
    if (op === 'lt') return leaf('lt', first);
    if (op === 'lte') return leaf('lt', next);
    return op === 'gt' ? leaf('gte', next) : leaf('gte', first);
  };

export const leafOf =
  (filter: Filter): Condition =>
  () =>
    filter;
