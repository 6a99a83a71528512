import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { EventName, Events } from '../query/index.js';

/** Prometheus' view of the events. Labels come from closed sets only: no subject, member or value becomes one. */
export interface Metrics {
  count<N extends EventName>(name: N, event: Events[N]): void;
  sinkFailed(sink: string): void;
  text(): Promise<{ readonly type: string; readonly text: string }>;
  close(): void;
}

const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

export const openMetrics = (): Metrics => {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const registers = [registry];
  const counter = <L extends string>(name: string, help: string, labelNames: readonly L[] = []) =>
    new Counter<L>({ name, help, labelNames, registers });
  const gauge = <L extends string>(name: string, help: string, labelNames: readonly L[] = []) =>
    new Gauge<L>({ name, help, labelNames, registers });
  const histogram = <L extends string>(name: string, help: string, labelNames: readonly L[]) =>
    new Histogram<L>({ name, help, labelNames, buckets: SECONDS, registers });

  const queries = counter('assay_queries_total', 'answered queries', ['surface', 'plan', 'source', 'cached']);
  const querySeconds = histogram('assay_query_seconds', 'time of answered queries', ['surface', 'plan']);
  const queryRows = counter('assay_query_rows_total', 'rows of answers', ['surface']);
  const refused = counter('assay_queries_refused_total', 'queries that ended in an error', ['surface', 'code']);
  const http = counter('assay_http_requests_total', 'HTTP requests', ['method', 'route', 'status']);
  const httpSeconds = histogram('assay_http_request_seconds', 'time until an HTTP answer was written', [
    'method',
    'route',
  ]);
  const ingestRows = counter('assay_ingest_rows_total', 'rows that reached bronze', ['source']);
  const ingestRejected = counter('assay_ingest_rejected_total', 'lines kept as rejected', ['source']);
  const stepSeconds = histogram('assay_transform_step_seconds', 'time of one transform', ['model', 'engine']);
  const revision = gauge('assay_published_revision', 'revision that readers see');
  const quarantined = counter('assay_transform_quarantined_total', 'builds kept from readers', ['model']);
  const rollups = counter('assay_rollup_partitions_published_total', 'rollup partitions published', ['rollup']);
  const rollupBytes = counter('assay_rollup_published_bytes_total', 'bytes of published rollup partitions', ['rollup']);
  const rollupRefused = counter('assay_rollup_partitions_refused_total', 'partitions that were not proven', ['rollup']);
  const rollupLoaded = counter('assay_rollup_partitions_loaded_total', 'partitions loaded into this node', ['rollup']);
  const canaries = counter('assay_rollup_canaries_total', 'published partitions that were compared with raw again', [
    'rollup',
    'outcome',
  ]);
  const featureEntities = gauge('assay_feature_entities', 'entities with online values', ['service']);
  const featureSeconds = histogram('assay_feature_materialize_seconds', 'time of one materialization', ['service']);
  const sessions = gauge('assay_sql_sessions', 'open SQL sessions');
  const authFailed = counter('assay_auth_failed_total', 'credentials refused', ['surface']);
  const bugs = counter('assay_bugs_total', 'errors that no catalogue entry names');
  const sinks = counter('assay_telemetry_sink_failures_total', 'events that a sink lost', ['sink']);

  const table: { [N in EventName]?: (event: Events[N]) => void } = {
    'query.answered': (e) => {
      queries.inc({ surface: e.surface, plan: e.plan, source: e.source, cached: String(e.cached) });
      querySeconds.observe({ surface: e.surface, plan: e.plan }, e.milliseconds / 1000);
      queryRows.inc({ surface: e.surface }, e.rows);
    },
    'query.refused': (e) => refused.inc({ surface: e.surface, code: e.code }),
    'http.answered': (e) => {
      http.inc({ method: e.method, route: e.route, status: e.status });
      httpSeconds.observe({ method: e.method, route: e.route }, e.milliseconds / 1000);
    },
    'ingest.batch': (e) => {
      ingestRows.inc({ source: e.source }, e.rows);
      ingestRejected.inc({ source: e.source }, e.rejected);
    },
    'transform.step': (e) => stepSeconds.observe({ model: e.model, engine: e.engine }, e.milliseconds / 1000),
    'transform.published': (e) => revision.set(e.revision),
    'transform.quarantined': (e) => quarantined.inc({ model: e.model }),
    'rollup.published': (e) => {
      rollups.inc({ rollup: e.rollup });
      rollupBytes.inc({ rollup: e.rollup }, e.bytes);
    },
    'rollup.refused': (e) => rollupRefused.inc({ rollup: e.rollup }),
    'rollup.canary': (e) => canaries.inc({ rollup: e.rollup, outcome: e.outcome }),
    'rollup.loaded': (e) => rollupLoaded.inc({ rollup: e.rollup }),
    'features.materialized': (e) => {
      featureEntities.set({ service: e.service }, e.entities);
      featureSeconds.observe({ service: e.service }, e.milliseconds / 1000);
    },
    'sql.session': (e) => (e.state === 'opened' ? sessions.inc() : sessions.dec()),
    'auth.failed': (e) => authFailed.inc({ surface: e.surface }),
    bug: () => bugs.inc(),
  };
  return {
    count: (name, event) => table[name]?.(event),
    sinkFailed: (sink) => sinks.inc({ sink }),
    text: async () => ({ type: registry.contentType, text: await registry.metrics() }),
    close: () => registry.clear(),
  };
};
