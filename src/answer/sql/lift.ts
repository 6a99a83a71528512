import { error } from '../../errors/index.js';
import { BlockColumns } from './block.js';
import { type Bucket, bucketOf, DAYS, extractOf } from './buckets.js';
import type { FacadeColumn, FacadeTable } from './facade.js';
import type { Functions } from './functions.js';
import { castType, functionName, integerOf, kindOf, mapped, memberNames, type Node, walk } from './nodes.js';
import { refuse } from './refuse.js';
import { blockColumn } from './source.js';

/** What every block can be asked for directly. */
export const PLAIN = 'group by plain dimensions and date_trunc, and filter by plain conditions on dimensions';
/** Aggregates that mean the measure itself when they stand over one. */
const OF_MEASURES = new Set(['measure', 'agg', 'sum', 'avg', 'min', 'max', 'any_value', 'count']);
/** Aggregates whose result does not change when a row comes twice. */
const IDEMPOTENT = new Set(['min', 'max', 'any_value', 'bool_and', 'bool_or', 'every']);

type Call = Extract<Node, { FuncCall: unknown }>['FuncCall'];
const call = (name: string, args: Node[], more: Partial<Call> = {}): Node => ({
  FuncCall: {
    funcname: [{ String: { sval: 'pg_catalog' } }, { String: { sval: name } }],
    args,
    funcformat: 'COERCE_EXPLICIT_CALL',
    ...more,
  },
});
const cast = (arg: Node, type: string): Node => ({
  TypeCast: { arg, typeName: { names: [{ String: { sval: 'pg_catalog' } }, { String: { sval: type } }], typemod: -1 } },
});
const zero: Node = { A_Const: { ival: { ival: 0 } } };

const hasMember = (node: unknown, test: (names: readonly [string, string]) => boolean): boolean => {
  let found = false;
  walk(node, (n) => {
    const names = memberNames(n);
    if (names && test(names)) found = true;
    return !found;
  });
  return found;
};

/**
 * Rewrites the expressions of one query over model rows into expressions over its block's rows. `direct`: the block has exactly one
 * row for each group, so an aggregate over a measure's column gives the measure. Otherwise the block is finer than the groups and
 * parts are summed up, which only additive measures allow.
 */
export class Lift {
  readonly block = new BlockColumns();
  /** Set once an aggregate over part of the rows needs the block finer. */
  finer = false;
  /** Measures whose parts are summed up. */
  readonly summed = new Set<FacadeColumn>();
  /** Cubes of the dimensions that the block is grouped by. */
  readonly grouped = new Set<string>();
  constructor(
    private readonly table: FacadeTable,
    private readonly functions: Functions,
    readonly direct: boolean,
    /** What needs the block finer than its groups, and what to write instead. */
    private readonly cause: { readonly what: string; readonly instead: string } | undefined = undefined,
  ) {}

  column = (node: Node | undefined): FacadeColumn | undefined => {
    const names = node && memberNames(node);
    return names?.[0] === this.table.name ? this.table.columns.find((c) => c.name === names[1]) : undefined;
  };

  isMeasure = (node: unknown): boolean =>
    hasMember(node, ([, name]) => this.table.columns.some((c) => c.name === name && c.kind === 'measure'));

  /** An expression with members, buckets and aggregates replaced by columns of the block. */
  expression(node: Node): Node {
    return mapped(node, (n) => this.replace(n));
  }

  private replace(n: Node): Node | undefined {
    const bucket = bucketOf(n, this.column);
    if (bucket) return this.bucket(bucket);
    const extract = extractOf(n, this.column);
    if (extract && 'FuncCall' in n)
      return { FuncCall: { ...n.FuncCall, args: [extract.field, this.bucket(extract.bucket)] } };
    if ('FuncCall' in n && !n.FuncCall.over && this.functions.aggregates.has(functionName(n.FuncCall)))
      return this.aggregate(n.FuncCall);
    if ('FuncCall' in n && this.functions.sets.has(functionName(n.FuncCall)))
      return refuse('a function that returns rows', 'call it in a query around the grouped one');
    if ('SubLink' in n)
      return n.SubLink.testexpr ? { SubLink: { ...n.SubLink, testexpr: this.expression(n.SubLink.testexpr) } } : n;
    const column = this.column(n);
    if (!column) return undefined;
    if (column.kind === 'dimension') {
      this.grouped.add(column.cube);
      return blockColumn(this.block.dimension(column));
    }
    if (column.kind === 'segment')
      return refuse(`the segment ${column.name} outside of WHERE`, `WHERE ${column.name} keeps its rows`);
    throw error('measure-ungrouped', { measure: column.name, table: this.table.name });
  }

  private bucket(bucket: Bucket): Node {
    this.grouped.add(bucket.column.cube);
    return blockColumn(this.block.bucket(bucket));
  }

