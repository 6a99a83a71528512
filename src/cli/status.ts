import type { App } from '../app.js';
import { PRODUCTION, type Publication } from '../build/transform/index.js';
import type { Fault } from '../model/cube/index.js';
import { timestampText } from '../query/index.js';
import { isAddress } from '../store/delta/index.js';
import type { Context } from './context.js';
import { diskUse, readRun } from './home.js';
import { modelState } from './model/state.js';
import { keyText, size, table } from './print.js';

/** Lines that came twice, all fields equal: in bronze they stay, silver has them once. Null before the first build. */
const duplicates = (publication: Publication, batches: readonly { readonly rows: number }[]): number | null => {
  const rows = (table: string) => publication.tables.get(table)?.rows;
  const [kept, left] = [rows('silver.order_lines'), rows('silver.order_line_rejects')];
  return kept === undefined || left === undefined ? null : batches.reduce((n, b) => n + b.rows, 0) - kept - left;
};

/** Keys of failing rows that are shown of each check; `assay failures` has more. */
const MOST_KEYS = 5;

interface Behind {
  readonly model: string;
  readonly partition: string;
  readonly status: string;
  readonly reason: string;
  readonly failing: readonly { readonly check: string; readonly keys: readonly string[] }[];
}

const behindLines = (behind: readonly Behind[]): string[] =>
  behind.flatMap(({ model, partition, status, reason, failing }) => [
    `${status} ${model}${partition === '*' ? '' : ` ${partition}`}: ${reason}`,
    ...failing.flatMap(({ check, keys }) => keys.map((key) => `    ${check}: ${keyText(key)}`)),
  ]);

/** What `assay status` tells: as JSON, or as tables for a terminal. */
export const status = async (context: Context, app: App, faults: readonly Fault[] = []): Promise<void> => {
  const { home } = context;
  const run = readRun(home);
  const state = run ? modelState(home) : undefined;
  const refused = state?.refused ?? faults;
  const publication = app.publication();
  const [batches, rollups, behind, back, environments] = await Promise.all([
    app.batches(),
    app.rollups.status(),
    app.tables.troubles(PRODUCTION),
    app.tables.rollbackTargets(PRODUCTION),
    app.tables.environments(),
  ]);
  const held = environments.find(({ name }) => name === PRODUCTION)?.heldFrom;
  const failed =
    publication.revision === 0
      ? []
      : await app.query<{ table_name: string; metric_type: string; status: string; check_details: string }>(
          `SELECT table_name, metric_type, status, check_details FROM gold.data_quality_metrics
           WHERE status <> 'PASS' AND check_timestamp = (SELECT max(check_timestamp) FROM gold.data_quality_metrics) ORDER BY 1, 2`,
        );
  const report = {
    home: home.dir,
    server: run ? { pid: run.pid, http: run.http, sql: run.sql, started: run.started } : null,
    model: {
      version: state?.version ?? (faults.length > 0 ? null : app.model().catalogue.version),
      files: run?.model ?? context.config.model,
      // Files that are not in use, and why; columns and tables that the model in use names and the warehouse does not have.
      refused,
      missing: state?.missing ?? [],
    },
    revision: publication.revision,
    sources: batches.map((b) => ({
      source: b.source,
      file: b.file,
      read: b.read,
      rows: b.rows,
      rejected: b.rejected,
      encoding: b.encoding,
    })),
    rejects: {
      lines: batches.reduce((n, b) => n + b.rejected, 0),
      read: `lines that could not be read: Delta table ${home.lake}/bronze/rejected_lines; sales left out with their reasons: silver.order_line_rejects`,
    },
    // What left the path of a line on purpose: read = kept + left out with a reason + exact duplicates.
    duplicates: duplicates(publication, batches),
    tables: [...publication.tables.values()].map((t) => ({
      table: t.name,
      rows: t.rows,
      version: t.dataVersion,
      lake: t.lake?.version ?? null,
      postgres: t.postgres ?? null,
    })),
    failed_checks: failed,
    // Partitions that stay as they were because the last attempt was refused or failed; keys of rows that did not pass, capped.
    behind: behind.map(({ keys, ...of }) => ({
      ...of,
      failing: keys.map(({ check, keys: all }) => ({ check, keys: all.slice(0, MOST_KEYS) })),
    })),
    held: held ?? null,
    rollback: back.map(({ revision, publishedAt }) => ({ revision, published: timestampText(publishedAt) })),
    rollups: rollups.map((r) => ({
      rollup: r.rollup,
      state: r.state,
      partitions: r.partitions.length,
      rows: r.rows,
      bytes: r.bytes,
      proof: r.proof ?? null,
      refused: r.refused ?? null,
    })),
    disk: { bytes: diskUse(home.dir), lake: isAddress(home.lake) ? null : diskUse(home.lake) },
  };
  if (context.json) {
    context.out(`${JSON.stringify(report, null, 2)}\n`);
    return;
  }
  const lines = [
    run
      ? `serving http://${run.http.host}:${run.http.port} and postgres://${run.sql.host}:${run.sql.port}/assay (pid ${run.pid})`
      : 'not serving',
    `home ${home.dir} (${size(report.disk.bytes)}), model ${report.model.version ?? 'none'} from ${report.model.files}, revision ${report.revision}`,
    ...(refused.length === 0
      ? []
      : [`the model's files are not in use:`, ...refused.map((f) => `    ${f.file}:${f.line}: ${f.what}`)]),
    ...report.model.missing.map((f) => `missing in the warehouse: ${f.file}:${f.line}: ${f.what}`),
    '',
    table(
      ['source', 'file', 'read', 'bronze', 'rejected'],
      report.sources.map((s) => [s.source, s.file, s.read, s.rows, s.rejected]),
      [false, false, true, true, true],
    ),
    table(
      ['table', 'rows', 'version', 'delta'],
      report.tables.map((t) => [t.table, t.rows, t.version, t.lake ?? '']),
      [false, true, false, true],
    ),
    table(
      ['rollup', 'state', 'partitions', 'rows', 'size'],
      report.rollups.map((r) => [r.rollup, r.state, r.partitions, r.rows, size(r.bytes)]),
      [false, false, true, true, true],
    ),
    failed.length === 0
      ? 'all checks of the last build passed'
      : table(
          ['table', 'check', 'status', 'details'],
          failed.map((f) => [f.table_name, f.metric_type, f.status, f.check_details]),
        ),
    ...behindLines(report.behind),
    ...(held === undefined
      ? []
      : [`rolled back from revision ${held}: runs wait for \`assay plan\` and \`assay apply\``]),
    ...(report.rollback.length === 0
      ? []
      : [`assay rollback ${PRODUCTION} goes back to: ${report.rollback.map(({ revision }) => revision).join(', ')}`]),
    report.duplicates === null
      ? 'nothing is built yet'
      : `${publication.tables.get('silver.order_lines')?.rows} order lines, ${publication.tables.get('silver.order_line_rejects')?.rows} left out with a reason, ${report.duplicates} exact duplicates left out`,
    report.rejects.lines > 0 ? `${report.rejects.lines} rejected lines; ${report.rejects.read}` : report.rejects.read,
  ];
  context.out(`${lines.join('\n')}\n`);
};
