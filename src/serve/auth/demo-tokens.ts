import { error } from '../../errors/index.js';
import type { Emit } from '../../query/index.js';

export type DemoTokens = Readonly<Record<'data_analyst' | 'data_engineer' | 'admin' | 'country_manager', string>>;

/**
 * One token per role of the demo, 30 days, renewed at every start; written whole to `file` (mode 0600).
 * Errors: `home-unwritable`, `disk-full`.
 */
export const demoTokens = async (_options: {
  readonly file: string;
  readonly secret: string;
  readonly issuer?: string | undefined;
  readonly audience?: string | undefined;
  readonly emit: Emit;
}): Promise<DemoTokens> => {
  throw error('usage', { text: 'not yet' });
};