  /** Refuses sums over groups that share rows: a row of the measure's cube may have several rows of a dimension's. */
  checkSums(): void {
    for (const measure of this.summed) {
      const single = this.table.toOne.get(measure.cube);
      const shared = [...this.grouped].find((cube) => !single?.has(cube));
      if (shared !== undefined)
        refuse(
          `${measure.name} summed up over groups of ${shared}, of which one of its rows may have several`,
          this.cause?.instead ?? PLAIN,
        );
    }
  }

  private aggregate(f: Call): Node {
    const name = functionName(f);
    const args = f.args ?? [];
    const [arg] = args;
    if (f.agg_star) return this.rows(f, false);
    if (arg && this.isMeasure(args)) return this.measure(f, name, arg);
    if (arg && !hasMember(args, () => true) && !f.agg_distinct && args.length === 1) {
      if (name === 'count' && 'A_Const' in arg && !arg.A_Const.isnull) return this.rows(f, false);
      if (name === 'sum' && integerOf(arg) === 1) return this.rows(f, true);
    }
    if (name === 'measure' || name === 'agg')
      return refuse(
        `${name.toUpperCase()} of something else than a measure`,
        'aggregate a dimension with MIN, MAX or COUNT(DISTINCT ...)',
      );
    if (IDEMPOTENT.has(name) || f.agg_distinct) return { FuncCall: this.parts(f) };
    return refuse(
      `${name.toUpperCase()} over a dimension`,
      'MIN, MAX and COUNT(DISTINCT ...) work over dimensions; sums and counts are measures of the model',
    );
  }

  /** Arguments, order and filter of a call that stays, over the block's columns. */
  private parts(f: Call): Call {
    return mapped(f as unknown as Node, (n) => this.replace(n)) as unknown as Call;
  }

  private filter(f: Call): Partial<Call> {
    if (!f.agg_filter) return {};
    this.finer = true;
    if (this.isMeasure(f.agg_filter))
      return refuse('a measure inside FILTER', 'filter the grouped rows in a query around this one');
    return { agg_filter: this.expression(f.agg_filter) };
  }

  /** COUNT(*), COUNT(1), SUM(1): rows of the root cube. */
  private rows(f: Call, nullWhenEmpty: boolean): Node {
    const column = this.table.rowCount;
    if (!column)
      return refuse(
        `COUNT(*) on ${this.table.name}`,
        'the view shows no plain count of its rows: use one of its measures',
      );
    const filter = this.filter(f);
    const c = blockColumn(this.block.measure(column));
    this.summed.add(column);
    const value = this.direct ? call('any_value', [c]) : call('sum', [c], filter);
    const whole = cast({ CoalesceExpr: { args: [value, zero] } }, 'int8');
    return nullWhenEmpty
      ? { A_Expr: { kind: 'AEXPR_NULLIF', name: [{ String: { sval: '=' } }], lexpr: whole, rexpr: zero } }
      : whole;
  }

  /** An aggregate over a measure, perhaps under casts or COALESCE, or under one CASE whose condition is of dimensions. */
  private measure(given: Call, name: string, given1: Node): Node {
    if (!OF_MEASURES.has(name) || (given.args ?? []).length !== 1 || given.agg_order?.length)
      return refuse(
        `${name.toUpperCase()} over a measure`,
        'take the measure with MEASURE(m); aggregate its values in a query around the grouped one',
      );
    const { f, arg } = this.caseAsFilter(given, given1);
    const column = this.column(arg);
    if (name === 'count') return this.count(f, column);
    if (!column) return this.wrapped(f, name, arg);
    const filter = this.filter(f);
    const c = blockColumn(this.block.measure(column));
    // AVG of one value would be the value with more zeros behind its point.
    if (this.direct && name === 'avg') return cast(call('any_value', [c]), RESULT(name, column));
    if (this.direct) return { FuncCall: { ...f, agg_distinct: false, args: [c] } };
    return this.combined(column, c, filter, RESULT(name, column));
  }

  private count(f: Call, column: FacadeColumn | undefined): Node {
    if (!column || (column.type.kind !== 'bigint' && column.type.kind !== 'integer'))
      return refuse('COUNT over a measure that counts nothing', 'take the measure with MEASURE(m)');
    const filter = this.filter(f);
    const c = blockColumn(this.block.measure(column));
    return this.direct ? cast(call('any_value', [c]), 'int8') : this.combined(column, c, filter, 'int8');
  }

