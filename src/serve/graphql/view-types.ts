import {
  GraphQLEnumType,
  type GraphQLEnumValueConfigMap,
  type GraphQLFieldConfig,
  type GraphQLFieldConfigArgumentMap,
  type GraphQLFieldConfigMap,
  type GraphQLInputFieldConfigMap,
  GraphQLInputObjectType,
  GraphQLInt,
  GraphQLList,
  GraphQLNonNull,
  GraphQLObjectType,
} from 'graphql/index.js';
import type { Member } from '../../model/catalog/index.js';
import type { Emit } from '../../query/index.js';
import { computedArguments, computedFields } from './computed-types.js';
import { FILTERS, SCALARS } from './filters.js';
import { timeTypeName } from './names.js';
import type { GraphqlContext, Row } from './page.js';
import { periodArgument } from './period-types.js';
import { DateScalar, DateTimeScalar } from './scalars.js';
import { DIRECTION, EXPLANATION, NULLS, PAGE_INFO } from './shared-types.js';
import { bucketsOf, type View } from './view.js';

type Fields = GraphQLFieldConfigMap<Row, GraphqlContext>;
const nonNull = GraphQLNonNull;

const describe = (member: Member): string =>
  [member.title, member.description, member.unit ? `Unit: ${member.unit}.` : '']
    .filter((t) => t !== '')
    .join('. ')
    .replaceAll('..', '.');

const field = (member: Member): GraphQLFieldConfig<Row, GraphqlContext> => ({
  type: SCALARS[member.type.kind],
  description: describe(member),
  resolve: (row) => row.page.value(row, member.name),
});

/** Buckets shorter than a day are instants; all others are named by their first day. */
const SHORT = new Set(['second', 'minute', 'hour']);
const timeType = (view: string, name: string, member: Member): GraphQLObjectType<Row, GraphqlContext> => {
  const fields: Fields = {
    value: { ...field(member), description: 'the time itself, not cut into buckets' },
  };
  for (const bucket of bucketsOf(member))
    fields[bucket] = {
      type: SHORT.has(bucket) ? DateTimeScalar : DateScalar,
      description: `the start of its ${bucket.replaceAll('_', ' ')} in the query’s zone`,
      resolve: (row) => row.page.value(row, `${member.name}.${bucket}`),
    };
  return new GraphQLObjectType({ name: timeTypeName(view, name), description: describe(member), fields });
};

/** All types of one view. */
export interface ViewTypes {
  readonly connection: GraphQLObjectType<unknown, GraphqlContext>;
  readonly where: GraphQLInputObjectType;
  readonly having: GraphQLInputObjectType | undefined;
  readonly order: GraphQLInputObjectType;
  readonly segments: GraphQLEnumType | undefined;
  /** Arguments for what a query computes beside members. */
  readonly computed: GraphQLFieldConfigArgumentMap;
}

export const viewTypes = (view: View, type: string, unit: GraphQLEnumType, emit: Emit): ViewTypes => {
  const columns: GraphQLEnumValueConfigMap = {};
  for (const [name, member] of view.times)
    for (const bucket of bucketsOf(member)) columns[`${name}_${bucket}`] = { value: `${member.name}.${bucket}` };
  for (const [name, member] of [...view.dimensions, ...view.times, ...view.measures])
    columns[name] = { value: member.name };
  const column = new GraphQLEnumType({
    name: `${type}Column`,
    description: 'A selected member, a selected bucket (sold_at_day), or any measure.',
    values: columns,
  });
  const nodeFields: Fields = view.measures.size === 0 ? {} : computedFields(view, column, emit);
  for (const [name, member] of view.dimensions) nodeFields[name] = field(member);
  for (const [name, member] of view.times)
    nodeFields[name] = { type: timeType(type, name, member), description: describe(member), resolve: (row) => row };
  for (const [name, member] of view.measures) nodeFields[name] = field(member);
  const node = new GraphQLObjectType<Row, GraphqlContext>({
    name: type,
    description: view.description,
    fields: nodeFields,
  });
  const connection = new GraphQLObjectType<unknown, GraphqlContext>({
    name: `${type}Connection`,
    description: `Groups of ${view.title}: one node for each combination of the dimensions that are selected in nodes.`,
    fields: {
      nodes: { type: new nonNull(new GraphQLList(new nonNull(node))) },
      totalCount: {
        type: GraphQLInt,
        description: 'groups on all pages; a query of its own, run only when it is selected',
      },
      pageInfo: { type: new nonNull(PAGE_INFO) },
      explain: {
        type: EXPLANATION,
        description: 'how the query of nodes is answered, and why each rollup serves or not',
      },
    },
  });
  const where = tree(`${type}Where`, [...view.dimensions, ...view.times], 'All conditions that are given must hold.');
  const having =
    view.measures.size === 0
      ? undefined
      : tree(`${type}Having`, [...view.measures], 'Conditions on groups; all that are given must hold.');

  const order = new GraphQLInputObjectType({
    name: `${type}Order`,
    fields: {
      by: { type: new nonNull(column) },
      dir: { type: DIRECTION, defaultValue: 'asc' },
      nulls: { type: NULLS, defaultValue: 'last' },
    },
  });
  const segments =
    view.segments.size === 0
      ? undefined
      : new GraphQLEnumType({
          name: `${type}Segment`,
          values: Object.fromEntries(
            [...view.segments].map(([name, m]) => [name, { value: m.name, description: describe(m) }]),
          ),
        });
  return {
    connection,
    where,
    having,
    order,
    segments,
    computed: { ...computedArguments(view, type, where, unit), ...periodArgument(view, type) },
  };
};

/** An input with a condition per member, and `and`, `or`, `not` over itself. */
const tree = (
  name: string,
  members: readonly (readonly [string, Member])[],
  description: string,
): GraphQLInputObjectType => {
  const type: GraphQLInputObjectType = new GraphQLInputObjectType({
    name,
    description,
    fields: () => {
      const fields: GraphQLInputFieldConfigMap = {};
      for (const [member, { type: kind }] of members) {
        const filter = FILTERS.get(SCALARS[kind.kind]);
        if (filter) fields[member] = { type: filter };
      }
      const list = new GraphQLList(new nonNull(type));
      return { ...fields, and: { type: list }, or: { type: list }, not: { type } };
    },
  });
  return type;
};
