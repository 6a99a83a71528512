import { error } from '../../../errors/index.js';
import type { Emit } from '../../../query/index.js';
import type { Committed } from '../commit/commit.js';
import { publishChange } from '../commit/publish-change.js';
import { fileKey } from '../format/file-key.js';
import { CLOCK_PROPERTIES } from '../log/commit-time.js';
import { checkWritable } from '../rules/writable.js';
import { checkThere } from '../scan/present-files.js';
import { takeSnapshot } from '../snapshot/snapshot.js';
import { type VersionAt, versionAt } from '../travel/version-at.js';
import type { AddFile, DeltaTable, Domain, Metadata, Snapshot } from '../types.js';

export interface Restore {
  /** The version whose rows and columns come back, or a time: the newest version that was there then (milliseconds since 1970). */
  readonly to: VersionAt;
  readonly txnId: string;
  /** Milliseconds since 1970; default the clock. */
  readonly now?: number;
  readonly emit?: Emit;
  readonly signal?: AbortSignal;
}

/** `restored`: the version that came back. */
export interface RestoredTable extends Committed {
  readonly restored: number;
  readonly filesAdded: number;
  readonly filesRemoved: number;
}

const without = (adds: readonly AddFile[], others: readonly AddFile[]): readonly AddFile[] => {
  const known = new Set(others.map(fileKey));
  return adds.filter((add) => !known.has(fileKey(add)));
};

/** The columns and properties of then; how the log keeps time stays as it is, for it is one log. */
const metadataOf = (now: Snapshot, then: Snapshot): Metadata | undefined => {
  const rest = Object.entries(then.metadata.configuration).filter(([key]) => !CLOCK_PROPERTIES.includes(key));
  const clock = Object.entries(now.metadata.configuration).filter(([key]) => CLOCK_PROPERTIES.includes(key));
  const metadata: Metadata = {
    ...then.metadata,
    id: now.metadata.id,
    configuration: Object.fromEntries([...rest, ...clock]),
  };
  const text = ({ configuration, ...other }: Metadata) => JSON.stringify([other, Object.entries(configuration).sort()]);
  return text(metadata) === text(now.metadata) ? undefined : metadata;
};

/** Domains of applications as they were then; those of the protocol's own features are no business of a restore. */
const domainsOf = (now: Snapshot, then: Snapshot): readonly Domain[] => {
  const ours = ({ domain }: Domain) => !domain.startsWith('delta.');
  const back = [...then.domains.values()].filter(
    (domain) => ours(domain) && now.domains.get(domain.domain)?.configuration !== domain.configuration,
  );
  const gone = [...now.domains.values()].filter((domain) => ours(domain) && !then.domains.has(domain.domain));
  return [...back, ...gone.map((domain) => ({ ...domain, removed: true }))];
};

/**
 * A new version with the files, columns and properties of an earlier one. Nothing is written when one of its files is gone.
 * Errors: `delta-version-unknown`, `delta-corrupt` (a file of it is gone), `delta-conflict`, `delta-unsupported`.
 */
export const restoreTable = async (table: DeltaTable, given: Restore): Promise<RestoredTable> => {
  const restored = await versionAt(table, given.to);
  const [now, then] = [await takeSnapshot(table), await takeSnapshot(table, restored)];
  if (!now || !then)
    throw error('delta-version-unknown', {
      ...{ table: table.path, asked: `version ${restored}`, why: 'its log is gone' },
    });
  checkWritable(table.path, now.protocol, then.metadata, then.schema);
  const [adds, removes] = [without(then.adds, now.adds), without(now.adds, then.adds)];
  const [metadata, domains] = [metadataOf(now, then), domainsOf(now, then)];
  const counts = { restored, filesAdded: adds.length, filesRemoved: removes.length };
  if (adds.length + removes.length + domains.length === 0 && !metadata)
    return { version: now.version, already: true, ...counts };
  // All of them, not only those that come back: a restored table that cannot be read is worse than none.
  await checkThere(table, then.adds);
  const done = await publishChange({
    ...{ snapshot: now, adds, removes, reads: 'table', txnId: given.txnId, operation: 'RESTORE', domains },
    parameters: { version: String(restored) },
    metrics: { numRestoredFiles: String(adds.length), numRemovedFiles: String(removes.length) },
    ...(metadata ? { metadata } : {}),
    ...(given.now === undefined ? {} : { now: given.now }),
    ...(given.emit ? { emit: given.emit } : {}),
    ...(given.signal ? { signal: given.signal } : {}),
  });
  return { ...done, ...counts };
};
