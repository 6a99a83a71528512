import { randomUUID } from 'node:crypto';
import { appendFile, open, stat, truncate } from 'node:fs/promises';
import { join } from 'node:path';
import { isMissing, nameOf } from './files.js';

/** How often other processes' messages are looked for, and how long a channel's file may grow. */
const LOOK = 200;
const LONGEST = 1 << 20;

/** Messages between the listeners of this process, and through an appended file to those of others. */
export interface Channels {
  announce(channel: string, message: string): Promise<void>;
  listen(channel: string, on: (message: string) => void): Promise<() => Promise<void>>;
  close(): void;
}

interface Line {
  readonly from: string;
  readonly channel: string;
  readonly message: string;
}

export const channels = (dir: string, failed: (e: unknown) => void): Channels => {
  const me = randomUUID();
  const listeners = new Map<string, Set<(message: string) => void>>();
  const read = new Map<string, number>();
  const fileOf = (channel: string) => join(dir, 'ch', nameOf(channel));
  const tell = (channel: string, message: string) => {
    for (const on of listeners.get(channel) ?? []) on(message);
  };
  const sizeOf = async (channel: string): Promise<number> => {
    try {
      return (await stat(fileOf(channel))).size;
    } catch (e) {
      if (isMissing(e)) return 0;
      throw e;
    }
  };

  const look = async (channel: string): Promise<void> => {
    const size = await sizeOf(channel);
    let from = read.get(channel) ?? size;
    // It was cut: what stood there is lost, which a listener is ready for.
    if (size < from) from = 0;
    read.set(channel, from);
    if (size === from) return;
    const handle = await open(fileOf(channel), 'r');
    try {
      const bytes = Buffer.alloc(size - from);
      const { bytesRead } = await handle.read(bytes, 0, bytes.length, from);
      const end = bytes.lastIndexOf(10, bytesRead - 1) + 1;
      read.set(channel, from + end);
      for (const text of bytes.toString('utf8', 0, end).split('\n')) {
        if (text === '') continue;
        const line = JSON.parse(text) as Line;
        if (line.from !== me && line.channel === channel) tell(channel, line.message);
      }
    } finally {
      await handle.close();
    }
  };
  let looking = false;
  const timer = setInterval(() => {
    if (looking) return;
    looking = true;
    Promise.all([...listeners.keys()].map(look))
      .catch(failed)
      .finally(() => {
        looking = false;
      });
  }, LOOK);
  timer.unref();

  return {
    async announce(channel, message) {
      tell(channel, message);
      if ((await sizeOf(channel)) > LONGEST) await truncate(fileOf(channel));
      await appendFile(fileOf(channel), `${JSON.stringify({ from: me, channel, message } satisfies Line)}\n`);
    },
    async listen(channel, on) {
      if (!read.has(channel)) read.set(channel, await sizeOf(channel));
      const set = listeners.get(channel) ?? new Set();
      listeners.set(channel, set.add(on));
      return async () => {
        set.delete(on);
        if (set.size > 0) return;
        listeners.delete(channel);
        read.delete(channel);
      };
    },
    close() {
      clearInterval(timer);
      listeners.clear();
    },
  };
};
