/** What people have to approve is done when they did, once, and as it was shown. */
import { join } from 'node:path';
import Sqlite from 'better-sqlite3';
import { describe, expect, it } from 'vitest';
import { startChild } from './support/child.ts';
import { realWorld, recover } from './support/crash.ts';
import { buttons, shown } from './support/person.ts';
import type { Person } from './support/person.ts';
import { HOUR_MS, MINUTE_MS, employ, provisioned, runApp, startAll } from './support/world.ts';
import type { Tree, World } from './support/world.ts';
import type { PageMessage } from '../../src/sandbox/contract.ts';

const RULES: Tree = {
  approvals: {
    rules: [
      { name: 'many', actions: ['provision'], more_than: 1 },
      { name: 'removal', actions: ['destroy'], sizes: ['small'] },
    ],
  },
};
const start = (config: Tree = {}) => startAll({ config: { ...RULES, ...config } });
/** The message that asks the approvers. */
const question = (who: Person): Promise<PageMessage> => who.sees(/asks to/);
/** The message as it is once it says this. */
const becomes = (world: World, who: Person, message: PageMessage, text: RegExp): Promise<PageMessage> =>
  world.until(`${String(text)} in the message`, async () => {
    const now = await who.again(message);
    return text.test(shown(now)) ? now : undefined;
  });
/** Direct messages from Burst. */
const told = async (who: Person): Promise<string> =>
  (await who.messages())
    .filter(({ channel }) => channel.startsWith('D'))
    .map(({ text }) => text)
    .join('\n');

