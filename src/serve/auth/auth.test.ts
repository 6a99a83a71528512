import { createHmac, generateKeyPairSync } from 'node:crypto';
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CompactEncrypt, SignJWT } from 'jose';
import { afterAll, describe, expect, it } from 'vitest';
import { AssayError } from '../../errors/index.js';
import { noEmit } from '../../query/index.js';
import { authenticator, LONGEST_TOKEN } from './authenticator.js';
import { demoTokens } from './demo-tokens.js';
import { mintToken, secondsOf } from './mint-token.js';

const secret = 'a secret of at least thirty-two bytes!';
const b64 = (value: unknown) =>
  Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
/** Made without the library that checks it, so that any header and body can be tried. */
const sign = (header: object, claims: unknown, key = secret, hash = 'sha256') => {
  const signed = `${b64(header)}.${b64(claims)}`;
  return `${signed}.${createHmac(hash, key).update(signed).digest('base64url')}`;
};
const HS256 = { alg: 'HS256', typ: 'JWT' };
const soon = () => Math.floor(Date.now() / 1000) + 60;
const claims = (more: object = {}) => ({ sub: 'ann', roles: ['admin'], exp: soon(), ...more });
const refusal = async (work: Promise<unknown>): Promise<string> => {
  try {
    await work;
  } catch (thrown) {
    if (thrown instanceof AssayError) return `${thrown.code}: ${thrown.message}`;
    throw thrown;
  }
  return 'accepted';
};
const NOT_VALID = 'unauthenticated: not authenticated: the token is not valid';

describe('a token', () => {
  it('becomes a caller with roles, attributes, tenant and end', async () => {
    const exp = soon();
    const { verify } = authenticator({ secret });
    const token = sign(
      HS256,
      claims({ exp, role: 'data_analyst', attributes: { countries: ['France'] }, tenant: 'acme' }),
    );
    expect(await verify(token)).toEqual({
      subject: 'ann',
      tenant: 'acme',
      roles: ['admin', 'data_analyst'],
      attributes: { countries: ['France'] },
      via: 'jwt',
      expiresAt: exp,
    });
    expect((await verify(sign(HS256, { sub: 'bob', role: 'admin', exp }))).roles).toEqual(['admin']);
  });

  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
  const wrong: [string, () => string | Promise<string>][] = [
    ['no token', () => ''],
    ['no signature (alg none)', () => `${b64({ alg: 'none', typ: 'JWT' })}.${b64(claims())}.`],
    ['alg none with a signature', () => sign({ alg: 'none' }, claims())],
    ['alg None in other letters', () => sign({ alg: 'nOnE' }, claims())],
    ['a signature of another algorithm of the family', () => sign({ alg: 'HS512' }, claims(), secret, 'sha512')],
    ['a signature by RSA', () => new SignJWT(claims()).setProtectedHeader({ alg: 'RS256' }).sign(privateKey)],
    ['a header that says HS256 over SHA-512', () => sign(HS256, claims(), secret, 'sha512')],
    ['another key', () => sign(HS256, claims(), `${secret}x`)],
    ['an empty key', () => sign(HS256, claims(), '')],
    ['a changed body', () => sign(HS256, claims()).replace(/\.[^.]+\./, `.${b64(claims({ roles: ['root'] }))}.`)],
    ['a cut signature', () => sign(HS256, claims()).slice(0, -2)],
    ['four parts', () => `${sign(HS256, claims())}.x`],
    ['a critical extension', () => sign({ ...HS256, crit: ['x'], x: 1 }, claims())],
    ['a body that is no object', () => sign(HS256, '"admin"')],
    ['an encrypted token', () => encrypted()],
    ['more than fits', () => sign(HS256, claims({ attributes: { long: 'x'.repeat(LONGEST_TOKEN) } }))],
  ];
  const encrypted = () =>
    new CompactEncrypt(Buffer.from(JSON.stringify(claims())))
      .setProtectedHeader({ alg: 'dir', enc: 'A256GCM' })
      .encrypt(Buffer.alloc(32, 1));
  it.each(wrong)('with %s is refused without a word on why', async (_what, token) => {
    expect(await refusal(authenticator({ secret }).verify(await token()))).toBe(NOT_VALID);
  });

  it.each([
    ['has expired', { exp: soon() - 3600 }, 'the token has expired'],
    ['is not valid yet', { nbf: soon() + 3600 }, 'the token is not valid yet'],
    ['never ends', { exp: undefined }, 'the token has no claim exp'],
    ['has no subject', { sub: undefined }, 'the token has no claim sub'],
    ['has an empty subject', { sub: '' }, 'the token has no claim sub'],
    ['has no role', { roles: [] }, 'the token names no role'],
    ['has roles of the wrong kind', { roles: [1] }, 'the token’s claim roles is not a list of texts'],
    ['has a text for roles', { roles: 'admin' }, 'the token’s claim roles is not a list of texts'],
    ['has attributes of the wrong kind', { attributes: ['x'] }, 'the token’s claim attributes is not an object'],
    ['has a tenant of the wrong kind', { tenant: 7 }, 'the token’s claim tenant is not a text'],
  ])('that %s is refused, and told so once its signature held', async (_what, more, why) => {
    const { verify } = authenticator({ secret });
    expect(await refusal(verify(sign(HS256, claims(more))))).toBe(`unauthenticated: not authenticated: ${why}`);
    expect(await refusal(verify(sign(HS256, claims(more), 'another key')))).toBe(NOT_VALID);
  });

  it('must come from the issuer and be for the audience that are configured', async () => {
    const { verify } = authenticator({ secret, issuer: 'us', audience: 'assay' });
    expect(await refusal(verify(sign(HS256, claims({ iss: 'us', aud: ['other', 'assay'] }))))).toBe('accepted');
    expect(await refusal(verify(sign(HS256, claims({ iss: 'us', aud: 'other' }))))).toBe(NOT_VALID);
    expect(await refusal(verify(sign(HS256, claims({ iss: 'them', aud: 'assay' }))))).toBe(NOT_VALID);
    expect(await refusal(verify(sign(HS256, claims())))).toContain('unauthenticated');
  });

  it('is remembered until it expires, and not a moment longer', async () => {
    let now = Date.now();
    const auth = authenticator({ secret, clockSkewSeconds: 5, now: () => now });
    const token = await mintToken({ secret, roles: ['admin'], expires: '60s' });
    expect(auth.known(token)).toBeUndefined();
    const caller = await auth.verify(token);
    expect(auth.known(token)).toBe(caller);
    now += 64_000;
    expect(auth.known(token)).toBe(caller);
    now += 2_000;
    expect(auth.known(token)).toBeUndefined();
    expect(await refusal(auth.verify(token))).toContain('the token has expired');
  });

  it('gives a caller that nobody can change', async () => {
    const caller = await authenticator({ secret }).verify(
      sign(HS256, claims({ attributes: { countries: ['France'] } })),
    );
    expect(Object.isFrozen(caller)).toBe(true);
    expect(Object.isFrozen(caller.attributes['countries'])).toBe(true);
    expect(() => (caller.roles as string[]).push('root')).toThrow(TypeError);
  });

  it('is narrowed to one of its own roles, never to another', async () => {
    const auth = authenticator({ secret });
    const caller = await auth.verify(sign(HS256, claims({ roles: ['admin', 'data_analyst'] })));
    expect(auth.narrow(caller, 'data_analyst').roles).toEqual(['data_analyst']);
    expect(() => auth.narrow(caller, 'data_engineer')).toThrow('not authenticated');
  });
});

