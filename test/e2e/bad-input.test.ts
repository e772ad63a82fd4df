import { describe, expect, it } from 'vitest';
import { freePort, signedPoster } from './support/http.ts';
import type { Person } from './support/person.ts';
import { shown } from './support/person.ts';
import { CHANNEL, provisioned, startAll } from './support/world.ts';

type Running = Awaited<ReturnType<typeof startAll>>;

/** What Slack would read as markup of everything that a person sees now. */
async function marked(who: Person): Promise<string> {
  const { messages, modals, home } = await who.state();
  const found = messages.filter((item) => item.userId === 'U0BURSTBOT1').map((item) => item.text);
  const walk = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    if ('type' in value && value.type === 'mrkdwn' && 'text' in value) found.push(String(value.text));
    for (const inner of Object.values(value)) walk(inner);
  };
  walk([messages, modals, home]);
  return found.join('\n');
}
const markup = /<!channel|<!here|<!everyone|<@UEVIL|<http:\/\/evil|<#CEVIL/;

/** It answers, its parts are well, and nothing was made. */
async function well(world: Running, made: readonly string[] = []): Promise<void> {
  expect(shown(await world.vera.asks('/burst list'))).toContain('worker-1');
  expect((await world.app.checks()).filter((check) => !check.ok)).toEqual([]);
  const vms = (await world.state()).vms.map((vm) => vm.name).filter((name) => name.startsWith('burst-'));
  expect(vms.sort()).toEqual([...made].sort());
}

describe('what people type', () => {
  it('is answered clearly when it is wrong, and nothing is done', async () => {
    const world = await startAll();
    const { olga } = world;
    const long = 'x'.repeat(8000);
    const table: readonly (readonly [string, RegExp])[] = [
      ['bogus', /There is no command bogus/],
      [long, /There is no command x+/],
      ['💥 🧨', /There is no command/],
      ['__proto__', /There is no command/],
      ['constructor', /There is no command/],
      ['list nonsense', /does not know `nonsense`/],
      ['list burst permanent <!channel>', /does not know/],
      [`list ${long}`, /does not know/],
      ['provision 0', /from 1 to 10/],
      ['provision 99999999999999999999', /count must be a whole number/],
      ['provision 12345 small', /count must be a whole number/],
      ['provision -3', /not a number of workers/],
      ['provision 1 small 0h', /`0h` is not a lifetime/],
      ['provision 1 small 99999999d', /neither a number|whole hours|not a lifetime/],
      ['provision 1 huge 1d', /./],
      ['provision 1 smalll 1d', /no size/],
      ['provision 1 small 90min', /whole hours/],
      ['provision 1 small 1.5h', /whole hours/],
      ['details', /Which worker/],
      [`details ${long}`, /There is no worker/],
      ['details ../../etc/passwd', /There is no worker/],
      ['details worker-', /3 workers have/],
      ['extend', /Which worker/],
      ['extend nowhere 12h', /There is no worker/],
      ['extend worker-1 -5h', /./],
      ['drain', /Which worker/],
      ['destroy', /Which worker/],
      ['destroy a b c d e f g h i j k l', /./],
      ['cancel', /Which operation/],
      ['cancel 00000000', /There is no operation/],
      [`cancel ${long}`, /There is no operation/],
      ["cancel ' OR 1=1 --", /There is no operation/],
      ['retry', /Which operation/],
      ['retry zzz', /There is no operation/],
      ['help nonsense', /There is no command/],
    ];
    for (const [words, answer] of table) {
      const before = (await olga.state()).modals.length;
      const opens = words.startsWith('destroy a');
      if (opens) {
        expect(shown(await olga.opens(`/burst ${words}`)), words).toMatch(answer);
        await olga.closes();
        continue;
      }
      const said = await olga.asks(`/burst ${words}`);
      expect(shown(said), words.slice(0, 60)).toMatch(answer);
      expect(said.text, words.slice(0, 60)).not.toMatch(/unexpected|Error id|on its way/);
      expect(said.text.length).toBeLessThan(4000);
      expect((await olga.state()).modals).toHaveLength(before);
    }
    expect(await marked(olga)).not.toMatch(markup);
    await well(world);
  });

  it('is shown as text, never as markup, wherever it comes out', async () => {
    const world = await startAll();
    const { olga, vera } = world;
    const evil = '<!channel> <@UEVIL00001> <http://evil.example|click> & *x* `y` _z_';
    const [name = ''] = await provisioned(world, olga, `1 small 24h ${evil}`);
    const message = await olga.sees(/asked to provision/);
    expect(message.text).toContain('&lt;!channel&gt; &lt;@UEVIL00001&gt;');
    for (const words of ['ops', `details ${name}`, 'list', `list ${evil}`, `details ${evil}`, `cancel ${evil}`, evil])
      await vera.asks(`/burst ${words}`);
    for (const words of [`extend ${evil} 4h`, `retry ${evil}`, `provision ${evil} small`])
      await olga.asks(`/burst ${words}`);
    for (const who of [olga, vera]) expect(await marked(who)).not.toMatch(markup);
    const form = await olga.opens('/burst provision');
    await olga.submits(form, { count: '9', Reason: `${evil} ${'😀'.repeat(150)}` });
    await olga.form(/./);
    expect(await marked(olga)).not.toMatch(markup);
  });

  it('may be very long', async () => {
    const world = await startAll();
    const { olga } = world;
    const [name = ''] = await provisioned(world, olga, `1 small 24h ${'😀 & <'.repeat(3000)}`);
    expect((await olga.sees(/asked to provision/)).text.length).toBeLessThan(4000);
    await well(world, [name]);
  });
});

