import { readdir } from 'node:fs/promises';

/** Names in a folder; one that is not there holds none. */
export const entriesOf = (folder: string): Promise<readonly string[]> =>
  readdir(folder).catch((thrown: NodeJS.ErrnoException) => {
    if (thrown.code === 'ENOENT') return [];
    throw thrown;
  });