describe('minting', () => {
  it('reads how long a token lives', () => {
    expect([secondsOf('30d'), secondsOf('12h'), secondsOf('15m'), secondsOf('90s'), secondsOf(7)]).toEqual([
      2_592_000, 43_200, 900, 90, 7,
    ]);
    for (const bad of ['', '0', '-1', '1w', '1.5h', '99999d', 'forever']) expect(() => secondsOf(bad)).toThrow('30d');
  });
  it('refuses a token without a role', async () => {
    expect(await refusal(mintToken({ secret, roles: [], expires: '1h' }))).toContain('usage');
  });
});

describe('the demo’s tokens', () => {
  const home = mkdtempSync(join(tmpdir(), 'assay-tokens-'));
  afterAll(() => rmSync(home, { recursive: true, force: true }));

  it('are one per role, readable by the owner only, valid, and renewed', async () => {
    const file = join(home, 'demo-tokens.json');
    writeFileSync(file, 'an older file that everybody reads');
    chmodSync(file, 0o644);
    const tokens = await demoTokens({ file, secret, emit: noEmit });
    expect(JSON.parse(readFileSync(file, 'utf8'))).toEqual(tokens);
    expect(statSync(file).mode & 0o777).toBe(0o600);
    expect(readdirSync(home)).toEqual(['demo-tokens.json']);
    const auth = authenticator({ secret });
    const manager = await auth.verify(tokens.country_manager);
    expect(manager.roles).toEqual(['country_manager']);
    expect(manager.attributes).toEqual({ countries: ['Germany', 'France'] });
    for (const role of ['data_analyst', 'data_engineer', 'admin'] as const)
      expect(await auth.verify(tokens[role])).toMatchObject({ roles: [role], attributes: {} });
    const days = ((manager.expiresAt ?? 0) - Date.now() / 1000) / 86_400;
    expect(Math.round(days)).toBe(30);
  });

  it('say where they cannot be written', async () => {
    const file = join(home, 'absent', 'demo-tokens.json');
    expect(await refusal(demoTokens({ file, secret, emit: noEmit }))).toContain('home-unwritable');
  });
});
