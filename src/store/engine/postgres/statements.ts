import type { NamedStatement } from './stream-query.js';

const MOST = 256;

/** The prepared statements of one connection, least recently used first. */
export interface StatementNames {
  of(text: string): NamedStatement;
  /** After a failure its state on the server is not known: the text is prepared anew under another name. */
  forget(text: string): void;
}

export const statementNames = (): StatementNames => {
  const names = new Map<string, string>();
  let made = 0;
  let drop: string | undefined;
  return {
    of(text) {
      let name = names.get(text);
      if (name === undefined) {
        made += 1;
        name = `s${made}`;
      }
      names.delete(text);
      names.set(text, name);
      const oldest = names.size > MOST ? names.entries().next().value : undefined;
      if (oldest) names.delete(oldest[0]);
      const before = drop ?? oldest?.[1];
      drop = drop === undefined ? undefined : oldest?.[1];
      return { name, drop: before };
    },
    forget(text) {
      drop ??= names.get(text);
      names.delete(text);
    },
  };
};
