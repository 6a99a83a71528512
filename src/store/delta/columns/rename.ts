import { quoted } from '../format/schema.js';
import type { DeltaType } from '../types.js';
import { type MappingMode, physicalName } from './mapping.js';

const renamed = (type: DeltaType, mode: MappingMode): boolean => {
  if (typeof type === 'string') return false;
  if (type.type === 'array') return renamed(type.elementType, mode);
  if (type.type === 'map') return renamed(type.keyType, mode) || renamed(type.valueType, mode);
  return type.fields.some((f) => physicalName(f, mode) !== f.name || renamed(f.type, mode));
};

const unlessNull = (value: string, made: string): string => `CASE WHEN ${value} IS NULL THEN NULL ELSE ${made} END`;

/** SQL of a value whose structs have physical names, with the names of the schema; `depth` tells lambda parameters apart. */
export const logicalValue = (value: string, type: DeltaType, mode: MappingMode, depth = 0): string => {
  if (typeof type === 'string' || !renamed(type, mode)) return value;
  const item = `x${depth}`;
  const inner = (part: string, of: DeltaType) => logicalValue(part, of, mode, depth + 1);
  if (type.type === 'array') return `list_transform(${value}, lambda ${item}: ${inner(item, type.elementType)})`;
  if (type.type === 'map') {
    const entry = `struct_pack("key" := ${inner(`${item}."key"`, type.keyType)}, "value" := ${inner(`${item}."value"`, type.valueType)})`;
    return unlessNull(value, `map_from_entries(list_transform(map_entries(${value}), lambda ${item}: ${entry}))`);
  }
  const fields = type.fields.map(
    (f) => `${quoted(f.name)} := ${inner(`${value}.${quoted(physicalName(f, mode))}`, f.type)}`,
  );
  return unlessNull(value, `struct_pack(${fields.join(', ')})`);
};
