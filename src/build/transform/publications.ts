import { AssayError } from '../../errors/index.js';
import type { Emit } from '../../query/index.js';
import type { Warehouse } from '../../store/engine/index.js';
import { currentPointers, currentRevision, type PointerSet, PUBLICATION_CHANNEL } from '../../store/state/index.js';
import type { Publication } from './publication.js';

/** The published state as readers follow it. */
export interface Publications {
  /** The last one read; revision 0 without tables before the first build. */
  current(): Publication;
  /** Reads it now. */
  refresh(): Promise<Publication>;
  /** Called after `current` moved. Gives the way to stop it. */
  onMove(callback: (publication: Publication) => void): () => void;
  close(): Promise<void>;
}

const POLL_MILLISECONDS = 1000;

/** Pointers as readers know them: lake paths absolute. */
export const publicationOf = (set: PointerSet): Publication => ({
  revision: set.revision,
  tables: new Map(
    set.pointers.map((pointer) => [
      pointer.name,
      {
        name: pointer.name,
        postgres: pointer.postgres,
        lake: pointer.lake && { path: `${set.lake ?? ''}/${pointer.lake.path}`, version: pointer.lake.version },
        dataVersion: pointer.dataVersion,
        rows: pointer.rows,
        since: pointer.since,
      },
    ]),
  ),
});

/** Follows the published state: told by the warehouse, and looked up each second where telling fails. */
export const openPublications = async (warehouse: Warehouse, emit: Emit): Promise<Publications> => {
  const callbacks = new Set<(publication: Publication) => void>();
  let current = publicationOf(await currentPointers(warehouse));
  let closed = false;
  const refresh = async (): Promise<Publication> => {
    const next = publicationOf(await currentPointers(warehouse));
    // Two reads may end in the other order than they began.
    if (next.revision > current.revision) {
      current = next;
      for (const callback of callbacks) callback(current);
    }
    return current;
  };
  let down = false;
  const look = async (): Promise<void> => {
    try {
      if (!closed && (await currentRevision(warehouse)) !== current.revision) await refresh();
      down = false;
    } catch (thrown) {
      if (closed) return;
      if (!(thrown instanceof AssayError) || thrown.code !== 'postgres-unavailable')
        emit('bug', { where: 'publications', error: thrown });
      else if (!down) emit('notice', { message: `new publications cannot be seen: ${thrown.message}` });
      down = true;
    }
  };
  let looking = Promise.resolve();
  const lookSoon = () => {
    looking = looking.then(look);
  };
  const unlisten = await warehouse.listen(PUBLICATION_CHANNEL, lookSoon);
  const timer = setInterval(lookSoon, POLL_MILLISECONDS);
  timer.unref();
  return {
    current: () => current,
    refresh,
    onMove: (callback) => {
      callbacks.add(callback);
      return () => callbacks.delete(callback);
    },
    close: async () => {
      closed = true;
      clearInterval(timer);
      await unlisten();
      await looking;
    },
  };
};
