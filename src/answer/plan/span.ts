import { error } from '../../errors/index.js';
import { TIME_UNITS, type TimeUnit } from '../../query/index.js';
import type { Span } from './calendar.js';

/** Longer spans reach before the calendar's beginning. */
const MOST = 100_000;

/** `7 days`, `1 year`, `52 weeks`. Errors: `query-invalid` at `where`. */
export const parseSpan = (text: unknown, where: string): Span => {
  const match = typeof text === 'string' ? /^\s*(\d{1,6})\s+([a-z]+?)s?\s*$/i.exec(text) : null;
  const unit = TIME_UNITS.find((u) => u === match?.[2]?.toLowerCase());
  const count = Number(match?.[1] ?? 0);
  if (unit === undefined || count < 1 || count > MOST)
    throw error('query-invalid', {
      where,
      what: `${JSON.stringify(text)} is no length of time, such as 7 days or 1 year; units are ${TIME_UNITS.join(', ')}`,
    });
  return { count, unit };
};

/** A unit's name. Errors: `query-invalid` at `where`. */
export const parseUnit = (text: unknown, where: string): TimeUnit => {
  const unit = TIME_UNITS.find((u) => u === text);
  if (unit === undefined)
    throw error('query-invalid', { where, what: `${JSON.stringify(text)} is none of ${TIME_UNITS.join(', ')}` });
  return unit;
};

/** A span as words: `1 year`, `52 weeks`. */
export const spanText = ({ count, unit }: Span): string => `${count} ${unit}${count === 1 ? '' : 's'}`;
