import { request } from 'node:http';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createSandboxClock } from '../../../src/sandbox/clock.ts';
import type { WorldNode } from '../../../src/sandbox/contract.ts';
import { startWorldServer } from '../../../src/sandbox/world-server.ts';
import type { WorldServer } from '../../../src/sandbox/world-server.ts';

const HOUR = 3_600_000;
let server: WorldServer;
let clock: ReturnType<typeof createSandboxClock>;
let nodes: WorldNode[];
let set: string[];
let changed: () => void;
let inOther: boolean;

beforeEach(async () => {
  clock = createSandboxClock();
  nodes = [];
  set = [];
  inOther = true;
  const setFault = (name: string, on: boolean): void => void set.push(`${name}=${on}`);
  const silent = (): (() => void) => () => undefined;
  server = await startWorldServer({
    clock,
    slack: {
      workspaces: ['T1', 'T2'].map((team) => ({
        team,
        name: `Team ${team}`,
        installed: () => (team === 'T1' ? ('home' as const) : inOther ? ('workspace' as const) : undefined),
        readFile: (user: string, id: string) =>
          team === 'T1' && user === 'U1' && id === 'F1'
            ? { mimetype: 'text/csv', data: Buffer.from('a,b') }
            : undefined,
        handlePage: async (method: string, path: string, query: URLSearchParams, body: unknown) => ({
          status: 200,
          body: { method, path, user: query.get('user'), body, ...(team === 'T1' ? {} : { team }) },
        }),
      })),
      removeApp: async (team) => {
        if (team === 'T2') inOther = false;
      },
      onChange: (listener) => {
        changed = listener;
        return () => undefined;
      },
    },
    clusters: [
      {
        name: 'main',
        kubernetes: { world: () => ({ nodes }), onChange: silent, setFault },
        proxmox: { world: () => ({ hosts: [], vms: [], tasks: [] }), onChange: silent, setFault },
      },
    ],
    pauseMs: 30,
  });
});
afterEach(() => server.close());

