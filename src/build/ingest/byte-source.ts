import { open } from 'node:fs/promises';
import { error } from '../../errors/index.js';
import type { ByteSource } from './records.js';

/** A file that is open for reading, and must stay what it is until it is closed. */
export interface OpenFile extends ByteSource {
  /** Errors: `file-refused` when the file changed since it was opened. */
  unchanged(): Promise<void>;
  close(): Promise<void>;
}

const WHY: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EACCES: 'this user may not read it',
  EISDIR: 'it is a folder',
};

const failed = (file: string, thrown: unknown) => {
  const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : 'unknown';
  return error('file-unreadable', { file, why: WHY[code] ?? code }, thrown);
};

/** Opens a regular file. Errors: `file-unreadable`. */
export const openFile = async (file: string): Promise<OpenFile> => {
  const handle = await open(file, 'r').catch((thrown: unknown) => {
    throw failed(file, thrown);
  });
  const before = await handle.stat({ bigint: true });
  if (!before.isFile()) {
    await handle.close();
    throw error('file-unreadable', { file, why: before.isDirectory() ? 'it is a folder' : 'it is no regular file' });
  }
  const size = Number(before.size);
  const changed = () =>
    error('file-refused', {
      file,
      why: 'it changed while it was read',
      way: 'run the command again when it is complete',
    });
  return {
    size,
    read: async (offset, length) => {
      const wanted = Math.min(length, size - offset);
      const buffer = Buffer.allocUnsafe(wanted);
      for (let filled = 0; filled < wanted; ) {
        const { bytesRead } = await handle.read(buffer, filled, wanted - filled, offset + filled).catch((thrown) => {
          throw failed(file, thrown);
        });
        if (bytesRead === 0) throw changed();
        filled += bytesRead;
      }
      return buffer;
    },
    unchanged: async () => {
      const after = await handle.stat({ bigint: true });
      if (after.size !== before.size || after.mtimeNs !== before.mtimeNs) throw changed();
    },
    close: () => handle.close(),
  };
};
