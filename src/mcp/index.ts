/** Burst's own MCP server: assistants and people work on the same engine under the same rules. */
export { startMcpHttp, type McpHttp } from './http.ts';
export { createMcpServer } from './server.ts';
export type { Asked, Change, People, ServerDeps, Token, Wanted } from './types.ts';
