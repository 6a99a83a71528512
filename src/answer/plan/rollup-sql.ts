import { error } from '../../errors/index.js';
import { type Catalogue, calendarBucket, calendarSql } from '../../model/catalog/index.js';
import {
  type DataType,
  type GivenValue,
  type LegFilter,
  type LegQuery,
  markedPlace,
  type SqlPiece,
  sqlPieces,
  tableToken,
} from '../../query/index.js';
import { isDateBucket } from './granularity.js';
import { cubeMember } from './names.js';
import type { RollupMatch } from './rollup-match.js';

type Parameter = string | number | boolean | null;
const TIMESTAMP: DataType = { kind: 'timestamp' };
const SIGN = { eq: '=', ne: '<>', gt: '>', gte: '>=', lt: '<', lte: '<=' } as const;

/** Binds a value as its member's type; numbers wide enough for what a caller may compare with. */
const cast = (type: DataType, values: readonly GivenValue[]): string => {
  switch (type.kind) {
    case 'string':
      return 'CAST(? AS VARCHAR)';
    case 'boolean':
      return 'CAST(? AS BOOLEAN)';
    case 'double':
      return 'CAST(? AS DOUBLE)';
    case 'date':
      return 'CAST(? AS DATE)';
    case 'timestamp':
      return 'CAST(? AS TIMESTAMP)';
    default: {
      const digits = Math.max(
        type.kind === 'decimal' ? type.scale : 0,
        ...values.map((v) => String(v).split('.')[1]?.length ?? 0),
      );
      return `CAST(? AS DECIMAL(38,${digits}))`;
    }
  }
};

/** Renders conditions over named SQL expressions; every value is a parameter. */
class Conditions {
  constructor(
    readonly expressionOf: (member: string) => { readonly sql: string; readonly type: DataType },
    readonly bindOne: (value: Parameter) => string,
  ) {}

  render(filter: LegFilter): string {
    if ('and' in filter) return `(${filter.and.map((f) => this.render(f)).join(' AND ')})`;
    if ('or' in filter) return `(${filter.or.map((f) => this.render(f)).join(' OR ')})`;
    if ('not' in filter) return `(NOT ${this.render(filter.not)})`;
    if (filter.op === 'never') return '(1 = 0)';
    const { sql, type } = this.expressionOf(filter.member);
    const values = filter.values ?? [];
    const place = cast(type, values);
    const bind = (value: GivenValue | undefined): string => {
      // the tables keep times without zone, in UTC
      return place.replace(
        '?',
        this.bindOne(type.kind === 'timestamp' ? String(value).replace('Z', '') : (value ?? null)),
      );
    };
    switch (filter.op) {
      case 'isNull':
        return `(${sql} IS NULL)`;
      case 'isNotNull':
        return `(${sql} IS NOT NULL)`;
      case 'in':
      case 'notIn':
        return `(${sql} ${filter.op === 'in' ? 'IN' : 'NOT IN'} (${values.map(bind).join(', ')}))`;
      case 'between':
        return `(${sql} >= ${bind(values[0])} AND ${sql} < ${bind(values[1])})`;
      case 'contains':
        return `contains(${sql}, ${bind(values[0])})`;
      case 'startsWith':
        return `starts_with(${sql}, ${bind(values[0])})`;
      case 'endsWith':
        return `suffix(${sql}, ${bind(values[0])})`;
      case 'icontains':
        return `contains(lower(${sql}), lower(${bind(values[0])}))`;
      case 'istartsWith':
        return `starts_with(lower(${sql}), lower(${bind(values[0])}))`;
      case 'iendsWith':
        return `suffix(lower(${sql}), lower(${bind(values[0])}))`;
      case 'like':
        return `(${sql} LIKE ${bind(values[0])} ESCAPE '\\')`;
      case 'ilike':
        return `(lower(${sql}) LIKE lower(${bind(values[0])}) ESCAPE '\\')`;
      default:
        return `(${sql} ${SIGN[filter.op]} ${bind(values[0])})`;
    }
  }
}

