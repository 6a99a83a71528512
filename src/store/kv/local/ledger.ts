import { randomUUID } from 'node:crypto';
import { existsSync } from 'node:fs';
import { link, mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { isMissing, nameOf, syncFolder, writeTemporary } from './files.js';

/** How many versions behind the newest one stay, for readers that are just about to open them. */
const BEHIND = 8;

/**
 * States that many processes change one step at a time, without locks that a killed process could leave: each state is a folder of
 * numbered versions, and a step links the next number, which only one process can. The highest number counts.
 */
export interface Ledger<S> {
  read(tag: string): Promise<S>;
  /** Changes a state by a pure function, called again when another process was faster; returning the same object changes nothing. */
  change(tag: string, step: (state: S) => S): Promise<S>;
  /** Every state that there is. */
  all(): Promise<S[]>;
  /** Forgets states that `idle` says hold nothing any more. A change at the same moment may be lost. */
  sweep(idle: (state: S) => boolean): Promise<void>;
}

interface Version<S> {
  readonly number: number;
  readonly id: string;
  readonly before: string;
  readonly state: S;
}

export const ledger = <S>(dir: string, root: string, empty: S, durable: boolean): Ledger<S> => {
  const known = new Map<string, Version<S>>();
  const queues = new Map<string, Promise<unknown>>();
  const nothing: Version<S> = { number: 0, id: '', before: '', state: empty };
  const fileOf = (folder: string, number: number) => join(folder, String(number).padStart(15, '0'));

  const numbers = async (folder: string): Promise<number[]> => {
    try {
      return (await readdir(folder)).map(Number).sort((a, b) => b - a);
    } catch (e) {
      if (isMissing(e)) return [];
      throw e;
    }
  };
  const load = async (folder: string, number: number): Promise<Version<S> | 'gone' | 'torn'> => {
    try {
      const text = await readFile(fileOf(folder, number), 'utf8');
      return { ...(JSON.parse(text) as Omit<Version<S>, 'number'>), number };
    } catch (e) {
      if (isMissing(e)) return 'gone';
      if (e instanceof SyntaxError) return 'torn';
      throw e;
    }
  };
  const newest = async (folder: string): Promise<Version<S>> => {
    if (!existsSync(folder)) return nothing;
    for (;;) {
      const [highest, ...older] = await numbers(folder);
      if (highest === undefined) return nothing;
      const cached = known.get(folder);
      if (cached?.number === highest) return cached;
      let torn = false;
      for (const number of [highest, ...older]) {
        const version = await load(folder, number);
        if (version === 'torn') torn = true;
        if (typeof version === 'string') continue;
        const counted = { ...version, number: highest };
        known.set(folder, counted);
        return counted;
      }
      // A power cut took them all (only states that need not last are not synced); else all were replaced: list again.
      if (torn) return { ...nothing, number: highest };
    }
  };
  /** Links the next version; false when another process took its number. */
  const append = async (folder: string, before: Version<S>, state: S): Promise<boolean> => {
    const version = { id: randomUUID(), before: before.id, state };
    const number = before.number + 1;
    const written = await writeTemporary(dir, [Buffer.from(JSON.stringify(version))], durable);
    try {
      await mkdir(folder, { recursive: true });
      await link(written, fileOf(folder, number));
    } catch (e) {
      const { code } = e as NodeJS.ErrnoException;
      if (code === 'EEXIST' || code === 'ENOENT') return false;
      throw e;
    } finally {
      await rm(written, { force: true });
    }
    if (durable) await syncFolder(folder);
    // After a long pause the number may have been free only because it was cleaned away: then the next version is not built on ours.
    const there = await numbers(folder);
    if (there[0] !== number) {
      const next = await load(folder, number + 1);
      if (typeof next === 'string' || next.before !== version.id) return false;
    }
    for (const old of there) if (old < number - BEHIND) await rm(fileOf(folder, old), { force: true });
    known.set(folder, { ...version, number });
    return true;
  };
  /** One change at a time within this process: only other processes are raced. */
  const inTurn = async <T>(folder: string, work: () => Promise<T>): Promise<T> => {
    const before = queues.get(folder) ?? Promise.resolve();
    const mine = before.then(work, work);
    queues.set(folder, mine);
    try {
      return await mine;
    } finally {
      if (queues.get(folder) === mine) queues.delete(folder);
    }
  };
  const folderOf = (tag: string) => join(dir, root, nameOf(tag));

  return {
    read: async (tag) => (await newest(folderOf(tag))).state,
    change: (tag, step) => {
      const folder = folderOf(tag);
      return inTurn(folder, async () => {
        for (;;) {
          const before = await newest(folder);
          const state = step(before.state);
          if (state === before.state || (await append(folder, before, state))) return state;
        }
      });
    },
    async all() {
      const folders = await readdir(join(dir, root));
      return Promise.all(folders.map(async (name) => (await newest(join(dir, root, name))).state));
    },
    async sweep(idle) {
      for (const name of await readdir(join(dir, root))) {
        const folder = join(dir, root, name);
        if (!idle((await newest(folder)).state)) continue;
        await rm(folder, { recursive: true, force: true });
        known.delete(folder);
      }
    },
  };
};
