import { createHash } from 'node:crypto';
import { schemaText } from './schema.js';
import type { Snapshot } from './types.js';

/** The tag of files whose columns are exactly those of a schema, partition columns among them. */
export const SHAPE_TAG = 'assay.shape';
export const shapeOf = (snapshot: Pick<Snapshot, 'schema'>): string =>
  createHash('sha256').update(schemaText(snapshot.schema)).digest('hex').slice(0, 16);
