import type { Emit } from '../../query/index.js';
import { onceAtATime } from '../wiring.js';
import { type ModelInUse, refused } from './in-use.js';
import { watchModel } from './watch.js';

/**
 * While a process serves: changed files are taken into use, and the model is held against the tables after each publication, which
 * may bring what a refused model waited for.
 */
export const keepCurrent = (parts: {
  readonly inUse: ModelInUse;
  readonly dir: string;
  readonly watch: boolean;
  readonly publications: { onMove(callback: () => void): () => void };
  readonly emit: Emit;
}): { close(): Promise<void> } => {
  const { inUse, dir, publications, emit } = parts;
  const renew = () => inUse.reload().then(() => {}, refused(emit));
  const watched = parts.watch ? watchModel(dir, () => void renew(), emit) : undefined;
  const prove = onceAtATime(async () => {
    if (inUse.state().refused) await renew();
    else await inUse.prove();
  });
  const stop = publications.onMove(() => prove(emit));
  prove(emit);
  return {
    close: async () => {
      stop();
      await watched?.close();
    },
  };
};
