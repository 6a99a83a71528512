import pino, { type Level, type Logger } from 'pino';
import type { Config } from '../config/index.js';
import type { EventName, Events } from '../query/index.js';

/** Where log lines go: a stream, a file, a test. */
export interface LogTarget {
  write(line: string): unknown;
}

/** The level of each event; one that is not listed is `info`. Refused queries are the caller's business, not the operator's. */
const LEVELS: Partial<Record<EventName, Level>> = {
  'transform.step': 'debug',
  'transform.quarantined': 'warn',
  'model.refused': 'warn',
  'model.missing': 'warn',
  'rollup.refused': 'warn',
  'rollup.building': 'debug',
  'rollup.canary': 'debug',
  'rollup.loaded': 'debug',
  'query.answered': 'debug',
  'http.answered': 'debug',
  'sql.session': 'debug',
  'auth.failed': 'warn',
  'request.failed': 'error',
  bug: 'error',
  notice: 'info',
};

/**
 * Secrets that libraries may put into their messages: signed tokens, and passwords in URLs. Lines are JSON, so a quote or a
 * backslash ends a value.
 */
const SECRETS: readonly (readonly [RegExp, string])[] = [
  [/\beyJ[\w-]+\.[\w-]+\.[\w-]*/g, '***'],
  [/(\b[a-z][a-z0-9+.-]*:\/\/[^\s:/@"\\]*):[^\s/@"\\]+@/gi, '$1:***@'],
  [/\b(Bearer|Basic)\s+[\w.~+/=-]{8,}/gi, '$1 ***'],
];
/** One line without the secrets that it may hold. */
export const scrub = (line: string): string =>
  SECRETS.reduce((text, [secret, hidden]) => text.replace(secret, hidden), line);

/** Keys whose values are never written, at the first two levels of any record. */
const HIDDEN = ['password', 'secret', 'token', 'authorization', 'jwtSecret', 'pseudonymKey'].flatMap((k) => [
  k,
  `*.${k}`,
]);

export const openLog = (
  level: Config['logLevel'],
  target: LogTarget | undefined,
): { log: Logger; flush(): Promise<void> } => {
  // Written at once: lines are few at the usual level, and those before a crash are the ones that matter.
  const file = target === undefined ? pino.destination({ fd: 2, sync: true }) : undefined;
  const out: LogTarget = target ?? { write: (line) => file?.write(line) };
  const log = pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      redact: { paths: HIDDEN, censor: '***' },
      formatters: { level: (name) => ({ level: name }) },
    },
    { write: (line: string) => void out.write(scrub(line)) },
  );
  return {
    log,
    flush: async () => {
      log.flush();
      file?.flushSync();
    },
  };
};

/** One event as one line: its name is the message. */
export const logEvent = <N extends EventName>(log: Logger, name: N, event: Events[N]): void => {
  const level = LEVELS[name] ?? 'info';
  if (!log.isLevelEnabled(level)) return;
  log[level](recordOf(event), name as string);
};

/** Errors go under pino's own key, so that stack and causes are written. */
const recordOf = (event: object): object => {
  if (!('error' in event)) return event;
  const { error: thrown, ...rest } = event;
  return thrown instanceof Error ? { ...rest, err: thrown } : { ...rest, thrown: String(thrown) };
};
