import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import type { Transport } from '@modelcontextprotocol/sdk/shared/transport.js';
import { callerOf, type HttpApp, signalOf } from '../http/index.js';
import { type McpParts, mcpServer } from './mcp-server.js';

export type McpOptions = McpParts;

/**
 * Adds `/mcp` (streamable HTTP, without sessions) to a server that does not listen yet. Each request is authenticated by its own token
 * and served by a protocol server of its own, so that nothing of one caller is left for the next.
 */
export const mcpRoutes = (app: HttpApp, parts: McpOptions): void => {
  app.post('/mcp', async (request, reply) => {
    const signal = signalOf(reply.raw);
    const server = mcpServer(parts, { caller: callerOf(request), requestId: request.id, signal });
    const transport = new StreamableHTTPServerTransport({ enableJsonResponse: true });
    signal.addEventListener('abort', () => void server.close(), { once: true });
    await server.connect(transport as Transport);
    reply.hijack();
    reply.raw.once('finish', () => void server.close());
    await transport.handleRequest(request.raw, reply.raw, request.body);
  });
};
