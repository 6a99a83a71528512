import { error } from '../../../errors/index.js';
import type { OpenSpark, SparkGateway } from './gateway.js';

/** Opens a session. Errors: `config-invalid` (the URL), `spark-unavailable`, `spark-refused`, `cancelled`. */
export const openSpark = async (_options: OpenSpark): Promise<SparkGateway> => {
  throw error('spark-unavailable', { server: 'none', why: 'it is not spoken to yet' });
};
