/** Several workspaces with the same ids: each is installed by OAuth, answered with its own token, and removed by itself. */
import { readFileSync, readdirSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { verifyAudit } from '../../src/audit.ts';
import { checkApp } from '../../src/check.ts';
import { loadConfig } from '../../src/config/index.ts';
import { openStore } from '../../src/store/index.ts';
import { systemClock, systemIds } from '../../src/system.ts';
import { stringify } from 'yaml';
import { freePort, SECRET } from './support/http.ts';
import { person } from './support/person.ts';
import type { Person } from './support/person.ts';
import { MINUTE_MS, provisioned, runApp, startWorld } from './support/world.ts';
import type { Tree, World } from './support/world.ts';

const OTHER = { team: 'T0OTHER0001', name: 'Other' };
const CORP = { team: 'T0CORP00001', name: 'Corp', enterprise: 'E0CORP00001' };
const KEY = 'ab'.repeat(32);
const operators = ['U0OPERATOR1', 'T0OTHER0001/U0ADMIN0001', 'E0CORP00001/U0VIEWER001'];

/** The home workspace has the configured token, unless `slack` says otherwise. */
async function withWorkspaces(slack: Tree = {}, requestUrl?: string): Promise<{ world: World; url: string }> {
  const port = requestUrl === undefined ? await freePort() : Number(new URL(requestUrl).port);
  const url = `http://127.0.0.1:${port}`;
  const world = await startWorld({
    workspaces: [OTHER, CORP],
    ...(requestUrl === undefined ? {} : { requestUrl }),
    config: {
      slack: {
        team: 'T0BURST0001',
        roles: { operator: { users: operators } },
        oauth: {
          client_id: '1234567890.0987654321',
          client_secret: 'sandbox-client-secret',
          state_secret: 'a-state-secret',
          encryption_key: KEY,
          url,
          port,
        },
        ...slack,
      },
    },
  });
  return { world, url };
}

/** Somebody in another workspace. */
function inTeam(world: World, team: string, id: string): Person {
  const own = world.sandbox.slack.others.find((other) => other.team === team);
  if (own === undefined) throw new Error(`no ${team}`);
  const page = async (path: string, body?: unknown): Promise<unknown> => {
    const at = new URL(path.replace(/^\/slack/, ''), 'http://page');
    return (await own.handlePage(body === undefined ? 'GET' : 'POST', at.pathname, at.searchParams, body)).body;
  };
  return person(id, page, (what, look, limitMs) => world.until(what, look, limitMs));
}
const callsIn = (world: World, team: string): string[] =>
  world.sandbox.slack.others
    .find((other) => other.team === team)
    ?.world()
    .calls.map(({ method }) => method) ?? [];

/** Walks through the pages as a browser does. @returns what the last one answers. */
async function install(
  url: string,
  key: string,
): Promise<{ status: number; text: string; callback: string; cookie: string }> {
  const first = await fetch(`${url}/slack/install`);
  const cookie = (first.headers.get('set-cookie') ?? '').split(';')[0] ?? '';
  const authorize = (/href="([^"]+oauth[^"]+)"/.exec(await first.text())?.[1] ?? '').replaceAll('&amp;', '&');
  const chosen = await fetch(`${authorize}&allow=${key}`, { redirect: 'manual' });
  const callback = chosen.headers.get('location') ?? '';
  const last = await fetch(callback, { headers: { cookie } });
  return { status: last.status, text: await last.text(), callback, cookie };
}
const filesOf = (world: World): string =>
  readdirSync(world.folder)
    .filter((name) => name.startsWith('burst.sqlite'))
    .map((name) => readFileSync(join(world.folder, name), 'latin1'))
    .join('');

describe('several workspaces', () => {
  it('are installed by OAuth, answered each with its own token, and removed without harm to the others', async () => {
    const { world, url } = await withWorkspaces();
    await runApp(world);
    const [ada, olga, vera] = [
      inTeam(world, OTHER.team, 'U0ADMIN0001'),
      inTeam(world, OTHER.team, 'U0OPERATOR1'),
      inTeam(world, CORP.team, 'U0VIEWER001'),
    ];

    const done = await install(url, OTHER.team);
    expect(done.status, done.text).toBe(200);
    expect(done.text).toMatch(/Success|Thank you/i);
    expect((await install(url, 'E0CORP00001')).status).toBe(200);

    // the same ids are other people: who is admin or operator at home has what is said for them here, or nothing
    expect((await olga.asks('/burst list')).text).toMatch(/needs the role viewer, and you have no role/);
    expect((await ada.asks('/burst list')).text).toMatch(/worker-1/);
    expect((await ada.asks('/burst audit')).text).toContain('What concerns you');
    expect((await vera.asks('/burst provision 1 small 24h')).text).toMatch(/is on its way/);
    await vera.ends(/to provision/);
    const [ours = ''] = await provisioned(world, ada, '1 small 1h');
    const [theirs = ''] = await provisioned(world, world.olga, '1 small 1h');
    expect(await ada.posts()).toHaveLength(1);
    expect(JSON.stringify((await ada.posts())[0])).toContain('<@U0ADMIN0001>');
    expect((await world.olga.posts()).filter(({ text }) => text.includes(ours))).toEqual([]);
    // each is the other's stranger, though somebody has the same id at home
    expect((await ada.asks(`/burst extend ${theirs} 4h`)).text).toMatch(/someone else's worker/);
    expect((await world.olga.asks(`/burst extend ${ours} 4h`)).text).toMatch(/someone else's worker/);
    expect((await ada.asks(`/burst details ${ours}`)).text).toContain('<@U0ADMIN0001>');
    const seen = JSON.stringify(await world.ada.asks(`/burst details ${ours}`));
    expect(seen).toContain('U0ADMIN0001 (T0OTHER0001)');
    expect(seen).not.toContain('<@U0ADMIN0001>');
    // forms and the home tab
    const form = await ada.opens(`/burst destroy ${ours}`);
    expect(JSON.stringify(form)).toContain(ours);
    await ada.closes();
    await ada.send('/home/open', {});
    await world.until('the home tab', async () => JSON.stringify((await ada.state()).home ?? '').includes(ours));

    const stored = filesOf(world);
    expect(stored).toContain('T0OTHER0001');
    for (const secret of ['xoxb-', 'sandbox-client-secret', 'a-state-secret', KEY])
      expect(stored).not.toContain(secret);

    await world.sandbox.slack.uninstall(OTHER.team);
    const store = await openStore({
      path: join(world.folder, 'burst.sqlite'),
      clock: systemClock,
      ids: systemIds(systemClock),
    });
    world.finished(() => store.close());
    await world.until('the removal', async () => (await store.listInstallations()).length === 1);
    expect((await store.listInstallations()).map(({ key }) => key)).toEqual(['E0CORP00001']);
    const calls = callsIn(world, OTHER.team).length;
    // the worker lives on to its deadline; what is to be said of it goes to where it can be said
    world.skip(31 * MINUTE_MS);
    await world.until('a warning at home', async () =>
      (await world.olga.messages()).some(({ text }) => text.includes(ours) && /expire|left/i.test(text)),
    );
    world.skip(30 * MINUTE_MS);
    await world.until('the end of the worker', async () => (await world.leftOf(ours)).length === 0, 60_000);
    await world.until('nothing left to say', async () => (await store.backlog('sandbox')).outbox === 0);
    expect(callsIn(world, OTHER.team).length, 'nothing is sent there any more').toBe(calls);
    expect((await world.olga.asks('/burst list')).text).toContain('worker-1');
    expect((await vera.asks('/burst list')).text).toContain('worker-1');
    expect(
      (await store.listAudit({ limit: 99, actions: ['uninstall', 'install'] })).map(({ action }) => action),
    ).toEqual(['uninstall', 'install', 'install']);
    expect(verifyAudit(join(world.folder, 'burst.sqlite'), []).ok).toBe(true);

    // and again
    expect((await install(url, OTHER.team)).status).toBe(200);
    expect((await ada.asks('/burst list')).text).toContain('worker-1');
  });

  it('take a state once, in the browser that it was made for, and only what the configuration allows', async () => {
    const { world, url } = await withWorkspaces({
      oauth: {
        client_id: '1234567890.0987654321',
        client_secret: 'sandbox-client-secret',
        state_secret: 'a-state-secret',
        encryption_key: KEY,
        url: 'http://127.0.0.1:1',
        teams: ['T0OTHER0001'],
        port: 0,
      },
    }).then(async ({ world: made }) => {
      const port = await freePort();
      const own = `http://127.0.0.1:${port}`;
      const { slack } = made.file as { slack: { oauth: Tree } };
      Object.assign(slack.oauth, { url: own, port });
      return { world: made, url: own };
    });
    await runApp(world);
    const good = await install(url, OTHER.team);
    expect(good.status).toBe(200);
    expect(
      (await fetch(good.callback, { headers: { cookie: good.cookie } })).status,
      'used before',
    ).toBeGreaterThanOrEqual(400);
    expect((await fetch(good.callback)).status, 'another browser').toBeGreaterThanOrEqual(400);
    const forged = good.callback.replace(/state=[^&]+/, 'state=x.y.z.w');
    expect(
      (await fetch(forged, { headers: { cookie: 'slack-app-oauth-state=x.y.z.w' } })).status,
      'forged',
    ).toBeGreaterThanOrEqual(400);
    expect((await install(url, 'T0CORP00001')).status, 'not allowed').toBeGreaterThanOrEqual(400);
    expect((await install(url, 'cancel')).status).toBeGreaterThanOrEqual(400);
    const vera = inTeam(world, CORP.team, 'U0VIEWER001');
    await vera.send('/command', { channel: 'C0BURST0001', text: '/burst list' });
    const store = await openStore({
      path: join(world.folder, 'burst.sqlite'),
      clock: systemClock,
      ids: systemIds(systemClock),
    });
    world.finished(() => store.close());
    expect((await store.listInstallations()).map(({ key }) => key)).toEqual(['T0OTHER0001']);
    expect((await store.listAudit({ limit: 9, outcomes: ['refused'], actions: ['install'] }))[0]).toMatchObject({
      actor: { userId: 'T0CORP00001/U0ADMIN0001' },
    });
  });

  it('are told where to install Burst when the database is lost', async () => {
    const { world, url } = await withWorkspaces();
    const app = await runApp(world);
    expect((await install(url, OTHER.team)).status).toBe(200);
    const ada = inTeam(world, OTHER.team, 'U0ADMIN0001');
    expect((await ada.asks('/burst list')).text).toMatch(/worker-1/);
    await app.stop();
    for (const file of readdirSync(world.folder).filter((name) => name.startsWith('burst.sqlite')))
      rmSync(join(world.folder, file));
    await runApp(world);
    const told = (await ada.asks('/burst list')).text;
    expect(told).toMatch(/no installation for this workspace.*Nothing was done/);
    expect(told).toContain(`${url}/slack/install`);
    expect((await world.olga.asks('/burst list')).text).toContain('worker-1');
    expect((await install(url, OTHER.team)).status).toBe(200);
    expect((await ada.asks('/burst list')).text).toMatch(/worker-1/);
  });

  it('do not start where the port of their pages is taken', async () => {
    const { world, url } = await withWorkspaces();
    const taken = createServer().listen(Number(new URL(url).port));
    world.finished(() => void taken.close());
    await expect(runApp(world)).rejects.toThrow(/installation pages cannot listen on port \d+/);
  });

  it('need no configured token, over HTTP; check lists each; a new key opens what the old one sealed', async () => {
    const port = await freePort();
    const { world, url } = await withWorkspaces(
      { mode: 'http', signing_secret: SECRET, port, bot_token: null, team: 'T0OTHER0001', channel: null },
      `http://127.0.0.1:${port}/slack/events`,
    );
    const app = await runApp(world);
    expect((await install(url, OTHER.team)).status).toBe(200);
    // ids without a workspace are of slack.team
    const olga = inTeam(world, OTHER.team, 'U0OPERATOR1');
    await olga.asks('/burst provision 1 small 24h');
    await olga.ends(/to provision/);
    await app.stop();

    const { slack } = world.file as { slack: { oauth: Tree } };
    const fresh = 'cd'.repeat(32);
    slack.oauth['encryption_key'] = `${fresh} ${KEY}`;
    await (await runApp(world)).stop();
    // a key that is lost
    slack.oauth['encryption_key'] = 'ef'.repeat(32);
    const lost = await runApp(world);
    expect((await olga.asks('/burst list')).text).toMatch(/cannot use its token for this workspace/);
    await lost.stop();
    slack.oauth['encryption_key'] = fresh;
    const config = (): ReturnType<typeof loadConfig> =>
      loadConfig({ path: 'x', env: {}, readFile: () => stringify(world.file) });
    const checks = await checkApp({ config: config(), kubeconfig: world.kubeconfig });
    expect(checks.find(({ name }) => name.includes('T0OTHER0001'))).toMatchObject({
      ok: true,
      text: expect.stringMatching(/^Other: bot burst/) as string,
    });
    slack.oauth['encryption_key'] = KEY;
    const wrong = await checkApp({ config: config(), kubeconfig: world.kubeconfig });
    expect(wrong.find(({ name }) => name.includes('T0OTHER0001'))).toMatchObject({
      ok: false,
      text: expect.stringMatching(/cannot be opened: the key [0-9a-f]+ is not configured/) as string,
    });
  });
});
