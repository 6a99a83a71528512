import type { DeletionVector } from './types.js';

/** What tells one deletion vector from another: storage, place and offset. */
export const vectorId = ({ storageType, pathOrInlineDv, offset }: DeletionVector): string =>
  `${storageType}${pathOrInlineDv}${offset === undefined ? '' : `@${offset}`}`;

/** A path of the log in one form: percent-codes decoded, `file:` left out. What is no URI stays as it is. */
const canonical = (path: string): string => {
  const plain = path.startsWith('file:') ? path.replace(/^file:\/*/, '/') : path;
  if (!plain.includes('%')) return plain;
  try {
    return decodeURIComponent(plain);
  } catch (thrown) {
    if (thrown instanceof URIError) return plain;
    throw thrown;
  }
};

/**
 * What a file of the log is told by: its path and its deletion vector. A `remove` takes away the `add` of the same key; the same path
 * with another vector is another file.
 */
export const fileKey = (file: { readonly path: string; readonly deletionVector?: DeletionVector }): string =>
  file.deletionVector ? `${canonical(file.path)}\0${vectorId(file.deletionVector)}` : canonical(file.path);
