import type { FastifyReply, FastifyRequest } from 'fastify';
import type { GraphQLError, GraphQLSchema } from 'graphql/index.js';
import { createYoga, type Plugin } from 'graphql-yoga';
import type { Ask } from '../../answer/run/index.js';
import { error } from '../../errors/index.js';
import type { Catalogue } from '../../model/catalog/index.js';
import type { Access } from '../../model/policy/index.js';
import type { Caller, Emit } from '../../query/index.js';
import { callerOf, type HttpApp, signalOf } from '../http/index.js';
import { buildSchema } from './build-schema.js';
import { COST, overCost } from './cost.js';
import { maskError, statusOf } from './graphql-error.js';
import type { GraphqlContext } from './page.js';
import type { Find } from './search-field.js';

export interface GraphqlOptions {
  readonly ask: Ask;
  /** The model in use now; a reload gives another. */
  readonly catalogue: () => Catalogue;
  readonly access: (caller: Caller) => Access;
  /** Undefined: there is no `search`. */
  readonly find?: Find;
  readonly emit: Emit;
}

/** Schemas that are kept: visibilities times the models of a reload. */
const MOST_SCHEMAS = 64;

/** Adds `/graphql` to a server that does not listen yet. */
export const graphqlRoutes = (app: HttpApp, { ask, catalogue, access, find, emit }: GraphqlOptions): void => {
  const schemas = new Map<string, GraphQLSchema>();
  const schemaOf = (caller: Caller): GraphQLSchema => {
    const model = catalogue();
    const seen = access(caller);
    const key = `${model.version}/${seen.visibilityKey}`;
    const known = schemas.get(key);
    if (known) return known;
    const made = buildSchema(model, seen, ask, emit, find);
    const oldest = schemas.keys().next();
    if (schemas.size >= MOST_SCHEMAS && !oldest.done) schemas.delete(oldest.value);
    schemas.set(key, made);
    return made;
  };

  const mask = maskError(emit);
  const yoga = createYoga<GraphqlContext>({
    graphqlEndpoint: '/graphql',
    schema: ({ caller }) => schemaOf(caller),
    maskedErrors: { maskError: mask },
    plugins: [limited, described(mask)],
    cors: false,
    graphiql: false,
    landingPage: false,
    multipart: false,
    batching: false,
    logging: false,
  });

  const handle = async (request: FastifyRequest, reply: FastifyReply) => {
    const context: GraphqlContext = {
      caller: callerOf(request),
      requestId: request.id,
      signal: signalOf(reply.raw),
      provenance: {},
    };
    let response: Response;
    let text: string;
    try {
      response = await yoga.handleNodeRequestAndResponse(request, reply, context);
      text = await response.text();
    } catch (thrown) {
      throw context.signal.aborted ? error('cancelled', {}, thrown) : thrown;
    }
    if (response.status === 406)
      throw error('not-acceptable', {
        accept: String(request.headers.accept).slice(0, 200),
        known: 'application/graphql-response+json, application/json',
      });
    response.headers.forEach((value, name) => {
      if (name !== 'content-length') reply.header(name, value);
    });
    return reply.header('vary', 'accept, authorization').code(response.status).send(text);
  };
  app.get('/graphql', { exposeHeadRoute: false }, handle);
  app.post('/graphql', handle);
};

/** Limits before any work is done for a document. */
const limited: Plugin<GraphqlContext> = {
  onParse: ({ parseFn, setParseFn }) =>
    setParseFn((source, options) => parseFn(source, { ...options, maxTokens: COST.tokens })),
  onValidate: ({ params, setResult }) => {
    const errors = overCost(params.documentAST);
    if (errors.length > 0) setResult(errors);
  },
};

/** The last station of every result, also of one that was never executed: errors as callers may see them, provenance, status. */
const described = (mask: (thrown: unknown) => GraphQLError): Plugin<object, GraphqlContext> => ({
  onResultProcess: ({ result, setResult, serverContext }) => {
    if (Array.isArray(result) || Symbol.asyncIterator in result) return;
    const { provenance, requestId } = serverContext;
    const errors = result.errors?.map(mask);
    const status = statusOf({ data: result.data, errors });
    setResult({
      ...result,
      ...(errors ? { errors } : {}),
      extensions: {
        ...result.extensions,
        requestId,
        provenance,
        ...(status === undefined ? {} : { http: { status } }),
      },
    });
  },
});
