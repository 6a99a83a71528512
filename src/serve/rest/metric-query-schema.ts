import { type Static, Type } from '@sinclair/typebox';
import { OPERATORS, SHOWN } from '../../query/index.js';

/** The JSON form of a metric query: validation, OpenAPI and the clients' types all come from here. */

const closed = { additionalProperties: false } as const;
const Name = (description: string) => Type.String({ minLength: 1, maxLength: 512, description });
const oneOf = <const T extends readonly string[]>(names: T, description: string) =>
  Type.Union(
    names.map((name) => Type.Literal(name as T[number])),
    { description },
  );

const NAME = '^[A-Za-z_][A-Za-z0-9_]{0,62}$';
const Value = Type.Union([Type.String(), Type.Number(), Type.Boolean()]);
const Values = Type.Array(Value, {
  maxItems: 100_000,
  description:
    'Decimals and whole numbers beyond 2^53 are given as text. None for isNull and isNotNull; [from, to) for between.',
});

/** A tree of conditions, at most `DEEPEST` levels deep. */
export const FilterSchema = Type.Recursive(
  (This) =>
    Type.Union(
      [
        Type.Object(
          {
            member: Name('path of a member, such as retail.country'),
            op: oneOf(OPERATORS, 'three-valued logic: none but isNull is ever true of a null'),
            values: Type.Optional(Values),
          },
          closed,
        ),
        Type.Object({ and: Type.Array(This, { minItems: 1 }) }, closed),
        Type.Object({ or: Type.Array(This, { minItems: 1 }) }, closed),
        Type.Object({ not: This }, closed),
      ],
      {
        description: 'a condition, or conditions joined by and, or, not',
        wanted: 'a condition is {member, op, values}, {and: [...]}, {or: [...]} or {not: ...}',
      },
    ),
  { $id: 'Filter' },
);

const PeriodSchema = Type.Object(
  {
    period: Name('any granularity: month, or one of the model’s calendars, such as retail_month'),
    of: Type.Optional(Type.String({ maxLength: 64, description: 'a date or time that lies in it; default now' })),
    before: Type.Optional(Type.Integer({ minimum: 0, maximum: 10_000, description: 'so many earlier; default 0' })),
    count: Type.Optional(
      Type.Integer({ minimum: 1, maximum: 10_000, description: 'so many that end there; default 1' }),
    ),
  },
  { ...closed, $id: 'Period', description: 'whole periods on the calendar of the query’s zone' },
);
const TimeSchema = Type.Object(
  {
    dimension: Name('path of a time dimension, such as retail.sold_at'),
    granularity: Type.Optional(
      Name('cuts buckets: day, week, month, quarter, year, or one of the model’s own, such as retail_month'),
    ),
    range: Type.Optional(
      Type.Union([Type.Tuple([Type.String(), Type.String()]), PeriodSchema], {
        description:
          'half-open [from, to): dates, local times of the query’s zone, or RFC 3339 with offset; or whole periods',
        wanted: '[from, to] or {period, of, before, count} is wanted',
      }),
    ),
    fill: Type.Optional(
      Type.Boolean({ description: 'a row for every bucket of the range; needs granularity and range' }),
    ),
  },
  { ...closed, $id: 'Time', description: 'bucketed by granularity, filtered by range, or both' },
);

const OrderSchema = Type.Object(
  {
    by: Name('name of any column of the answer, or a measure that is not selected'),
    dir: Type.Optional(oneOf(['asc', 'desc'], 'default asc')),
    nulls: Type.Optional(oneOf(['first', 'last'], 'default last')),
  },
  { ...closed, $id: 'Order' },
);

const budget = (description: string) => Type.Optional(Type.Integer({ minimum: 1, description }));
const LimitsSchema = Type.Object(
  {
    rows: budget('rows of the answer (JSON: at most 100,000)'),
    bytes: budget('bytes of the answer'),
    milliseconds: budget('time until the last row'),
    memoryBytes: budget('memory of the engine'),
  },
  {
    ...closed,
    $id: 'Limits',
    description: 'lower budgets than the role’s; one that is exceeded is an error, never a cut answer',
  },
);