const burst = (name: string, inMs: number): WorldNode => ({
  name,
  type: 'burst',
  ready: true,
  unschedulable: false,
  deadline: new Date(clock.now() + inMs).toISOString(),
  pods: [],
});
const post = async (path: string, body: unknown, headers: Record<string, string> = {}) => {
  const answer = await fetch(server.url + path, {
    method: 'POST',
    headers: { 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
  return { status: answer.status, body: (await answer.json()) as Record<string, unknown> };
};

test('faults reach their simulator and show in the world', async () => {
  expect((await post('/api/world/fault', { name: 'locked', on: true })).status).toBe(200);
  expect(set).toEqual(['locked=true']);
  const world = (await (await fetch(`${server.url}/api/world`)).json()) as { faults: { name: string; on: boolean }[] };
  expect(world.faults.filter((f) => f.on).map((f) => f.name)).toEqual(['locked']);
  expect((await post('/api/world/fault', { name: 'earthquake', on: true })).status).toBe(400);
  expect(set).toHaveLength(1);
});

test('the clock advances by what was asked, and by nothing wrong', async () => {
  expect((await post('/api/world/clock', { advanceMs: HOUR })).body).toMatchObject({ ok: true, skippedMs: HOUR });
  for (const wrong of [{ advanceMs: -1 }, { advanceMs: '1' }, {}, { advanceMs: 1, skipToNextDeadline: true }])
    expect((await post('/api/world/clock', wrong)).status).toBe(400);
  expect(clock.skippedMs()).toBe(HOUR);
});

test('skips to the last warning of the earliest deadline, then to it; one skip at a time', async () => {
  nodes = [
    burst('late', 9 * HOUR),
    burst('soon', 4 * HOUR),
    burst('past', -HOUR),
    { ...burst('p', HOUR), type: 'permanent' },
  ];
  const stops: number[] = [];
  void clock.sleep(3.5 * HOUR).then(() => stops.push(clock.now()));
  const first = post('/api/world/clock', { skipToNextDeadline: true });
  await expect.poll(() => stops.length, { interval: 2 }).toBe(1);
  const second = await post('/api/world/clock', { skipToNextDeadline: true });
  const answer = await first;
  const deadlineMs = Date.parse(nodes[1]?.deadline ?? '');
  expect(stops[0]).toBeLessThan(deadlineMs - 29 * 60_000);
  expect(answer.body['message']).toContain('soon');
  expect(Number(answer.body['nowMs'])).toBeGreaterThanOrEqual(deadlineMs + 1000);
  expect(Number(answer.body['nowMs'])).toBeLessThan(deadlineMs + 60_000);
  expect(second.status).toBe(409);
});

test('says so when no deadline is ahead', async () => {
  nodes = [burst('past', -HOUR)];
  const answer = await post('/api/world/clock', { skipToNextDeadline: true });
  expect(answer.body).toMatchObject({ ok: false, error: 'No burst worker has a deadline ahead.', skippedMs: 0 });
});

test('refuses foreign origins and host names', async () => {
  expect((await post('/api/world/clock', { advanceMs: 1 }, { origin: 'https://example.com' })).status).toBe(403);
  expect((await post('/api/world/clock', { advanceMs: 1 }, { origin: 'null' })).status).toBe(403);
  expect((await post('/api/world/clock', { advanceMs: 1 }, { origin: server.url })).status).toBe(200);
  const status = await new Promise((resolve, reject) => {
    const asked = request(`${server.url}/api/world`, { headers: { host: 'example.com' } }, (answer) => {
      answer.resume();
      resolve(answer.statusCode);
    });
    asked.once('error', reject);
    asked.end();
  });
  expect(status).toBe(403);
  expect(clock.skippedMs()).toBe(1);
});

test('passes the page to the simulated Slack', async () => {
  const got = await (await fetch(`${server.url}/api/slack/state?user=U1`)).json();
  expect(got).toMatchObject({ method: 'GET', path: '/state', user: 'U1' });
  const sent = await post('/api/slack/view/submit', { user: 'U1', viewId: 'V1', state: {} });
  expect(sent.body).toMatchObject({ method: 'POST', path: '/view/submit', body: { user: 'U1', viewId: 'V1' } });
  expect((await post('/api/slack/message', { text: 'nobody' })).status).toBe(400);
});

test('each workspace has requests of its own, and loses the app once, unless it is at home there', async () => {
  const got = await (await fetch(`${server.url}/api/slack/state?user=U1&team=T2`)).json();
  expect(got).toMatchObject({ path: '/state', user: 'U1', team: 'T2' });
  const sent = await post('/api/slack/message', { user: 'U1', team: 'T2', text: 'x' });
  expect(sent.body).toMatchObject({ team: 'T2', body: { user: 'U1', text: 'x' } });
  expect((await post('/api/slack/message', { user: 'U1', team: 'T3' })).status).toBe(404);
  expect((await fetch(`${server.url}/api/slack/files/F1?user=U1&team=T2`)).status).toBe(404);
  const installed = async (): Promise<unknown> =>
    (
      (await (await fetch(`${server.url}/api/workspaces`)).json()) as { workspaces: { installed: unknown }[] }
    ).workspaces.map((workspace) => workspace.installed);
  expect(await installed()).toEqual(['home', 'workspace']);
  const twice = await Promise.all([1, 2].map(() => post('/api/workspaces/remove-app', { team: 'T2' })));
  expect(twice.map(({ body }) => body)).toEqual([{ ok: true }, { ok: true }]);
  expect(await installed()).toEqual(['home', null]);
  expect((await post('/api/workspaces/remove-app', { team: 'T1' })).status).toBe(400);
  expect((await post('/api/workspaces/remove-app', { team: 'T3' })).status).toBe(404);
  expect((await post('/api/workspaces/remove-app', {})).status).toBe(400);
});

test('passes a file on to those who see it, to be saved and not shown', async () => {
  const file = await fetch(`${server.url}/api/slack/files/F1?user=U1`);
  expect([file.status, await file.text()]).toEqual([200, 'a,b']);
  expect(file.headers.get('content-type')).toMatch(/^text\/csv/);
  expect(file.headers.get('content-disposition')).toBe('attachment');
  expect((await fetch(`${server.url}/api/slack/files/F1?user=U2`)).status).toBe(404);
  expect((await fetch(`${server.url}/api/slack/files/F1`)).status).toBe(404);
});

test('many changes make one event', async () => {
  const answer = await fetch(`${server.url}/api/events`);
  const reader = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
  for (let i = 0; i < 20; i++) changed();
  let text = '';
  while (!text.includes('data:')) text += (await reader?.read())?.value ?? '';
  clock.skip(0);
  expect(text.match(/data:/g)).toHaveLength(1);
  expect(text).toContain('{"changed":"slack"}');
  await reader?.cancel();
});

test('the page may load nothing from elsewhere, pictures included', async () => {
  const policy = (await fetch(`${server.url}/api/world`)).headers.get('content-security-policy') ?? '';
  expect(policy).toContain("default-src 'self'");
  expect(policy).not.toMatch(/https?:/);
});
