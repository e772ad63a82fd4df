/** More than may be asked for: it is said until when, and nothing is lost or done behind anybody's back. */
import { describe, expect, it } from 'vitest';
import { assistant, call, ENV, MCP, outcomeOf } from './support/assistant.ts';
import type { TokenName } from './support/assistant.ts';
import type { Person } from './support/person.ts';
import { shown } from './support/person.ts';
import { CHANNEL, HOUR_MS, merged, runApp, startAll } from './support/world.ts';
import type { Tree, World } from './support/world.ts';

const DATE = /<!date\^\d+\^/;
const NO_FLOOD = { commands: { per_minute: 0 } };
const { mcp } = MCP as { mcp: { tokens: Tree[] } };
/** An assistant of each kind, this one with more in its configuration. */
const withToken = (name: TokenName, more: Tree): Tree => ({
  mcp: { ...mcp, tokens: mcp.tokens.map((token) => (token['name'] === name ? { ...token, ...more } : token)) },
});

async function start(config: Tree) {
  const world = await startAll({ config: merged(MCP, config), env: ENV });
  let url = world.app.mcpUrl ?? '';
  const as = (name: TokenName) => assistant(url, name, world.finished);
  return {
    ...world,
    as,
    async restart() {
      await world.app.stop();
      url = (await runApp(world)).mcpUrl ?? '';
    },
    /** How often such a refusal is in the audit. */
    async refused(action: string): Promise<number> {
      const { contents } = await (await as('admin')).readResource({ uri: 'burst://audit' });
      const [first] = contents;
      const rows = JSON.parse(first !== undefined && 'text' in first ? first.text : '[]') as Tree[];
      return rows.filter((row) => row['action'] === action && row['outcome'] === 'refused').length;
    },
  };
}
/** What only this person sees. */
const privately = (world: World, who: Person): string[] =>
  world.sandbox.slack
    .world()
    .messages.filter(({ to }) => to === who.id)
    .map(({ text }) => text);

describe('requests for workers', () => {
  it('beyond the limit are refused until a time that is told, over restarts; audited once', async () => {
    const world = await start({ limits: { per_user: { requests: 2 } } });
    const { olga, ada } = world;
    const asks = async (who: Person): Promise<string> => shown(await who.asks('/burst provision 1 small 24h'));
    for (let times = 0; times < 2; times++) expect(await asks(olga)).toMatch(/on its way/);
    for (let times = 0; times < 3; times++) {
      const said = await asks(olga);
      expect(said).toMatch(/2 requests for workers .* within 1 h by one requester/);
      expect(said).toMatch(new RegExp(`Try again ${DATE.source}`));
    }
    expect(await world.refused('provision')).toBe(1);
    expect(await asks(ada), "another's limit is another").toMatch(/on its way/);
    await world.restart();
    expect(await asks(olga)).toMatch(DATE);
    expect(await world.refused('provision')).toBe(1);
    world.skip(HOUR_MS);
    expect(await asks(olga)).toMatch(/on its way/);
  });

  it('of all together have a limit, too, which the form tells and keeps what was typed', async () => {
    const world = await start({ limits: { per_workspace: { workers: 3 } } });
    expect(shown(await world.ada.asks('/burst provision 2 small 24h'))).toMatch(/on its way/);
    const form = await world.olga.opens('/burst provision');
    await world.olga.submits(form, { count: '2', Reason: 'because' });
    const again = await world.olga.form(/3 workers within 1 h by all together/);
    expect(shown(again)).toMatch(DATE);
    expect(shown(again)).toContain('because');
    await world.olga.submits(again, { count: '1' });
    await world.olga.form(/on its way/);
  });

  it('of admins have none where the configuration says so', async () => {
    const world = await start({ limits: { per_user: { requests: 1 }, admins_exempt: true } });
    for (let times = 0; times < 2; times++)
      expect(shown(await world.ada.asks('/burst provision 1 small 24h'))).toMatch(/on its way/);
    const form = await world.ada.opens('/burst provision');
    await world.ada.submits(form, { count: '1' });
    await world.ada.form(/on its way/);
    await world.olga.asks('/burst provision 1 small 24h');
    expect(shown(await world.olga.asks('/burst provision 1 small 24h'))).toMatch(DATE);
  });

  it('that wait for approval count, and what was approved is not refused', async () => {
    const world = await start({
      limits: { per_user: { requests: 1 } },
      approvals: { rules: [{ name: 'all', actions: ['provision'] }] },
    });
    await world.olga.asks('/burst provision 1 small 24h');
    expect(shown(await world.olga.asks('/burst provision 1 small 24h'))).toMatch(DATE);
    const message = await world.ada.sees(/asks to provision/);
    expect((await world.ada.clicksAndHears(message, /Approve/)).text).toMatch(/Approved by/);
    await world.olga.ends(/asked to provision/);
  });
});

