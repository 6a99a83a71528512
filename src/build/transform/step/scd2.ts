import { error } from '../../../errors/index.js';
import { timestampText } from '../../../query/index.js';
import type { ParquetEngine } from '../../../store/delta/index.js';
import type { ContractColumn, Scd2, Transform } from '../files/definition.js';
import { keySql } from '../files/key-text.js';
import { duckdbType, literal, quoted } from '../sql-text.js';
import { refuseTwice, sameSql } from './by-key.js';

/** A table's columns by what they are to its history. */
interface Roles {
  readonly transform: Transform;
  readonly scd2: Scd2;
  /** Columns of type 1: the last value known stands on every version. */
  readonly others: readonly string[];
  /** The surrogate key comes with the SELECT's rows. */
  readonly keyGiven: boolean;
}

const rolesOf = (transform: Transform, given: readonly string[]): Roles => {
  const { scd2, surrogate } = transform;
  if (!scd2) throw error('internal', {}, new TypeError(`${transform.id} has no scd2`));
  const special = new Set<string | undefined>([
    ...scd2.key,
    ...scd2.track,
    ...[scd2.validFrom, scd2.validTo, scd2.current, scd2.version, surrogate, scd2.deleted],
  ]);
  return {
    transform,
    scd2,
    others: transform.columns.map(({ name }) => name).filter((name) => !special.has(name)),
    keyGiven: surrogate !== undefined && given.includes(surrogate),
  };
};

/** What of a row makes a version of its own. */
const trackedOf = ({ scd2 }: Roles): readonly string[] =>
  scd2.deleted === undefined || scd2.track.includes(scd2.deleted) ? scd2.track : [...scd2.track, scd2.deleted];

/**
 * A surrogate key from the natural key and the begin of the version. A row whose whole natural key is null is the unknown member, with
 * key -1.
 */
const surrogateSql = ({ transform, scd2 }: Roles): string => {
  const isTime = (name: string) => transform.columns.find((c) => c.name === name)?.type.kind === 'timestamp';
  const parts = [...scd2.key, scd2.validFrom].map((name) => `${isTime(name) ? 'timestamp ' : ''}${quoted(name)}`);
  const unknown = scd2.key.map((name) => `${quoted(name)} IS NULL`).join(' AND ');
  return `CASE WHEN ${unknown} THEN -1 ELSE ${keySql(parts)} END`;
};

const over = (scd2: Scd2, frame = ''): string =>
  `(PARTITION BY ${scd2.key.map(quoted).join(', ')} ORDER BY ${quoted(scd2.validFrom)}${frame})`;

/** The contract's columns over rows that hold key, tracked and other columns, and begin and end of each version. */
const finished = (roles: Roles, rows: string): string => {
  const { transform, scd2, keyGiven } = roles;
  const value = ({ name, type }: ContractColumn): string => {
    if (name === scd2.current) return `${quoted(scd2.validTo)} IS NULL`;
    if (name === scd2.version) return `CAST(row_number() OVER ${over(scd2)} AS ${duckdbType(type)})`;
    if (name === transform.surrogate && !keyGiven) return `CAST(${surrogateSql(roles)} AS ${duckdbType(type)})`;
    return quoted(name);
  };
  return `SELECT ${transform.columns.map((c) => `${value(c)} AS ${quoted(c.name)}`).join(', ')} FROM (${rows})`;
};

const refuseNull = async (engine: ParquetEngine, transform: Transform, rows: string, column: string) => {
  const [found] = await engine.query(
    `SELECT (count(*) FILTER (WHERE ${quoted(column)} IS NULL))::VARCHAR AS n FROM ${rows}`,
  );
  if (String(found?.['n']) !== '0')
    throw error('contract-broken', {
      model: transform.id,
      file: transform.file,
      what: `${column} is null in ${String(found?.['n'])} rows of the SELECT, so nobody knows from when on they hold`,
    });
};

/** The SELECT gives rows of all time: equal neighbours are merged, and each version ends where the next one begins. */
export const historyOf = async (
  engine: ParquetEngine,
  transform: Transform,
  fresh: string,
  given: readonly string[],
): Promise<string> => {
  const roles = rolesOf(transform, given);
  const { scd2, others, keyGiven } = roles;
  const from = quoted(scd2.validFrom);
  await refuseNull(engine, transform, fresh, scd2.validFrom);
  await refuseTwice(engine, transform, fresh, [...scd2.key, scd2.validFrom]);
  const tracked = trackedOf(roles).map(quoted);
  const kept = [...scd2.key, scd2.validFrom, ...(keyGiven ? [transform.surrogate ?? ''] : [])].map(quoted);
  const whole = over(scd2, ' ROWS BETWEEN UNBOUNDED PRECEDING AND UNBOUNDED FOLLOWING');
  const lasting = others.map((name) => `last_value(${quoted(name)}) OVER ${whole} AS ${quoted(name)}`);
  const changed = tracked.map((column) => `lag(${column}) OVER ${over(scd2)} IS DISTINCT FROM ${column}`);
  const columns = [...kept, ...tracked.filter((column) => !kept.includes(column))];
  return finished(
    roles,
    `SELECT *, lead(${from}) OVER ${over(scd2)} AS ${quoted(scd2.validTo)} FROM (
      SELECT ${[...columns, ...lasting].join(', ')} FROM ${fresh}
      QUALIFY row_number() OVER ${over(scd2)} = 1 OR ${changed.join(' OR ')})`,
  );
};

