import { error } from '../../errors/index.js';

/** What a new token says. */
export interface Mint {
  readonly secret: string;
  readonly roles: readonly string[];
  /** Default `local`. */
  readonly subject?: string;
  readonly tenant?: string;
  readonly attributes?: Readonly<Record<string, unknown>>;
  /** How long it lives: seconds, or text such as `30d`, `12h`, `15m`, `90s`. */
  readonly expires: number | string;
  readonly issuer?: string | undefined;
  readonly audience?: string | undefined;
}

/** A signed token. Errors: `usage` when `expires` cannot be read or no role is given. */
export const mintToken = async (_mint: Mint): Promise<string> => {
  throw error('usage', { text: 'not yet' });
};
