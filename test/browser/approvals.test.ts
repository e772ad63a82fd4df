/** An assistant asks, a person decides on the page. */
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js';
import { describe, expect, it, onTestFinished } from 'vitest';
import { OPERATION_MS, openPage, withBrowser } from './support/page.ts';
import { startBurstForAll } from './support/sandbox.ts';

const browser = withBrowser();
const long = { timeout: OPERATION_MS };
const nothing = { state: 'detached', timeout: OPERATION_MS } as const;

describe('an assistant and a person', () => {
  it('the assistant asks to destroy a worker, and the person approves it on the page', async () => {
    const { url, mcpUrl, token } = await startBurstForAll();
    const opened = await openPage(browser(), url);
    const name = await opened.provisions('1 small 1h');

    const client = new Client({ name: 'browser-test', version: '1.0.0' });
    const headers = { Authorization: `Bearer ${token}` };
    // the SDK's transport types lack exactOptionalPropertyTypes
    await client.connect(new StreamableHTTPClientTransport(new URL(mcpUrl), { requestInit: { headers } }));
    onTestFinished(() => client.close());
    const answer = await client.callTool({
      name: 'destroy_worker',
      arguments: { worker_id: name, drain_first: true, reason: 'it has been idle' },
    });
    expect(answer.structuredContent).toMatchObject({ status: 'awaiting_approval' });
    const { approval } = answer.structuredContent as { approval: { id: string } };

    const question = opened.message(/The assistant demo .*asks to drain, then destroy/s, name);
    await question.waitFor(long);
    expect(await question.innerText()).toMatch(/it has been idle/);
    await opened.surface('approval-asked');
    // an operator may not, an admin may
    await question.getByRole('button', { name: 'Approve' }).click();
    await opened.message(/not among its approvers/).waitFor();
    await opened.switchUser('Ada');
    await question.getByRole('button', { name: 'Approve' }).click();
    await question.getByText(/Approved by/).waitFor(long);
    expect(await question.getByRole('button', { name: 'Approve' }).count()).toBe(0);
    await opened.surface('approval-given');
    await opened.message(/asked to destroy/, '1 of 1 removed').waitFor(long);
    await opened.node(name).waitFor(nothing);
    await opened.vm(name).waitFor(nothing);
    const outcome = async (): Promise<unknown> =>
      (await client.callTool({ name: 'get_operation', arguments: { operation_id: approval.id } })).structuredContent;
    await expect
      .poll(outcome, long)
      .toMatchObject({ status: 'ended', approval: { state: 'executed' }, operation: { state: 'succeeded' } });
  });

  it('a person denies what needs an admin, and says why', async () => {
    const { url } = await startBurstForAll();
    const opened = await openPage(browser(), url);
    await opened.says('/burst provision 6 small 1h');
    await opened.message(/waits for approval by/).waitFor();
    await opened.switchUser('Ada');
    const question = opened.message(/asks to provision 6 small workers/);
    await question.getByRole('button', { name: 'Deny…' }).click();
    const form = opened.dialog('Deny the request?');
    await form.getByLabel('Why not?').fill('too many for a test');
    await opened.surface('approval-denial');
    await form.getByRole('button', { name: 'Deny', exact: true }).click();
    await opened.closes(/Denied by/);
    await question.getByText(/too many for a test/).waitFor(long);
    expect(await question.getByRole('button', { name: 'Approve' }).count()).toBe(0);
  });
});
