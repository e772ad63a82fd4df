/** The story that the sandbox is there to tell, in a real browser against the sandbox as it is started. */
import { describe, expect, it } from 'vitest';
import { OPERATION_MS, openSandbox, withBrowser } from './support/page.ts';

const browser = withBrowser();
const long = { timeout: OPERATION_MS };
const nothing = { state: 'detached', timeout: OPERATION_MS } as const;

describe('a newcomer', () => {
  it('sees two workers come in one message that changes in place', async () => {
    const opened = await openSandbox(browser());
    const { log, world } = opened;
    await opened.says('/burst provision 2 small 1h');
    const message = opened.message(/asked to provision 2 small workers/);
    await message.waitFor(long);
    const tasks = world.getByRole('region', { name: 'Latest Proxmox tasks' }).getByRole('listitem');
    const seen: string[] = [];
    const done = new Set<string>();
    const watch = async (): Promise<boolean> => {
      const text = await message.innerText();
      if (seen.at(-1) !== text) seen.push(text);
      for (const line of await tasks.allInnerTexts()) done.add(line.split(':')[0] ?? '');
      return text.includes('2 of 2 ready');
    };
    await expect.poll(watch, long).toBe(true);
    expect(seen.length).toBeGreaterThanOrEqual(3);
    expect(seen.join('\n')).toMatch(/in progress: /);
    expect([...done].sort()).toEqual([
      expect.stringMatching(/^qmclone of 9000/),
      expect.stringMatching(/^qmstart of/),
      expect.stringMatching(/^qmstart of/),
    ]);
    expect(await log.getByRole('article').filter({ hasText: 'asked to provision' }).count()).toBe(1);

    const machines = world.getByRole('region', { name: /VMs/ });
    expect(
      await machines
        .getByRole('listitem')
        .filter({ hasText: /burst-small-.*running/ })
        .count(),
    ).toBe(2);
    await expect.poll(() => world.getByText(/^Ready · .* left$/).count(), long).toBe(2);
    await opened.surface('provisioned');
  });

  it('lists a worker, looks at it, drains it after a preview and destroys it after a confirmation', async () => {
    const opened = await openSandbox(browser());
    const name = await opened.provisionsBusy('1 large 1h');

    await opened.says('/burst list');
    const row = opened
      .message(/Workers/)
      .getByRole('row')
      .filter({ hasText: name });
    await row.waitFor();
    expect(await row.innerText()).toMatch(/burst, large\t(ready|busy)\t[\s\S]*left[\s\S]*Olga Operator/);
    await opened.surface('list');

    await opened.says(`/burst details ${name}`);
    const details = opened.message(name, 'Conditions');
    await details.waitFor();
    expect(await details.innerText()).toMatch(/worker-ttl=/);
    await opened.surface('details');

    await opened.says(`/burst drain ${name}`);
    const preview = opened.dialog('Drain worker');
    await preview.getByText(/[1-9]\d* pods? to evict/).waitFor();
    await opened.surface('drain-preview');
    await preview.getByRole('button', { name: 'Drain', exact: true }).click();
    await opened.closes(/is on its way/);
    await opened.message(/asked to drain/, '1 of 1 drained').waitFor(long);
    await opened
      .node(name)
      .getByText(/^Ready, cordoned/)
      .waitFor();

    await details.getByRole('button', { name: 'Destroy…' }).click();
    const confirmation = opened.dialog('Destroy worker?');
    await confirmation.getByText(/This cannot be undone/).waitFor();
    await confirmation.getByRole('button', { name: 'Keep' }).and(opened.page.locator(':focus')).waitFor();
    await opened.surface('destroy-confirmation');
    await confirmation.getByRole('button', { name: 'Destroy', exact: true }).click();
    await opened.closes(/is on its way/);
    await opened.message(/asked to destroy/, '1 of 1 removed').waitFor(long);
    await opened.node(name).waitFor(nothing);
    await opened.vm(name).waitFor(nothing);
    await opened.surface('destroyed');
  });

  it('cannot destroy a permanent worker, not even as an admin', async () => {
    const opened = await openSandbox(browser());
    await opened.switchUser('Ada');
    await opened.says('/burst destroy worker-1');
    const refused = opened.dialog();
    await refused.getByText(/SAFETY VIOLATION/).waitFor();
    await opened.surface('safety-violation');
    expect(await refused.getByRole('button', { name: /Destroy|Drain/ }).count()).toBe(0);
    await opened.closes(/SAFETY VIOLATION/);
    await opened
      .node('worker-1')
      .getByText(/^Ready ·/)
      .waitFor();
  });

  it('skips to the deadline and sees the warning, the drain and the removal', async () => {
    const opened = await openSandbox(browser());
    const { world } = opened;
    const name = await opened.provisions('1 small 1h');
    await world.getByRole('button', { name: 'Skip to next deadline' }).click();
    await opened.message(/will be drained and removed/, name).waitFor(long);
    await opened.surface('warning');
    await world.getByText(`It is now one second past the deadline of ${name}.`).waitFor(long);
    const removal = opened.message(/Deadline reached/, name);
    await removal.waitFor(long);
    await opened.message(/Deadline reached/, '1 of 1 removed').waitFor(long);
    await opened.node(name).waitFor(nothing);
    await opened.vm(name).waitFor(nothing);
    await opened.surface('expired');
  });
});
