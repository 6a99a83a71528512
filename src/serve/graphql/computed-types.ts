import {
  GraphQLBoolean,
  GraphQLEnumType,
  type GraphQLFieldConfigArgumentMap,
  type GraphQLFieldConfigMap,
  GraphQLInputObjectType,
  GraphQLList,
  GraphQLNonNull,
  GraphQLString,
} from 'graphql/index.js';
import { error } from '../../errors/index.js';
import { type Catalogue, calendarGranularities } from '../../model/catalog/index.js';
import { type Emit, TIME_UNITS, totalFlagName } from '../../query/index.js';
import { answered } from './graphql-error.js';
import type { GraphqlContext, Row } from './page.js';
import { choice } from './shared-types.js';
import type { View } from './view.js';

/** What a query computes beside members: measures over other rows, comparisons, totals. Arguments ask, two fields of a node read. */

const TOTALS = choice('Totals', {
  none: 'no totals',
  grand: 'one row of everything',
  rollup: 'of every beginning of the list of groups, in the order of selection',
  cube: 'of every subset of the groups',
});
const SHOWN_COLUMNS = choice('Shown', {
  value: 'the earlier value',
  difference: 'now less then',
  ratio: 'now divided by then',
});
/** Units of windows: those that everybody has, and those of the model's calendars. */
export const unitType = (calendars: Catalogue['calendars']): GraphQLEnumType =>
  choice(
    'TimeUnit',
    Object.fromEntries([
      ...TIME_UNITS.map((unit) => [unit, `the ${unit} of the query’s zone`]),
      ...[...calendars.values()].flatMap((calendar) =>
        calendarGranularities(calendar).map((name) => [name, `of the calendar ${calendar.name}`]),
      ),
    ]),
  );
const text = { type: new GraphQLNonNull(GraphQLString) };
const COMPARISON = new GraphQLInputObjectType({
  name: 'Comparison',
  description:
    'Every selected measure once more, over an earlier range; read by columnValue(name: "net_revenue.before").',
  fields: {
    as: text,
    shift: {
      ...text,
      description: 'previous, a count of units (1 year, 52 weeks), or a calendar’s name for one of its years',
    },
    show: { type: new GraphQLList(new GraphQLNonNull(SHOWN_COLUMNS)), description: 'Default: the value.' },
  },
});

/** The arguments of a view that has measures. */
export const computedArguments = (
  view: View,
  type: string,
  where: GraphQLInputObjectType,
  unit: GraphQLEnumType,
): GraphQLFieldConfigArgumentMap => {
  if (view.measures.size === 0) return {};
  const measureName = new GraphQLEnumType({
    name: `${type}MeasureName`,
    values: Object.fromEntries([...view.measures].map(([name, m]) => [name, { value: m.name }])),
  });
  const measure = new GraphQLInputObjectType({
    name: `${type}Measure`,
    description: 'A measure over fewer rows, or over another stretch of time; read by columnValue(name: <as>).',
    fields: {
      measure: { type: new GraphQLNonNull(measureName) },
      as: text,
      where: { type: where },
      trailing: { type: GraphQLString, description: 'Ends with the row and is so long: 7 days.' },
      toDate: { type: unit, description: 'From the start of the unit to the end of the row.' },
    },
  });
  return {
    measures: { type: new GraphQLList(new GraphQLNonNull(measure)) },
    compare: { type: new GraphQLList(new GraphQLNonNull(COMPARISON)) },
    totals: { type: TOTALS, description: 'Nodes say by isTotal which of their groups are summed up. Default none.' },
    rows: {
      type: GraphQLBoolean,
      description: 'A node for each row, not grouped; a measure is what its row adds to it.',
    },
    drill: {
      type: measureName,
      description:
        'A node for each row that the measure counts; select dimensions, else its drill members are read. The measure is what the row adds.',
    },
    fill: { type: GraphQLBoolean, description: 'A node for every bucket of the range, also where there are no rows.' },
  };
};

/** The column of a row's answer that one of some names stands for; a name that the arguments did not make is the caller's mistake. */
const reader = (emit: Emit) => (row: Row, names: readonly string[], context: GraphqlContext) => {
  const found = names.find((name) => row.page.columns.has(name));
  if (found !== undefined) return row.page.value(row, found);
  return answered(context, emit, async () => {
    throw error('query-invalid', {
      where: names[0] ?? '',
      what: `is no column of this query; it has ${[...row.page.columns].join(', ')}`,
    });
  });
};

/** Fields of a node that read what arguments made. A member of the same name goes first. */
export const computedFields = (
  view: View,
  columns: GraphQLEnumType,
  emit: Emit,
): GraphQLFieldConfigMap<Row, GraphqlContext> => {
  const read = reader(emit);
  return {
    columnValue: {
      type: GraphQLString,
      description:
        'A column that the arguments made, as exact text: "goods", "net_revenue.before", "net_revenue.before.ratio".',
      args: { name: text },
      resolve: (row, { name }: { name: string }, context) => read(row, [name, `${view.name}.${name}`], context),
    },
    isTotal: {
      type: GraphQLBoolean,
      description: 'Whether the node sums up this group: then its own value is null.',
      args: { column: { type: new GraphQLNonNull(columns) } },
      resolve: (row, { column }: { column: string }, context) => read(row, [totalFlagName(column)], context),
    },
  };
};
