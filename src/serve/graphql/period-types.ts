import {
  GraphQLEnumType,
  type GraphQLFieldConfigArgumentMap,
  GraphQLInputObjectType,
  GraphQLInt,
  GraphQLList,
  GraphQLNonNull,
  GraphQLString,
} from 'graphql/index.js';
import type { PeriodRange } from '../../query/index.js';
import type { View } from './view.js';

/** Ranges of whole periods, as arguments give them. */
export interface PeriodArguments {
  readonly periods?: readonly (PeriodRange & { readonly time: string })[] | null;
}

/** The argument by which a view's times are held to whole periods. */
export const periodArgument = (view: View, type: string): GraphQLFieldConfigArgumentMap => {
  if (view.times.size === 0) return {};
  const time = new GraphQLEnumType({
    name: `${type}Time`,
    values: Object.fromEntries([...view.times].map(([name, m]) => [name, { value: m.name }])),
  });
  const text = new GraphQLNonNull(GraphQLString);
  const range = new GraphQLInputObjectType({
    name: `${type}Period`,
    description: 'Whole periods on the calendar of the query’s zone: a range in place of one in where.',
    fields: {
      time: { type: new GraphQLNonNull(time) },
      period: { type: text, description: 'Any granularity: month, or retail_month of a calendar of the model.' },
      of: { type: GraphQLString, description: 'A date or time that lies in it; default now.' },
      before: { type: GraphQLInt, description: 'So many periods earlier; default 0.' },
      count: { type: GraphQLInt, description: 'So many periods that end there; default 1.' },
    },
  });
  return { periods: { type: new GraphQLList(new GraphQLNonNull(range)), description: 'One for a time at most.' } };
};

/** The ranges that arguments give, by time dimension. A null is a key that was left out. */
export const periodRanges = ({ periods }: PeriodArguments): ReadonlyMap<string, PeriodRange> =>
  new Map(
    (periods ?? []).map(({ time, period, of, before, count }) => [
      time,
      {
        period,
        ...(of == null ? {} : { of }),
        ...(before == null ? {} : { before }),
        ...(count == null ? {} : { count }),
      },
    ]),
  );
