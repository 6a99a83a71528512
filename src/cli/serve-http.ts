import { randomUUID } from 'node:crypto';
import type { Features } from '../answer/features/index.js';
import type { Ask } from '../answer/run/index.js';
import { propose, type Search } from '../answer/search/index.js';
import type { Publication } from '../build/transform/index.js';
import type { Config } from '../config/index.js';
import type { LoadedModel } from '../model/cube/index.js';
import type { Access } from '../model/policy/index.js';
import type { Caller } from '../query/index.js';
import type { Authenticator } from '../serve/auth/index.js';
import { graphqlRoutes } from '../serve/graphql/index.js';
import { type HttpServer, httpServer } from '../serve/http/index.js';
import { mcpRoutes, toolSchema } from '../serve/mcp/index.js';
import { decodeQuery, featureRoutes, MetricQuerySchema, restRoutes } from '../serve/rest/index.js';
import type { Warehouse } from '../store/engine/index.js';
import type { Kv } from '../store/kv/index.js';
import type { Telemetry } from '../telemetry/index.js';

/** The HTTP server of the settings with every wire on it, listening. */
export const serveHttp = async (w: {
  readonly config: Config;
  readonly auth: Authenticator;
  readonly ask: Ask;
  readonly model: () => LoadedModel;
  readonly telemetry: Telemetry;
  readonly access: (caller: Caller) => Access;
  readonly search: Search;
  readonly features: Features;
  readonly publications: { current(): Publication };
  readonly warehouse: Warehouse;
  readonly kv: Kv;
  readonly state: () => string;
}): Promise<{ readonly server: HttpServer; readonly address: { readonly host: string; readonly port: number } }> => {
  const { emit } = w.telemetry;
  const server = await httpServer({
    host: w.config.httpHost,
    port: w.config.httpPort,
    auth: w.auth,
    emit,
    corsOrigins: w.config.corsOrigins,
    rateLimit: w.config.rateLimit,
    metrics: () => w.telemetry.metricsText(),
    checks: {
      warehouse: async () => ({ ok: (await w.warehouse.query('SELECT 1')).rowCount === 1 }),
      'key-value': async () => {
        await w.kv.get(`assay:ready:${randomUUID()}`);
        return { ok: true, detail: w.kv.kind };
      },
      model: async () => ({ ok: true, detail: w.state() }),
      search: async () => ({ ok: true, detail: await w.search.check() }),
      data: async () => ({ ok: true, detail: `revision ${w.publications.current().revision}` }),
    },
  });
  const catalogue = () => w.model().catalogue;
  restRoutes(server.app, {
    emit,
    ask: w.ask,
    catalogue,
    access: w.access,
    search: (request, caller, context) =>
      w.search.find(request, { catalogue: catalogue(), sees: w.access(caller) }, { ...context, caller }),
    propose: (request, caller, context) =>
      propose(
        request,
        w.search,
        (query) => w.ask.explain(query, caller, { ...context, surface: 'search' }),
        { catalogue: catalogue(), sees: w.access(caller) },
        { ...context, caller },
      ),
    versions: () =>
      [...w.publications.current().tables.values()].map((t) => ({ table: t.name, version: t.dataVersion })),
  });
  featureRoutes(server.app, { features: w.features, emit });
  mcpRoutes(server.app, {
    ask: w.ask,
    search: w.search,
    catalogue,
    access: w.access,
    decode: decodeQuery,
    querySchema: toolSchema(MetricQuerySchema),
    emit,
  });
  graphqlRoutes(server.app, {
    ask: w.ask,
    catalogue,
    access: w.access,
    find: (request, { caller, requestId, signal }) =>
      w.search.find(
        request,
        { catalogue: catalogue(), sees: w.access(caller) },
        { caller, surface: 'graphql', requestId, signal },
      ),
    emit,
  });
  return { server, address: await server.listen() };
};
