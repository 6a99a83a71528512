import { sql } from 'kysely';
import { error } from '../../errors/index.js';
import type { SavedPlan } from './ledger-types.js';
import { type On, stateOf } from './queries.js';
import { microsOf } from './times.js';

/** Keeps a plan. The same id again says that it holds now as it did then, so one that was ended is open again. */
export const savePlan = async (
  on: On,
  plan: Pick<SavedPlan, 'id' | 'environment' | 'baseRevision' | 'body'>,
): Promise<void> => {
  await stateOf(on)
    .insertInto('assay.plan')
    .values({
      id: plan.id,
      environment: plan.environment,
      base_revision: String(plan.baseRevision),
      body: JSON.stringify(plan.body),
    })
    .onConflict((conflict) => conflict.column('id').doUpdateSet({ status: 'open' }))
    .execute();
};

/** Errors: `plan-unknown`. */
export const readPlan = async (on: On, id: string): Promise<SavedPlan> => {
  const row = await stateOf(on)
    .selectFrom('assay.plan')
    .select(['id', 'environment', 'base_revision', 'status'])
    .select([sql<Record<string, unknown>>`body`.as('body'), microsOf('created_at').as('created')])
    .where('id', '=', id)
    .executeTakeFirst();
  if (row === undefined) throw error('plan-unknown', { plan: id });
  return {
    id: row.id,
    environment: row.environment,
    baseRevision: Number(row.base_revision),
    body: row.body,
    status: row.status,
    createdAt: BigInt(row.created),
  };
};

/**
 * The hash of the files that an environment was last brought forward with by a plan, whole or in part; a plan of some tables only says
 * nothing of the others' files. Undefined: never, or a promotion or a rollback has given it other tables since.
 */
export const plannedFiles = async (on: On, environment: string): Promise<string | undefined> => {
  const { rows } = await sql<{ hash: string | null }>`
    SELECT p.body ->> 'filesHash' AS hash FROM assay.build b LEFT JOIN assay.plan p ON p.id = b.plan_id
    WHERE b.environment = ${environment} AND b.status IN ('published', 'partial', 'unchanged', 'refused')
      AND (b.plan_id IS NOT NULL OR b.kind IN ('promote', 'rollback'))
      AND p.body -> 'select' IS NULL
    ORDER BY b.heartbeat DESC NULLS LAST LIMIT 1`.execute(stateOf(on));
  return rows[0]?.hash ?? undefined;
};

/** Ends an open plan, once. Errors: `plan-unknown`, `plan-stale` when it was ended before. */
export const closePlan = async (on: On, id: string, status: 'applied' | 'superseded'): Promise<void> => {
  const closed = await stateOf(on)
    .updateTable('assay.plan')
    .set({ status })
    .where('id', '=', id)
    .where('status', '=', 'open')
    .executeTakeFirst();
  if (closed.numUpdatedRows === 1n) return;
  const plan = await readPlan(on, id);
  throw error('plan-stale', {
    plan: id,
    why: plan.status === 'applied' ? 'it was applied' : 'a later one took its place',
  });
};