  /** The parts of an additive measure, put together again. */
  private combined(column: FacadeColumn, c: Node, filter: Partial<Call>, type: string): Node {
    const by = column.additivity === 'min' || column.additivity === 'max' ? column.additivity : 'sum';
    if (column.additivity !== by)
      return refuse(
        `${column.name} ${this.cause?.what ?? 'over parts of its rows'}: it cannot be summed up from finer groups`,
        this.cause?.instead ?? PLAIN,
      );
    if (by === 'sum') this.summed.add(column);
    const made = call(by, [c], filter);
    return cast(column.counts ? { CoalesceExpr: { args: [made, zero] } } : made, type);
  }

  /** Casts and COALESCE are applied to the group's value; MIN, MAX and ANY_VALUE take any expression over measures. */
  private wrapped(f: Call, name: string, arg: Node): Node {
    const free = name === 'min' || name === 'max' || name === 'any_value';
    let plain = true;
    walk(arg, (n) => {
      if (!['TypeCast', 'CoalesceExpr', 'ColumnRef', 'A_Const', 'ParamRef', 'String'].includes(kindOf(n)))
        plain = false;
      return plain;
    });
    if (!plain && !free)
      return refuse(
        `${name.toUpperCase()} of an expression over a measure`,
        `take the measure first: SELECT ..., MEASURE(m) * 2`,
      );
    if (f.agg_filter || f.agg_distinct)
      return refuse(`FILTER or DISTINCT on an expression over a measure`, 'filter the measure itself');
    if (hasMember(arg, ([, n]) => this.table.columns.some((c) => c.name === n && c.kind !== 'measure')))
      return refuse(
        'an aggregate that mixes measures and dimensions',
        'take the measure with MEASURE(m), and compute in a query around that',
      );
    const value = mapped(arg, (n) => {
      const column = this.column(n);
      if (!column) return undefined;
      const c = blockColumn(this.block.measure(column));
      return this.direct ? c : this.combined(column, c, {}, TYPE(column));
    });
    // Over one row an aggregate is its argument; over parts that were combined already it would be one aggregate in another.
    if (this.direct) return { FuncCall: { ...f, args: [value] } };
    this.finer = true;
    return refuse('casts inside an aggregate in groups of expressions', 'cast the aggregate, not its argument');
  }

  /** SUM(CASE WHEN condition THEN measure END) is the measure over the rows that satisfy the condition. */
  private caseAsFilter(f: Call, arg: Node): { f: Call; arg: Node } {
    if (!('CaseExpr' in arg)) return { f, arg };
    const { arg: subject, args = [], defresult } = arg.CaseExpr;
    const [when] = args;
    const empty = !defresult || isNull(defresult);
    if (subject || args.length !== 1 || !empty || !when || !('CaseWhen' in when) || f.agg_filter) return { f, arg };
    const { expr, result } = when.CaseWhen;
    if (!expr || !result || this.isMeasure(expr) || !this.column(result)) return { f, arg };
    return { f: { ...f, agg_filter: expr }, arg: result };
  }
}

const isNull = (node: Node): boolean =>
  'TypeCast' in node
    ? node.TypeCast.arg !== undefined && isNull(node.TypeCast.arg)
    : 'A_Const' in node && node.A_Const.isnull === true;

const TYPE = (column: FacadeColumn): string =>
  ({
    string: 'text',
    boolean: 'bool',
    integer: 'int4',
    bigint: 'int8',
    double: 'float8',
    date: 'date',
    timestamp: 'timestamptz',
    decimal: 'numeric',
  })[column.type.kind];

/** Result types of PostgreSQL's aggregates over a column of the measure's type. */
const RESULT = (name: string, column: FacadeColumn): string => {
  const type = TYPE(column);
  if (name === 'sum') return type === 'int4' ? 'int8' : type === 'int8' ? 'numeric' : type;
  return name === 'avg' && type !== 'float8' ? 'numeric' : type;
};

/** The name of the block's key when equal keys of the result mean equal keys of the block; else undefined. */
export const keyOf = (node: Node, lift: Lift): string | undefined => {
  const bucket = bucketOf(node, lift.column);
  if (bucket) return `${bucket.column.member}.${bucket.granularity}`;
  const column = lift.column(node);
  if (column?.kind === 'dimension') return column.member;
  if (!('TypeCast' in node) || node.TypeCast.typeName?.typmods?.length || !node.TypeCast.arg) return undefined;
  const inner = bucketOf(node.TypeCast.arg, lift.column);
  const type = castType(node) ?? '';
  if (inner && DAYS.has(inner.granularity) && ['date', 'timestamp', 'text'].includes(type))
    return `${inner.column.member}.${inner.granularity}`;
  const under = lift.column(node.TypeCast.arg);
  const kind = under?.kind === 'dimension' ? under.type.kind : undefined;
  const same =
    (kind === 'string' && ['text', 'varchar'].includes(type)) ||
    (kind === 'integer' && ['int8', 'text', 'numeric'].includes(type)) ||
    (kind === 'bigint' && ['text', 'numeric'].includes(type));
  return same ? under?.member : undefined;
};