const Span = (description: string) => Type.String({ minLength: 1, maxLength: 64, description });
const WindowSchema = Type.Union(
  [
    Type.Object({ trailing: Span('ends with the row and is so long: 7 days, 12 months') }, closed),
    Type.Object(
      { toDate: Name('a unit, such as month or retail_month: from its start to the end of the row') },
      closed,
    ),
  ],
  {
    description: 'the stretch of time that a measure reads instead of its row’s own',
    wanted: '{trailing: "7 days"} or {toDate: "month"} is wanted',
  },
);
const MeasureSelectionSchema = Type.Object(
  {
    measure: Name('path of a measure'),
    where: Type.Optional(FilterSchema),
    window: Type.Optional(WindowSchema),
    as: Type.String({ pattern: '^[A-Za-z_][A-Za-z0-9_]{0,62}$', description: 'name of its column' }),
  },
  { ...closed, $id: 'MeasureSelection', description: 'a measure over fewer rows, or over another stretch of time' },
);
const TotalsSchema = Type.Union(
  [
    ...(['none', 'grand', 'rollup', 'cube'] as const).map((name) => Type.Literal(name)),
    Type.Array(Type.Array(Name('name of a dimension’s or bucketed time’s column'), { maxItems: 200 }), {
      minItems: 1,
      maxItems: 64,
    }),
  ],
  {
    description:
      'of everything, of every beginning of the list of groups, of every subset, or of exactly the sets given',
    wanted: 'one of none, grand, rollup, cube, or a list of lists of columns is wanted',
  },
);
const ComparisonSchema = Type.Object(
  {
    as: Type.String({ pattern: '^[A-Za-z_][A-Za-z0-9_]{0,62}$', description: 'its columns are named measure.as' }),
    shift: Span(
      'previous, a count of units (1 year, 52 weeks, 1 retail_month), or a calendar’s name for one of its years',
    ),
    show: Type.Optional(Type.Array(oneOf(SHOWN, 'default: the value'), { minItems: 1, maxItems: 3 })),
  },
  { ...closed, $id: 'Comparison', description: 'every measure once more, over an earlier range of the same length' },
);

const names = (description: string) => Type.Optional(Type.Array(Name(description), { maxItems: 200 }));
export const MetricQuerySchema = Type.Object(
  {
    measures: Type.Optional(
      Type.Array(
        Type.Union([Name('path of a measure, such as retail.net_revenue'), MeasureSelectionSchema], {
          wanted: 'a name or {measure, where, window, as} is wanted',
        }),
        { maxItems: 200 },
      ),
    ),
    dimensions: names('path of a dimension, such as retail.country'),
    time: Type.Optional(Type.Array(TimeSchema, { maxItems: 50 })),
    segments: names('path of a segment'),
    where: Type.Optional(FilterSchema),
    having: Type.Optional(FilterSchema),
    order: Type.Optional(Type.Array(OrderSchema, { maxItems: 200 })),
    totals: Type.Optional(TotalsSchema),
    compare: Type.Optional(Type.Array(ComparisonSchema, { maxItems: 8 })),
    limit: Type.Optional(Type.Integer({ minimum: 0 })),
    offset: Type.Optional(Type.Integer({ minimum: 0 })),
    total: Type.Optional(Type.Boolean({ description: 'counts the rows without limit and offset' })),
    rows: Type.Optional(Type.Boolean({ description: 'rows of the fact one by one, not grouped' })),
    drill: Type.Optional(Name('the rows that a measure counts, by its drill members unless dimensions are given')),
    parameters: Type.Optional(
      Type.Record(Type.String({ pattern: NAME }), Type.Union([Value, Type.Array(Value, { maxItems: 100_000 })]), {
        description: 'values that stand in conditions and ranges as {"parameter": name}; a list where a list stands',
      }),
    ),
    timezone: Type.Optional(Name('IANA zone of ranges and buckets; default UTC')),
    source: Type.Optional(oneOf(['auto', 'raw', 'rollup'], 'default auto; rollup fails with the miss reason')),
    fresh: Type.Optional(oneOf(['published', 'current'], 'default published; current allows no stale rollup')),
    asOf: Type.Optional(
      Type.Union(
        [
          Type.String({ maxLength: 64 }),
          Type.Array(Type.Object({ table: Name('as in provenance'), version: Name('as in provenance') }, closed), {
            minItems: 1,
            maxItems: 200,
          }),
        ],
        {
          description: 'the state to answer from: what readers saw at a time, or the tables of a provenance',
          wanted: 'a time or [{table, version}] is wanted',
        },
      ),
    ),
    limits: Type.Optional(LimitsSchema),
  },
  { ...closed, $id: 'MetricQuery', description: 'a question in the model’s terms' },
);
export type MetricQueryBody = Static<typeof MetricQuerySchema>;
