import type { Emit } from '../../query/index.js';
import type { Corpus, SearchBackend, SearchIndex } from './backend.js';

/** What an index is made from, told before it is made. */
export interface Wanted {
  readonly slot: string;
  readonly version: string;
  /** Gathers the documents; only called where the index is not there yet. */
  readonly corpus: (signal: AbortSignal) => Promise<Corpus>;
}

/** Indexes by slot: the newest that is complete answers, its successor is built beside it. */
export interface Slots {
  /** The index of this version or, while that is built, of the version before; waits only where there is none at all. */
  open(wanted: Wanted): Promise<SearchIndex>;
  close(): Promise<void>;
}

interface Slot {
  current: { readonly version: string; readonly index: SearchIndex } | undefined;
  building:
    | { readonly version: string; readonly done: Promise<SearchIndex>; readonly stop: AbortController }
    | undefined;
}

/** Rights that differ make indexes that differ: the least recently used goes. */
const MOST_SLOTS = 64;

export const openSlots = (backend: SearchBackend, emit: Emit): Slots => {
  const slots = new Map<string, Slot>();
  const forget = (name: string) => {
    const slot = slots.get(name);
    slots.delete(name);
    slot?.building?.stop.abort();
    slot?.current?.index.close().catch((thrown: unknown) => emit('bug', { where: 'search', error: thrown }));
  };
  const build = (slot: Slot, { version, corpus }: Wanted): Promise<SearchIndex> => {
    slot.building?.stop.abort();
    const stop = new AbortController();
    const done = (async () => {
      const index = await backend.open(await corpus(stop.signal), stop.signal);
      if (slot.building?.stop !== stop) {
        await index.close();
        throw new DOMException('a newer index was wanted', 'AbortError');
      }
      const before = slot.current;
      slot.current = { version, index };
      slot.building = undefined;
      await before?.index.close(true);
      return index;
    })();
    slot.building = { version, done, stop };
    done.catch(() => {
      if (slot.building?.stop === stop) slot.building = undefined;
    });
    return done;
  };
  return {
    open: async (wanted) => {
      let slot = slots.get(wanted.slot);
      slots.delete(wanted.slot);
      slot ??= { current: undefined, building: undefined };
      slots.set(wanted.slot, slot);
      if (slots.size > MOST_SLOTS) forget(slots.keys().next().value ?? '');
      if (slot.current?.version === wanted.version) return slot.current.index;
      const same = slot.building?.version === wanted.version ? slot.building.done : undefined;
      const building = same ?? build(slot, wanted);
      if (!slot.current) return building;
      if (!same)
        building.catch((thrown: unknown) => {
          if ((thrown as Error).name !== 'AbortError') emit('bug', { where: 'search', error: thrown });
        });
      return slot.current.index;
    },
    close: async () => {
      for (const name of [...slots.keys()]) forget(name);
      await backend.close();
    },
  };
};
