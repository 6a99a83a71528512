import { error } from '../../errors/index.js';
import type { Emit } from '../../query/index.js';
import type { Warehouse } from '../../store/engine/index.js';
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

/** Follows the published state: told by the warehouse, and looked up each second where telling fails. */
export const openPublications = async (_warehouse: Warehouse, _emit: Emit): Promise<Publications> => {
  throw error('internal', {});
};
