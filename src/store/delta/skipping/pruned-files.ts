import { type MappingMode, mappingMode, partitionValue, physicalName } from '../columns/mapping.js';
import { isRecord } from '../format/fields.js';
import type { AddFile, DeltaField, DeltaType, Snapshot } from '../types.js';
import { type Comparable, comparable, order } from './comparable.js';

/**
 * A condition on one column, such as `{ column: 'day', is: 'between', from: '2010-12-01', to: '2010-12-31' }` (both ends included).
 * `column` of a nested field is the path of its names. Values are texts as partition values have them: exact numbers, `2010-12-01`,
 * `2010-12-01T08:26:00.123456Z`, `true`.
 */
export type FileCondition = {
  readonly column: string | readonly string[];
} & (
  | { readonly is: 'in'; readonly values: readonly string[] }
  | { readonly is: 'between'; readonly from: string; readonly to: string }
  | { readonly is: 'less' | 'at most' | 'greater' | 'at least'; readonly than: string }
  | { readonly is: 'null' | 'not null' }
);

/** What is known of a column's values in one file. `undefined`: not known. */
interface Bounds {
  readonly min: Comparable | undefined;
  readonly max: Comparable | undefined;
  /** All values are null; some may be. */
  readonly allNull: boolean;
  readonly anyNull: boolean;
}

/** Statistics keep milliseconds only: what a file holds may lie up to one behind its greatest. */
const MILLISECOND = 1000n;

const isTime = (type: DeltaType): boolean => type === 'timestamp' || type === 'timestamp_ntz';
const isFloat = (type: DeltaType): boolean => type === 'float' || type === 'double';

const at = (value: unknown, path: readonly string[]): unknown =>
  path.reduce<unknown>(
    (found, name) => (isRecord(found) && Object.hasOwn(found, name) ? found[name] : undefined),
    value,
  );

const textAt = (value: unknown, path: readonly string[]): string | undefined => {
  const found = at(value, path);
  return typeof found === 'string' ? found : typeof found === 'number' ? String(found) : undefined;
};

/** A string as a whole, or a number outside of one. */
const TOKEN = /"(?:[^"\\]|\\.)*"|-?\d[\d.eE+-]*/g;

const parsed = (json: string): unknown => {
  try {
    return JSON.parse(json);
  } catch (thrown) {
    if (thrown instanceof SyntaxError) return undefined;
    throw thrown;
  }
};

/** JSON with every number as its own text, so that none of its digits is lost. */
const exact = (json: string): string => json.replace(TOKEN, (token) => (token.startsWith('"') ? token : `"${token}"`));

/** Digits that a JS number gives back as they were read. */
const KEPT_DIGITS = 15;
const MORE_DIGITS = new RegExp(`\\d(?:\\.?\\d){${KEPT_DIGITS}}`);

/** True where a number of the type may have more digits than a JS number keeps. */
const isLong = (type: DeltaType, stats: string): boolean => {
  if (type !== 'long' && !(typeof type === 'string' && type.startsWith('decimal'))) return false;
  return MORE_DIGITS.test(stats);
};

const statisticsOf = (stats: string, type: DeltaType, path: readonly string[]): Bounds | undefined => {
  const all = parsed(isLong(type, stats) ? exact(stats) : stats);
  if (all === undefined) return undefined;
  const bound = (side: string) => {
    const text = textAt(all, [side, ...path]);
    return text === undefined ? undefined : comparable(type, text);
  };
  const max = bound('maxValues');
  const rows = textAt(all, ['numRecords']);
  const nulls = textAt(all, ['nullCount', ...path]);
  return {
    min: bound('minValues'),
    max: isTime(type) && typeof max === 'bigint' ? max + MILLISECOND : max,
    allNull: nulls !== undefined && nulls === rows && nulls !== '0',
    anyNull: nulls !== '0',
  };
};

const partitionBounds = (type: DeltaType, value: string | null): Bounds => {
  if (value === null) return { min: undefined, max: undefined, allNull: true, anyNull: true };
  const only = comparable(type, value);
  return { min: only, max: only, allNull: false, anyNull: false };
};

