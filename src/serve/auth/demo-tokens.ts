import { randomBytes } from 'node:crypto';
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { error } from '../../errors/index.js';
import type { Emit } from '../../query/index.js';
import { mintToken } from './mint-token.js';

const ROLES = ['data_analyst', 'data_engineer', 'admin', 'country_manager'] as const;
export type DemoTokens = Readonly<Record<(typeof ROLES)[number], string>>;

/** Rows of the demo's country manager. */
const COUNTRIES = ['Germany', 'France'];

/**
 * One token per role of the demo, 30 days, renewed at every start; written whole to `file` (mode 0600) as one object: role to token.
 * Errors: `home-unwritable`, `disk-full`.
 */
export const demoTokens = async (options: {
  readonly file: string;
  readonly secret: string;
  readonly issuer?: string | undefined;
  readonly audience?: string | undefined;
  readonly emit: Emit;
}): Promise<DemoTokens> => {
  const { file, secret, issuer, audience, emit } = options;
  const mint = (role: DemoRole) =>
    mintToken({
      secret,
      issuer,
      audience,
      subject: `demo-${role}`,
      roles: [role],
      expires: '30d',
      ...(role === 'country_manager' ? { attributes: { countries: COUNTRIES } } : {}),
    });
  const [data_analyst, data_engineer, admin, country_manager] = await Promise.all([
    mint('data_analyst'),
    mint('data_engineer'),
    mint('admin'),
    mint('country_manager'),
  ]);
  const tokens: DemoTokens = Object.freeze({ data_analyst, data_engineer, admin, country_manager });
  await writeSecret(file, `${JSON.stringify(tokens, null, 2)}\n`);
  emit('notice', { message: `demo tokens, valid for 30 days, are in ${file}` });
  return tokens;
};
type DemoRole = (typeof ROLES)[number];

/** Readable by its owner only from its first byte on, and never half written: a reader sees the old text or the new one. */
const writeSecret = async (file: string, text: string): Promise<void> => {
  const temporary = `${file}.${process.pid}.${randomBytes(4).toString('hex')}`;
  try {
    const handle = await open(temporary, 'wx', 0o600);
    try {
      await handle.writeFile(text);
      await handle.sync();
    } finally {
      await handle.close();
    }
    await rename(temporary, file);
  } catch (thrown) {
    await rm(temporary, { force: true });
    const code = (thrown as NodeJS.ErrnoException).code ?? '';
    if (code === 'ENOSPC' || code === 'EDQUOT') throw error('disk-full', { path: file }, thrown);
    if (['EACCES', 'EPERM', 'EROFS', 'ENOENT', 'ENOTDIR', 'EISDIR'].includes(code))
      throw error('home-unwritable', { home: dirname(file), why: `${file} cannot be written (${code})` }, thrown);
    throw thrown;
  }
};
