import { PARSE_SETTINGS, quoteLiteral } from '../../answer/sql/index.js';
import { error } from '../../errors/index.js';
import type { SourceChoice } from '../../query/index.js';

/** A session's settings at the moment when a statement is planned, exact also inside transactions. */
export interface Snapshot {
  /** Settings that change what a text means, for the helper. */
  readonly parse: readonly (readonly [string, string])[];
  /** CREATE TEMP TABLE for the session's temporary tables of the statement's names. */
  readonly stubs: string;
  readonly timezone: string;
  readonly source: SourceChoice;
  readonly provenance: boolean;
}

/** Settings that must keep one value, since the parser of the front knows no other. */
const FIXED: readonly (readonly [string, readonly string[]])[] = [
  ['standard_conforming_strings', ['on']],
  ['client_encoding', ['UTF8']],
  ['backslash_quote', ['safe_encoding', 'off', 'on']],
];
const OWN = ['assay.source', 'assay.provenance'] as const;

/** One row of settings and, last, the stubs of temporary tables with one of these names. */
export const snapshotQuery = (relations: readonly string[]): string => {
  const names = [...PARSE_SETTINGS, ...FIXED.map(([n]) => n), ...OWN];
  const settings = names.map((n) => `pg_catalog.current_setting('${n}', true)`);
  const known = relations.map((r) => quoteLiteral(r)).join(', ');
  const stubs = `(SELECT pg_catalog.string_agg(t.s, ' ') FROM (SELECT pg_catalog.format('CREATE TEMP TABLE %I (%s);', c.relname,
    pg_catalog.string_agg(pg_catalog.format('%I %s', a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod)), ', ' ORDER BY a.attnum)) AS s
    FROM pg_catalog.pg_class c JOIN pg_catalog.pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
    WHERE c.relnamespace = pg_catalog.pg_my_temp_schema() AND c.relname IN (${known === '' ? "''" : known}) GROUP BY c.oid, c.relname ORDER BY c.relname) t)`;
  return `SELECT ${settings.join(', ')}, ${stubs}`;
};

const SOURCES: readonly string[] = ['auto', 'raw', 'rollup'];

/** Errors: `not-supported` for settings under which nothing can be planned, `query-invalid` for values of our own that are none. */
export const snapshotOf = (row: readonly (string | null)[]): Snapshot => {
  const parse = PARSE_SETTINGS.map((name, i) => [name, row[i] ?? ''] as const);
  FIXED.forEach(([name, values], i) => {
    const value = row[PARSE_SETTINGS.length + i] ?? '';
    if (!values.includes(value))
      throw error('not-supported', {
        what: `the model cannot be asked while ${name} is ${value}`,
        instead: `SET ${name} = ${values[0] ?? ''}`,
      });
  });
  const own = (name: (typeof OWN)[number]) =>
    row[PARSE_SETTINGS.length + FIXED.length + OWN.indexOf(name)] || undefined;
  const source = own('assay.source') ?? 'auto';
  if (!SOURCES.includes(source))
    throw error('query-invalid', { where: 'assay.source', what: `${source} is none of ${SOURCES.join(', ')}` });
  return {
    parse,
    stubs: row.at(-1) ?? '',
    timezone: parse.find(([n]) => n === 'TimeZone')?.[1] ?? 'UTC',
    source: source as SourceChoice,
    provenance: ['on', 'true', '1', 'yes'].includes((own('assay.provenance') ?? 'off').toLowerCase()),
  };
};

/** The zone as an IANA name, UTC for all its names. Errors: `not-supported` for a zone that is none. */
export const zoneName = (timezone: string): string => {
  try {
    const zone = new Intl.DateTimeFormat('en', { timeZone: timezone }).resolvedOptions().timeZone;
    return /^(UTC|GMT|Etc\/(UTC|GMT|UCT|Zulu))$/.test(zone) ? 'UTC' : zone;
  } catch (thrown) {
    if (!(thrown instanceof RangeError)) throw thrown;
    throw error('not-supported', {
      what: `times cannot be grouped in the time zone ${timezone}`,
      instead: `SET TimeZone to an IANA name such as 'Europe/Berlin' or 'UTC'`,
    });
  }
};
