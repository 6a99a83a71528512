// The room imports graphql-js by its file: bundlers and test runners resolve the bare name to its other build (index.mjs), and the
// types of one build are refused by functions of the other.
import {
  type GraphQLFieldConfig,
  type GraphQLFieldConfigArgumentMap,
  type GraphQLFieldConfigMap,
  GraphQLInt,
  GraphQLList,
  GraphQLNonNull,
  GraphQLObjectType,
  type GraphQLResolveInfo,
  GraphQLSchema,
  GraphQLString,
} from 'graphql/index.js';
import type { Ask } from '../../answer/run/index.js';
import { error } from '../../errors/index.js';
import type { Catalogue } from '../../model/catalog/index.js';
import type { Access } from '../../model/policy/index.js';
import { type Emit, JSON_ROWS } from '../../query/index.js';
import { unitType } from './computed-types.js';
import { answered } from './graphql-error.js';
import { typeNames } from './names.js';
import { countRows, type GraphqlContext, optionsOf, type Page, pageInfoOf, readPage } from './page.js';
import { type Find, searchField } from './search-field.js';
import { fieldsBelow } from './selection.js';
import { AS_OF, FRESH, LIMITS, SOURCE } from './shared-types.js';
import { toQuery, type ViewArguments } from './to-query.js';
import { type View, viewsOf } from './view.js';
import { type ViewTypes, viewTypes } from './view-types.js';

/**
 * The schema of one visibility: a field per view, and nothing that the caller may not see. Asking for a hidden member fails as asking
 * for a misspelt one does, because for this schema both are.
 */
export const buildSchema = (catalogue: Catalogue, access: Access, ask: Ask, emit: Emit, find?: Find): GraphQLSchema => {
  const views = viewsOf(catalogue, access);
  const names = typeNames(views.map((v) => v.name));
  const fields: GraphQLFieldConfigMap<unknown, GraphqlContext> = {
    modelVersion: { type: new GraphQLNonNull(GraphQLString), resolve: () => catalogue.version },
  };
  if (find) fields['search'] = searchField(find, emit);
  const unit = unitType(catalogue.calendars);
  for (const view of views)
    fields[view.name] = viewField(view, viewTypes(view, names.get(view.name) ?? view.name, unit, emit), ask, emit);
  return new GraphQLSchema({ query: new GraphQLObjectType({ name: 'Query', fields }) });
};

const argumentsOf = (
  view: View,
  { where, having, order, segments, computed }: ViewTypes,
): GraphQLFieldConfigArgumentMap => ({
  where: {
    type: where,
    description: whereText(view),
  },
  ...(having ? { having: { type: having, description: 'Groups that are kept.' } } : {}),
  orderBy: {
    type: new GraphQLList(new GraphQLNonNull(order)),
    description:
      'Default: by dimensions and times as selected. Ties are broken by the group’s key, so pages are stable.',
  },
  ...(segments ? { segments: { type: new GraphQLList(new GraphQLNonNull(segments)) } } : {}),
  ...computed,
  first: {
    type: GraphQLInt,
    description: `Groups on the page, 0 to ${JSON_ROWS.toLocaleString('en-US')}; default all.`,
  },
  after: { type: GraphQLString, description: 'The endCursor of the page before.' },
  timezone: { type: GraphQLString, description: 'IANA zone of ranges and buckets; default UTC.' },
  source: { type: SOURCE, description: 'Default auto.' },
  fresh: { type: FRESH, description: 'Default published.' },
  asOf: { type: AS_OF, description: 'Default: the present state.' },
  limits: { type: LIMITS, description: 'Lower budgets than those of your roles.' },
});

const whereText = (view: View): string => {
  const [time] = view.times.keys();
  return time === undefined
    ? 'Rows that count.'
    : `Rows that count. A range of times is given here: {${time}: {between: ["2010-12-01", "2010-12-14"]}} is half-open.`;
};

const viewField = (
  view: View,
  types: ViewTypes,
  ask: Ask,
  emit: Emit,
): GraphQLFieldConfig<unknown, GraphqlContext> => ({
  type: types.connection,
  description: [view.title, view.description].filter((t) => t !== '').join('. '),
  args: argumentsOf(view, types),
  resolve: (_source, args, context, info) =>
    answered(context, emit, async () => connection(view, args as ViewArguments, ask, emit, context, info)),
});

/** The connection, whose parts are read when their fields are resolved; page and page information share one reading. */
const connection = (
  view: View,
  args: ViewArguments,
  ask: Ask,
  emit: Emit,
  context: GraphqlContext,
  info: GraphQLResolveInfo,
) => {
  const parts = fieldsBelow(info.fieldNodes, info);
  const query = toQuery(view, args, parts.get('nodes') ?? [], info);
  const first = args.first ?? undefined;
  if (first !== undefined && (first < 0 || first > JSON_ROWS))
    throw error('query-invalid', { where: 'first', what: `is a whole number from 0 to ${JSON_ROWS}` });
  let reading: Promise<Page> | undefined;
  const page = () => {
    reading ??= answered(context, emit, () => readPage(ask, query, first, context, String(info.path.key)));
    return reading;
  };
  return {
    nodes: async () => (await page()).rows,
    pageInfo: async () => pageInfoOf(await page()),
    totalCount: async () => {
      const { rows, offset, hasNextPage } = await page();
      if (!hasNextPage && (rows.length > 0 || offset === 0)) return offset + rows.length;
      return answered(context, emit, () => countRows(ask, query, context));
    },
    explain: () =>
      answered(context, emit, () =>
        ask.explain(
          first === undefined ? query : { ...query, limit: first },
          context.caller,
          optionsOf(context, JSON_ROWS),
        ),
      ),
  };
};
