/** What workers cost, as people ask for it, and budgets that hold. */
import { describe, expect, it } from 'vitest';
import type { PageFile, PageMessage } from '../../src/sandbox/contract.ts';
import { ENV, MCP, assistant, call, outcomeOf } from './support/assistant.ts';
import { buttons, shown } from './support/person.ts';
import type { Person } from './support/person.ts';
import { HOUR_MS, provisioned, runApp, startAll, startWorld } from './support/world.ts';
import type { Tree, World } from './support/world.ts';

const PRICES = { small: 0.5, medium: 1, large: 2, xlarge: 4 };
/** At a time of the month from which a few days stay within it. */
function midMonth(world: World): void {
  const now = new Date(world.sandbox.clock.now());
  if (now.getUTCDate() > 24) world.skip(Date.UTC(now.getUTCFullYear(), now.getUTCMonth() + 1, 9, 12) - now.getTime());
}
async function start(cost: Tree = {}, more: Tree = {}): Promise<World> {
  const world = await startWorld({ config: { cost: { prices: PRICES, ...cost }, ...more } });
  midMonth(world);
  await runApp(world);
  return world;
}
/** Files in the direct messages of this person. */
const files = async (who: Person): Promise<PageFile[]> =>
  (await who.messages()).filter(({ channel }) => channel.startsWith('D')).flatMap((message) => message.files ?? []);
const bytes = async (world: World, who: Person, file: PageFile): Promise<Buffer> => {
  const answer = await fetch(`${world.sandbox.url}/api/slack/files/${file.id}?user=${who.id}`);
  return Buffer.from(await answer.arrayBuffer());
};
const received = (world: World, who: Person, name: RegExp): Promise<PageFile> =>
  world.until(`a file ${String(name)}`, async () => (await files(who)).find((file) => name.test(file.name)));
const ask = (who: Person, words = ''): Promise<PageMessage> => who.asks(`/burst cost ${words}`.trim());

