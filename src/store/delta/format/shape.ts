import { createHash } from 'node:crypto';
import type { AddFile, Snapshot } from '../types.js';
import { schemaText } from './schema.js';

/** The tag of files whose columns are exactly those of a schema, partition columns among them. */
export const SHAPE_TAG = 'assay.shape';
export const shapeOf = (snapshot: Pick<Snapshot, 'schema'>): string =>
  createHash('sha256').update(schemaText(snapshot.schema)).digest('hex').slice(0, 16);

/** Tells whether a file holds every column of the snapshot's schema with its exact type, partition columns among them. */
export const holdsAllColumns = (snapshot: Snapshot): ((add: AddFile) => boolean) => {
  const shape = shapeOf(snapshot);
  return (add) => add.tags?.[SHAPE_TAG] === shape;
};
