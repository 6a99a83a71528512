import { error } from '../../errors/index.js';
import { type Span, spanOf } from './calendar.js';
import { type Calendars, type Grain, grainName, grainNames, grainOf } from './grain.js';

/** Longer spans reach before the calendar's beginning. */
const MOST = 100_000;

/** `7 days`, `1 year`, `52 weeks`, `1 retail_year`. Errors: `query-invalid` at `where`. */
export const parseSpan = (text: unknown, where: string, calendars: Calendars): Span => {
  const match = typeof text === 'string' ? /^\s*(\d{1,6})\s+([a-z][a-z0-9_]*?)s?\s*$/i.exec(text) : null;
  const unit = grainOf(match?.[2]?.toLowerCase(), calendars);
  const count = Number(match?.[1] ?? 0);
  if (unit === undefined || count < 1 || count > MOST)
    throw error('query-invalid', {
      where,
      what: `${JSON.stringify(text)} is no length of time, such as 7 days or 1 year; units are ${grainNames(calendars)}`,
    });
  return spanOf(count, unit);
};

/** A unit's name. Errors: `query-invalid` at `where`. */
export const parseUnit = (text: unknown, where: string, calendars: Calendars): Grain => {
  const unit = grainOf(text, calendars);
  if (unit === undefined)
    throw error('query-invalid', { where, what: `${JSON.stringify(text)} is none of ${grainNames(calendars)}` });
  return unit;
};

/** A span as words: `1 year`, `52 weeks`. */
export const spanText = ({ count, unit }: Span): string =>
  `${count} ${unit === 'microsecond' ? unit : grainName(unit)}${count === 1 ? '' : 's'}`;
