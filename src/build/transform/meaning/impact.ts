import type { ModelChange } from './compare.js';
import type { Meaning } from './meaning.js';

export interface Impact {
  /** Id to why it must be made again: `column net is made another way`. In the order of `meanings`. */
  readonly rebuild: ReadonlyMap<string, readonly string[]>;
  /** Ids whose tables stay as they are. */
  readonly reuse: readonly string[];
}

/**
 * Which tables must be made again after the changes of a plan. `meanings` holds every table of the files, in graph order. A change that
 * holds for new partitions only makes nothing again, neither the table nor those that changed only because they read it.
 */
export const impactOf = (changes: readonly ModelChange[], meanings: ReadonlyMap<string, Meaning>): Impact => {
  const byId = new Map(changes.map((change) => [change.id, change]));
  const rebuild = new Map<string, readonly string[]>();
  const later = new Set<string>();
  const reuse: string[] = [];
  for (const [id, meaning] of meanings) {
    const change = byId.get(id);
    const other = change !== undefined && change.before?.fingerprint !== change.after?.fingerprint;
    const inputs = [...meaning.reads.keys()].filter((input) => byId.has(input));
    const waits =
      change?.category === 'forward_only' ||
      (change?.category === 'indirect' &&
        inputs.some((input) => later.has(input)) &&
        !inputs.some((input) => rebuild.has(input)));
    if (waits) later.add(id);
    if (change && other && !waits) rebuild.set(id, change.reasons);
    else reuse.push(id);
  }
  return { rebuild, reuse };
};
