/**
 * What the conformance suite's scenarios ask of a server: its tools, resources and prompts. They travel over Burst's own
 * transports, which is what the suite is run for; Burst's own tools are tested with the official client.
 */
import { Server } from '@modelcontextprotocol/sdk/server/index.js';
import type { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js';
import {
  CallToolRequestSchema,
  CompleteRequestSchema,
  ErrorCode,
  GetPromptRequestSchema,
  ListPromptsRequestSchema,
  ListResourcesRequestSchema,
  ListResourceTemplatesRequestSchema,
  ListToolsRequestSchema,
  McpError,
  ReadResourceRequestSchema,
  SetLevelRequestSchema,
  SubscribeRequestSchema,
  UnsubscribeRequestSchema,
} from '@modelcontextprotocol/sdk/types.js';
import type { CallToolResult, ElicitRequestFormParams, GetPromptResult } from '@modelcontextprotocol/sdk/types.js';
import { setTimeout as wait } from 'node:timers/promises';
import type { Extra } from '../../../src/mcp/session.ts';

const PNG = 'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==';
const WAV = 'UklGRiQAAABXQVZFZm10IBAAAAABAAEARKwAAIhYAQACABAAZGF0YQAAAAA=';
const text = (value: string) => ({ type: 'text' as const, text: value });
const image = { type: 'image' as const, data: PNG, mimeType: 'image/png' };
const resource = (uri: string, mimeType: string, value: string) => ({
  type: 'resource' as const,
  resource: { uri, mimeType, text: value },
});
const user = (content: GetPromptResult['messages'][number]['content']) => ({ role: 'user' as const, content });
type Properties = Record<string, object>;
const object = (properties: Properties = {}) => ({
  type: 'object' as const,
  properties,
  required: Object.keys(properties),
});

type Tool = {
  readonly input?: { readonly type: 'object' } & Record<string, unknown>;
  readonly run: (args: Record<string, unknown>, extra: Extra, server: Server) => Promise<CallToolResult>;
};
const said = (value: string): Promise<CallToolResult> => Promise.resolve({ content: [text(value)] });
const asks = (requestedSchema: ElicitRequestFormParams['requestedSchema']): Tool => ({
  async run(_args, extra, server) {
    const answer = await server.elicitInput({ message: 'Please fill this in', requestedSchema }, around(extra));
    return said(`Elicitation completed: action=${answer.action}, content=${JSON.stringify(answer.content)}`);
  },
});
const around = (extra: Extra) => ({ relatedRequestId: extra.requestId });

const tools: Readonly<Record<string, Tool>> = {
  test_simple_text: { run: () => said('This is a simple text response for testing.') },
  test_image_content: { run: () => Promise.resolve({ content: [image] }) },
  test_audio_content: {
    run: () => Promise.resolve({ content: [{ type: 'audio', data: WAV, mimeType: 'audio/wav' }] }),
  },
  test_embedded_resource: {
    run: () =>
      Promise.resolve({
        content: [resource('test://embedded-resource', 'text/plain', 'This is an embedded resource content.')],
      }),
  },
  test_multiple_content_types: {
    run: () =>
      Promise.resolve({
        content: [
          text('Multiple content types test:'),
          image,
          resource('test://mixed-content-resource', 'application/json', '{"test":"data","value":123}'),
        ],
      }),
  },
  test_tool_with_logging: {
    async run(_args, extra) {
      for (const data of ['Tool execution started', 'Tool processing data', 'Tool execution completed']) {
        await extra.sendNotification({ method: 'notifications/message', params: { level: 'info', data } });
        await wait(50);
      }
      return said('logged');
    },
  },
  test_tool_with_progress: {
    async run(_args, extra) {
      const progressToken = extra._meta?.progressToken;
      for (const progress of [0, 50, 100]) {
        if (progressToken !== undefined)
          await extra.sendNotification({
            method: 'notifications/progress',
            params: { progressToken, progress, total: 100 },
          });
        await wait(50);
      }
      return said('progressed');
    },
  },
  test_error_handling: { run: () => Promise.reject(new Error('This tool intentionally returns an error for testing')) },
  test_sampling: {
    input: object({ prompt: { type: 'string' } }),
    async run({ prompt }, extra, server) {
      const messages = [{ role: 'user' as const, content: text(String(prompt)) }];
      const answer = await server.createMessage({ messages, maxTokens: 100 }, around(extra));
      return said(`LLM response: ${answer.content.type === 'text' ? answer.content.text : ''}`);
    },
  },
  test_elicitation: {
    input: object({ message: { type: 'string' } }),
    async run({ message }, extra, server) {
      const requestedSchema = {
        type: 'object' as const,
        properties: {
          username: { type: 'string' as const, description: "User's response" },
          email: { type: 'string' as const, description: "User's email address" },
        },
        required: ['username', 'email'],
      };
      const answer = await server.elicitInput({ message: String(message), requestedSchema }, around(extra));
      return said(`User response: action: ${answer.action}, content: ${JSON.stringify(answer.content)}`);
    },
  },
  test_elicitation_sep1034_defaults: asks({
    type: 'object',
    properties: {
      name: { type: 'string', default: 'John Doe' },
      age: { type: 'integer', default: 30 },
      score: { type: 'number', default: 95.5 },
      status: { type: 'string', enum: ['active', 'inactive', 'pending'], default: 'active' },
      verified: { type: 'boolean', default: true },
    },
  }),
  test_elicitation_sep1330_enums: asks({
    type: 'object',
    properties: {
      untitledSingle: { type: 'string', enum: ['option1', 'option2', 'option3'] },
      titledSingle: {
        type: 'string',
        oneOf: [
          { const: 'value1', title: 'First Option' },
          { const: 'value2', title: 'Second Option' },
          { const: 'value3', title: 'Third Option' },
        ],
      },
      legacyEnum: {
        type: 'string',
        enum: ['opt1', 'opt2', 'opt3'],
        enumNames: ['Option One', 'Option Two', 'Option Three'],
      },
      untitledMulti: { type: 'array', items: { type: 'string', enum: ['option1', 'option2', 'option3'] } },
      titledMulti: {
        type: 'array',
        items: {
          anyOf: [
            { const: 'value1', title: 'First Choice' },
            { const: 'value2', title: 'Second Choice' },
            { const: 'value3', title: 'Third Choice' },
          ],
        },
      },
    },
  }),
  test_reconnection: {
    async run(_args, extra) {
      extra.closeSSEStream?.();
      await wait(100);
      return said('Reconnection test completed successfully');
    },
  },
  json_schema_2020_12_tool: {
    input: {
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      type: 'object',
      $defs: {
        address: { type: 'object', properties: { street: { type: 'string' }, city: { type: 'string' } } },
      },
      properties: { name: { type: 'string' }, address: { $ref: '#/$defs/address' } },
      additionalProperties: false,
    },
    run: () => said('fine'),
  },
};

type Prompt = { readonly args: readonly string[]; readonly get: (args: Record<string, string>) => GetPromptResult };
const prompts: Readonly<Record<string, Prompt>> = {
  test_simple_prompt: {
    args: [],
    get: () => ({ messages: [user(text('This is a simple prompt for testing.'))] }),
  },
  test_prompt_with_arguments: {
    args: ['arg1', 'arg2'],
    get: ({ arg1, arg2 }) => ({
      messages: [user(text(`Prompt with arguments: arg1='${arg1}', arg2='${arg2}'`))],
    }),
  },
  test_prompt_with_embedded_resource: {
    args: ['resourceUri'],
    get: ({ resourceUri = '' }) => ({
      messages: [
        user(resource(resourceUri, 'text/plain', 'Embedded resource content for testing.')),
        user(text('Please process the embedded resource above.')),
      ],
    }),
  },
  test_prompt_with_image: {
    args: [],
    get: () => ({ messages: [user(image), user(text('Please analyze the image above.'))] }),
  },
};

function contents(uri: string) {
  if (uri === 'test://static-text' || uri === 'test://watched-resource')
    return { uri, mimeType: 'text/plain', text: 'This is the content of the static text resource.' };
  if (uri === 'test://static-binary') return { uri, mimeType: 'image/png', blob: PNG };
  const id = /^test:\/\/template\/([^/]+)\/data$/.exec(uri)?.[1];
  if (id === undefined) throw new McpError(ErrorCode.InvalidParams, `there is no resource ${uri}`);
  const data = { id, templateTest: true, data: `Data for ID: ${id}` };
  return { uri, mimeType: 'application/json', text: JSON.stringify(data) };
}

/** A new server with everything that the suite asks for. */
export function conformanceServer(): McpServer {
  const server = new Server(
    { name: 'conformance', version: '1.0.0' },
    {
      capabilities: {
        tools: {},
        resources: { subscribe: true },
        prompts: {},
        logging: {},
        completions: {},
      },
    },
  );
  server.setRequestHandler(ListToolsRequestSchema, () => ({
    tools: Object.entries(tools).map(([name, tool]) => ({
      name,
      description: `for ${name}`,
      inputSchema: tool.input ?? object(),
    })),
  }));
  server.setRequestHandler(CallToolRequestSchema, async ({ params }, extra) => {
    const tool = tools[params.name];
    if (tool === undefined) throw new McpError(ErrorCode.InvalidParams, `there is no tool ${params.name}`);
    try {
      return await tool.run(params.arguments ?? {}, extra, server);
    } catch (error) {
      return { isError: true, content: [text(error instanceof Error ? error.message : String(error))] };
    }
  });
  server.setRequestHandler(ListResourcesRequestSchema, () => ({
    resources: ['static-text', 'static-binary', 'watched-resource'].map((name) => ({
      uri: `test://${name}`,
      name,
      description: `the ${name}`,
    })),
  }));
  server.setRequestHandler(ListResourceTemplatesRequestSchema, () => ({
    resourceTemplates: [{ uriTemplate: 'test://template/{id}/data', name: 'template', description: 'by id' }],
  }));
  server.setRequestHandler(ReadResourceRequestSchema, ({ params }) => ({ contents: [contents(params.uri)] }));
  server.setRequestHandler(SubscribeRequestSchema, () => ({}));
  server.setRequestHandler(UnsubscribeRequestSchema, () => ({}));
  server.setRequestHandler(SetLevelRequestSchema, () => ({}));
  server.setRequestHandler(CompleteRequestSchema, () => ({ completion: { values: [], total: 0, hasMore: false } }));
  server.setRequestHandler(ListPromptsRequestSchema, () => ({
    prompts: Object.entries(prompts).map(([name, { args }]) => ({
      name,
      description: `for ${name}`,
      arguments: args.map((arg) => ({ name: arg, description: arg, required: true })),
    })),
  }));
  server.setRequestHandler(GetPromptRequestSchema, ({ params }) => {
    const prompt = prompts[params.name];
    if (prompt === undefined) throw new McpError(ErrorCode.InvalidParams, `there is no prompt ${params.name}`);
    return prompt.get(params.arguments ?? {});
  });
  // of an McpServer the transport needs connect, close and isConnected, which this has
  return Object.assign(server, { server, isConnected: () => server.transport !== undefined }) as unknown as McpServer;
}
