import type { Action } from '../format/actions.js';
import type { DeltaTable } from '../types.js';
import { listLog, readVersion } from './log.js';

/** One version of a table, as its log tells it. What a writer did not say is undefined. */
export interface HistoryEntry {
  readonly version: number;
  /** Milliseconds since 1970: of the commit itself where it says so, else what its writer wrote down. */
  readonly timestamp: number | undefined;
  readonly operation: string | undefined;
  readonly parameters: Readonly<Record<string, string>>;
  readonly engine: string | undefined;
  /** Our id of the step or batch that made it. */
  readonly txnId: string | undefined;
  readonly filesAdded: number;
  readonly filesRemoved: number;
  readonly bytesAdded: number;
  /** Columns or properties changed. */
  readonly metadata: boolean;
}

/** Commits that are read at one time. */
const AT_ONCE = 16;

const textOf = (value: unknown): string | undefined =>
  value === undefined || value === null ? undefined : typeof value === 'string' ? value : JSON.stringify(value);

const timeOf = (value: unknown): number | undefined => {
  const number = typeof value === 'number' ? value : Number(textOf(value) ?? Number.NaN);
  return Number.isSafeInteger(number) ? number : undefined;
};

const entryOf = (version: number, actions: readonly Action[]): HistoryEntry => {
  const counts = { filesAdded: 0, filesRemoved: 0, bytesAdded: 0, metadata: false };
  let info: Readonly<Record<string, unknown>> = {};
  for (const action of actions) {
    if (action.kind === 'commitInfo') info = action.commitInfo;
    else if (action.kind === 'remove') counts.filesRemoved += 1;
    else if (action.kind === 'metaData') counts.metadata = true;
    else if (action.kind === 'add') {
      counts.filesAdded += 1;
      counts.bytesAdded += action.add.size;
    }
  }
  const parameters = info['operationParameters'];
  const given = typeof parameters === 'object' && parameters !== null ? Object.entries(parameters) : [];
  return {
    ...{ version, ...counts },
    timestamp: timeOf(info['inCommitTimestamp']) ?? timeOf(info['timestamp']),
    operation: textOf(info['operation']),
    parameters: Object.fromEntries(given.map(([name, value]) => [name, textOf(value) ?? ''])),
    engine: textOf(info['engineInfo']),
    txnId: textOf(info['txnId']),
  };
};

/** The newest versions whose commits the log still holds, newest first; empty when there is no table. Errors: `delta-corrupt`. */
export const historyOf = async (table: DeltaTable, limit: number): Promise<readonly HistoryEntry[]> => {
  const { commits } = await listLog(table);
  const wanted = commits.slice(Math.max(0, commits.length - limit)).reverse();
  const entries: HistoryEntry[] = [];
  for (let at = 0; at < wanted.length; at += AT_ONCE) {
    const read = wanted.slice(at, at + AT_ONCE).map(async (version) => {
      const actions = await readVersion(table, version);
      // One that was cleaned up meanwhile is history no more.
      return actions ? [entryOf(version, actions)] : [];
    });
    entries.push(...(await Promise.all(read)).flat());
  }
  return entries;
};
