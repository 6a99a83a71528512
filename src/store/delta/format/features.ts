import { error } from '../../../errors/index.js';
import type { Metadata, Protocol } from '../types.js';

/** What a reader has to know; every other feature that a table asks of its readers is a reason to refuse it. */
const READ = new Set(['timestampNtz', 'vacuumProtocolCheck', 'deletionVectors', 'columnMapping', 'v2Checkpoint']);

/** Refuses what we would read wrongly, by name. Errors: `delta-unsupported`. */
export const checkReadable = (table: string, protocol: Protocol, metadata: Metadata): void => {
  const refuse = (feature: string) => error('delta-unsupported', { table, feature });
  if (protocol.minReaderVersion > 3 || protocol.minReaderVersion < 1)
    throw refuse(`reader version ${protocol.minReaderVersion}`);
  if (protocol.minReaderVersion === 3)
    for (const feature of protocol.readerFeatures ?? []) if (!READ.has(feature)) throw refuse(feature);
  if (metadata.format.provider !== 'parquet') throw refuse(`format ${metadata.format.provider}`);
};
