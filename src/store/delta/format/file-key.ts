import type { DeletionVector } from '../types.js';
import { canonicalPath } from './paths.js';

/** What tells one deletion vector from another: storage, place and offset. */
export const vectorId = ({ storageType, pathOrInlineDv, offset }: DeletionVector): string =>
  `${storageType}${pathOrInlineDv}${offset === undefined ? '' : `@${offset}`}`;

/**
 * What a file of the log is told by: its path and its deletion vector. A `remove` takes away the `add` of the same key; the same path
 * with another vector is another file.
 */
export const fileKey = (file: { readonly path: string; readonly deletionVector?: DeletionVector }): string =>
  file.deletionVector ? `${canonicalPath(file.path)}\0${vectorId(file.deletionVector)}` : canonicalPath(file.path);