describe('what the network sends', () => {
  it('odd clicks and forms are answered or ignored', async () => {
    const world = await startAll();
    const { olga } = world;
    const [name = ''] = await provisioned(world, olga, '1 small');
    const details = await olga.asks(`/burst details ${name}`);
    const container = { type: 'message', channel: details.channel, ts: details.ts };
    const ids = [
      'burst:op:cancel',
      'burst:op:retry',
      'burst:warn:extend:4',
      'burst:list:next',
      'burst:run:0',
      'burst:worker',
    ];
    const values = [
      '',
      '{',
      'null',
      '[]',
      '{"page":-1,"words":""}',
      '{"workers":[],"deadlineMs":"x"}',
      'x'.repeat(2000),
      '<!channel>',
    ];
    const click = async (action: object): Promise<void> =>
      void expect((await olga.send('/action', { container, action })).ok).toBe(true);
    for (const action_id of [...ids, 'burst:', 'burst:nothing:known', 'other'])
      await Promise.all(values.map((value) => click({ type: 'button', action_id, block_id: 'b', value })));
    const odd: Promise<unknown>[] = [];
    for (const action of [
      {},
      { action_id: 7 },
      { action_id: 'burst:op:cancel', value: { a: 1 } },
      { action_id: 'burst:worker', selected_option: 'x' },
    ])
      odd.push(olga.send('/action', { container, action }));
    await Promise.all(odd);
    await olga.closes();
    const form = await olga.opens('/burst provision');
    const states: object[] = [
      { count: { count: { value: 12 } } },
      { count: 'x', size: null },
      {
        count: { count: { value: '1' } },
        size: { size: { selected_option: { value: 'gigantic' } } },
        ttl: { ttl: { selected_option: { value: 'NaN' } } },
      },
      { count: { count: { value: '1e1' } }, size: { size: { value: '__proto__' } }, ttl: { ttl: { value: '24' } } },
      { count: { count: { value: '-1' } }, size: { size: { value: 'small' } }, ttl: { ttl: { value: 'Infinity' } } },
    ];
    for (const state of states) {
      const reply = await olga.send('/view/submit', { viewId: form.id, state });
      expect(JSON.stringify(reply)).not.toMatch(/on its way/);
    }
    expect(await world.leftOf(name)).toEqual(['node', 'vm']);
    expect(await olga.posts()).toHaveLength(1);
    expect(await marked(olga)).not.toMatch(markup);
    await well(world, [name]);
  });

  it('over HTTP: only what Slack signed lately is heard, once', async () => {
    const port = await freePort();
    const url = `http://127.0.0.1:${port}/slack/events`;
    const world = await startAll({
      requestUrl: url,
      config: { slack: { mode: 'http', signing_secret: 'sandbox-signing-secret', port } },
    });
    const { olga } = world;
    const post = signedPoster(url);
    const command = new URLSearchParams({
      command: '/burst',
      text: 'provision 1 small',
      user_id: olga.id,
      user_name: 'olga',
      channel_id: CHANNEL,
      team_id: 'T0BURST0001',
      trigger_id: 'trigger.delivered-twice',
      response_url: '',
    }).toString();
    expect(await post(command, { secret: 'guessed' })).toBe(401);
    expect(await post(command, { ageSeconds: 3600 })).toBe(401);
    const trash = [
      '',
      'payload=',
      'payload={',
      'payload=[]',
      'payload=%7B%22type%22%3A%22block_actions%22%7D',
      `payload=${encodeURIComponent(JSON.stringify({ type: 'block_actions', user: { id: olga.id }, actions: [] }))}`,
      `payload=${encodeURIComponent(JSON.stringify({ type: 'view_submission', user: {}, view: {} }))}`,
      `payload=${encodeURIComponent(JSON.stringify({ type: 'view_submission', user: { id: olga.id }, view: { id: 'V1', callback_id: 'burst:view:destroy', private_metadata: '{' } }))}`,
      `payload=${encodeURIComponent(JSON.stringify({ type: 'constructor', user: { id: olga.id } }))}`,
      'command=%2Fburst',
      `command=%2Fburst&text=list&user_id=${'U'.repeat(5000)}&channel_id=C1&team_id=T1`,
    ];
    const events = [
      '{',
      '[]',
      '{"type":"event_callback"}',
      '{"type":"event_callback","event":{"type":"app_home_opened"}}',
    ];
    const answers = await Promise.all([
      ...trash.map((body) => post(body)),
      ...events.map((body) => post(body, { type: 'application/json' })),
    ]);
    expect(answers.filter((status) => status !== 200 && status !== 400)).toEqual([]);
    expect(await Promise.all([post(command), post(command)])).toEqual([200, 200]);
    await olga.ends(/to provision/);
    expect((await olga.messages()).filter((item) => item.text.includes('asked to provision'))).toHaveLength(1);
    await well(world, await world.burst());
  });
});

