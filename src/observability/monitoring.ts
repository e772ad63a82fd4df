/**
 * /healthz, /readyz and /metrics. Invariant: they tell the truth now: readiness is looked at for each request, and what
 * could not be looked at in time is not ready.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Metrics } from './metrics.ts';
import { createRedactor } from './redact.ts';

export type Check = {
  readonly name: string;
  readonly ok: boolean;
  readonly text: string;
  /** Told when it is not ok, but it keeps nothing else from working. */
  readonly bearable?: boolean;
};
export type MonitoringOptions = {
  readonly host: string;
  /** 0 takes a free one. */
  readonly port: number;
  readonly metrics: Metrics;
  /** Looks at everything that the process needs for its work. */
  readonly checks: () => Promise<readonly Check[]>;
  /** Longest wait for `checks`, in ms; 5,000 unless given. */
  readonly checkTimeoutMs?: number;
  /** An event loop later than this makes /healthz fail, in ms; 5,000 unless given. */
  readonly maxLagMs?: number;
};
export type Monitoring = { readonly url: string; readonly port: number; close(): Promise<void> };

type Answer = { readonly status: number; readonly contentType: string; readonly body: string };

const redactor = createRedactor();
const json = (status: number, value: unknown): Answer => ({
  status,
  contentType: 'application/json; charset=utf-8',
  body: `${JSON.stringify(value)}\n`,
});

/** How late a timer that is due now fires, in ms. */
async function eventLoopLagMs(): Promise<number> {
  const before = performance.now();
  await new Promise((resolve) => setTimeout(resolve, 1));
  return Math.max(0, performance.now() - before - 1);
}

async function within<T>(promise: Promise<T>, limitMs: number): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${limitMs / 1000} s`)), limitMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Starts the server. @throws when the address cannot be listened on. */
export async function startMonitoring(options: MonitoringOptions): Promise<Monitoring> {
  const { checkTimeoutMs = 5000, maxLagMs = 5000 } = options;
  let looking: Promise<readonly Check[]> | undefined;
  const health = async (): Promise<Answer> => {
    const lagMs = Math.round(await eventLoopLagMs());
    return json(lagMs > maxLagMs ? 503 : 200, { ok: lagMs <= maxLagMs, eventLoopLagMs: lagMs });
  };
  const readiness = async (): Promise<Answer> => {
    // Probes that come while one is being answered share its look, so that a slow one is not made slower.
    looking ??= Promise.resolve()
      .then(options.checks)
      .finally(() => {
        looking = undefined;
      });
    let checks: readonly Check[];
    try {
      checks = await within(looking, checkTimeoutMs);
    } catch (error) {
      checks = [{ name: 'checks', ok: false, text: error instanceof Error ? error.message : 'failed' }];
    }
    const ok = checks.every((check) => check.ok || check.bearable === true);
    return json(ok ? 200 : 503, {
      ok,
      checks: checks.map((check) => ({ name: check.name, ok: check.ok, text: redactor.text(check.text) })),
    });
  };
  const answer = async (method: string, path: string): Promise<Answer> => {
    const handler = { '/healthz': health, '/readyz': readiness, '/metrics': metrics }[path];
    if (handler === undefined) return json(404, { error: 'there are /healthz, /readyz and /metrics' });
    if (method !== 'GET' && method !== 'HEAD') return json(405, { error: 'only GET' });
    return handler();
  };
  const metrics = async (): Promise<Answer> => ({ status: 200, ...(await options.metrics.render()) });

  const server = createServer((request, response) => {
    const path = (request.url ?? '/').split('?')[0] ?? '/';
    answer(request.method ?? 'GET', path)
      .catch(() => json(500, { error: 'this could not be answered' }))
      .then(({ status, contentType, body }) => {
        response.writeHead(status, {
          'Content-Type': contentType,
          'Content-Length': Buffer.byteLength(body),
          'Cache-Control': 'no-store',
        });
        response.end(request.method === 'HEAD' ? undefined : body);
      })
      .catch(() => response.destroy());
  });
  server.headersTimeout = 10_000;
  server.requestTimeout = 10_000;
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port, options.host, () => {
      server.off('error', reject);
      resolve();
    });
  });
  const { port } = server.address() as AddressInfo;
  const host = options.host.includes(':') ? `[${options.host}]` : options.host;
  return {
    url: `http://${host}:${port}`,
    port,
    close: () =>
      new Promise((resolve, reject) => {
        server.close((error) => (error === undefined ? resolve() : reject(error)));
        server.closeAllConnections();
      }),
  };
}