/**
 * The SELECT gives the present state. What is there is first wound back to the time of the change (of each key, or of the run): later
 * versions go, and what they ended is open again. So running the same again, or an earlier time once more, ends in the same versions
 * as if nothing had been there after it.
 */
export const advanceHistory = async (
  engine: ParquetEngine,
  transform: Transform,
  order: { readonly fresh: string; readonly given: readonly string[]; readonly existing: string; readonly at: bigint },
): Promise<string> => {
  const { fresh, given, existing } = order;
  const roles = rolesOf(transform, given);
  const { scd2, others, keyGiven } = roles;
  await refuseTwice(engine, transform, fresh, scd2.key);
  if (scd2.updatedAt !== undefined) await refuseNull(engine, transform, fresh, scd2.updatedAt);
  const typeOf = (name: string) =>
    duckdbType(transform.columns.find((c) => c.name === name)?.type ?? { kind: 'timestamp' });
  const time = (expression: string) => `CAST(${expression} AS ${typeOf(scd2.validFrom)})`;
  const run = time(`TIMESTAMPTZ ${literal(timestampText(order.at))}`);
  const [from, to] = [quoted(scd2.validFrom), quoted(scd2.validTo)];
  const names = (columns: readonly string[], of: string) => columns.map((name) => `${of}.${quoted(name)}`);
  const own = keyGiven && transform.surrogate !== undefined ? [transform.surrogate] : [];
  const tombstone = scd2.deletes === 'tombstone' && scd2.deleted !== undefined ? quoted(scd2.deleted) : undefined;
  const alive = tombstone === undefined ? '' : `, false AS ${tombstone}`;
  const plain = [...scd2.key, ...scd2.track.filter((name) => name !== scd2.deleted), ...others, ...own];
  const flag = (of: string) => (tombstone === undefined ? [] : [`${of}.${tombstone}`]);
  // A key that is not in the present state: with the run's time it is wound back like all others, else only what ends it does so.
  const absent = scd2.updatedAt === undefined || scd2.deletes !== 'ignore' ? run : 'NULL';
  const tracked = trackedOf(roles).filter((name) => tombstone !== undefined || name !== scd2.deleted);
  const latest = others.map((name) => `CASE WHEN n."@since" IS NULL THEN r.${quoted(name)} ELSE n.${quoted(name)} END`);
  const ended =
    scd2.deletes === 'ignore' ? 'NULL' : tombstone === undefined ? run : `CASE WHEN NOT r.${tombstone} THEN ${run} END`;
  const versions = `WITH n AS (
      SELECT ${names(plain, 'f').join(', ')}${alive}, ${scd2.updatedAt === undefined ? run : time(`f.${quoted(scd2.updatedAt)}`)} AS "@since"
      FROM ${fresh} AS f
    ), r AS (
      SELECT ${[...names(plain, 'e'), ...flag('e')].join(', ')}, e.${from} AS ${from},
        CASE WHEN e.${to} >= coalesce(n."@since", ${absent}) THEN NULL ELSE e.${to} END AS ${to}
      FROM ${existing} AS e LEFT JOIN n ON ${sameSql(scd2.key, 'n', 'e')}
      WHERE (e.${from} < coalesce(n."@since", ${absent})) IS NOT FALSE
    )
    SELECT ${[
      ...names(scd2.key, 'r'),
      ...names(
        scd2.track.filter((name) => name !== scd2.deleted),
        'r',
      ),
      ...latest.map((sql, i) => `${sql} AS ${quoted(others[i] ?? '')}`),
      ...names(own, 'r'),
      ...flag('r'),
    ].join(', ')}, r.${from} AS ${from},
      CASE WHEN r.${to} IS NOT NULL THEN r.${to}
        WHEN n."@since" IS NULL THEN ${ended}
        WHEN NOT (${sameSql(tracked, 'n', 'r')}) THEN n."@since"
      END AS ${to}
    FROM r LEFT JOIN n ON ${sameSql(scd2.key, 'n', 'r')}
    UNION ALL
    SELECT ${[...names(plain, 'n'), ...flag('n')].join(', ')}, n."@since", NULL FROM n
    WHERE NOT EXISTS (SELECT 1 FROM r WHERE r.${to} IS NULL AND ${sameSql([...scd2.key, ...tracked], 'n', 'r')})`;
  const buried =
    tombstone === undefined
      ? ''
      : ` UNION ALL SELECT ${names(plain, 'r').join(', ')}, true, ${run}, NULL FROM r
          WHERE r.${to} IS NULL AND NOT r.${tombstone} AND NOT EXISTS (SELECT 1 FROM n WHERE ${sameSql(scd2.key, 'n', 'r')})`;
  return finished(roles, versions + buried);
};
