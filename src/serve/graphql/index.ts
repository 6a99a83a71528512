export { type GraphqlOptions, graphqlRoutes } from './graphql-routes.js';
export { schemaText } from './schema-text.js';