describe('a request that a rule speaks of', () => {
  it('waits, is approved by an admin, and is carried out', async () => {
    const world = await start();
    const { ada, olga } = world;
    const answer = await olga.asks('/burst provision 2 small 1h load test');
    expect(answer.text).toMatch(/waits for approval by <@U0ADMIN0001>; it expires/);
    expect(await world.burst()).toEqual([]);
    const message = await question(ada);
    expect(shown(message)).toMatch(/provision 2 small workers for 1 h/);
    expect(shown(message)).toMatch(/load test/);
    expect(buttons(message)).toEqual(['Approve', 'Deny…', 'Withdraw']);

    // who asked is no approver
    const own = await olga.clicksAndHears(message, /Approve/);
    expect(own.text).toMatch(/not among its approvers/);
    expect((await ada.clicksAndHears(message, /Approve/)).text).toMatch(/Approved by <@U0ADMIN0001>/);
    await olga.ends(/asked to provision/);
    expect(await world.burst()).toHaveLength(2);
    const after = await becomes(world, ada, message, /Approved by/);
    expect(buttons(after)).toEqual([]);
    await world.until('the direct message', async () => (await told(olga)).includes('Approved by <@U0ADMIN0001>'));

    // a late click is told who decided, and does nothing
    expect((await ada.clicksAndHears(message, /Approve/)).text).toMatch(/decided already.*Approved by <@U0ADMIN0001>/);
    expect(await world.burst()).toHaveLength(2);
  });

  it('is denied with a reason, which who asked is told', async () => {
    const world = await start();
    const { ada, olga } = world;
    await olga.asks('/burst provision 2 small 1h');
    const message = await question(ada);
    await ada.clicks(message, /Deny/);
    const form = await ada.form(/Why not/);
    expect(await ada.submits(form, { reason: 'not in <!channel> this month' })).toMatchObject({ ok: true });
    await becomes(world, ada, message, /Denied by <@U0ADMIN0001>.*not in &lt;!channel&gt; this month/);
    await world.until('the direct message', async () => (await told(olga)).includes('this month'));
    expect((await ada.clicksAndHears(message, /Approve/)).text).toMatch(/Denied by/);
    expect(await world.burst()).toEqual([]);
  });

  it('expires after a reminder, and says so', async () => {
    const world = await start();
    const { ada, olga } = world;
    await olga.asks('/burst provision 2 small 1h');
    const message = await question(ada);
    world.skip(3.6 * HOUR_MS);
    await ada.sees(/still to be decided/);
    world.skip(25 * MINUTE_MS);
    const after = await becomes(world, ada, message, /Expired/);
    expect(buttons(after)).toEqual([]);
    await world.until('the direct message', async () => (await told(olga)).includes('Expired'));
    expect((await ada.clicksAndHears(message, /Approve/)).text).toMatch(/Expired/);
    expect(await world.burst()).toEqual([]);
  });

  it('is withdrawn by who asked, and by nobody else', async () => {
    const world = await start();
    const { ada, olga } = world;
    const answer = await olga.asks('/burst provision 2 small 1h');
    const message = await question(ada);
    expect((await ada.clicksAndHears(message, /Withdraw/)).text).toMatch(/Only who asked/);
    expect((await olga.clicksAndHears(answer, /Withdraw/)).text).toMatch(/Withdrawn by <@U0OPERATOR1>/);
    await becomes(world, ada, message, /Withdrawn by/);
    expect((await ada.clicksAndHears(message, /Approve/)).text).toMatch(/Withdrawn/);
    expect(await world.burst()).toEqual([]);
  });

  it('is void when the worker is not as it was shown', async () => {
    const world = await start();
    const { ada, olga } = world;
    const [name = ''] = await provisioned(world, olga, '1 small');
    await olga.submits(await olga.opens(`/burst destroy ${name}`));
    const message = await question(ada);
    expect(shown(message)).toContain(name);
    await employ(world, name);
    expect((await ada.clicksAndHears(message, /Approve/)).text).toMatch(/Void.*not as it was shown/);
    await becomes(world, ada, message, /Void/);
    await world.until('the direct message', async () => (await told(olga)).includes('Void'));
    expect(await world.leftOf(name)).toEqual(['node', 'vm']);
  });

  it('leaves alone what no rule speaks of', async () => {
    const world = await start();
    expect(await provisioned(world, world.olga, '1 small')).toHaveLength(1);
  });

  it('is listed in ops, and in the home of those who may decide', async () => {
    const world = await start();
    const { ada, olga, vera } = world;
    await olga.asks('/burst provision 2 small 1h');
    expect((await vera.asks('/burst ops')).text).toMatch(
      /Waiting for approval: <@U0OPERATOR1> asks to provision 2 small/,
    );
    const home = async (who: Person): Promise<string> => {
      await who.send('/home/open', {});
      return world.until('the home tab', async () => {
        const view = (await who.state()).home;
        return view === undefined ? undefined : shown(view);
      });
    };
    expect(await home(ada)).toContain('Waiting for approval');
    expect(await home(vera)).not.toContain('Waiting for approval');
  });
});

describe('several approvers', () => {
  const TWO: Tree = {
    approvals: {
      rules: [
        {
          name: 'pair',
          actions: ['provision'],
          needed: 2,
          self: true,
          approvers: { users: ['U0ADMIN0001', 'U0OPERATOR1', 'U0VIEWER001'] },
        },
      ],
    },
  };
  it('have to be as many as the rule says; one counts once', async () => {
    const world = await start(TWO);
    const { ada, olga, vera } = world;
    await olga.asks('/burst provision 1 small 1h');
    const message = await question(ada);
    expect((await olga.clicksAndHears(message, /Approve/)).text).toMatch(/Waits for 1 approval; approved by <@U0OPER/);
    expect((await olga.clicksAndHears(message, /Approve/)).text).toMatch(/You have decided already/);
    expect(await world.burst()).toEqual([]);
    // a double click, and another one's at the same moment
    await Promise.all([
      vera.clicks(message, /Approve/),
      vera.clicks(message, /Approve/),
      ada.clicks(message, /Approve/),
    ]);
    await olga.ends(/asked to provision/);
    expect(await world.burst()).toHaveLength(1);
    expect((await world.state()).vms.filter((vm) => vm.name.startsWith('burst-'))).toHaveLength(1);
  });
});

