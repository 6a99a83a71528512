import { error } from '../../../errors/index.js';
import type { DeltaField, DeltaSchema, DeltaType, Metadata, PartitionValues } from '../types.js';

/** How columns are found in files: by their own names, by physical names, or by the numbers that Parquet keeps. */
export type MappingMode = 'none' | 'name' | 'id';

const PHYSICAL = 'delta.columnMapping.physicalName';
const ID = 'delta.columnMapping.id';

/** Errors: `delta-unsupported` for a mode that we do not know. */
export const mappingMode = (table: string, metadata: Metadata): MappingMode => {
  const mode = metadata.configuration['delta.columnMapping.mode'] ?? 'none';
  if (mode === 'none' || mode === 'name' || mode === 'id') return mode;
  throw error('delta-unsupported', { table, feature: `columnMapping in the mode ${mode}` });
};

/** A column's name in files, statistics and partition values. */
export const physicalName = (field: DeltaField, mode: MappingMode): string => {
  const name = mode === 'none' ? undefined : field.metadata[PHYSICAL];
  return typeof name === 'string' ? name : field.name;
};

/** A column's number in Parquet; undefined where the schema gives none. */
export const fieldId = (field: DeltaField): number | undefined => {
  const id = field.metadata[ID];
  return typeof id === 'number' && Number.isInteger(id) && id >= 0 && id <= 0x7fffffff ? id : undefined;
};

const everyField = function* (type: DeltaType): Iterable<DeltaField> {
  if (typeof type === 'string') return;
  if (type.type === 'array') yield* everyField(type.elementType);
  else if (type.type === 'map') {
    yield* everyField(type.keyType);
    yield* everyField(type.valueType);
  } else
    for (const field of type.fields) {
      yield field;
      yield* everyField(field.type);
    }
};

/** Refuses a schema whose columns cannot be found in files by what it says of them. Errors: `delta-unsupported`. */
export const checkMapping = (table: string, metadata: Metadata, schema: DeltaSchema): void => {
  const mode = mappingMode(table, metadata);
  if (mode === 'none') return;
  for (const field of everyField(schema)) {
    const known = mode === 'id' ? fieldId(field) !== undefined : typeof field.metadata[PHYSICAL] === 'string';
    if (!known)
      throw error('delta-unsupported', {
        table,
        feature: `columnMapping without the ${mode} of the column ${field.name}`,
      });
  }
};

/** The type as files have it: the fields of structs by their physical names. */
export const physicalType = (type: DeltaType, mode: MappingMode): DeltaType => {
  if (mode === 'none' || typeof type === 'string') return type;
  if (type.type === 'array') return { ...type, elementType: physicalType(type.elementType, mode) };
  if (type.type === 'map')
    return { ...type, keyType: physicalType(type.keyType, mode), valueType: physicalType(type.valueType, mode) };
  const fields = type.fields.map((f) => ({ ...f, name: physicalName(f, mode), type: physicalType(f.type, mode) }));
  return { ...type, fields };
};

/** A file's value of a partition column; the empty text means null for every type. */
export const partitionValue = (values: PartitionValues, field: DeltaField, mode: MappingMode): string | null => {
  const name = physicalName(field, mode);
  const value = Object.hasOwn(values, name) ? values[name] : null;
  return value === undefined || value === '' ? null : value;
};
