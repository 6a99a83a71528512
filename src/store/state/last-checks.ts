import { sql } from 'kysely';
import type { CheckResultRow } from './check-results.js';
import { type On, stateOf } from './queries.js';

/**
 * The newest result of every check of these tables, by table and check. Of several partitions that were asked at the same time it is
 * the worst one, so that a failure is never hidden by the partition beside it.
 */
export const lastChecks = async (on: On, tables: readonly string[]): Promise<CheckResultRow[]> => {
  if (tables.length === 0) return [];
  const { rows } = await sql<CheckResultRow>`
    SELECT DISTINCT ON (table_name COLLATE "C", check_name COLLATE "C")
      metric_id, table_name, column_name, metric_type, metric_value, threshold_value, status, check_timestamp,
      check_details, severity, weight
    FROM (SELECT *, regexp_replace(metric_id, '^.*/', '') AS check_name FROM assay.check_result
          WHERE table_name = ANY(${[...tables]}::text[])) AS r
    ORDER BY table_name COLLATE "C", check_name COLLATE "C", check_timestamp DESC,
      CASE status WHEN 'FAIL' THEN 0 WHEN 'WARNING' THEN 1 ELSE 2 END, metric_value, id DESC`.execute(stateOf(on));
  return rows;
};
