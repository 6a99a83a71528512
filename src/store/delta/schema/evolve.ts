import { error } from '../../../errors/index.js';
import { asObject, type ExactJson, exactText, parseExact } from '../format/exact-json.js';
import { schemaText } from '../format/schema.js';
import { featuresOf } from '../rules/writable.js';
import type { DeltaField, DeltaSchema, DeltaTable, DeltaType, Snapshot } from '../types.js';
import { type Alter, alterTable } from './alter.js';

/** A type's one text, for messages and to tell two apart. */
const typeName = (type: DeltaType): string => (typeof type === 'string' ? type : JSON.stringify(type));

/** Where a column stands, for messages. */
interface At {
  readonly table: string;
  readonly path: readonly string[];
}

const wrong = ({ table, path }: At, what: string) =>
  error('delta-schema', { table, what: `${path.join('.')} ${what}` });

const holds = (type: DeltaType, name: string): boolean => {
  if (typeof type === 'string') return type === name;
  if (type.type === 'array') return holds(type.elementType, name);
  if (type.type === 'map') return holds(type.keyType, name) || holds(type.valueType, name);
  return type.fields.some((field) => holds(field.type, name));
};

/** A new column as the log writes it. It is null in rows that are there, so it must be allowed to be. */
const newField = (at: At, field: DeltaField): ExactJson => {
  const { name, type, nullable, metadata } = field;
  if (!nullable) throw wrong(at, 'is new and NOT NULL: rows that are there have no value for it');
  if (name === '' || /[ ,;{}()\n\t=]/.test(name)) throw wrong(at, 'is no name that a column may have');
  const rule = Object.keys(metadata).find((key) => key.startsWith('delta.'));
  if (rule !== undefined) throw error('delta-unsupported', { table: at.table, feature: `a new column with ${rule}` });
  return { name, type: type as ExactJson, nullable: true, metadata: metadata as ExactJson };
};

/**
 * The text of a type with what a wanted one has beyond it. Works on the log's own JSON, so that whatever else stands there stays
 * exactly as it is.
 */
const merged = (at: At, json: ExactJson | undefined, now: DeltaType, wanted: DeltaType): ExactJson | undefined => {
  const text = asObject(json);
  if (typeof now === 'string' || typeof wanted === 'string' || now.type !== wanted.type || !text) {
    if (typeName(now) !== typeName(wanted)) throw wrong(at, `is ${typeName(now)}, not ${typeName(wanted)}`);
    return json;
  }
  if (now.type === 'array' && wanted.type === 'array')
    return { ...text, elementType: merged(at, text['elementType'], now.elementType, wanted.elementType) };
  if (now.type === 'map' && wanted.type === 'map')
    return {
      ...text,
      keyType: merged(at, text['keyType'], now.keyType, wanted.keyType),
      valueType: merged(at, text['valueType'], now.valueType, wanted.valueType),
    };
  if (now.type !== 'struct' || wanted.type !== 'struct') return json;
  const fields = Array.isArray(text['fields']) ? (text['fields'] as readonly ExactJson[]) : [];
  return { ...text, fields: mergedFields(at, fields, now.fields, wanted.fields) };
};

const mergedFields = (
  at: At,
  texts: readonly ExactJson[],
  now: readonly DeltaField[],
  wanted: readonly DeltaField[],
): readonly ExactJson[] => {
  const result = [...texts];
  for (const field of wanted) {
    const path = [...at.path, field.name];
    const index = now.findIndex(({ name }) => name.toLowerCase() === field.name.toLowerCase());
    const known = now[index];
    if (!known) result.push(newField({ ...at, path }, field));
    else {
      const text = asObject(texts[index]);
      result[index] = { ...text, type: merged({ ...at, path }, text?.['type'], known.type, field.type) };
    }
  }
  return result;
};

/**
 * Gives a table the columns that a schema has beyond its own, in nested types too, behind those that are there; they are null in rows
 * that are there. Columns of the table that the schema lacks stay. Nothing is committed when there is nothing new. Gives the snapshot
 * after it. Errors: `delta-schema` (a new column that is NOT NULL, another type of an old one), `delta-conflict`, `delta-unsupported`.
 */
export const evolveTable = (table: DeltaTable, schema: DeltaSchema, alter: Alter): Promise<Snapshot> =>
  alterTable(table, alter, (snapshot) => {
    const { metadata, protocol } = snapshot;
    const before = parseExact(metadata.schemaString);
    const after = merged({ table: table.path, path: [] }, before, snapshot.schema, schema);
    if (after === undefined || before === undefined || exactText(after) === exactText(before)) return undefined;
    if (holds(schema, 'timestamp_ntz') && !featuresOf(protocol).has('timestampNtz'))
      throw error('delta-unsupported', {
        table: table.path,
        feature: 'a column of type timestamp_ntz without timestampNtz',
      });
    return {
      ...{ operation: 'ADD COLUMNS', parameters: { schema: schemaText(schema) } },
      metadata: { ...metadata, schemaString: exactText(after) },
    };
  });
