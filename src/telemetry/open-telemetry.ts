import type { Logger } from 'pino';
import type { Config } from '../config/index.js';
import { error } from '../errors/index.js';
import type { Emit, EventName, Events } from '../query/index.js';

/** The sinks of the one event map. */
export interface Telemetry {
  readonly emit: Emit;
  /** The metrics in Prometheus' text format, and the content type that goes with it. */
  metricsText(): Promise<{ readonly type: string; readonly text: string }>;
  /** Another sink (the audit, a test). What it throws is logged and hurts nobody else. Gives the function that ends it. */
  subscribe<N extends EventName>(name: N, on: (event: Events[N]) => void | Promise<void>): () => void;
  readonly log: Logger;
  /** Writes out what the log holds back. */
  close(): Promise<void>;
}

/** Where log lines go: a file descriptor's stream, a file, a test. */
export interface LogTarget {
  write(line: string): unknown;
}

/** Logs are JSON lines (pino), by default on standard error. */
export const openTelemetry = (_config: Pick<Config, 'logLevel'>, _target?: LogTarget): Telemetry => {
  throw error('not-supported', { what: 'telemetry' });
};
