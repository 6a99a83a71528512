import { error } from '../../errors/index.js';
import type { Caller } from '../../query/index.js';

export interface AuthenticatorOptions {
  /** At least 32 bytes; HS256. */
  readonly secret: string;
  readonly issuer?: string | undefined;
  readonly audience?: string | undefined;
  /** Default 30. */
  readonly clockSkewSeconds?: number;
}

/** A credential of any surface to a `Caller`. */
export interface Authenticator {
  /** A signed token (JWT, HS256). Errors: `unauthenticated`. */
  verify(token: string): Promise<Caller>;
  /** The caller if this very token was verified lately and has not expired since: the hot path, no cryptography. */
  known(token: string): Caller | undefined;
  /** The caller in one of its own roles only (SQL's user name; `SET ROLE`). Errors: `unauthenticated` for a role it does not have. */
  narrow(caller: Caller, role: string): Caller;
}

export const authenticator = (_options: AuthenticatorOptions): Authenticator => {
  throw error('unauthenticated', { why: 'no tokens yet' });
};
