import { AssayError, error } from '../../../errors/index.js';
import { readCheckpoint } from '../checkpoint/read-checkpoint.js';
import { commitName, LOG, type LogListing } from '../format/paths.js';
import type { AddFile, DeltaTable } from '../types.js';
import { readStretch, type Stretch, stretches } from './log.js';
import { nothing, replay, type State } from './replay.js';

/** What replay came to. */
export interface Replayed {
  /** Live files of the checkpoint that it began at, as far as they are not in `state`, which has what changed since. */
  readonly files: readonly AddFile[];
  readonly state: State;
  /** The log file that it began with, for errors. */
  readonly began: string;
  /** What it read last; undefined: nothing after a checkpoint. */
  readonly last: Stretch | undefined;
}

/** Commits that are read at one time. */
const AT_ONCE = 32;

export const replayStretches = async (table: DeltaTable, state: State, list: readonly Stretch[]): Promise<void> => {
  for (let at = 0; at < list.length; at += AT_ONCE) {
    const some = list.slice(at, at + AT_ONCE);
    for (const actions of await Promise.all(some.map((stretch) => readStretch(table, stretch)))) replay(state, actions);
  }
};

const fromCheckpoint = async (
  table: DeltaTable,
  listing: LogListing,
  wanted: number,
  start: LogListing['starts'][number],
) => {
  const rest = stretches(table, listing, start.version + 1, wanted);
  const state = nothing();
  const { files, actions } = await readCheckpoint(table, start);
  replay(state, actions);
  await replayStretches(table, state, rest);
  return { files, state, began: table.files.name(`${LOG}/${start.names[0] ?? ''}`), last: rest.at(-1) };
};

const fromTheFirst = async (table: DeltaTable, listing: LogListing, wanted: number): Promise<Replayed> => {
  const state = nothing();
  const all = stretches(table, listing, 0, wanted);
  await replayStretches(table, state, all);
  return { files: [], state, began: table.files.name(`${LOG}/${all[0]?.name ?? commitName(0)}`), last: all.at(-1) };
};

/**
 * Replay up to a version, from the newest checkpoint; where that cannot be read from the one before, or from version 0, as long as the
 * log has every commit since. Undefined where the log holds nothing that old any more. Errors: `delta-corrupt` of the newest beginning.
 */
export const replayLog = async (
  table: DeltaTable,
  listing: LogListing,
  wanted: number,
): Promise<Replayed | undefined> => {
  const starts = listing.starts.filter(({ version }) => version <= wanted).reverse();
  let damage: AssayError | undefined;
  for (const start of starts)
    try {
      return await fromCheckpoint(table, listing, wanted, start);
    } catch (thrown) {
      if (!(thrown instanceof AssayError) || thrown.code !== 'delta-corrupt') throw thrown;
      damage ??= thrown;
    }
  const whole = listing.commits[0] === 0 || listing.compactions[0]?.from === 0;
  if (whole) return fromTheFirst(table, listing, wanted).catch((thrown: unknown) => Promise.reject(damage ?? thrown));
  if (damage) throw damage;
  const later = listing.starts.length > 0;
  if (later) return undefined;
  throw error('delta-corrupt', {
    file: table.files.name(`${LOG}/${commitName(0)}`),
    why: 'it is missing, and no checkpoint stands for it',
  });
};
