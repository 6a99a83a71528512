import { createHash, createHmac, pbkdf2Sync, randomBytes, timingSafeEqual } from 'node:crypto';
import { error } from '../../../errors/index.js';

const broken = (why: string) => error('postgres-unavailable', { what: 'the session cluster', why });

/** The client's side of SCRAM-SHA-256 (RFC 5802, 7677), for logins of our own roles at the session cluster. */
export const scramClient = (password: string) => {
  const nonce = randomBytes(18).toString('base64');
  const bare = `n=,r=${nonce}`;
  let expected: Buffer | undefined;
  return {
    first: `n,,${bare}`,
    /** The answer to the server's first message. */
    answer: (server: string): string => {
      const field = (name: string) =>
        server
          .split(',')
          .find((p) => p.startsWith(`${name}=`))
          ?.slice(2) ?? '';
      const full = field('r');
      const rounds = Number(field('i'));
      if (!full.startsWith(nonce) || !(rounds >= 1)) throw broken('its login answers are wrong');
      const salted = pbkdf2Sync(password.normalize('NFKC'), Buffer.from(field('s'), 'base64'), rounds, 32, 'sha256');
      const hmac = (key: Buffer, text: string) => createHmac('sha256', key).update(text).digest();
      const clientKey = hmac(salted, 'Client Key');
      const stored = createHash('sha256').update(clientKey).digest();
      const without = `c=biws,r=${full}`;
      const auth = `${bare},${server},${without}`;
      const signature = hmac(stored, auth);
      expected = hmac(hmac(salted, 'Server Key'), auth);
      const proof = Buffer.from(clientKey.map((b, i) => b ^ (signature[i] ?? 0)));
      return `${without},p=${proof.toString('base64')}`;
    },
    /** Checks that the server knows the password too. */
    verify: (server: string): void => {
      const given = Buffer.from(/^v=(.*)$/.exec(server)?.[1] ?? '', 'base64');
      if (!expected || given.length !== expected.length || !timingSafeEqual(given, expected))
        throw broken('it does not prove that it knows the password');
    },
  };
};
