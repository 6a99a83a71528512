export { type McpOptions, mcpRoutes } from './mcp-routes.js';
export { toolSchema } from './tools.js';
