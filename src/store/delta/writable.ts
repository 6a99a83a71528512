import { error } from '../../errors/index.js';
import type { DeltaSchema, Metadata, Protocol } from './types.js';

/** Features of a writer that are kept, or that are checked for being active where they are found. */
const WRITE = new Set([
  'timestampNtz',
  'vacuumProtocolCheck',
  'deletionVectors',
  'columnMapping',
  'appendOnly',
  'invariants',
  'checkConstraints',
  'changeDataFeed',
  'generatedColumns',
  'identityColumns',
]);

const refuse = (table: string, feature: string) => error('delta-unsupported', { table, feature });

const mapped = (metadata: Metadata) => (metadata.configuration['delta.columnMapping.mode'] ?? 'none') !== 'none';

const hasField = (schema: DeltaSchema, key: string): boolean =>
  schema.fields.some((f) => Object.keys(f.metadata).some((k) => k === key || k.startsWith(`${key}.`)));

/** Refuses to write where we would break a rule of the table that we do not keep. Errors: `delta-unsupported`. */
export const checkWritable = (table: string, protocol: Protocol, metadata: Metadata, schema: DeltaSchema): void => {
  if (protocol.minWriterVersion > 7) throw refuse(table, `writer version ${protocol.minWriterVersion}`);
  if (protocol.minWriterVersion === 7)
    for (const feature of protocol.writerFeatures ?? []) if (!WRITE.has(feature)) throw refuse(table, feature);
  if (mapped(metadata)) throw refuse(table, 'columnMapping');
  if (hasField(schema, 'delta.invariants')) throw refuse(table, 'invariants');
  if (hasField(schema, 'delta.generationExpression')) throw refuse(table, 'generatedColumns');
  if (hasField(schema, 'delta.identity')) throw refuse(table, 'identityColumns');
  if (metadata.configuration['delta.enableRowTracking'] === 'true') throw refuse(table, 'rowTracking');
  if (metadata.configuration['delta.enableInCommitTimestamps'] === 'true') throw refuse(table, 'inCommitTimestamp');
};

/** `delta.constraints.<name>` of a table: name to condition. */
export const constraintsOf = (metadata: Metadata): ReadonlyMap<string, string> =>
  new Map(
    Object.entries(metadata.configuration)
      .filter(([key]) => key.startsWith('delta.constraints.'))
      .map(([key, condition]) => [key.slice('delta.constraints.'.length), condition]),
  );
