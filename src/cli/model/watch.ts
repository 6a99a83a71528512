import { readdir, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Emit } from '../../query/index.js';

const POLL_MILLISECONDS = 1_000;

/** What tells one state of a folder from another: each file's name, size, time and place on the disk. */
const stateOf = async (dir: string): Promise<string> => {
  const names = await readdir(dir, { recursive: true }).catch((thrown: NodeJS.ErrnoException) => {
    if (thrown.code === 'ENOENT') return [];
    throw thrown;
  });
  const lines = await Promise.all(
    names.sort().map(async (name) => {
      const found = await stat(join(dir, name)).catch((thrown: NodeJS.ErrnoException) => {
        if (thrown.code === 'ENOENT') return undefined;
        throw thrown;
      });
      return found?.isFile() ? `${name} ${found.size} ${found.mtimeMs} ${found.ino}` : '';
    }),
  );
  return lines.join('\n');
};

/**
 * Calls `changed` when files of a model have changed and then stayed the same for a second, so that a save of many files is one
 * change. Files are looked at rather than subscribed to: mounted folders and folders behind links send no messages.
 */
export const watchModel = (dir: string, changed: () => void, emit: Emit): { close(): Promise<void> } => {
  const folders = [join(dir, 'cubes'), join(dir, 'views'), join(dir, 'features')];
  const look = async () => (await Promise.all(folders.map(stateOf))).join('\n\n');
  let closed = false;
  let timer: NodeJS.Timeout | undefined;
  let told: string | undefined;
  let last: string | undefined;
  const round = async () => {
    try {
      const now = await look();
      told ??= now;
      if (!closed && now !== told && now === last) {
        told = now;
        changed();
      }
      last = now;
    } catch (thrown) {
      emit('bug', { where: 'model watch', error: thrown });
    }
    if (!closed) timer = setTimeout(() => void round(), POLL_MILLISECONDS).unref();
  };
  void round();
  return {
    close: async () => {
      closed = true;
      clearTimeout(timer);
    },
  };
};