describe('/burst cost', () => {
  it('tells totals, what runs, the forecast and a table by group', async () => {
    const world = await start();
    const { olga, ada, vera } = world;
    await provisioned(world, olga, '2 small 24h');
    await provisioned(world, ada, '1 medium 24h');
    world.skip(10 * HOUR_MS);
    const answer = await ask(vera, '7d');
    expect(answer.text).toMatch(/\*Cost\* of the last 7 d by user .*: \*\$20\.\d\d\* for 3 workers, 30 node-hours/);
    expect(answer.text).toMatch(/Running now: 3 workers, \$2\.00 an hour/);
    expect(answer.text).toMatch(/forecast \$[4-9]\d\.\d\d to its end/);
    expect(answer.text).toMatch(/<@U0OPERATOR1>: \$10\.\d\d, 2 workers/);
    expect(answer.text).toMatch(/<@U0ADMIN0001>: \$10\.\d\d, 1 worker,/);
    expect(shown(answer)).toMatch(/vCPU-hours/);
    expect(answer.blocks.some((block) => (block as { type: string }).type === 'table')).toBe(true);

    const bySize = await ask(vera, 'by size today');
    expect(bySize.text).toMatch(/small: \$10\.\d\d, 2 workers/);
    expect((await ask(olga, 'mine')).text).toMatch(/\$10\.\d\d\* for 2 workers/);
    expect((await ask(olga, 'last month')).text).toMatch(/\*\$0\.00\* for 0 workers/);
    expect((await ask(olga, '<@U0ADMIN0001> medium here')).text).toMatch(/\$10\.\d\d\* for 1 worker,/);
    expect((await ask(olga, '<#C0GENERAL01|general>')).text).toMatch(/for 0 workers/);
  });

  it('uploads a chart where it says more, once, and on a button a chart for the channel and a CSV', async () => {
    const world = await start();
    const { olga, ada } = world;
    await provisioned(world, olga, '1 small 24h');
    await provisioned(world, ada, '1 medium 24h');
    world.skip(5 * HOUR_MS);
    const answer = await ask(olga, '7d by user');
    expect(shown(answer)).toMatch(/The chart is in your direct messages/);
    const chart = await received(world, olga, /^burst-cost-.*-by-user\.png$/);
    const png = await bytes(world, olga, chart);
    expect([...png.subarray(0, 8)]).toEqual([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
    expect([png.readUInt32BE(16), png.readUInt32BE(20)]).toEqual([1200, 675]);
    await olga.sees(/Cost by user, the last 7 d: .*ada \$5\.\d\d/);
    expect(await files(olga)).toHaveLength(1);
    // nobody else's business
    const stolen = await fetch(`${world.sandbox.url}/api/slack/files/${chart.id}?user=${ada.id}`);
    expect(stolen.status).toBe(404);

    expect(buttons(answer)).toEqual(['Chart', 'Post the chart here', 'CSV', 'Refresh']);
    await olga.clicks(answer, /Post the chart/);
    const posted = await ada.sees(/shown by <@U0OPERATOR1>/);
    expect(posted.channel).toBe('C0BURST0001');
    expect(posted.files?.[0]?.name).toMatch(/\.png$/);

    expect((await olga.clicksAndHears(answer, /CSV/)).text).toMatch(/CSV file is in your direct messages/);
    const csv = (await bytes(world, olga, await received(world, olga, /\.csv$/))).toString('utf8').split('\r\n');
    expect(csv[0]).toMatch(/^cluster,worker,size,owner,.*,price_per_hour,cost,currency$/);
    expect(csv).toHaveLength(4);
    expect(csv[1]).toMatch(
      /^sandbox,burst-small-[a-z2-7]{5},small,U0OPERATOR1,olga,C0BURST0001,.*,5\.\d{4},10\.\d{4},0\.500000,2\.\d{4},USD$/,
    );
  });

  it('shows what Slack has of it when no file can be uploaded, and says why', async () => {
    const world = await start();
    const { olga, ada } = world;
    await provisioned(world, olga, '1 small 24h');
    await provisioned(world, ada, '1 medium 24h');
    world.taps.slack.answer = (call) =>
      call === 'files.getUploadURLExternal'
        ? { status: 200, body: JSON.stringify({ ok: false, error: 'missing_scope', needed: 'files:write' }) }
        : undefined;
    const answer = await ask(olga, '7d');
    expect(answer.text).toMatch(/\*Cost\* of the last 7 d.*for 2 workers/);
    expect(answer.text).toMatch(/There is no chart: .*missing_scope.*files:write/);
    expect((await olga.clicksAndHears(answer, /CSV/)).text).toMatch(/Slack did not take the file.*files:write/s);
    expect(await files(olga)).toEqual([]);
  });

  it('says what is wrong with words that it does not know', async () => {
    const world = await start();
    const { olga, nina } = world;
    expect((await ask(olga, 'by usr')).text).toMatch(/does not know `usr`.*Did you mean: cost by user/s);
    expect((await ask(olga, '30 by user')).text).toMatch(/`30` has no unit.*Did you mean: cost 30d by user/s);
    expect((await ask(olga, '30d last month')).text).toMatch(/second period/);
    expect((await ask(olga, '9000d')).text).toMatch(/no period that can be shown/);
    expect((await ask(olga, '<!channel> *x*')).text).not.toMatch(/<!channel>/);
    expect((await ask(nina)).text).toMatch(/Not allowed.*needs the role viewer/s);
    expect((await olga.asks('/burst cots')).text).toMatch(/Did you mean: cost/);
  });

  it('is not spoken of without prices', async () => {
    const world = await startAll();
    const { olga } = world;
    expect((await olga.asks('/burst help')).text).not.toMatch(/cost/);
    expect((await ask(olga)).text).toMatch(/Nothing is known of what workers cost/);
    const form = await olga.opens('/burst provision');
    expect(shown(form)).not.toMatch(/\$/);
  });
});

describe('a budget', () => {
  it('refuses what goes beyond it, and says what is left', async () => {
    const world = await start({ budgets: [{ name: 'all', monthly: 20 }] });
    const { olga } = world;
    await provisioned(world, olga, '1 small 24h');
    const answer = await olga.asks('/burst provision 1 medium 24h');
    expect(answer.text).toMatch(/beyond the budget all \(20\d\d-\d\d\): \$24\.00 more, \$8\.00 of \$20\.00 left/);
    expect(answer.text).toMatch(/Nothing was changed/);
    const [name = ''] = await world.burst();
    expect((await olga.asks(`/burst extend ${name} 24h`)).text).toMatch(/beyond the budget all .*\$12\.00 more/);
    expect((await ask(olga)).text).toMatch(/Budget `all` 20\d\d-\d\d: \$12\.00 of \$20\.00 committed \((59|60) %\)/);
    expect(await provisioned(world, olga, '1 small 12h')).toHaveLength(1);
  });

  it('lets only one of two requests at once through', async () => {
    const world = await start({ budgets: [{ name: 'all', monthly: 15 }] });
    const { olga, ada } = world;
    const answers = await Promise.all([
      olga.asks('/burst provision 1 small 24h'),
      ada.asks('/burst provision 1 small 24h'),
    ]);
    expect(answers.filter(({ text }) => /beyond the budget/.test(text))).toHaveLength(1);
    await olga.ends(/asked to provision/);
    expect(await world.burst()).toHaveLength(1);
  });

  it('asks people when a retry goes beyond it', async () => {
    const world = await start({ budgets: [{ name: 'team', monthly: 14, beyond: 'approval', roles: ['operator'] }] });
    const { olga, ada } = world;
    await world.fault('clone_fails', true);
    await olga.asks('/burst provision 1 small 24h');
    const failed = await olga.ends(/asked to provision/, 'failed');
    await world.fault('clone_fails', false);
    await provisioned(world, olga, '1 small 24h');
    const id = /Operation `([0-9a-z]+)`/.exec(failed.text)?.[1] ?? '';
    expect((await olga.asks(`/burst retry ${id}`)).text).toMatch(/waits for approval.*beyond the budget team/s);
    expect(await world.burst()).toHaveLength(1);
    const question = await ada.sees(/asks to provision 1 small worker/);
    await ada.clicksAndHears(question, /Approve/);
    await world.until('the second worker', async () => (await world.burst()).length === 2);
  });

  it('asks people where it says so, and warns the admins once', async () => {
    const world = await start({ budgets: [{ name: 'team', monthly: 14, beyond: 'approval', roles: ['operator'] }] });
    const { olga, ada } = world;
    await provisioned(world, olga, '1 small 24h');
    const warning = await ada.sees(/of the budget `team`/);
    expect(warning.text).toMatch(/<@U0ADMIN0001>: 85 % of the budget `team`.*\$12\.00 of \$14\.00/);
    expect(warning.channel).toBe('C0BURST0001');

    // an admin's are no concern of this budget
    expect(await provisioned(world, ada, '1 small 24h')).toHaveLength(1);
    const answer = await olga.asks('/burst provision 1 medium 24h more');
    expect(answer.text).toMatch(/waits for approval by <@U0ADMIN0001>/);
    const question = await ada.sees(/asks to provision 1 medium worker/);
    expect(shown(question)).toMatch(/It costs \$24\.00/);
    expect(shown(question)).toMatch(/beyond the budget team .*\$24\.00 more, \$2\.00 of \$14\.00 left/);
    await ada.clicks(question, /Approve/);
    await olga.ends(/asked to provision 1 medium/);
    expect(await world.burst()).toHaveLength(3);
    expect((await ada.messages()).filter(({ text }) => /of the budget `team`/.test(text))).toHaveLength(1);
  });
});

describe('assistants', () => {
  it('see what it costs, and keep to the budgets that people have', async () => {
    const config = {
      ...MCP,
      cost: {
        prices: PRICES,
        budgets: [
          { name: 'all', monthly: 20, beyond: 'approval' },
          { name: 'most', monthly: 60 },
        ],
      },
    };
    const world = await startWorld({ config, env: ENV });
    midMonth(world);
    const app = await runApp(world);
    const client = await assistant(app.mcpUrl ?? '', 'alone', world.finished);
    const accepted = outcomeOf(await call(client, 'provision_workers', { count: 1, ttl: 24, size: 'small' }));
    const cost = { currency: 'USD', per_hour: '0.5000', so_far: '0.0000' };
    expect(accepted).toMatchObject({ status: 'accepted', operation: { cost } });
    const { cost: told } = accepted.operation as { cost?: { at_deadline: string } };
    expect(Number(told?.at_deadline)).toBeCloseTo(12, 1);
    const [name = ''] = await world.until('the worker', async () => {
      const names = await world.burst();
      return names.length > 0 ? names : undefined;
    });
    world.skip(2 * HOUR_MS);
    const details = (await call(client, 'get_worker_details', { worker_id: name })).content as {
      cost?: { so_far: string };
    };
    expect(details.cost?.so_far).toMatch(/^1\.0\d\d\d$/);

    const waits = outcomeOf(await call(client, 'provision_workers', { count: 1, ttl: 24, size: 'medium' }));
    expect(waits).toMatchObject({
      status: 'awaiting_approval',
      approval: { why: expect.stringMatching(/beyond the budget all .*\$24\.00 more/) as string },
    });
    const refused = await call(client, 'provision_workers', { count: 1, ttl: 60, size: 'medium' });
    expect(refused).toMatchObject({ isError: true, text: expect.stringMatching(/beyond the budget most/) as string });
    const longer = outcomeOf(await call(client, 'extend_worker', { worker_id: name, hours: 30 }));
    expect(longer.status).toBe('awaiting_approval');
  });
});

describe('an approval rule by cost', () => {
  it('speaks of what costs more', async () => {
    const rules = [{ name: 'dear', cost_over: 20 }];
    const world = await start({}, { approvals: { rules } });
    const { olga } = world;
    const [name = ''] = await provisioned(world, olga, '1 small 40h');
    expect((await olga.asks('/burst provision 1 medium 21h')).text).toMatch(/waits for approval.*cost above \$20\.00/s);
    expect((await olga.asks(`/burst extend ${name} 41h`)).text).toMatch(/waits for approval.*cost above \$20\.00/s);
    await olga.submits(await olga.opens(`/burst destroy ${name}`));
    await olga.ends(/asked to destroy/);
  });
});

describe('cost is shown where people decide', () => {
  it('in the form, the messages, the details and the end', async () => {
    const world = await start();
    const { olga } = world;
    const form = await olga.opens('/burst provision');
    expect(shown(form)).toMatch(/\$1\.00 an hour, \$24\.00 in all/);
    await olga.closes();
    const [name = ''] = await provisioned(world, olga, '1 small 24h');
    const made = await olga.sees(/asked to provision 1 small/);
    expect(shown(made)).toMatch(/\$0\.50 an hour, \$12\.00 until then/);
    world.skip(4 * HOUR_MS);
    expect((await olga.asks(`/burst details ${name}`)).text).toMatch(
      /Cost: \$2\.\d\d so far, \$12\.\d\d at its deadline/,
    );
    await olga.send('/home/open', {});
    const home = await world.until('the home tab', async () => (await olga.state()).home);
    expect(shown(home)).toMatch(/Cost this month: \$2\.\d\d/);
    const confirm = await olga.opens(`/burst destroy ${name}`);
    expect(shown(confirm)).toMatch(/\$2\.\d\d so far/);
    await olga.closes();
    world.skip(20 * HOUR_MS);
    const end = await olga.ends(/Deadline reached/);
    expect(shown(end)).toMatch(/lived 24(\.\d)? h, 4[89] vCPU-hours, \$12\.\d\d/);
  });
});
