import { randomUUID } from 'node:crypto';
import { error } from '../../../errors/index.js';
import { parseAddress } from './address.js';
import { connect } from './connection.js';
import { sparkFailure } from './failures.js';
import type { OpenSpark, SparkGateway } from './gateway.js';
import { askPatiently, sessionOf } from './session.js';
import { SETTINGS } from './settings.js';

const PATIENCE = 20_000;
const SILENCE = 30_000;

/**
 * Opens a session on a Spark Connect server (Spark 4) and gives it its settings.
 * Errors: `config-invalid` (the URL), `spark-unavailable`, `spark-refused` (token), `engine-failed` (a setting), `cancelled`.
 */
export const openSpark = async (options: OpenSpark): Promise<SparkGateway> => {
  const address = parseAddress(options.url);
  const connection = connect(address, randomUUID(), options.certificates);
  const most = options.patience ?? PATIENCE;
  const pairs = Object.entries({ ...SETTINGS, ...options.settings }).map(([key, value]) => ({ key, value }));
  try {
    const told = await askPatiently(connection, 'AnalyzePlan', { spark_version: {} }, most, options.signal);
    await askPatiently(connection, 'Config', { operation: { set: { pairs } } }, most, options.signal);
    options.emit('spark.session', { server: address.name, state: 'opened' });
    return sessionOf({
      connection,
      version: told.spark_version?.version ?? '',
      emit: options.emit,
      patience: most,
      silence: options.silence ?? SILENCE,
    });
  } catch (thrown) {
    connection.close();
    throw sparkFailure(thrown, address.name, options.signal?.aborted ? error('cancelled', {}) : undefined);
  }
};
