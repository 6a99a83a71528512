import { AssayError, error } from '../../../errors/index.js';
import type { EngineOptions } from '../parquet-engine.js';
import type { AddFile, Snapshot } from '../types.js';
import { locate } from './locate.js';
import { relationOf } from './relation.js';

const failed = (thrown: unknown): thrown is AssayError =>
  thrown instanceof AssayError && thrown.code === 'engine-failed';

/**
 * What is wrong with the data files when a statement over `relation` failed: the error that names the first file which is missing or
 * cannot be read, or `thrown` itself when it came from elsewhere. Reads the files one by one, so it is for failures only.
 */
export const damageOf = async (
  snapshot: Snapshot,
  adds: readonly AddFile[],
  thrown: unknown,
  options: EngineOptions = {},
): Promise<unknown> => {
  if (!failed(thrown)) return thrown;
  const { table } = snapshot;
  for (const add of adds) {
    const path = locate(table, add.path);
    const facts = await table.files.stat(path);
    const damaged = (why: string, cause: unknown) =>
      error('delta-corrupt', { file: table.files.name(path), why }, cause);
    if (!facts) return damaged('it is missing, and the log counts on it', thrown);
    try {
      const held = await table.files.hold([{ path, size: add.size }], options.signal);
      try {
        await table.engine.query(`SELECT bit_xor(hash(t)) AS h FROM ${relationOf(snapshot, [add])} t`, options);
      } finally {
        held.release();
      }
    } catch (again) {
      if (!failed(again)) return again;
      const size = facts.size === add.size ? '' : `; it has ${facts.size} bytes and not ${add.size}`;
      return damaged(`it cannot be read as Parquet${size}`, again);
    }
  }
  return thrown;
};

/** Runs a statement over the table's files; where it fails because of one of them, the error names that one. Errors: `delta-corrupt`. */
export const namingDamage = async <T>(
  snapshot: Snapshot,
  adds: readonly AddFile[],
  options: EngineOptions,
  work: () => Promise<T>,
): Promise<T> => {
  try {
    return await work();
  } catch (thrown) {
    throw await damageOf(snapshot, adds, thrown, options);
  }
};
