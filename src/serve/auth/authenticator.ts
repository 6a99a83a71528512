import { createSecretKey } from 'node:crypto';
import { errors, type JWTPayload, jwtVerify } from 'jose';
import { error } from '../../errors/index.js';
import type { Caller } from '../../query/index.js';

export interface AuthenticatorOptions {
  /** At least 32 bytes; HS256. */
  readonly secret: string;
  readonly issuer?: string | undefined;
  readonly audience?: string | undefined;
  /** How far the issuer's clock may be off, for `exp` and `nbf`. Default 30. */
  readonly clockSkewSeconds?: number;
  /** Milliseconds since 1970; tests set the clock. */
  readonly now?: () => number;
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

/** A longer one is refused unread: our own have some 400 characters, those of large directories a few thousand. */
export const LONGEST_TOKEN = 8_192;
/** Verified tokens that are remembered, least recently used first out. */
const MOST_KNOWN = 4_096;

const refused = (why: string, cause?: unknown) => error('unauthenticated', { why }, cause);
const INVALID = 'the token is not valid';

/**
 * Claims: `sub`, `exp` (both required), `roles` (texts) or `role` (one), `attributes` (an object), `tenant`. Why a token is refused
 * is told only once its signature held (expired, not yet valid, a claim is missing); everything else is "not valid".
 */
export const authenticator = (options: AuthenticatorOptions): Authenticator => {
  const { clockSkewSeconds: skew = 30, now = Date.now } = options;
  const key = createSecretKey(Buffer.from(options.secret, 'utf8'));
  const verified = new Map<string, Caller>();

  const known = (token: string): Caller | undefined => {
    const caller = verified.get(token);
    if (!caller) return undefined;
    verified.delete(token);
    if ((caller.expiresAt ?? 0) + skew <= now() / 1000) return undefined;
    verified.set(token, caller); // last in the map's order: the most recently used
    return caller;
  };
  const remember = (token: string, caller: Caller): void => {
    if (verified.size >= MOST_KNOWN) {
      const oldest = verified.keys().next();
      if (!oldest.done) verified.delete(oldest.value);
    }
    verified.set(token, caller);
  };

  return {
    known,
    verify: async (token) => {
      if (token.length > LONGEST_TOKEN) throw refused(INVALID);
      const again = known(token);
      if (again) return again;
      let claims: JWTPayload;
      try {
        const result = await jwtVerify(token, key, {
          algorithms: ['HS256'],
          clockTolerance: skew,
          currentDate: new Date(now()),
          requiredClaims: ['sub', 'exp'],
          ...(options.issuer === undefined ? {} : { issuer: options.issuer }),
          ...(options.audience === undefined ? {} : { audience: options.audience }),
        });
        claims = result.payload;
      } catch (thrown) {
        throw refusal(thrown);
      }
      const caller = callerOf(claims);
      remember(token, caller);
      return caller;
    },
    narrow: (caller, role) => {
      if (!caller.roles.includes(role)) throw refused('the role is not one of the token’s');
      return Object.freeze({ ...caller, roles: Object.freeze([role]) });
    },
  };
};

/** jose checks the signature before any claim, so claims may be spoken of. */
const refusal = (thrown: unknown): unknown => {
  if (thrown instanceof errors.JWTExpired) return refused('the token has expired');
  if (thrown instanceof errors.JWTClaimValidationFailed && thrown.claim === 'nbf')
    return refused('the token is not valid yet');
  if (thrown instanceof errors.JWTClaimValidationFailed && thrown.reason === 'missing')
    return refused(`the token has no claim ${thrown.claim}`);
  return thrown instanceof errors.JOSEError || thrown instanceof TypeError ? refused(INVALID, thrown) : thrown;
};

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/** Claims whose signature held, as the record that the other rooms read. */
const callerOf = (claims: JWTPayload): Caller => {
  const { sub, exp, roles, role, attributes = {}, tenant = 'default' } = claims;
  if (typeof sub !== 'string' || sub === '') throw refused('the token has no claim sub');
  const named = [...(Array.isArray(roles) ? (roles as unknown[]) : []), ...(role === undefined ? [] : [role])];
  if ((roles !== undefined && !Array.isArray(roles)) || !named.every((r) => typeof r === 'string' && r !== ''))
    throw refused('the token’s claim roles is not a list of texts');
  if (named.length === 0) throw refused('the token names no role');
  if (!isRecord(attributes)) throw refused('the token’s claim attributes is not an object');
  if (typeof tenant !== 'string') throw refused('the token’s claim tenant is not a text');
  return freeze({
    subject: sub,
    tenant,
    roles: [...new Set(named as string[])],
    attributes,
    via: 'jwt' as const,
    ...(exp === undefined ? {} : { expiresAt: exp }),
  });
};

/** Frozen to the bottom: one caller is shared by every request that sends the same token. */
const freeze = <T extends object>(value: T): T => {
  for (const inner of Object.values(value)) if (typeof inner === 'object' && inner !== null) freeze(inner);
  return Object.freeze(value);
};
