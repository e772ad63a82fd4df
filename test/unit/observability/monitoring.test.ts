import { afterEach, describe, expect, it } from 'vitest';
import { type Check, type Monitoring, createMetrics, startMonitoring } from '../../../src/observability/index.ts';

const open: Monitoring[] = [];
afterEach(async () => {
  for (const server of open.splice(0)) await server.close();
});

async function start(
  checks: () => Promise<readonly Check[]>,
  more: { checkTimeoutMs?: number; maxLagMs?: number } = {},
) {
  const metrics = createMetrics({ processMetrics: false });
  const server = await startMonitoring({ host: '127.0.0.1', port: 0, metrics, checks, ...more });
  open.push(server);
  const get = async (path: string, method = 'GET') => {
    const response = await fetch(`${server.url}${path}`, { method });
    return { status: response.status, type: response.headers.get('content-type'), text: await response.text() };
  };
  return { metrics, server, get };
}
const fine: Check = { name: 'database', ok: true, text: 'writable' };

describe('monitoring', () => {
  it('/readyz tells the truth at each look', async () => {
    let cluster: Check = { name: 'cluster', ok: false, text: 'stale since 10:00, Bearer abcdef' };
    const { get } = await start(async () => [fine, cluster]);
    const first = await get('/readyz');
    expect(first.status).toBe(503);
    expect(JSON.parse(first.text)).toEqual({
      ok: false,
      checks: [fine, { name: 'cluster', ok: false, text: 'stale since 10:00, Bearer [hidden]' }],
    });
    cluster = { name: 'cluster', ok: true, text: 'fresh' };
    expect((await get('/readyz?verbose')).status).toBe(200);
  });

  it('/readyz tells what is bearable without failing for it', async () => {
    const away: Check = { name: 'cluster west', ok: false, text: 'stale', bearable: true };
    const { get } = await start(async () => [fine, away]);
    const answer = await get('/readyz');
    expect(answer.status).toBe(200);
    expect(JSON.parse(answer.text)).toMatchObject({ ok: true, checks: [fine, { name: 'cluster west', ok: false }] });
  });

  it('/readyz is not ready when its checks fail or do not answer', async () => {
    const failing = await start(async () => Promise.reject(new Error('the store is closed')));
    expect(await failing.get('/readyz')).toMatchObject({
      status: 503,
      text: expect.stringContaining('the store is closed') as string,
    });
    const hanging = await start(() => new Promise(() => undefined), { checkTimeoutMs: 20 });
    expect(await hanging.get('/readyz')).toMatchObject({
      status: 503,
      text: expect.stringContaining('no answer') as string,
    });
  });

  it('shares one look among probes while it is under way', async () => {
    let looks = 0;
    let finish: (checks: readonly Check[]) => void = () => undefined;
    const { get } = await start(
      () => {
        looks += 1;
        return new Promise((resolve) => {
          finish = resolve;
        });
      },
      { checkTimeoutMs: 20 },
    );
    expect((await get('/readyz')).status).toBe(503);
    expect((await get('/readyz')).status).toBe(503);
    expect(looks).toBe(1);
    finish([fine]);
    await get('/healthz');
    await get('/readyz');
    expect(looks).toBe(2);
  });

  it('/healthz answers while the checks hang, and fails when the event loop is late', async () => {
    const { get } = await start(() => new Promise(() => undefined));
    expect(await get('/healthz')).toMatchObject({ status: 200, type: 'application/json; charset=utf-8' });
    expect((await get('/healthz', 'HEAD')).text).toBe('');
    const late = await start(async () => [], { maxLagMs: -1 });
    expect((await late.get('/healthz')).status).toBe(503);
  });

  it('/metrics shows what happened', async () => {
    const { metrics, get } = await start(async () => []);
    metrics.operationStarted({ cluster: 'main', kind: 'provision' });
    metrics.operationEnded({ cluster: 'main', kind: 'provision', outcome: 'succeeded' });
    metrics.operationEnded({ cluster: 'main', kind: 'provision', outcome: 'succeeded' });
    metrics.stepLooked({ cluster: 'main', kind: 'add-worker', step: 'clone', outcome: 'done' }, 1500);
    metrics.reaperTicked({ cluster: 'main', outcome: 'ok' }, 4);
    metrics.onScrape(() => metrics.setCacheStale('main', 2500));
    metrics.onScrape(() => metrics.setVmServerAway('main', 4000));
    metrics.onScrape(() => Promise.reject(new Error('a gauge that cannot be read')));
    metrics.setBurstWorkers('main', { ready: 2 });
    metrics.setBacklog('main', { liveRuns: 3, outbox: 1 });
    metrics.setCostPerHour('main', 'EUR', 1.25);
    metrics.setBudget('team', 0.8);
    const { status, type, text } = await get('/metrics');
    expect(status).toBe(200);
    expect(type).toContain('text/plain');
    for (const line of [
      'burst_operations_started_total{cluster="main",kind="provision"} 1',
      'burst_operations_ended_total{cluster="main",kind="provision",outcome="succeeded"} 2',
      'burst_run_step_seconds_sum{cluster="main",kind="add-worker",step="clone",outcome="done"} 1.5',
      'burst_reaper_tick_seconds_count{cluster="main",outcome="ok"} 1',
      'burst_workers{cluster="main",status="ready"} 2',
      'burst_workers{cluster="main",status="draining"} 0',
      'burst_cache_stale_seconds{cluster="main"} 2.5',
      'burst_vm_server_up{cluster="main"} 0',
      'burst_vm_server_away_seconds{cluster="main"} 4',
      'burst_live_runs{cluster="main"} 3',
      'burst_outbox_waiting{cluster="main"} 1',
      'burst_cost_per_hour{cluster="main",currency="EUR"} 1.25',
      'burst_budget_committed_ratio{budget="team"} 0.8',
    ])
      expect(text).toContain(`${line}\n`);
  });

  it('refuses other paths and methods, and an address in use', async () => {
    const { get, server, metrics } = await start(async () => []);
    expect((await get('/')).status).toBe(404);
    expect((await get('/constructor')).status).toBe(404);
    expect((await get('/readyz', 'POST')).status).toBe(405);
    await expect(
      startMonitoring({ host: '127.0.0.1', port: server.port, metrics, checks: async () => [] }),
    ).rejects.toThrow(/EADDRINUSE/);
  });
});
