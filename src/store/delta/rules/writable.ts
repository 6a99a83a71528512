import { error } from '../../../errors/index.js';
import type { DeltaSchema, DeltaType, Metadata, Protocol } from '../types.js';

/** Features that every version of a writer before 7 brings with it. */
const IMPLIED: readonly (readonly [version: number, features: readonly string[]])[] = [
  [2, ['appendOnly', 'invariants']],
  [3, ['checkConstraints']],
  [4, ['changeDataFeed', 'generatedColumns']],
  [5, ['columnMapping']],
  [6, ['identityColumns']],
];

/** Features that are kept, or that are no reason to refuse a table where they are not in use. */
const KEPT = new Set([
  'appendOnly',
  'invariants',
  'checkConstraints',
  'generatedColumns',
  'inCommitTimestamp',
  'domainMetadata',
  'timestampNtz',
  'vacuumProtocolCheck',
  // Looked at where they are found in use.
  'changeDataFeed',
  'columnMapping',
  'identityColumns',
  'deletionVectors',
]);

/** What a writer of the table must know, by name. */
export const featuresOf = ({ minWriterVersion, readerFeatures, writerFeatures }: Protocol): ReadonlySet<string> =>
  minWriterVersion === 7
    ? new Set([...(readerFeatures ?? []), ...(writerFeatures ?? [])])
    : new Set(IMPLIED.flatMap(([version, features]) => (version <= minWriterVersion ? features : [])));

/** True where another protocol lacks something that writers had to keep before. */
export const dropsFeatures = (before: Protocol, after: Protocol): boolean => {
  const still = featuresOf(after);
  return [...featuresOf(before)].some((feature) => !still.has(feature));
};

/** Every field of a schema, nested ones too. */
const hasField = (type: DeltaType, key: string): boolean => {
  if (typeof type === 'string') return false;
  if (type.type === 'array') return hasField(type.elementType, key);
  if (type.type === 'map') return hasField(type.keyType, key) || hasField(type.valueType, key);
  return type.fields.some(
    (f) => Object.keys(f.metadata).some((k) => k === key || k.startsWith(`${key}.`)) || hasField(f.type, key),
  );
};

const isOn = (metadata: Metadata, property: string): boolean =>
  metadata.configuration[property]?.toLowerCase() === 'true';

/** What is in use in a table and what we would break; undefined: nothing. */
const brokenFeature = (protocol: Protocol, metadata: Metadata, schema: DeltaSchema): string | undefined => {
  if (protocol.minWriterVersion > 7) return `writer version ${protocol.minWriterVersion}`;
  const unknown = [...featuresOf(protocol)].find((feature) => !KEPT.has(feature));
  if (unknown !== undefined) return unknown;
  const { configuration } = metadata;
  if ((configuration['delta.columnMapping.mode'] ?? 'none') !== 'none') return 'columnMapping';
  if (hasField(schema, 'delta.identity')) return 'identityColumns';
  if (hasField(schema, '__COLLATIONS')) return 'collations';
  if (hasField(schema, '__CHAR_VARCHAR_TYPE_STRING')) return 'columns of type char and varchar';
  if (isOn(metadata, 'delta.enableRowTracking')) return 'rowTracking';
  if (isOn(metadata, 'delta.compatibility.symlinkFormatManifest.enabled')) return 'symlinkFormatManifest';
  if ((configuration['delta.universalFormat.enabledFormats'] ?? '') !== '') return 'universalFormat';
  if ((configuration['delta.checkpointPolicy'] ?? 'classic') !== 'classic') return 'v2Checkpoint';
  return undefined;
};

/** True where we keep all rules of a table with this protocol. */
export const isWritable = (protocol: Protocol, metadata: Metadata, schema: DeltaSchema): boolean =>
  brokenFeature(protocol, metadata, schema) === undefined;

/** Refuses to write where we would break a rule of the table that we do not keep. Errors: `delta-unsupported`. */
export const checkWritable = (table: string, protocol: Protocol, metadata: Metadata, schema: DeltaSchema): void => {
  const feature = brokenFeature(protocol, metadata, schema);
  if (feature !== undefined) throw error('delta-unsupported', { table, feature });
};

/** A protocol of features by name, in which a feature of writers is listed too. Features that came with a version before stay. */
export const withFeature = (protocol: Protocol, feature: string): Protocol => {
  const { minReaderVersion, readerFeatures } = protocol;
  const features = [...featuresOf(protocol)].filter((name) => !(readerFeatures ?? []).includes(name));
  return {
    minReaderVersion,
    minWriterVersion: 7,
    ...(readerFeatures ? { readerFeatures } : {}),
    writerFeatures: [...new Set([...(readerFeatures ?? []), ...features, feature])],
  };
};

/** `delta.constraints.<name>` of a table: name to condition. */
export const constraintsOf = (metadata: Metadata): ReadonlyMap<string, string> =>
  new Map(
    Object.entries(metadata.configuration)
      .filter(([key]) => key.startsWith('delta.constraints.'))
      .map(([key, condition]) => [key.slice('delta.constraints.'.length), condition]),
  );
