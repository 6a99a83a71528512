import { Cluster } from 'ioredis';
import type { Emit } from '../../../query/index.js';
import type { Connection } from './connect.js';

/** Listening takes a connection of its own, made with the first listener; ioredis subscribes anew when it was lost. */
export interface Subscriptions {
  listen(channel: string, on: (message: string) => void): Promise<() => Promise<void>>;
  close(): void;
}

export const subscriptions = (redis: Connection, emit: Emit): Subscriptions => {
  const listeners = new Map<string, Set<(message: string) => void>>();
  let connection: Connection | undefined;
  const open = (): Connection => {
    const made: Connection = redis instanceof Cluster ? redis.duplicate() : redis.duplicate();
    // The first connection tells of outages; this one shares them.
    made.on('error', () => {});
    made.on('message', (channel: string, message: string) => {
      for (const on of listeners.get(channel) ?? [])
        try {
          on(message);
        } catch (e) {
          emit('bug', { where: `a listener of ${channel}`, error: e });
        }
    });
    return made;
  };
  return {
    async listen(channel, on) {
      connection ??= open();
      const set = listeners.get(channel) ?? new Set();
      listeners.set(channel, set.add(on));
      if (set.size === 1) await connection.subscribe(channel);
      return async () => {
        set.delete(on);
        if (set.size > 0 || listeners.get(channel) !== set) return;
        listeners.delete(channel);
        // a connection that is away hears nothing, and what it hears later nobody listens to
        await connection?.unsubscribe(channel).catch(() => undefined);
      };
    },
    close() {
      listeners.clear();
      connection?.disconnect();
    },
  };
};