describe('an assistant', () => {
  it('has limits on workers in a time, in many calls at once too', async () => {
    const world = await start(withToken('operator', { max_workers_per_hour: 3, max_workers_per_day: 4 }));
    const client = await world.as('operator');
    const ask = () => call(client, 'provision_workers', { count: 1, size: 'small' });
    const answers = await Promise.all(Array.from({ length: 8 }, ask));
    expect(answers.filter(({ isError }) => !isError)).toHaveLength(3);
    for (const { text } of answers.filter(({ isError }) => isError))
      expect(text).toMatch(/3 workers within 1 h .*Nothing was done.*Try again at \d{4}-\d\d-\d\dT.*Z\./s);
    expect(await world.refused('provision')).toBe(1);
    world.skip(HOUR_MS);
    expect(outcomeOf(await ask()).status).toBe('accepted');
    expect((await ask()).text).toMatch(/4 workers within 1 d/);
    expect(outcomeOf(await call(await world.as('alone'), 'provision_workers', { count: 1 })).status).toBe('accepted');
  });

  it('has limits on changes, what it asks people for among them; the same key is the same request', async () => {
    const world = await start(withToken('viewer', { max_changes_per_hour: 1 }));
    const client = await world.as('viewer');
    const ask = (key: string) => call(client, 'provision_workers', { count: 1, idempotency_key: key });
    expect(outcomeOf(await ask('a')).status).toBe('awaiting_approval');
    expect(outcomeOf(await ask('a')).status).toBe('awaiting_approval');
    expect(await ask('b')).toMatchObject({
      isError: true,
      text: expect.stringMatching(/1 change within 1 h/) as string,
    });
  });

  it('has a limit on calls, told in its sessions and audited once', async () => {
    const world = await start(withToken('viewer', { max_calls_per_minute: 4 }));
    const [one, two] = [await world.as('viewer'), await world.as('viewer')];
    for (const client of [one, two, one, two]) expect((await call(client, 'list_workers')).isError).toBe(false);
    for (const client of [one, two])
      expect(await call(client, 'list_workers')).toMatchObject({
        isError: true,
        text: expect.stringMatching(/at most 4 times in a minute.*Try again at /s) as string,
      });
    await expect(one.readResource({ uri: 'burst://fleet' })).rejects.toThrow(/at most 4 times/);
    expect(await world.refused('flood')).toBe(1);
    world.skip(60_000);
    expect((await call(one, 'list_workers')).isError).toBe(false);
  });
});

describe('a flood', { timeout: 300_000 }, () => {
  it('of one person is acknowledged, told once with a time, audited once, and touches nobody else', async () => {
    const world = await start({ limits: { commands: { burst: 10, per_minute: 1 } } });
    const { olga, vera } = world;
    await Promise.all(Array.from({ length: 100 }, () => olga.types('/burst list')));
    await world.until('ten answers and a refusal', () => privately(world, olga).length >= 11);
    const told = privately(world, olga).filter((text) => text.includes('more than Burst takes'));
    expect(told).toHaveLength(1);
    expect(told.join()).toMatch(DATE);
    expect(shown(await vera.asks('/burst list'))).toContain('worker-1');
    expect(await world.refused('flood')).toBe(1);
    world.skip(HOUR_MS);
    expect(shown(await olga.asks('/burst list'))).toContain('worker-1');
    expect(privately(world, olga).length).toBeLessThan(30);
  });

  it('of an admin is served where the configuration says so', async () => {
    const world = await start({ limits: { commands: { burst: 2, per_minute: 1 }, admins_exempt: true } });
    await Promise.all(Array.from({ length: 20 }, () => world.ada.types('/burst list')));
    await world.until('twenty answers', () => privately(world, world.ada).length >= 20);
    expect(privately(world, world.ada).filter((text) => text.includes('more than Burst takes'))).toEqual([]);
  });

  it.each([
    ['', 0],
    [', with a slow API server', 2000],
  ])('of a thousand commands is acknowledged and answered, each of them%s', async (_, slowMs) => {
    const world = await startAll({ config: { limits: { ...NO_FLOOD, per_workspace: { requests: 0, workers: 0 } } } });
    const people = [world.ada, world.olga, world.vera, world.nina];
    world.taps.kubernetes.slowMs = slowMs;
    const words = [
      'list',
      'list burst ready',
      'ops',
      'help',
      'details worker-1',
      'bogus',
      'cancel zzz',
      '',
      'list mine',
    ];
    const count = 1000;
    const { slack } = world.sandbox;
    const sent = Array.from({ length: count }, async (_each, at) => {
      const { id: user } = people[at % people.length] ?? world.ada;
      const text = `/burst ${words[at % words.length] ?? ''}`.trim();
      const { body } = await slack.handlePage('POST', '/command', new URLSearchParams(), {
        user,
        channel: CHANNEL,
        text,
      });
      return JSON.stringify(body);
    });
    expect(new Set(await Promise.all(sent)), 'all are acknowledged').toEqual(new Set(['{"ok":true}']));
    const answers = (): number => people.reduce((sum, who) => sum + privately(world, who).length, 0);
    await world.until('a thousand answers', () => answers() >= count, 240_000);
    const odd = people
      .flatMap((who) => privately(world, who))
      .filter((text) => /unexpected|Error id|Out of reach/.test(text));
    expect(odd).toEqual([]);
    expect((await world.app.checks()).filter(({ name, ok }) => !ok && name !== 'cluster')).toEqual([]);
  });
});
