import { type DataType, placedSql, type SqlPiece } from '../../query/index.js';

type Parameter = string | number | boolean | null;

/** Where a part's key comes from: a column of its leg, the list that it is joined with, a bucket, or nowhere (a total). */
export type KeySource =
  | { readonly kind: 'column'; readonly column: number }
  | { readonly kind: 'list' }
  | { readonly kind: 'bucket'; readonly text: string }
  | { readonly kind: 'none' };

/** Rows of one leg under their keys in the answer, with the values that they bring. */
export interface Part {
  /** Undefined: one row without a leg. */
  readonly leg: number | undefined;
  readonly keys: readonly KeySource[];
  /** For each group, whether it is summed up. Empty without totals. */
  readonly flags: readonly boolean[];
  /** Columns of the leg that become values. `by` adds up the rows that a list brings under one key. */
  readonly values: readonly { readonly slot: number; readonly column: number; readonly by: 'sum' | 'min' | 'max' }[];
  /**
   * A list of pairs: rows whose `column` is the first of a pair come under the second. Without a column: all of them under each.
   * `many`: several rows may come under one key.
   */
  readonly list: { readonly list: number; readonly column: number | undefined; readonly many: boolean } | undefined;
  /** Whether its keys are rows of the answer; the others only add values to such rows. */
  readonly base: boolean;
}

/** How several legs become one statement: their rows under each other, brought together by their keys. Nulls are keys like others. */
export interface Assembly {
  readonly keys: readonly DataType[];
  readonly flags: number;
  /** `zero`: counts are zero where no rows are. */
  readonly values: readonly { readonly type: DataType; readonly zero: boolean }[];
  /** Pairs of buckets, as dates or as instants in UTC. */
  readonly lists: readonly { readonly type: DataType; readonly pairs: readonly (readonly [string, string])[] }[];
  readonly parts: readonly Part[];
  /** By number of the statement's own columns: keys, flags, values. */
  readonly order: readonly {
    readonly column: number;
    readonly dir: 'asc' | 'desc';
    readonly nulls: 'first' | 'last';
  }[];
  readonly limit: number | undefined;
  readonly offset: number;
}

/** What differs between the engines that assemble. Rollups keep instants without a zone, in UTC. */
export type Assembler = 'postgres' | 'lake' | 'rollup';

const sqlType = (type: DataType, at: Assembler): string => {
  switch (type.kind) {
    case 'string':
      return at === 'postgres' ? 'text' : 'VARCHAR';
    case 'decimal':
      return at === 'postgres' ? 'numeric' : `DECIMAL(${type.precision},${type.scale})`;
    case 'double':
      return at === 'postgres' ? 'double precision' : 'DOUBLE';
    case 'timestamp':
      return at === 'rollup' ? 'TIMESTAMP' : 'TIMESTAMPTZ';
    default:
      return type.kind.toUpperCase();
  }
};

/** Collects the values of a statement; the places of legs are numbered after those that are already there. */
class Places {
  readonly parameters: Parameter[] = [];
  add(value: Parameter): string {
    return `$${this.parameters.push(value)}`;
  }
  leg(pieces: readonly SqlPiece[], parameters: readonly Parameter[]): string {
    const sql = placedSql(pieces, this.parameters.length);
    this.parameters.push(...parameters);
    return sql;
  }
}

const bucketText = (text: string, type: DataType, at: Assembler): string =>
  type.kind === 'timestamp' && at === 'rollup' ? text.replace('Z', '') : text;

/** A list of pairs as a relation (a, b). Its values are two texts, so that lists of any length have one shape. */
const listSql = ({ type, pairs }: Assembly['lists'][number], at: Assembler, places: Places): string => {
  const side = (i: 0 | 1) => places.add(pairs.map((pair) => bucketText(pair[i], type, at)).join(','));
  const cast = (name: string) => `CAST(${name} AS ${sqlType(type, at)}) AS ${name}`;
  const select = `SELECT ${cast('a')}, ${cast('b')}`;
  if (at === 'postgres')
    return `${select} FROM unnest(string_to_array(CAST(${side(0)} AS text), ','), string_to_array(CAST(${side(1)} AS text), ',')) AS pairs(a, b)`;
  const split = (i: 0 | 1) => `unnest(string_split(CAST(${side(i)} AS VARCHAR), ','))`;
  return `${select} FROM (SELECT ${split(0)} AS a, ${split(1)} AS b) AS pairs`;
};

