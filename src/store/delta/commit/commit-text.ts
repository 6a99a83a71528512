import { type ExactJson, exactText } from '../format/exact-json.js';
import type { AddFile, Domain, Metadata, Protocol, RemoveFile, Txn } from '../types.js';
import type { Isolation } from './conflict.js';

const ENGINE = 'Assay/0.1 DuckDB/1.5.5';

/** What a commit holds, whichever version it comes to be. */
export interface CommitBody {
  readonly adds: readonly AddFile[];
  readonly removes: readonly AddFile[];
  readonly txns?: readonly Txn[];
  readonly domains?: readonly Domain[];
  /** False for work that moves rows without changing them. */
  readonly dataChange: boolean;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** What stands in front of it, made anew for each version that is tried. */
export interface CommitHead {
  readonly now: number;
  readonly operation: string;
  readonly parameters: Readonly<Record<string, string>>;
  readonly metrics: Readonly<Record<string, string>>;
  /** -1 for a table that is made. */
  readonly readVersion: number;
  readonly isolation: Isolation;
  readonly isBlindAppend: boolean;
  readonly txnId: string;
  /** Milliseconds since 1970, later than the version before; only where the table keeps commit times in its log. */
  readonly inCommitTimestamp: number | undefined;
  readonly protocol: Protocol | undefined;
  readonly metadata: Metadata | undefined;
}

/** A file as a remove of the log, with all that a reader of changes and a checkpoint want to know of it. */
export const removeOf = (file: AddFile, now: number, dataChange: boolean): RemoveFile => ({
  path: file.path,
  deletionTimestamp: now,
  dataChange,
  extendedFileMetadata: true,
  partitionValues: file.partitionValues,
  size: file.size,
  ...(file.tags ? { tags: file.tags } : {}),
  ...(file.deletionVector ? { deletionVector: file.deletionVector } : {}),
});

/** Records of the log hold what JSON holds; the compiler only sees interfaces without an index. */
const line = (kind: string, action: object): string => `${exactText({ [kind]: action as ExactJson })}\n`;

/** The lines of `commitInfo` (always first), `protocol` and `metaData`. */
export const headText = (head: CommitHead): string => {
  const { inCommitTimestamp, readVersion, isolation } = head;
  const commitInfo = {
    ...(inCommitTimestamp === undefined ? {} : { inCommitTimestamp }),
    timestamp: head.now,
    operation: head.operation,
    operationParameters: head.parameters,
    ...(readVersion < 0 ? {} : { readVersion }),
    isolationLevel: isolation,
    isBlindAppend: head.isBlindAppend,
    operationMetrics: head.metrics,
    engineInfo: ENGINE,
    txnId: head.txnId,
  };
  return [
    line('commitInfo', commitInfo),
    head.protocol ? line('protocol', head.protocol) : '',
    head.metadata ? line('metaData', head.metadata) : '',
  ].join('');
};

/** The lines of all other actions: the same text for every version that is tried. */
export const bodyText = ({ adds, removes, txns = [], domains = [], dataChange, now }: CommitBody): string =>
  [
    ...txns.map((txn) => line('txn', txn)),
    ...domains.map((domain) => line('domainMetadata', domain)),
    ...removes.map((file) => line('remove', removeOf(file, now, dataChange))),
    ...adds.map((add) => line('add', { ...add, dataChange })),
  ].join('');
