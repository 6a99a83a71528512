import { error } from '../../errors/index.js';
import { type Caller, DEFAULT_LIMITS, type Limits } from '../../query/index.js';
import type { AskParts } from './parts.js';

const NAMES = ['rows', 'bytes', 'milliseconds', 'memoryBytes'] as const;

/** The budgets of one query: those of the caller's roles, lowered by what it asked for itself. Errors: `query-invalid`. */
export const limitsOf = (parts: Pick<AskParts, 'limits'>, caller: Caller, asked: Partial<Limits> = {}): Limits => {
  const own = typeof parts.limits === 'function' ? parts.limits(caller) : parts.limits;
  const limits: Record<keyof Limits, number> = { ...DEFAULT_LIMITS, ...own };
  for (const name of NAMES) {
    const wish = asked[name];
    if (wish === undefined) continue;
    if (!Number.isFinite(wish) || wish < 0)
      throw error('query-invalid', { where: `limits.${name}`, what: `${wish} is no number from 0` });
    limits[name] = Math.min(limits[name], wish);
  }
  return limits;
};

/** Throws when an answer is over its budget; it is never cut instead. Errors: `budget-exceeded`. */
export const checkBudget = (rows: number, bytes: number, limits: Limits): void => {
  if (rows > limits.rows) throw error('budget-exceeded', { budget: 'rows', limit: String(limits.rows) });
  if (bytes > limits.bytes) throw error('budget-exceeded', { budget: 'bytes', limit: String(limits.bytes) });
};
