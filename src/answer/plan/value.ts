import { error } from '../../errors/index.js';
import { type DataType, decimalText, type GivenValue, parseDecimal, typeText } from '../../query/index.js';
import { instantText, parseDate, parseInstant } from './instant.js';

/** Digits that no engine can hold exactly. */
const MOST_DIGITS = 38;
const WANTED: Record<DataType['kind'], string> = {
  string: 'a text',
  boolean: 'true or false',
  integer: 'a whole number',
  bigint: 'a whole number (above 2^53 as text)',
  decimal: 'a number (exact ones as text)',
  double: 'a number',
  date: 'a date such as 2010-12-01',
  timestamp: 'a date, a local time or an RFC 3339 time, to the microsecond',
};

/** A number in plain notation without idle zeros; undefined when it is no number or holds more digits than engines keep. */
export const plainNumber = (text: string): string | undefined => {
  const wide = parseDecimal(text, MOST_DIGITS);
  if (wide === undefined) return undefined;
  const plain = decimalText(wide, MOST_DIGITS).replace(/\.?0+$/, '');
  return plain.replace(/[-.]/g, '').length > MOST_DIGITS ? undefined : plain;
};

const number = (given: GivenValue, whole: boolean): string | undefined => {
  if (typeof given === 'boolean') return undefined;
  if (
    typeof given === 'number' &&
    (!Number.isFinite(given) || (Number.isInteger(given) && !Number.isSafeInteger(given)))
  )
    return undefined;
  const plain = plainNumber(String(given));
  return plain === undefined || (whole && plain.includes('.')) ? undefined : plain;
};

const normal = (given: GivenValue, type: DataType, zone: string): GivenValue | undefined => {
  switch (type.kind) {
    case 'string':
      return typeof given === 'string' && !given.includes('\0') ? given : undefined;
    case 'boolean':
      return typeof given === 'boolean' ? given : given === 'true' ? true : given === 'false' ? false : undefined;
    case 'integer':
    case 'bigint':
      return number(given, true);
    case 'decimal':
      return number(given, false);
    case 'double': {
      const value = typeof given === 'boolean' || given === '' ? Number.NaN : Number(given);
      return Number.isFinite(value) ? value : undefined;
    }
    case 'date':
      return typeof given === 'string' ? parseDate(given) : undefined;
    case 'timestamp': {
      const micros = typeof given === 'string' ? parseInstant(given, zone) : undefined;
      return micros === undefined ? undefined : instantText(micros);
    }
  }
};

/**
 * A value in its type's one form: numbers in plain notation as text, instants as RFC 3339 in UTC, dates as `2010-12-01`.
 * Errors: `query-invalid` at `where`.
 */
export const checkValue = (given: GivenValue, type: DataType, zone: string, where: string): GivenValue => {
  const value = normal(given, type, zone);
  if (value !== undefined) return value;
  const shown = JSON.stringify(given) ?? String(given);
  throw error('query-invalid', {
    where,
    what: `${shown.length > 60 ? `${shown.slice(0, 57)}...` : shown} does not fit ${typeText(type)}: ${WANTED[type.kind]} is wanted`,
  });
};
