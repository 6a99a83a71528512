import type { Publication, PublishedTable } from '../../build/transform/index.js';
import { error } from '../../errors/index.js';
import type { MetricQuery } from '../../query/index.js';
import { type Plan, parseInstant } from '../plan/index.js';
import type { AskParts } from './parts.js';

/** The state of the past that a query asks for, and the source that has it. */
export interface Past {
  readonly publication: Publication;
  readonly raw: AskParts['rawSource'];
  /** As the query named it. */
  readonly asked: string;
  /** Tables of another state than today's whose files may be gone. */
  readonly doubtful: ReadonlySet<string>;
}

const isSame = (a: PublishedTable, b: PublishedTable | undefined): boolean =>
  a.dataVersion === b?.dataVersion && a.postgres === b.postgres;

/**
 * What `asOf` names. Tables are changed in place in PostgreSQL, so where one of them has moved since, the lake answers, which keeps the
 * files of each publication for a time. Errors: `query-invalid`, `as-of-gone`.
 */
export const pastOf = async (
  asOf: NonNullable<MetricQuery['asOf']>,
  timezone: string | undefined,
  parts: AskParts,
): Promise<Past> => {
  const invalid = (what: string) => error('query-invalid', { where: 'asOf', what });
  const moment = typeof asOf === 'string' ? parseInstant(asOf, timezone ?? 'UTC') : undefined;
  const isList = Array.isArray(asOf) && asOf.length > 0 && asOf.length <= 200;
  if (
    moment === undefined &&
    (!isList || !asOf.every((one) => typeof one?.table === 'string' && typeof one.version === 'string'))
  )
    throw invalid('a time is wanted, or the tables of a provenance: [{table, version}]');
  const asked = typeof asOf === 'string' ? asOf : asOf.map((t) => `${t.table} at ${t.version}`).join(', ');
  const gone = (why: string) => error('as-of-gone', { asked, why });
  if (!parts.publications.asOf) throw gone('no publications are kept here');
  const past = await parts.publications.asOf(typeof asOf === 'string' ? (moment ?? 0n) : asOf);
  if (!past) throw gone(moment === undefined ? 'no publication has had these versions' : 'nothing was published yet');
  const { tables } = parts.publications.current();
  const moved = [...past.publication.tables.values()].filter((table) => !isSame(table, tables.get(table.name)));
  return {
    publication: past.publication,
    raw: moved.length === 0 ? parts.rawSource : 'lake',
    asked,
    doubtful: new Set(past.kept ? [] : moved.map(({ name }) => name)),
  };
};

/** Holds a plan to the past: every table that it reads was published then, and is still there. Errors: `as-of-gone`. */
export const checkPast = ({ publication, asked, doubtful }: Past, plan: Plan): void => {
  for (const table of plan.leg.tables) {
    const why = !publication.tables.has(table)
      ? `${table} was not published then`
      : doubtful.has(table)
        ? `the rows that ${table} had are kept no longer`
        : undefined;
    if (why !== undefined) throw error('as-of-gone', { asked, why });
  }
};
