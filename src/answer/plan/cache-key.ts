import { createHash } from 'node:crypto';
import { typeText } from '../../query/index.js';
import type { Plan } from './types.js';

/**
 * Everything that an answer's rows depend on, hashed: the statement with its values (row rules among them), what is done above it,
 * names and types, data versions, partitions, the model, the policies. So nothing needs a time-out, and callers share an answer
 * only where the very same statement makes it.
 */
export const cacheKeyOf = (plan: Omit<Plan, 'cacheKey'>): string =>
  createHash('sha256')
    .update(
      JSON.stringify([
        1,
        plan.modelVersion,
        plan.source,
        plan.timezone,
        plan.leg.sql,
        plan.leg.parameters,
        plan.composition,
        plan.columns.map((c) => [c.name, typeText(c.type), c.role, c.unit ?? null]),
        plan.policies,
        plan.tables.map((t) => [t.table, t.version]),
        plan.leg.rollups.map((r) => r.partitions.map((p) => [p.rollup, p.key, p.version])),
      ]),
    )
    .digest('hex');
