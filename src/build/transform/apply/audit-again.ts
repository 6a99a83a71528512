import { recordChecks, versionsById } from '../../../store/state/index.js';
import type { Transform } from '../files/definition.js';
import type { GraphNode } from '../files/graph.js';
import { readTransform } from '../files/read-transforms.js';
import { readStored } from '../meaning/stored.js';
import { parquetSession } from '../parquet-session.js';
import { filesOf, isPartitioned, readableOf } from '../plan/state.js';
import { auditStep } from '../step/audit-step.js';
import { auditTable } from '../step/audit-table.js';
import { type Refusal, WHOLE } from '../step/step.js';
import { orderOf } from './make-batch.js';
import type { Parts } from './parts.js';
import type { Work } from './work.js';

/** A partition that is published and does not pass. */
export interface Failed {
  readonly partition: string;
  readonly refusal: Refusal;
}

const checksText = (transform: Transform): string =>
  JSON.stringify(
    transform.checks.map(({ place: _place, toleranceMillionths, ...check }) => [check, String(toleranceMillionths)]),
  ) + String([transform.minScoreMillionths, transform.freshnessHours]);

/** Ids whose checks were changed since they were last written down: what is there must be looked at with the new ones. */
export const withNewChecks = async (parts: Parts, work: Pick<Work, 'world'>): Promise<ReadonlySet<string>> => {
  const { world } = work;
  const suspects = world.nodes.filter(({ transform: { id } }) => {
    const [stored, version] = [world.stored.get(id), world.versions.get(id)];
    return stored && version && stored.metaHash !== version.metaHash;
  });
  const versions = await versionsById(
    parts.warehouse,
    suspects.flatMap(({ transform }) => world.versions.get(transform.id)?.id ?? []),
  );
  const changed = suspects.filter(({ transform }) => {
    const version = versions.get(world.versions.get(transform.id)?.id ?? 0);
    if (!version) return false;
    const { file, text } = readStored(version.definition);
    return checksText(readTransform(file, transform.layer, text)) !== checksText(transform);
  });
  return new Set(changed.map(({ transform }) => transform.id));
};

/**
 * Asks a table's checks of what is published, and keeps the results. Nothing is made and nothing moves: what fails is told.
 * Errors: `engine-failed`, `cancelled`.
 */
export const auditAgain = async (parts: Parts, work: Work, node: GraphNode): Promise<readonly Failed[]> => {
  const { transform } = node;
  const state = work.states.get(transform.id);
  const readable = state && readableOf(state);
  if (!state || !readable || (state.view === undefined && state.partitions.size === 0)) return [];
  const keys = [...state.partitions].filter(([, { rows }]) => rows > 0).map(([key]) => key);
  work.steps += 1;
  const step = { stepId: `${work.order.runId}-${work.steps}`, engine: 'duckdb' as const };
  const partitions = isPartitioned(transform) ? keys : undefined;
  const order = { ...orderOf(parts, work, node, { ...step, partitions: undefined }), partitions };
  const bytes = new Map([...state.partitions].map(([key, partition]) => [key, partition.bytes]));
  const audited = await parts.duckdb.session(async (session) => {
    const engine = parquetSession(session, parts.signal);
    const rows = await auditStep(engine, order, readable.duckdb, bytes);
    const table = { ...readable, files: filesOf(state) };
    return { rows, table: await auditTable({ engine }, order, table, rows.partitions) };
  });
  const last = audited.table.partitions;
  const results = [...audited.table.results, ...[...last.values()].flatMap((p) => p.results)];
  await recordChecks(parts.warehouse, work.order.runId, results);
  work.results.push(...results);
  for (const keysOf of [...audited.rows.failing, ...audited.table.failing])
    work.failing.push({ model: transform.id, keys: keysOf });
  if (audited.table.refused) return [{ partition: WHOLE, refusal: audited.table.refused }];
  return [...last].flatMap(([partition, { refused }]) => (refused ? [{ partition, refusal: refused }] : []));
};