/** A test that is false only where no value between the bounds meets the condition. */
const testOf = (condition: FileCondition, type: DeltaType): ((bounds: Bounds) => boolean) => {
  const below = (a: Comparable | undefined, b: Comparable | undefined, orEqual = false): boolean => {
    if (a === undefined || b === undefined) return false;
    const compared = order(a, b);
    return compared < 0 || (orEqual && compared === 0);
  };
  const value = (text: string) => comparable(type, text);
  // NaN is greater than every number for engines, and many writers leave it out of the greatest value.
  const endless = isFloat(type);
  const within = (from: Comparable | undefined, to: Comparable | undefined) => (bounds: Bounds) =>
    !below(to, bounds.min) && !below(bounds.max, from);
  const some = (test: (bounds: Bounds) => boolean) => (bounds: Bounds) => !bounds.allNull && test(bounds);
  if (condition.is === 'in') {
    const tests = condition.values.map((text) => within(value(text), value(text)));
    return some((bounds) => tests.some((test) => test(bounds)));
  }
  if (condition.is === 'between') return some(within(value(condition.from), value(condition.to)));
  if (!('than' in condition)) return condition.is === 'null' ? ({ anyNull }) => anyNull : ({ allNull }) => !allNull;
  const than = value(condition.than);
  if (condition.is === 'less') return some(({ min }) => !below(than, min, true));
  if (condition.is === 'at most') return some(({ min }) => !below(than, min));
  if (condition.is === 'greater') return some(({ max }) => endless || !below(max, than, true));
  return some(({ max }) => endless || !below(max, than));
};

/** The field that a path of names leads to, and its physical names. */
const fieldAt = (
  fields: readonly DeltaField[],
  [name, ...rest]: readonly string[],
  mode: MappingMode,
): { readonly field: DeltaField; readonly path: readonly string[] } | undefined => {
  const field = fields.find((f) => f.name === name);
  if (!field) return undefined;
  const own = physicalName(field, mode);
  if (rest.length === 0) return { field, path: [own] };
  if (typeof field.type === 'string' || field.type.type !== 'struct') return undefined;
  const inner = fieldAt(field.type.fields, rest, mode);
  return inner && { field: inner.field, path: [own, ...inner.path] };
};

type FileTest = (add: AddFile) => boolean;

const fileTest = (snapshot: Snapshot, condition: FileCondition, mode: MappingMode): FileTest | undefined => {
  const { column } = condition;
  const found = fieldAt(snapshot.schema.fields, typeof column === 'string' ? [column] : column, mode);
  if (!found) return undefined;
  const { field, path } = found;
  const test = testOf(condition, field.type);
  if (path.length === 1 && snapshot.metadata.partitionColumns.includes(field.name))
    return (add) => test(partitionBounds(field.type, partitionValue(add.partitionValues, field, mode)));
  return ({ stats }) => {
    const bounds = stats === undefined ? undefined : statisticsOf(stats, field.type, path);
    return bounds === undefined || test(bounds);
  };
};

/**
 * The live files that may hold rows which meet all conditions: by partition values exactly, by statistics as far as they go. A file is
 * left out only where no row of it can; conditions on columns that are not there, or values that are none of the type, exclude nothing.
 */
export const prunedFiles = (
  snapshot: Snapshot,
  conditions: readonly FileCondition[],
  adds: readonly AddFile[] = snapshot.adds,
): readonly AddFile[] => {
  const mode = mappingMode(snapshot.table.path, snapshot.metadata);
  const isPartition = ({ column }: FileCondition) =>
    typeof column === 'string' && snapshot.metadata.partitionColumns.includes(column);
  // Partition values are at hand; statistics have to be parsed.
  const sorted = [...conditions].sort((a, b) => Number(isPartition(b)) - Number(isPartition(a)));
  const tests = sorted.flatMap((condition) => fileTest(snapshot, condition, mode) ?? []);
  return adds.filter((add) => tests.every((test) => test(add)));
};
