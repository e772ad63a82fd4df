/**
 * A simulated Proxmox VE behind a real MCP server (official SDK, streamable HTTP on loopback). Invariant: it behaves as the
 * recordings of ry-ops/proxmox-mcp-server do; machines that boot with a valid bootstrap token join the cluster.
 */
import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import type { Listener, ProxmoxSimulator, SandboxClock } from '../contract.ts';
import { joinCluster } from './join.ts';
import { Pve } from './pve.ts';
import type { PveVm } from './pve.ts';
import { createMcpServer } from './server.ts';
import type { ToolReply } from './tools.ts';

export type ProxmoxOptions = {
  readonly clock: SandboxClock;
  readonly port?: number;
  /** Where machines join; without it they never do. */
  readonly kubernetesUrl?: string;
  /** A machine of this name began or ceased to run. */
  readonly onMachine?: (name: string, running: boolean) => void;
  readonly cloneMs?: number;
  readonly startMs?: number;
  readonly bootMs?: number;
  readonly shutdownMs?: number;
};

/** How a call may go wrong: before it (`fail`), after its effect (`lose`: no reply at all), or late. */
export type Injection = {
  readonly tool: string;
  times: number;
  readonly fail?: string;
  readonly lose?: true;
  /** The connection is cut: before the effect, or after it. */
  readonly cut?: 'before' | 'after';
  /** This text instead of the reply, after the effect. */
  readonly reply?: string;
  /** Done just before the call is answered. */
  readonly meanwhile?: (pve: Pve) => void;
  readonly delayMs?: number;
};

export type ProxmoxTestHooks = {
  readonly pve: Pve;
  /** Calls as they came: tool and arguments. */
  requests(): readonly { readonly tool: string; readonly args: Readonly<Record<string, unknown>> }[];
  inject(injection: Injection): void;
  /** Ends all injections. */
  mend(): void;
  /** The server forgets its sessions, as after its process was killed and started again. */
  restart(): Promise<void>;
};

export async function startProxmoxSimulator(options: ProxmoxOptions): Promise<ProxmoxSimulator & ProxmoxTestHooks> {
  const { clock } = options;
  const listeners = new Set<Listener>();
  const machines = new Map<number, AbortController>();
  const requests: { tool: string; args: Readonly<Record<string, unknown>> }[] = [];
  const injections: Injection[] = [];

  function power(vm: PveVm, running: boolean): void {
    machines.get(vm.id)?.abort(new Error('powered off'));
    machines.delete(vm.id);
    options.onMachine?.(vm.name, running);
    if (!running || options.kubernetesUrl === undefined) return;
    const on = new AbortController();
    machines.set(vm.id, on);
    joinCluster({
      vm,
      url: options.kubernetesUrl,
      bootMs: options.bootMs ?? 2000,
      clock,
      signal: on.signal,
      mayJoin: () => !pve.faults.has('never_joins'),
    }).catch(() => undefined);
  }
  const pve = new Pve({
    clock,
    cloneMs: options.cloneMs ?? 2500,
    startMs: options.startMs ?? 500,
    stopMs: options.shutdownMs ?? 800,
    power,
    changed: () => {
      for (const listener of listeners) listener();
    },
  });

  async function around(
    tool: string,
    args: Readonly<Record<string, unknown>>,
    answer: () => ToolReply,
  ): Promise<ToolReply> {
    requests.push({ tool, args });
    const injection = injections.find((candidate) => candidate.tool === tool && candidate.times > 0);
    if (injection !== undefined) injection.times -= 1;
    if (injection?.delayMs !== undefined) await clock.sleep(injection.delayMs);
    if (injection?.fail !== undefined)
      return { content: [{ type: 'text', text: JSON.stringify({ error: injection.fail, tool }) }], isError: false };
    if (injection?.cut === 'before') return cut();
    injection?.meanwhile?.(pve);
    const reply = answer();
    if (injection?.cut === 'after') return cut();
    if (injection?.reply !== undefined) return { content: [{ type: 'text', text: injection.reply }], isError: false };
    if (injection?.lose === true) await new Promise<never>(() => undefined);
    return reply;
  }

  async function cut(): Promise<never> {
    http.closeAllConnections();
    return new Promise<never>(() => undefined);
  }

  const sessions = new Map<string, StreamableHTTPServerTransport>();
  async function handle(request: IncomingMessage, response: ServerResponse): Promise<void> {
    if (new URL(request.url ?? '/', 'http://localhost').pathname !== '/mcp') {
      response.writeHead(404).end();
      return;
    }
    const id = request.headers['mcp-session-id'];
    const known = typeof id === 'string' ? sessions.get(id) : undefined;
    if (known !== undefined) return known.handleRequest(request, response);
    if (id !== undefined) {
      response
        .writeHead(404, { 'content-type': 'application/json' })
        .end('{"jsonrpc":"2.0","error":{"code":-32001,"message":"Session not found"},"id":null}');
      return;
    }
    const transport: StreamableHTTPServerTransport = new StreamableHTTPServerTransport({
      sessionIdGenerator: () => randomUUID(),
      onsessioninitialized: (session) => void sessions.set(session, transport),
    });
    transport.onclose = () => {
      if (transport.sessionId !== undefined) sessions.delete(transport.sessionId);
    };
    // the SDK's own types disagree under exactOptionalPropertyTypes
    await createMcpServer(pve, around).connect(transport);
    await transport.handleRequest(request, response);
  }
  const http = createServer((request, response) => {
    handle(request, response).catch(() => {
      if (!response.headersSent) response.writeHead(500);
      response.end();
    });
  });
  let down = false;
  http.on('connection', (socket) => {
    if (down) socket.destroy();
  });
  await new Promise<void>((resolve, reject) => {
    http.once('error', reject);
    http.listen(options.port ?? 0, '127.0.0.1', resolve);
  });
  const address = http.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;

  return {
    mcpUrl: `http://127.0.0.1:${port}/mcp`,
    pve,
    requests: () => requests,
    mend: () => void injections.splice(0),
    async restart() {
      http.closeAllConnections();
      for (const transport of sessions.values()) await transport.close();
      sessions.clear();
    },
    inject: (injection) => void injections.push({ ...injection }),
    world: () => pve.world(),
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    setFault(name, on) {
      if (name === 'server_down') {
        down = on;
        if (on) http.closeAllConnections();
      } else if (on) pve.faults.add(name);
      else pve.faults.delete(name);
      for (const listener of listeners) listener();
    },
    async close() {
      pve.close();
      for (const machine of machines.values()) machine.abort(new Error('closed'));
      for (const transport of sessions.values()) await transport.close();
      http.closeAllConnections();
      await new Promise((resolve) => http.close(resolve));
    },
  };
}
