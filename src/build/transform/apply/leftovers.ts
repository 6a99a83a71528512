import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { scratchFolder } from '../../../store/delta/index.js';
import type { Parts } from './parts.js';

/** Removes files on their way between engines that dead runs left; what they staged in tables stays for whoever goes on. */
export const clearLeftovers = async (parts: Pick<Parts, 'lake'>, dead: readonly string[]): Promise<void> => {
  if (dead.length === 0) return;
  const folder = scratchFolder(parts.lake);
  const entries = await readdir(folder).catch((thrown: NodeJS.ErrnoException) => {
    if (thrown.code === 'ENOENT') return [];
    throw thrown;
  });
  for (const entry of entries.filter((name) => dead.some((runId) => name.startsWith(runId))))
    await rm(join(folder, entry), { recursive: true, force: true });
};
