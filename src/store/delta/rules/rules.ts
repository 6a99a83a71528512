import { error } from '../../../errors/index.js';
import { asObject, parseExact } from '../format/exact-json.js';
import { literal, quoted } from '../format/schema.js';
import type { DeltaField, DeltaSchema, DeltaType, Snapshot } from '../types.js';
import { statKey } from '../write/stats.js';
import { conditionSql, equalsSql } from './expression.js';
import { constraintsOf } from './writable.js';

/** Something that every row of a table keeps. */
export interface Rule {
  /** How a message names it. */
  readonly constraint: string;
  /** SQL that is true for a row which breaks it. */
  readonly broken: string;
  /** What the files' statistics may answer instead, of the column with this key. */
  readonly asks?: { readonly column: string; readonly about: 'nulls' | 'infinity' };
}

/** A table as far as its rules are concerned. */
export type Ruled = Pick<Snapshot, 'table' | 'schema' | 'metadata'>;

/** The text in a field's metadata, as the protocol wraps an invariant's: `{"expression":{"expression":"x > 3"}}`. */
const invariantText = (value: unknown): string | undefined => {
  const wrapped = typeof value === 'string' ? asObject(parseExact(value)) : undefined;
  const text = asObject(wrapped?.['expression'])?.['expression'];
  return typeof text === 'string' ? text : undefined;
};

const unsupported = (snapshot: Ruled, feature: string) =>
  error('delta-unsupported', { table: snapshot.table.path, feature });

const mustHold = (snapshot: Ruled, feature: string, constraint: string, condition: string): Rule => {
  const sql = conditionSql(condition, snapshot.schema);
  if (sql === undefined) throw unsupported(snapshot, `${feature} with the condition ${condition}`);
  // A condition that is null holds for nobody.
  return { constraint, broken: `NOT coalesce(${sql}, false)` };
};

const fieldRules = (snapshot: Ruled, { name, metadata }: DeltaField): readonly Rule[] => {
  const rules: Rule[] = [];
  if (metadata['delta.invariants'] !== undefined) {
    const text = invariantText(metadata['delta.invariants']);
    if (text === undefined) throw unsupported(snapshot, `invariants of ${name}`);
    rules.push(mustHold(snapshot, 'invariants', `the invariant of ${name} (${text})`, text));
  }
  const generated = metadata['delta.generationExpression'];
  if (generated !== undefined) {
    const sql = typeof generated === 'string' ? equalsSql(name, generated, snapshot.schema) : undefined;
    if (sql === undefined) throw unsupported(snapshot, `generatedColumns with the expression ${String(generated)}`);
    rules.push({ constraint: `${name}, which is generated as ${String(generated)}`, broken: `NOT (${sql})` });
  }
  return rules;
};

/** Rules on values of nested types would be silent where we look at top columns only. */
const noneBelow = (snapshot: Ruled, type: DeltaType): void => {
  if (typeof type === 'string') return;
  if (type.type === 'array') {
    noneBelow(snapshot, type.elementType);
    return;
  }
  if (type.type === 'map') {
    noneBelow(snapshot, type.keyType);
    noneBelow(snapshot, type.valueType);
    return;
  }
  for (const field of type.fields) {
    if (field.metadata['delta.invariants'] !== undefined)
      throw unsupported(snapshot, `invariants of the nested ${field.name}`);
    if (field.metadata['delta.generationExpression'] !== undefined)
      throw unsupported(snapshot, `generatedColumns of the nested ${field.name}`);
    noneBelow(snapshot, field.type);
  }
};

/**
 * CHECK constraints, invariants and generated columns of a table. Errors: `delta-unsupported` names the one whose expression we cannot
 * evaluate exactly as Spark does.
 */
export const declaredRules = (snapshot: Ruled): readonly Rule[] => {
  for (const { type } of snapshot.schema.fields) noneBelow(snapshot, type);
  return [
    ...snapshot.schema.fields.flatMap((field) => fieldRules(snapshot, field)),
    ...[...constraintsOf(snapshot.metadata)].map(([name, condition]) =>
      mustHold(snapshot, 'checkConstraints', `CHECK ${name} (${condition})`, condition),
    ),
  ];
};

/** SQL that is true where a value of a type holds a null that its type forbids; undefined: there is none to forbid. */
const nullBelow = (sql: string, type: DeltaType, depth = 0): string | undefined => {
  if (typeof type === 'string') return undefined;
  if (type.type === 'struct') {
    const tests = type.fields.flatMap((field) => {
      const inner = `struct_extract(${sql}, ${literal(field.name)})`;
      return [field.nullable ? [] : [`${inner} IS NULL`], nullBelow(inner, field.type, depth) ?? []].flat();
    });
    // Spark does not let a struct be null either where a field in it must not be.
    return tests.length === 0 ? undefined : `(${tests.join(' OR ')})`;
  }
  const item = `x${depth}`;
  const [list, itemType, mayBeNull] =
    type.type === 'array'
      ? [sql, type.elementType, type.containsNull]
      : [`map_values(${sql})`, type.valueType, type.valueContainsNull];
  const below = nullBelow(item, itemType, depth + 1);
  const tests = [mayBeNull ? [] : [`${item} IS NULL`], below ?? []].flat();
  return tests.length === 0
    ? undefined
    : `coalesce(len(list_filter(${list}, lambda ${item}: ${tests.join(' OR ')})), 0) > 0`;
};

/** NOT NULL of columns, and of what is in them. */
export const nullRules = ({ fields }: DeltaSchema): readonly Rule[] =>
  fields.flatMap(({ name, type, nullable }) => {
    const below = nullBelow(quoted(name), type);
    const simple = typeof type === 'string' ? { asks: { column: statKey([name]), about: 'nulls' as const } } : {};
    return [
      ...(nullable ? [] : [{ constraint: `NOT NULL of ${name}`, broken: `${quoted(name)} IS NULL`, ...simple }]),
      ...(below === undefined ? [] : [{ constraint: `NOT NULL within ${name}`, broken: below }]),
    ];
  });

const TIMES = new Set(['date', 'timestamp', 'timestamp_ntz']);

/** `infinity` has no form in Parquet: other readers would see some day far away. */
export const finiteRules = ({ fields }: DeltaSchema): readonly Rule[] =>
  fields
    .filter(({ type }) => typeof type === 'string' && TIMES.has(type))
    .map(({ name }) => ({
      constraint: `the rule that ${name} is not infinite`,
      broken: `NOT isfinite(${quoted(name)})`,
      asks: { column: statKey([name]), about: 'infinity' as const },
    }));
