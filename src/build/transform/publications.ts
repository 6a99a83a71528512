import { AssayError } from '../../errors/index.js';
import type { Emit } from '../../query/index.js';
import type { Warehouse } from '../../store/engine/index.js';
import {
  currentEnvironment,
  currentRevision,
  type EnvironmentState,
  PUBLICATION_CHANNEL,
  pinnedRelation,
} from '../../store/state/index.js';
import { PRODUCTION } from './plan/world.js';
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

/** An environment's pointers as readers know them: lake paths absolute, tables in PostgreSQL held to the publication. */
export const publicationOf = (state: EnvironmentState): Publication => ({
  revision: state.revision,
  tables: new Map(
    state.pointers.map((pointer) => [
      pointer.name,
      {
        name: pointer.name,
        // Version 0 is of the time before versions: such a table is never changed in place.
        postgres:
          pointer.postgres === undefined || pointer.versionId === 0
            ? pointer.postgres
            : pinnedRelation(pointer.postgres, pointer.versionId, pointer.changedAt),
        lake:
          pointer.lakePath === undefined || pointer.lakeVersion === undefined
            ? undefined
            : { path: `${state.lake ?? ''}/${pointer.lakePath}`, version: pointer.lakeVersion },
        dataVersion: pointer.dataVersion,
        rows: pointer.rows,
        since: pointer.changedAt,
      },
    ]),
  ),
});

/** What an environment's readers see now. Errors: `environment-unknown`. */
export const readPublication = async (warehouse: Warehouse, environment: string): Promise<Publication> =>
  publicationOf(await currentEnvironment(warehouse, environment));

/** Follows the published state: told by the warehouse, and looked up each second where telling fails. */
export const openPublications = async (
  warehouse: Warehouse,
  emit: Emit,
  environment: string = PRODUCTION,
): Promise<Publications> => {
  const callbacks = new Set<(publication: Publication) => void>();
  let current = await readPublication(warehouse, environment);
  let closed = false;
  const refresh = async (): Promise<Publication> => {
    const next = await readPublication(warehouse, environment);
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
      if (!closed && (await currentRevision(warehouse, environment)) !== current.revision) await refresh();
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