describe('what the cluster holds', () => {
  it('nodes without anything, or with absurd values, are listed and left alone', async () => {
    const world = await startAll();
    const { ada, vera } = world;
    const { kubernetes } = world.sandbox;
    const burst = { 'worker-type': 'burst' };
    const nodes: Record<
      string,
      { labels?: Record<string, string>; annotations?: Record<string, string>; status?: object }
    > = {
      bare: {},
      'ttl-word': { labels: burst, annotations: { 'worker-ttl': 'tomorrow' } },
      'ttl-empty': { labels: burst, annotations: { 'worker-ttl': '' } },
      'ttl-day-32': { labels: burst, annotations: { 'worker-ttl': '2026-13-32T25:61:61Z' } },
      'ttl-far': { labels: burst, annotations: { 'worker-ttl': '9999-12-31T23:59:59Z' } },
      'ttl-huge': { labels: burst, annotations: { 'worker-ttl': '9'.repeat(100_000) } },
      evil: {
        labels: { ...burst, team: '<!channel>' },
        annotations: {
          'worker-ttl': '9999-12-31T23:59:59Z',
          'burst/requester': '<@UEVIL00001>',
          'burst/size': '<!here> *x*',
          'burst/operation': '<http://evil.example|x>',
          'burst/vm-id': '101',
          'burst/channel': '<#CEVIL>',
        },
      },
      absurd: {
        status: {
          capacity: { cpu: '1e400', memory: '-5Ki', pods: 'many' },
          allocatable: { cpu: 'NaN' },
        },
      },
      many: { annotations: Object.fromEntries(Array.from({ length: 500 }, (_, at) => [`a/${at}`, 'v'.repeat(200)])) },
    };
    for (const [name, { labels, annotations, status = {} }] of Object.entries(nodes))
      kubernetes.put({
        apiVersion: 'v1',
        kind: 'Node',
        metadata: {
          name,
          ...(labels === undefined ? {} : { labels }),
          ...(annotations === undefined ? {} : { annotations }),
        },
        status,
      });
    const names = Object.keys(nodes);
    await world.until('all of them in the list', async () => {
      const list = await vera.asks('/burst list');
      await vera.clicks(list, /Next/);
      const second = await world.until('the second page', async () =>
        shown(await vera.again(list)).includes('page 2') ? vera.again(list) : undefined,
      );
      return names.every((name) => (shown(list) + shown(second)).includes(name));
    });
    for (const name of names) {
      const said = shown(await vera.asks(`/burst details ${name}`));
      expect(said, name).toContain(name);
      expect(said, name).not.toMatch(/unexpected|Error id/);
      const form = await ada.opens(`/burst destroy ${name}`);
      expect(shown(form), name).not.toMatch(/unexpected|Error id/);
      await ada.closes();
    }
    // somebody else's VM, named by an annotation that anybody could have written
    await ada.submits(await ada.opens('/burst destroy evil'));
    await ada.sees(/SAFETY VIOLATION/);
    await ada.send('/home/open', {});
    await world.until('the home tab', async () => (await ada.state()).home);
    for (const who of [ada, vera]) expect(await marked(who)).not.toMatch(markup);
    const { nodes: left, vms } = await world.state();
    for (const name of names) expect(left.map((node) => node.name)).toContain(name);
    expect(vms.find((vm) => vm.id === 101)).toMatchObject({ name: 'pet-mail', status: 'running' });
    expect((await world.app.checks()).filter((check) => !check.ok)).toEqual([]);
  });
});