const partSql = (part: Part, assembly: Assembly, at: Assembler, places: Places): string => {
  const leg = part.leg === undefined ? undefined : `l${part.leg}`;
  const list = part.list === undefined ? undefined : `m${part.list.list}`;
  const nothing = (type: DataType) => `CAST(NULL AS ${sqlType(type, at)})`;
  const keys = part.keys.map((key, i) => {
    const type = assembly.keys[i] ?? { kind: 'string' };
    switch (key.kind) {
      case 'column':
        return `${leg}.c${key.column}`;
      case 'list':
        return `${list}.b`;
      case 'bucket':
        return `CAST(${places.add(bucketText(key.text, type, at))} AS ${sqlType(type, at)})`;
      default:
        return nothing(type);
    }
  });
  const grouped = part.list?.many === true;
  const values = assembly.values.map(({ type }, slot) => {
    const found = part.values.find((v) => v.slot === slot);
    if (!found) return nothing(type);
    return grouped ? `${found.by}(${leg}.c${found.column})` : `${leg}.c${found.column}`;
  });
  const columns = [
    ...keys.map((sql, i) => `${sql} AS k${i}`),
    ...part.flags.map((flag, i) => `${flag} AS f${i}`),
    ...values.map((sql, i) => `${sql} AS v${i}`),
    `${part.base ? 1 : 0} AS base`,
  ];
  const join = part.list?.column === undefined ? ' CROSS JOIN ' : ' JOIN ';
  const on = part.list?.column === undefined || leg === undefined ? '' : ` ON ${leg}.c${part.list.column} = ${list}.a`;
  const from = [leg, list].filter((name) => name !== undefined).join(join);
  const by = keys.filter((_, i) => part.keys[i]?.kind === 'column' || part.keys[i]?.kind === 'list');
  return [
    `SELECT ${columns.join(', ')}`,
    ...(from === '' ? [] : [`FROM ${from}${on}`]),
    ...(grouped && by.length > 0 ? [`GROUP BY ${by.join(', ')}`] : []),
  ].join(' ');
};

/**
 * The one statement of several legs. Its columns are c0, c1, ...: keys, flags, values. Rows are grouped by their keys, which brings
 * nulls together as well; a row is answered when one of the parts that make rows has it.
 */
export const assembledSql = (
  assembly: Assembly,
  legs: readonly { readonly pieces: readonly SqlPiece[]; readonly parameters: readonly Parameter[] }[],
  at: Assembler,
): { readonly sql: string; readonly parameters: readonly Parameter[] } => {
  const places = new Places();
  const tables = [
    ...legs.map((leg, i) => `l${i} AS (\n${places.leg(leg.pieces, leg.parameters)}\n)`),
    ...assembly.lists.map((list, i) => `m${i} AS (${listSql(list, at, places)})`),
  ];
  const parts = assembly.parts.map((part) => partSql(part, assembly, at, places));
  const names = [...assembly.keys.map((_, i) => `k${i}`), ...Array.from({ length: assembly.flags }, (_, i) => `f${i}`)];
  const value = ({ type, zero }: Assembly['values'][number], i: number) => {
    const one = type.kind === 'boolean' ? `bool_or(v${i})` : `max(v${i})`;
    return zero ? `coalesce(${one}, 0)` : one;
  };
  const columns = [...names, ...assembly.values.map(value)];
  const order = assembly.order.map(({ column, dir, nulls }) => {
    const text = at === 'postgres' && assembly.keys[column]?.kind === 'string';
    return `${text ? `k${column} COLLATE "C"` : column + 1} ${dir.toUpperCase()} NULLS ${nulls.toUpperCase()}`;
  });
  const lines = [
    ...(tables.length === 0 ? [] : [`WITH ${tables.join(',\n')}`]),
    `SELECT ${columns.map((sql, i) => `${sql} AS c${i}`).join(', ')}`,
    `FROM (\n${parts.join('\nUNION ALL\n')}\n) AS parts`,
    ...(names.length === 0 ? [] : [`GROUP BY ${names.join(', ')}`]),
    'HAVING max(base) = 1',
    ...(order.length === 0 ? [] : [`ORDER BY ${order.join(', ')}`]),
    ...(assembly.limit === undefined ? [] : [`LIMIT CAST(${places.add(String(assembly.limit))} AS BIGINT)`]),
    ...(assembly.offset === 0 ? [] : [`OFFSET CAST(${places.add(String(assembly.offset))} AS BIGINT)`]),
  ];
  return { sql: lines.join('\n'), parameters: places.parameters };
};
