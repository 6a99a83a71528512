import type { Action } from '../format/actions.js';
import { checkpointName, commitName, LOG } from '../format/paths.js';
import type { DeltaTable, Metadata } from '../types.js';
import { readVersion } from './log.js';

const ENABLED = 'delta.enableInCommitTimestamps';
const SINCE_VERSION = 'delta.inCommitTimestampEnablementVersion';
const SINCE_TIME = 'delta.inCommitTimestampEnablementTimestamp';

/** Properties that say how the log keeps time: they are about the log and not about the rows. */
export const CLOCK_PROPERTIES: readonly string[] = [ENABLED, SINCE_VERSION, SINCE_TIME];

/** True where each commit keeps its own time. */
export const keepsTime = (metadata: Metadata | undefined): boolean => metadata?.configuration[ENABLED] === 'true';

/** The first version that keeps its own time; 0 where the table always did. */
export const keepsTimeSince = (metadata: Metadata): number => {
  const text = metadata.configuration[SINCE_VERSION];
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : 0;
};

/** A commit's own time; undefined where it has none. It must stand in the first line. */
export const ownTime = (actions: readonly Action[]): number | undefined => {
  const first = actions[0];
  const time = first?.kind === 'commitInfo' ? first.commitInfo['inCommitTimestamp'] : undefined;
  return typeof time === 'number' && Number.isSafeInteger(time) ? time : undefined;
};

/** When a version was committed: by its own time, else by its file's. `actions` where they were read already. */
export const timeOf = async (
  table: DeltaTable,
  version: number,
  actions?: readonly Action[],
): Promise<number | undefined> => {
  const own = ownTime(actions ?? (await readVersion(table, version)) ?? []);
  if (own !== undefined) return own;
  const { files } = table;
  const file =
    (await files.stat(`${LOG}/${commitName(version)}`)) ?? (await files.stat(`${LOG}/${checkpointName(version)}`));
  return file?.modified;
};

/** Metadata that begins to keep time in a version that was without it: from where on must be written down with it. */
export const withBeginning = (
  metadata: Metadata,
  before: Metadata | undefined,
  version: number,
  time: number,
): Metadata =>
  !keepsTime(metadata) || keepsTime(before) || version === 0
    ? metadata
    : {
        ...metadata,
        configuration: {
          ...metadata.configuration,
          [SINCE_VERSION]: String(version),
          [SINCE_TIME]: String(time),
        },
      };