describe('when the process dies', () => {
  it('what waits goes on waiting, and the click on the old message counts', async () => {
    const world = await start();
    const { ada, olga } = world;
    await olga.asks('/burst provision 2 small 1h');
    const message = await question(ada);
    await world.app.stop();
    await runApp(world);
    expect((await ada.clicksAndHears(message, /Approve/)).text).toMatch(/Approved by/);
    await olga.ends(/asked to provision/);
    expect(await world.burst()).toHaveLength(2);
  });

  it('between the last click and the work, the work is done once, at the next start', async ({ onTestFinished }) => {
    const world = await realWorld(onTestFinished);
    world.file['approvals'] = { rules: [{ name: 'drains', actions: ['drain'] }] };
    const { ada, olga } = world;
    const child = await startChild(world);
    const [name = ''] = await provisioned(world, olga, '1 small 1h');
    await olga.submits(await olga.opens(`/burst drain ${name}`));
    const message = await question(ada);
    const rows = (sql: string): unknown[] => {
      const database = new Sqlite(join(world.folder, 'burst.sqlite'), { readonly: true });
      try {
        return database.prepare(sql).pluck().all();
      } finally {
        database.close();
      }
    };
    let dead = false;
    world.taps.kubernetes.answer = () => {
      if (!dead && rows('select state from approvals').includes('approved')) {
        dead = true;
        child.kill();
      }
      return undefined;
    };
    await ada.clicks(message, /Approve/);
    await world.until('the crash', () => dead, 30_000);
    await child.ended;
    world.taps.kubernetes.answer = undefined;
    expect(rows('select state from approvals')).toEqual(['approved']);
    expect(rows("select id from operations where kind = 'drain'")).toEqual([]);
    await recover(world, /asked to drain/);
    expect(rows('select state from approvals')).toEqual(['executed']);
    expect(rows("select id from operations where kind = 'drain'")).toHaveLength(1);
    expect((await world.node(name))?.unschedulable).toBe(true);
    await becomes(world, ada, message, /Approved by/);
  });
});

describe('approvers from user groups', () => {
  const GROUP: Tree = {
    approvals: { rules: [{ name: 'group', actions: ['provision'], approvers: { groups: ['burst-admins'] } }] },
  };
  it('are looked up at the click; when that fails nobody is one', async () => {
    const world = await start(GROUP);
    const { ada, olga } = world;
    expect((await olga.asks('/burst provision 1 small 1h')).text).toContain('waits for approval by @burst-admins');
    const message = await question(ada);
    world.taps.slack.answer = (call) =>
      call.startsWith('usergroups.') ? { status: 200, body: '{"ok":false,"error":"internal_error"}' } : undefined;
    expect((await ada.clicksAndHears(message, /Approve/)).text).toMatch(/could not be established/);
    world.taps.slack.answer = undefined;
    expect((await olga.clicksAndHears(message, /Approve/)).text).toMatch(/not among its approvers/);
    expect(await world.burst()).toEqual([]);
    expect((await ada.clicksAndHears(message, /Approve/)).text).toMatch(/Approved by/);
    await olga.ends(/asked to provision/);
  });
});

describe('force', () => {
  it('that a rule speaks of waits for another admin, in the form that asked for it too', async () => {
    const world = await start({
      approvals: { rules: [{ name: 'force', actions: ['force'], approvers: { users: ['U0OPERATOR1'] } }] },
    });
    const { ada, olga } = world;
    const [name = ''] = await provisioned(world, ada, '1 small');
    await employ(world, name);
    await ada.submits(await ada.opens(`/burst destroy ${name}`), { force: 'force', typed: name });
    await ada.form(/waits for approval by/);
    const message = await question(olga);
    expect(shown(message)).toMatch(/with force[^]*shop\/guest/);
    expect(await world.leftOf(name)).toEqual(['node', 'vm']);
    expect((await olga.clicksAndHears(message, /Approve/)).text).toMatch(/Approved by/);
    await ada.ends(/to \*force\* destroy/);
    expect(await world.leftOf(name)).toEqual([]);
  });
});
