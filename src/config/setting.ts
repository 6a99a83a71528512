import { error } from '../errors/index.js';

/** One setting: its name, what it is for, how its text is read. `schema/config.schema.json` is made from this list. */
export interface Setting<T> {
  readonly name: string;
  readonly doc: string;
  readonly secret?: boolean;
  readonly read: (text: string | undefined) => T;
}

export const bad = (name: string, value: string, wanted: string) => error('config-invalid', { name, value, wanted });
export const text = (name: string, doc: string, secret = false): Setting<string | undefined> => ({
  name,
  doc,
  secret,
  read: (t) => t,
});
export const path = (name: string, doc: string, fallback: string): Setting<string> => ({
  name,
  doc,
  read: (t) => t ?? fallback,
});
export const port = (name: string, doc: string, fallback: number): Setting<number> => ({
  name,
  doc: `${doc} (default ${fallback}; 0 picks a free one)`,
  read: (t) => {
    if (t === undefined) return fallback;
    const n = Number(t);
    if (!/^\d{1,5}$/.test(t) || n > 65_535) throw bad(name, t, 'a port from 0 to 65535 is wanted');
    return n;
  },
});
export const count = (name: string, doc: string, fallback: number, least = 1): Setting<number> => ({
  name,
  doc: `${doc} (default ${fallback})`,
  read: (t) => {
    if (t === undefined) return fallback;
    if (!/^\d{1,9}$/.test(t) || Number(t) < least) throw bad(name, t, `a whole number above ${least - 1} is wanted`);
    return Number(t);
  },
});
export const choice = <C extends string>(name: string, doc: string, of: readonly C[], fallback: C): Setting<C> => ({
  name,
  doc: `${doc}: ${of.join(' or ')} (default ${fallback})`,
  read: (t) => {
    if (t === undefined) return fallback;
    if (!of.includes(t as C)) throw bad(name, t, `one of ${of.join(', ')} is wanted`);
    return t as C;
  },
});

export const size = (name: string, doc: string, fallback: string): Setting<string> => ({
  name,
  doc: `${doc}, such as 512MB (default ${fallback})`,
  read: (t) => {
    if (t !== undefined && !/^\d+(\.\d+)?(KB|MB|GB)$/.test(t))
      throw bad(name, t, 'a size such as 512MB or 4GB is wanted');
    return t ?? fallback;
  },
});

export const servers = (name: string, doc: string): Setting<string | undefined> => ({
  name,
  doc: `${doc}: http(s)://host:port, several comma-separated`,
  secret: true,
  read: (t) => {
    if (t !== undefined && !t.split(',').every((u) => /^https?:\/\/[^/\s]/.test(u.trim()) && URL.canParse(u.trim())))
      throw bad(name, '***', 'http(s)://host:port is wanted');
    return t;
  },
});