/**
 * The DuckDB statement of a leg over a rollup's partitions, which stand in it as `token`. Columns are c0, c1, ... as a compiled leg's. Buckets
 * of a day or more are dates; sums keep DuckDB's wide types, the engine fits them to the declared ones.
 */
export const rollupSql = (
  leg: LegQuery,
  rules: readonly LegFilter[],
  match: RollupMatch,
  catalogue: Catalogue,
  token: string,
): { readonly pieces: readonly SqlPiece[]; readonly parameters: readonly Parameter[] } => {
  const { definition, layout } = match;
  const granularity = definition.granularity ?? '';
  const column = (key: string): string => {
    const found = layout.columns.get(key);
    if (found === undefined) throw error('internal', {});
    return `"${found}"`;
  };
  const typeOf = (name: string): DataType => {
    const member = catalogue.members.get(name);
    if (!member) throw error('internal', {});
    return member.type;
  };
  const isTime = (cube: string) => cube === definition.timeDimension && !definition.dimensions.includes(cube);
  const dimension = (name: string) => {
    const cube = cubeMember(catalogue, name);
    if (!isTime(cube)) return { sql: column(cube), type: typeOf(name) };
    return { sql: column(`${cube}.${granularity}`), type: TIMESTAMP };
  };
  const bucket = (asked: string): string => {
    const kept = column(`${definition.timeDimension}.${granularity}`);
    const own = calendarBucket(asked, catalogue.calendars);
    const cut = asked === granularity ? kept : own ? calendarSql(kept, own) : `date_trunc('${asked}', ${kept})`;
    return isDateBucket(asked) ? `CAST(${cut} AS DATE)` : cut;
  };
  const measures = new Map(match.measures.map((m) => [m.measure, m.sql]));
  const aggregate = (name: string) => {
    const sql = measures.get(name);
    if (sql === undefined) throw error('internal', {});
    return { sql, type: typeOf(name) };
  };

  const groups = [...leg.dimensions.map((d) => dimension(d).sql), ...leg.time.map((t) => bucket(t.granularity))];
  const selected = [...groups, ...leg.measures.map((m) => aggregate(m).sql)];
  const parameters: Parameter[] = [];
  const bind = (value: Parameter): string => markedPlace(parameters.push(value) - 1);
  const where = new Conditions(dimension, bind);
  const whereSql = [...leg.where, ...rules].map((f) => where.render(f)).join(' AND ');
  const having = new Conditions(aggregate, bind);
  const havingSql = leg.having.map((f) => having.render(f)).join(' AND ');
  const lines = [
    `SELECT ${selected.map((sql, i) => `${sql} AS c${i}`).join(', ')}`,
    `FROM ${tableToken(token)}`,
    ...(whereSql === '' ? [] : [`WHERE ${whereSql}`]),
    ...(groups.length === 0 ? [] : [`GROUP BY ${groups.map((_, i) => i + 1).join(', ')}`]),
    ...(havingSql === '' ? [] : [`HAVING ${havingSql}`]),
    ...(leg.order.length === 0
      ? []
      : [
          `ORDER BY ${leg.order.map((o) => `${o.column + 1} ${o.dir.toUpperCase()} NULLS ${o.nulls.toUpperCase()}`).join(', ')}`,
        ]),
  ];
  for (const [word, count] of [
    ['LIMIT', leg.limit],
    ['OFFSET', leg.offset],
  ] as const)
    if (count !== undefined) {
      lines.push(`${word} CAST(${bind(String(count))} AS BIGINT)`);
    }
  return { pieces: sqlPieces(lines.join('\n')), parameters };
};

/** The relation over pinned partitions: the same columns in each, told by name. None: no rows. */
export const partitionsRelation = (tables: readonly string[], columns: readonly string[]): string => {
  const list = columns.map((c) => `"${c}"`).join(', ');
  return `(${tables.map((table) => `SELECT ${list} FROM ${table}`).join(' UNION ALL ')}) AS partitions`;
};
