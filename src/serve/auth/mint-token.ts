import { createSecretKey } from 'node:crypto';
import { SignJWT } from 'jose';
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

const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 };
const LONGEST_SECONDS = 10 * 366 * 86_400;

/** Seconds of `30d`, `12h`, `15m`, `90s` or a number. Errors: `usage`. */
export const secondsOf = (expires: number | string): number => {
  const match = /^(\d{1,9})([smhd]?)$/.exec(String(expires));
  const seconds = match ? Number(match[1]) * (SECONDS[match[2] || 's'] ?? 1) : 0;
  if (seconds < 1 || seconds > LONGEST_SECONDS)
    throw error('usage', {
      text: `a token cannot expire in "${expires}": give 30d, 12h, 15m or 90s (at most ten years)`,
    });
  return seconds;
};

/** A signed token (HS256). Errors: `usage` when `expires` cannot be read or no role is given. */
export const mintToken = async (mint: Mint): Promise<string> => {
  if (mint.roles.length === 0) throw error('usage', { text: 'a token needs at least one role' });
  const now = Math.floor(Date.now() / 1000);
  const token = new SignJWT({
    roles: [...mint.roles],
    ...(mint.attributes === undefined ? {} : { attributes: mint.attributes }),
    ...(mint.tenant === undefined ? {} : { tenant: mint.tenant }),
  })
    .setProtectedHeader({ alg: 'HS256', typ: 'JWT' })
    .setSubject(mint.subject ?? 'local')
    .setIssuedAt(now)
    .setExpirationTime(now + secondsOf(mint.expires));
  if (mint.issuer !== undefined) token.setIssuer(mint.issuer);
  if (mint.audience !== undefined) token.setAudience(mint.audience);
  return token.sign(createSecretKey(Buffer.from(mint.secret, 'utf8')));
};
