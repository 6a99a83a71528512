import { STAGE_OPERATORS, type StageCondition } from '../../model/catalog/index.js';
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
   * `many`: several rows may come under one key. `before`: rows whose `column` lies before the first of a pair, instead of on it.
   */
  readonly list:
    | { readonly list: number; readonly column: number | undefined; readonly many: boolean; readonly before?: boolean }
    | undefined;
  /** Set where the leg has a row for each value of `over` (its columns): these are taken together, for each key. */
  readonly taken?: {
    readonly over: readonly number[];
    readonly fn: 'last' | 'first' | 'sum' | 'min' | 'max' | 'count';
    /** Rows without a value of `over` do not count. */
    readonly known: boolean;
    /** Only values that satisfy these are taken. */
    readonly conditions: readonly StageCondition[];
  };
  /** Whether its keys are rows of the answer; the others only add values to such rows. */
  readonly base: boolean;
}

/** How several legs become one statement: their rows under each other, brought together by their keys. Nulls are keys like others. */
export interface Assembly {
  readonly keys: readonly DataType[];
  readonly flags: number;
  /** `zero`: counts are zero where no rows are. `level`: keys (by position) of a coarser group, whose value all its rows have. */
  readonly values: readonly {
    readonly type: DataType;
    readonly zero: boolean;
    readonly level?: readonly number[];
  }[];
  /** Pairs of buckets, as dates or as instants in UTC. */
  readonly lists: readonly {
    readonly type: DataType;
    /** The type of the first of each pair. */
    readonly of: DataType;
    readonly pairs: readonly (readonly [string, string])[];
  }[];
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
const listSql = ({ type, of, pairs }: Assembly['lists'][number], at: Assembler, places: Places): string => {
  const types = [of, type] as const;
  const side = (i: 0 | 1) => places.add(pairs.map((pair) => bucketText(pair[i], types[i], at)).join(','));
  const cast = (name: string, i: 0 | 1) => `CAST(${name} AS ${sqlType(types[i], at)}) AS ${name}`;
  const select = `SELECT ${cast('a', 0)}, ${cast('b', 1)}`;
  if (at === 'postgres')
    return `${select} FROM unnest(string_to_array(CAST(${side(0)} AS text), ','), string_to_array(CAST(${side(1)} AS text), ',')) AS pairs(a, b)`;
  const split = (i: 0 | 1) => `unnest(string_split(CAST(${side(i)} AS VARCHAR), ','))`;
  return `${select} FROM (SELECT ${split(0)} AS a, ${split(1)} AS b) AS pairs`;
};

const sqlOfKeys = (part: Part, assembly: Assembly, at: Assembler, places: Places): readonly string[] =>
  part.keys.map((key, i) => {
    const type = assembly.keys[i] ?? { kind: 'string' };
    switch (key.kind) {
      case 'column':
        return `l${part.leg}.c${key.column}`;
      case 'list':
        return `m${part.list?.list}.b`;
      case 'bucket':
        return `CAST(${places.add(bucketText(key.text, type, at))} AS ${sqlType(type, at)})`;
      default:
        return nothing(type, at);
    }
  });
const nothing = (type: DataType, at: Assembler) => `CAST(NULL AS ${sqlType(type, at)})`;

/** Rows of a part's leg, under the buckets of its list. */
const fromSql = ({ leg, list }: Part): string => {
  const names = [leg === undefined ? undefined : `l${leg}`, list === undefined ? undefined : `m${list.list}`];
  const on =
    list?.column === undefined || leg === undefined
      ? undefined
      : `l${leg}.c${list.column} ${list.before ? '<' : '='} m${list.list}.a`;
  const tables = names.filter((name) => name !== undefined).join(on === undefined ? ' CROSS JOIN ' : ' JOIN ');
  return tables === '' ? '' : ` FROM ${tables}${on === undefined ? '' : ` ON ${on}`}`;
};

/** The columns of a part: keys, flags, values and whether it makes rows. `valueSql` writes the value of a slot. */
const columnsSql = (
  part: Part,
  keys: readonly string[],
  assembly: Assembly,
  at: Assembler,
  valueSql: (value: Part['values'][number]) => string,
): string => {
  const values = assembly.values.map(({ type }, slot) => {
    const found = part.values.find((v) => v.slot === slot);
    return found ? valueSql(found) : nothing(type, at);
  });
  return [
    ...keys.map((sql, i) => `${sql} AS k${i}`),
    ...part.flags.map((flag, i) => `${flag} AS f${i}`),
    ...values.map((sql, i) => `${sql} AS v${i}`),
    `${part.base ? 1 : 0} AS base`,
  ].join(', ');
};

const partSql = (part: Part, assembly: Assembly, at: Assembler, places: Places): string => {
  const keys = sqlOfKeys(part, assembly, at, places);
  const grouped = part.list?.many === true;
  const columns = columnsSql(part, keys, assembly, at, ({ by, column }) =>
    grouped ? `${by}(l${part.leg}.c${column})` : `l${part.leg}.c${column}`,
  );
  const by = keys.filter((_, i) => part.keys[i]?.kind === 'column' || part.keys[i]?.kind === 'list');
  return `SELECT ${columns}${fromSql(part)}${grouped && by.length > 0 ? ` GROUP BY ${by.join(', ')}` : ''}`;
};

/**
 * A value that counts: of an `over` that is known, where that is wanted, and one that satisfies the conditions of its stage. Others are
 * null, which no aggregate takes; their rows stay, so that a count of none of them is zero.
 */
const takenValue = (
  value: string,
  { over, known, conditions }: NonNullable<Part['taken']>,
  at: Assembler,
  places: Places,
): string => {
  const all = [
    ...(known ? over.map((_, i) => `o${i} IS NOT NULL`) : []),
    ...conditions.map(({ op, value: given }) => {
      const type: DataType = { kind: 'decimal', precision: 38, scale: given.split('.')[1]?.length ?? 0 };
      return `${value} ${STAGE_OPERATORS[op]} CAST(${places.add(given)} AS ${sqlType(type, at)})`;
    }),
  ];
  return all.length === 0 ? value : `CASE WHEN ${all.join(' AND ')} THEN ${value} END`;
};

/** A part whose leg has rows for each value of `over`: one of them, or all of them together, for each key. */
const takenSql = (
  part: Part,
  taken: NonNullable<Part['taken']>,
  assembly: Assembly,
  at: Assembler,
  places: Places,
): string => {
  const { over, fn, known } = taken;
  const own = sqlOfKeys(part, assembly, at, places);
  const isKey = (i: number) => part.keys[i]?.kind === 'column' || part.keys[i]?.kind === 'list';
  const keys = own.filter((_, i) => isKey(i));
  const overs = over.map((column) => `l${part.leg}.c${column}`);
  const many = part.list?.many === true;
  const values = part.values.map(({ slot, column, by }) => {
    const value = `l${part.leg}.c${column}`;
    return `${many ? `${by}(${value})` : value} AS v${slot}`;
  });
  const ranked = fn === 'last' || fn === 'first';
  const where = known && ranked ? ` WHERE ${overs.map((o) => `${o} IS NOT NULL`).join(' AND ')}` : '';
  const groups = [...keys, ...overs];
  const rows = `SELECT ${[...own.map((sql, i) => `${sql} AS k${i}`), ...overs.map((sql, i) => `${sql} AS o${i}`), ...values].join(', ')}${fromSql(part)}${where}${many ? ` GROUP BY ${groups.join(', ')}` : ''}`;
  const names = own.map((_, i) => `k${i}`);
  const by = names.filter((_, i) => isKey(i)).join(', ');
  if (ranked) {
    const order = overs.map((_, i) => `o${i} ${fn === 'last' ? 'DESC' : 'ASC'}`).join(', ');
    const numbered = `SELECT *, row_number() OVER (${by === '' ? '' : `PARTITION BY ${by} `}ORDER BY ${order}) AS nth FROM (${rows}) AS each_one`;
    return `SELECT ${columnsSql(part, names, assembly, at, ({ slot }) => `v${slot}`)} FROM (${numbered}) AS taken WHERE nth = 1`;
  }
  const columns = columnsSql(
    part,
    names.map((name, i) =>
      isKey(i)
        ? name
        : part.keys[i]?.kind === 'bucket'
          ? `max(${name})`
          : nothing(assembly.keys[i] ?? { kind: 'string' }, at),
    ),
    assembly,
    at,
    ({ slot }) => `${fn}(${takenValue(`v${slot}`, taken, at, places)})`,
  );
  return `SELECT ${columns} FROM (${rows}) AS taken${by === '' ? '' : ` GROUP BY ${by}`}`;
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
  const parts = assembly.parts.map((part) =>
    part.taken ? takenSql(part, part.taken, assembly, at, places) : partSql(part, assembly, at, places),
  );
  const flags = Array.from({ length: assembly.flags }, (_, i) => `f${i}`);
  const names = [...assembly.keys.map((_, i) => `k${i}`), ...flags];
  const value = ({ type, zero, level }: Assembly['values'][number], i: number) => {
    const one = type.kind === 'boolean' ? `bool_or(v${i})` : `max(v${i})`;
    const of = level ? [...level.map((key) => `k${key}`), ...flags] : [];
    const spread = `max(${one}) OVER (${of.length === 0 ? '' : `PARTITION BY ${of.join(', ')}`})`;
    const given = level ? spread : one;
    return zero ? `coalesce(${given}, 0)` : given;
  };
  // a value of a coarser group is seen by all of its rows before those are dropped that no part makes
  const levels = assembly.values.some((v) => v.level !== undefined);
  const columns = [...names, ...assembly.values.map(value)].map((sql, i) => `${sql} AS c${i}`);
  const order = assembly.order.map(({ column, dir, nulls }) => {
    const text = at === 'postgres' && assembly.keys[column]?.kind === 'string';
    const by = text ? `${levels ? 'c' : 'k'}${column} COLLATE "C"` : `${column + 1}`;
    return `${by} ${dir.toUpperCase()} NULLS ${nulls.toUpperCase()}`;
  });
  const grouped = [
    `SELECT ${[...columns, ...(levels ? ['max(base) AS base'] : [])].join(', ')}`,
    `FROM (\n${parts.join('\nUNION ALL\n')}\n) AS parts`,
    ...(names.length === 0 ? [] : [`GROUP BY ${names.join(', ')}`]),
    ...(levels ? [] : ['HAVING max(base) = 1']),
  ];
  const rows = levels
    ? [
        `SELECT ${columns.map((_, i) => `c${i}`).join(', ')}`,
        `FROM (${grouped.join('\n')}) AS answered`,
        'WHERE base = 1',
      ]
    : grouped;
  const lines = [
    ...(tables.length === 0 ? [] : [`WITH ${tables.join(',\n')}`]),
    ...rows,
    ...(order.length === 0 ? [] : [`ORDER BY ${order.join(', ')}`]),
    ...(assembly.limit === undefined ? [] : [`LIMIT CAST(${places.add(String(assembly.limit))} AS BIGINT)`]),
    ...(assembly.offset === 0 ? [] : [`OFFSET CAST(${places.add(String(assembly.offset))} AS BIGINT)`]),
  ];
  return { sql: lines.join('\n'), parameters: places.parameters };
};
