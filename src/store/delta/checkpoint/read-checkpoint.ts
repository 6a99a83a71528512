import { error } from '../../../errors/index.js';
import { type Action, readCommit, type Sidecar } from '../format/actions.js';
import { type CheckpointFiles, isAbsolutePath, LOG, SIDECARS } from '../format/paths.js';
import { locate } from '../scan/locate.js';
import type { DeltaTable } from '../types.js';
import { type CheckpointContent, readCheckpointParquet } from './checkpoint-parquet.js';

/** Where a sidecar is: its name below the folder of sidecars, unless it names its place by itself. */
const pathOfSidecar = (table: DeltaTable, { path }: Sidecar): string =>
  isAbsolutePath(path) ? locate(table, path) : locate(table, `${SIDECARS}/${path}`);

const sidecarsOf = (actions: readonly Action[]): readonly Sidecar[] =>
  actions.flatMap((action) => (action.kind === 'sidecar' ? [action.sidecar] : []));

/**
 * What a checkpoint holds, of each of its forms: one file, parts, or V2 (in JSON or Parquet, also under the classic name) with
 * sidecars. Errors: `delta-corrupt` with the names of its files.
 */
export const readCheckpoint = async (table: DeltaTable, { names }: CheckpointFiles): Promise<CheckpointContent> => {
  const paths = names.map((name) => `${LOG}/${name}`);
  const [first = ''] = paths;
  const name = table.files.name(first);
  const json = first.endsWith('.json');
  const bytes = json ? await table.files.read(first) : undefined;
  if (json && !bytes) throw error('delta-corrupt', { file: name, why: 'it vanished while it was read' });
  const own = bytes
    ? { files: [], actions: readCommit(bytes, name, table.path) }
    : await readCheckpointParquet(table, paths);
  const sidecars = sidecarsOf(own.actions).map((sidecar) => pathOfSidecar(table, sidecar));
  if (sidecars.length === 0) return own;
  // A sidecar holds files only; what else stands in one is nothing of the protocol.
  const { files, actions } = await readCheckpointParquet(table, sidecars);
  return {
    files: [...own.files, ...files],
    actions: [...own.actions, ...actions.filter((a) => a.kind === 'add' || a.kind === 'remove')],
  };
};
