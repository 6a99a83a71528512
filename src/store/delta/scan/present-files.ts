import { error } from '../../../errors/index.js';
import type { AddFile, DeltaTable } from '../types.js';
import { locate } from './locate.js';

const AT_ONCE = 64;

/**
 * A commit must not name a file that a clean-up has taken, or that was never written. Errors: `delta-corrupt` names the first that is
 * missing, or of another size than the log says.
 */
export const checkThere = async (table: DeltaTable, adds: readonly AddFile[]): Promise<void> => {
  for (let at = 0; at < adds.length; at += AT_ONCE)
    await Promise.all(
      adds.slice(at, at + AT_ONCE).map(async ({ path, size }) => {
        const file = locate(table, path);
        const found = await table.files.stat(file);
        const damaged = (why: string) => error('delta-corrupt', { file: table.files.name(file), why });
        if (!found) throw damaged('it is missing, and was to be published');
        if (found.size !== size)
          throw damaged(`it has ${found.size} bytes, the log says ${size}, and it was to be published`);
      }),
    );
};
