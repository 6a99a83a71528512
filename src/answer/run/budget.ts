import { error } from '../../errors/index.js';
import { type Caller, DEFAULT_LIMITS, type Limits } from '../../query/index.js';
import type { AskParts } from './parts.js';

const NAMES = ['rows', 'bytes', 'milliseconds', 'memoryBytes'] as const;

/** Lowers budgets by what is wished. Errors: `query-invalid`. */
const lowered = (limits: Limits, asked: unknown): Limits => {
  if (asked === undefined) return limits;
  const bad = (where: string, what: string) => error('query-invalid', { where, what });
  if (typeof asked !== 'object' || asked === null || Array.isArray(asked))
    throw bad('limits', `budgets by their names are wanted: ${NAMES.join(', ')}`);
  const found: Record<keyof Limits, number> = { ...limits };
  for (const [given, wish] of Object.entries(asked)) {
    const name = NAMES.find((n) => n === given);
    if (!name) throw bad(`limits.${given}`, `is none of ${NAMES.join(', ')}`);
    if (wish === undefined || wish === null) continue;
    if (typeof wish !== 'number' || !Number.isFinite(wish) || wish < 0)
      throw bad(`limits.${name}`, `${JSON.stringify(wish)} is no number from 0`);
    found[name] = Math.min(found[name], wish);
  }
  return found;
};

/**
 * The budgets of one query: those of the caller's roles, lowered by those of its wire and by those that the query gives itself.
 * Errors: `query-invalid`.
 */
export const limitsOf = (
  parts: Pick<AskParts, 'limits'>,
  caller: Caller,
  ...asked: readonly (Partial<Limits> | undefined)[]
): Limits => {
  const own = typeof parts.limits === 'function' ? parts.limits(caller) : parts.limits;
  return asked.reduce<Limits>(lowered, { ...DEFAULT_LIMITS, ...own });
};

/** Throws when an answer is over its budget; it is never cut instead. Errors: `budget-exceeded`. */
export const checkBudget = (rows: number, bytes: number, limits: Limits): void => {
  if (rows > limits.rows) throw error('budget-exceeded', { budget: 'rows', limit: String(limits.rows) });
  if (bytes > limits.bytes) throw error('budget-exceeded', { budget: 'bytes', limit: String(limits.bytes) });
};
