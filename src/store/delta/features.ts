import { error } from '../../errors/index.js';
import type { DeltaSchema, Metadata, Protocol } from './types.js';

/** Features that only bind those who write, or that are checked for being active where they are found. */
const READ = new Set(['timestampNtz', 'vacuumProtocolCheck', 'deletionVectors', 'columnMapping']);

const refuse = (table: string, feature: string) => error('delta-unsupported', { table, feature });

const mapped = (metadata: Metadata) => (metadata.configuration['delta.columnMapping.mode'] ?? 'none') !== 'none';

/**
 * Refuses what we would read wrongly, by name. A feature that is listed and not in use (no deletion vector in any file, column
 * mapping off) is no reason. Errors: `delta-unsupported`.
 */
export const checkReadable = (table: string, protocol: Protocol, metadata: Metadata): void => {
  if (protocol.minReaderVersion > 3) throw refuse(table, `reader version ${protocol.minReaderVersion}`);
  if (protocol.minReaderVersion === 3)
    for (const feature of protocol.readerFeatures ?? []) if (!READ.has(feature)) throw refuse(table, feature);
  if (mapped(metadata)) throw refuse(table, 'columnMapping');
  if (metadata.format.provider !== 'parquet') throw refuse(table, `format ${metadata.format.provider}`);
};
