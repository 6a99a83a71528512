import { error } from '../../../errors/index.js';
import { type Account, runCommand } from './command.js';

/** The server's account when we are root: PostgreSQL refuses to run as root. */
const NAME = 'postgres';

const find = async (): Promise<Account | undefined> => {
  const [uid, gid] = await Promise.all([runCommand('id', ['-u', NAME]), runCommand('id', ['-g', NAME])]);
  return uid.code === 0 && gid.code === 0
    ? { name: NAME, uid: Number(uid.output), gid: Number(gid.output) }
    : undefined;
};

/** The account that runs the server: undefined (our own) unless we are root. Makes the user `postgres` if there is none. */
export const serverAccount = async (): Promise<Account | undefined> => {
  if (process.getuid?.() !== 0) return undefined;
  const found = await find();
  if (found) return found;
  const made = await runCommand('useradd', ['--system', '--user-group', '--no-create-home', NAME]);
  // Two clusters start at once: the other one may have made the user in between.
  const now = await find();
  if (now) return now;
  throw error('postgres-cannot-run', {
    why: `PostgreSQL refuses to run as root, and a user ${NAME} could not be made (${firstLine(made.output)})`,
    way: `make a user ${NAME}, run as another user than root, or set ASSAY_POSTGRES_URL to a server of your own`,
  });
};

/** True when the account can walk to a folder through all its parents. */
export const canEnter = async (folder: string, account: Account | undefined): Promise<boolean> =>
  (await runCommand('/bin/sh', ['-c', 'cd "$1"', 'sh', folder], account)).code === 0;

export const firstLine = (text: string): string => text.trim().split('\n')[0] ?? '';
