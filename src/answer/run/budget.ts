import { error } from '../../errors/index.js';
import { type Caller, DEFAULT_LIMITS, type Limits } from '../../query/index.js';
import type { AskParts } from './parts.js';

/** The budgets of one query: those of the caller's roles, lowered by what it asked for itself. */
export const limitsOf = (
  parts: Pick<AskParts, 'limits'>,
  caller: Caller,
  asked: Partial<Limits> | undefined,
): Limits => {
  const base: Limits = {
    ...DEFAULT_LIMITS,
    ...(typeof parts.limits === 'function' ? parts.limits(caller) : parts.limits),
  };
  const least = (name: keyof Limits) => Math.min(base[name], asked?.[name] ?? Number.POSITIVE_INFINITY);
  return {
    rows: least('rows'),
    bytes: least('bytes'),
    milliseconds: least('milliseconds'),
    memoryBytes: least('memoryBytes'),
  };
};

/** Throws when an answer is over its budget; it is never cut instead. Errors: `budget-exceeded`. */
export const checkBudget = (rows: number, bytes: number, limits: Limits): void => {
  if (rows > limits.rows) throw error('budget-exceeded', { budget: 'rows', limit: String(limits.rows) });
  if (bytes > limits.bytes) throw error('budget-exceeded', { budget: 'bytes', limit: String(limits.bytes) });
};
