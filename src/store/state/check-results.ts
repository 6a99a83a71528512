import { type On, stateOf } from './queries.js';

/** One check of one build. Decimals are text; `checkTimestamp` as PostgreSQL or ISO 8601 prints it. */
export interface CheckResultRow {
  readonly metric_id: string;
  readonly table_name: string;
  readonly column_name: string | null;
  readonly metric_type: string;
  readonly metric_value: string;
  readonly threshold_value: string | null;
  readonly status: string;
  readonly check_timestamp: string;
  readonly check_details: string;
  readonly severity: string;
  readonly weight: number;
}

/** A check of one partition of a version. */
export interface PartitionCheck extends CheckResultRow {
  readonly versionId: number;
  readonly partition: string;
}

const STATEMENT_ROWS = 500;
const PAGE_ROWS = 5000;

const columnsOf = (buildId: string, row: CheckResultRow | PartitionCheck) => {
  if (!('versionId' in row)) return { ...row, build_id: buildId, version_id: null, partition: null };
  const { versionId, ...rest } = row;
  return { ...rest, build_id: buildId, version_id: String(versionId) };
};

/** Appends the results of one build. */
export const recordChecks = async (
  on: On,
  buildId: string,
  rows: readonly (CheckResultRow | PartitionCheck)[],
): Promise<void> => {
  for (let at = 0; at < rows.length; at += STATEMENT_ROWS)
    await stateOf(on)
      .insertInto('assay.check_result')
      .values(rows.slice(at, at + STATEMENT_ROWS).map((row) => columnsOf(buildId, row)))
      .execute();
};

/** The whole history, oldest first, in pages. */
export async function* checkHistory(on: On): AsyncGenerator<CheckResultRow[]> {
  let after = '0';
  for (;;) {
    const rows = await stateOf(on)
      .selectFrom('assay.check_result')
      .selectAll()
      .where('id', '>', after)
      .orderBy('id')
      .limit(PAGE_ROWS)
      .execute();
    if (rows.length > 0)
      yield rows.map(({ id: _id, build_id: _build, version_id: _version, partition: _partition, ...row }) => row);
    after = rows.at(-1)?.id ?? after;
    if (rows.length < PAGE_ROWS) return;
  }
}
