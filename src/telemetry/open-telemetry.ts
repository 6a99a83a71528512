import type { Logger } from 'pino';
import type { Config } from '../config/index.js';
import type { Emit, EventName, Events } from '../query/index.js';
import { type LogTarget, logEvent, openLog } from './log.js';
import { openMetrics } from './metrics.js';

/** The sinks of the one event map. */
export interface Telemetry {
  readonly emit: Emit;
  /** The metrics in Prometheus' text format, and the content type that goes with it. */
  metricsText(): Promise<{ readonly type: string; readonly text: string }>;
  /** Another sink (the audit, a test). What it throws is logged and hurts nobody else. Gives the function that ends it. */
  subscribe<N extends EventName>(name: N, on: (event: Events[N]) => void | Promise<void>): () => void;
  readonly log: Logger;
  /** Writes out what the log holds back, and ends the process's own measurements. */
  close(): Promise<void>;
}

type Sink = (event: never) => void | Promise<void>;

/**
 * Logs are JSON lines (pino), by default on standard error; metrics are prom-client's. Every sink is called for itself: one that
 * throws, or whose promise is rejected, is counted and named in the log, and the others and the emitter go on.
 */
export const openTelemetry = (config: Pick<Config, 'logLevel'>, target?: LogTarget): Telemetry => {
  const { log, flush } = openLog(config.logLevel, target);
  const metrics = openMetrics();
  const sinks = new Map<EventName, Set<Sink>>();

  const failed = (sink: string, event: EventName, thrown: unknown): void => {
    metrics.sinkFailed(sink);
    try {
      log.error({ err: thrown, sink, event }, 'a telemetry sink failed');
    } catch (again) {
      // The log itself is what failed: standard error is the last place that may still be heard.
      process.stderr.write(`assay: the log failed: ${again instanceof Error ? again.message : String(again)}\n`);
    }
  };
  const guarded = (sink: string, name: EventName, work: () => void | Promise<void>): void => {
    try {
      const pending = work();
      if (pending instanceof Promise) pending.catch((thrown: unknown) => failed(sink, name, thrown));
    } catch (thrown) {
      failed(sink, name, thrown);
    }
  };

  const emit: Emit = (name, event) => {
    guarded('metrics', name, () => metrics.count(name, event));
    guarded('log', name, () => logEvent(log, name, event));
    const subscribed = sinks.get(name);
    if (subscribed) for (const on of subscribed) guarded('subscriber', name, () => on(event as never));
  };
  return {
    emit,
    log,
    metricsText: () => metrics.text(),
    subscribe: (name, on) => {
      const set = sinks.get(name) ?? new Set<Sink>();
      sinks.set(name, set);
      const sink: Sink = on;
      set.add(sink);
      return () => {
        set.delete(sink);
      };
    },
    close: async () => {
      metrics.close();
      await flush();
    },
  };
};
