import { literal, quoted, type RollupDuckDb } from './duckdb.js';
import type { StoredLayout } from './layout.js';
import { EMPTY, type Manifest, type ManifestPartition } from './manifest.js';
import { isCalendar, longestRun, spanOf, spansBetween } from './span.js';
import type { StagedPartition } from './stage.js';

/** More partitions than this are no partitions of data but a wrong date; gaps are then not written down one by one. */
const MOST = 5_000;

/** A partition with rows; one that was made before has no file here. */
export type Covered = Pick<StagedPartition, 'key' | 'span'> & { readonly file?: string };

/**
 * What a proven set covers: from its first to its last partition, or bucket where it is not partitioned. Partitions in between
 * that raw has no rows for become empty ones, so that the span has no hole.
 */
export const coverage = async (
  layout: StoredLayout,
  staged: readonly Covered[],
  duckdb: RollupDuckDb,
): Promise<{ readonly gaps: readonly ManifestPartition[]; readonly covers: Manifest['covers'] }> => {
  const { granularity, partitionGranularity } = layout.definition;
  if (!layout.time || granularity === undefined) return { gaps: [], covers: null };
  if (partitionGranularity === undefined)
    return { gaps: [], covers: await bucketSpan(layout, granularity, staged, duckdb) };
  const spans = staged.flatMap((s) => (s.span ? [s.span] : [])).sort((a, b) => (a.from < b.from ? -1 : 1));
  const first = spans[0];
  const last = spans[spans.length - 1];
  if (!first || !last) return { gaps: [], covers: null };
  const all = spansBetween(first.from, last.from, partitionGranularity, MOST);
  if (!all) {
    const run = longestRun(spans);
    return { gaps: [], covers: run && { from: run.from.toString(), to: run.to.toString() } };
  }
  const present = new Set(spans.map((s) => s.key));
  const gaps = all
    .filter((s) => !present.has(s.key))
    .map((s) => ({
      key: s.key,
      version: EMPTY,
      from: s.from.toString(),
      to: s.to.toString(),
      rows: 0,
      bytes: 0,
      chunks: 0,
      sha256: '',
    }));
  return { gaps, covers: { from: first.from.toString(), to: last.to.toString() } };
};

const bucketSpan = async (
  layout: StoredLayout,
  granularity: string,
  staged: readonly Covered[],
  duckdb: RollupDuckDb,
): Promise<Manifest['covers']> => {
  const file = staged[0]?.file;
  if (!layout.time || file === undefined || !isCalendar(granularity)) return null;
  const time = quoted(layout.time.name);
  const [found] = await duckdb.query<{ lo: bigint | null; hi: bigint | null }>(
    `SELECT min(${time}) AS lo, max(${time}) AS hi FROM read_parquet(${literal(file)})`,
  );
  if (!found || found.lo === null || found.hi === null) return null;
  return { from: found.lo.toString(), to: spanOf(found.hi, granularity).to.toString() };
};
