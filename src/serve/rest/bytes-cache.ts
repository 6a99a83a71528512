/** Encoded answers, least recently used first out. */
export interface BytesCache {
  get(key: string): Buffer | undefined;
  set(key: string, bytes: Buffer): void;
}

/** Bounded by the bytes it holds; one entry may take a sixteenth of them. */
export const bytesCache = (mostBytes: number): BytesCache => {
  const entries = new Map<string, Buffer>();
  let held = 0;
  const cost = (key: string, bytes: Buffer) => bytes.length + key.length * 2 + 100;
  const drop = (key: string): void => {
    const bytes = entries.get(key);
    if (bytes) held -= cost(key, bytes);
    entries.delete(key);
  };
  return {
    get: (key) => {
      const bytes = entries.get(key);
      if (!bytes) return undefined;
      entries.delete(key);
      entries.set(key, bytes);
      return bytes;
    },
    set: (key, bytes) => {
      drop(key);
      if (cost(key, bytes) > mostBytes / 16) return;
      entries.set(key, bytes);
      held += cost(key, bytes);
      for (const oldest of entries.keys()) {
        if (held <= mostBytes) break;
        drop(oldest);
      }
    },
  };
};
