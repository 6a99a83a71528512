import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import { CallToolRequestSchema, ErrorCode, ListToolsRequestSchema, McpError } from '@modelcontextprotocol/sdk/types.js';
import type { TSchema } from '@sinclair/typebox';
import { AssayError, toAssayError } from '../../errors/index.js';
import type { Emit } from '../../query/index.js';
import { type Calling, callTool, type ToolParts } from './call-tool.js';
import { toolDescriptions } from './tools.js';

export interface McpParts extends ToolParts {
  readonly emit: Emit;
  /** JSON schema of a metric query. */
  readonly querySchema: TSchema;
}

const INSTRUCTIONS =
  'Numbers of a governed semantic model. Find names with find_members, read what they mean with describe, then ask with query. Ranges of time are half-open. What you may not see does not exist for you.';

/** A server of the Model Context Protocol for one caller. Every call goes through the same policies and the same audit as any wire. */
export const mcpServer = (parts: McpParts, calling: Calling): Server => {
  const tools = toolDescriptions(parts.querySchema);
  const server = new Server(
    { name: 'assay', version: '2' },
    { capabilities: { tools: {} }, instructions: INSTRUCTIONS },
  );
  server.setRequestHandler(ListToolsRequestSchema, () => ({ tools: JSON.parse(JSON.stringify(tools)) as [] }));
  server.setRequestHandler(CallToolRequestSchema, async ({ params }, { signal }) => {
    const tool = tools.find((t) => t.name === params.name);
    if (!tool)
      throw new McpError(
        ErrorCode.InvalidParams,
        `there is no tool ${params.name.slice(0, 100)}; there are ${tools.map((t) => t.name).join(', ')}`,
      );
    const ends = { ...calling, signal: AbortSignal.any([calling.signal, signal]) };
    try {
      const made = await callTool(tool, params.arguments, parts, ends);
      return { content: [{ type: 'text' as const, text: JSON.stringify(made) }] };
    } catch (thrown) {
      if (!(thrown instanceof AssayError))
        parts.emit('bug', { where: 'mcp', error: thrown, requestId: calling.requestId });
      const { code, message, hint } = toAssayError(thrown, calling.requestId);
      const told = { code, message, ...(hint === undefined ? {} : { hint }), requestId: calling.requestId };
      return { isError: true, content: [{ type: 'text' as const, text: JSON.stringify(told) }] };
    }
  });
  return server;
};
