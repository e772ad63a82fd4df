/** Unmodified Slack clients of other languages against the simulated Slack; `setup` here makes what they need. */
import { execFile, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { test as base, describe, expect, onTestFinished } from 'vitest';
import type { PageSlackState } from '../../../src/sandbox/contract.ts';
import { startSlackSimulator } from '../../../src/sandbox/slack/index.ts';

type Start = { command: string; args: string[] };
const here = import.meta.dirname;
const user = 'U0OPERATOR1';
const channel = 'C0BURST0001';

/** The tool that an environment variable names; fails with how to get it. */
const tool = (variable: string, what: string): string => {
  const path = process.env[variable];
  if (path === undefined || path === '')
    throw new Error(
      `${variable} is not set: it names ${what}. Run ${join(here, 'setup')} DIR; it prints this variable.`,
    );
  return path;
};

const variables = { 'Python slack_bolt': 'BURST_TEST_PYTHON', 'slack-go': 'BURST_TEST_GO' } as const;
/** Whether a client is left out: `setup` found its language missing, and the other one there. */
const absent = (name: keyof typeof variables): boolean =>
  (process.env[variables[name]] ?? '') === '' && Object.values(variables).some((v) => (process.env[v] ?? '') !== '');
const clients: Record<keyof typeof variables, () => Promise<Start>> = {
  'Python slack_bolt': async () => ({
    command: tool(variables['Python slack_bolt'], 'a python that has slack_bolt'),
    args: [join(here, 'bolt_app.py')],
  }),
  'slack-go': async () => {
    const go = tool(variables['slack-go'], 'the go command');
    const folder = await mkdtemp(join(tmpdir(), 'burst-slack-go-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const program = join(folder, 'app');
    await promisify(execFile)(go, ['build', '-o', program, '.'], { cwd: join(here, 'slack-go') });
    return { command: program, args: [] };
  },
};

/** Runs a client until the test ends; `said` is all that it wrote. */
const run = (start: Start, environment: Record<string, string>): { said: () => string; ended: () => boolean } => {
  const child = spawn(start.command, start.args, { env: { ...process.env, ...environment } });
  let said = '';
  for (const stream of [child.stdout, child.stderr])
    stream.on('data', (data: Buffer) => void (said += data.toString()));
  const closed = new Promise((resolve) => child.once('close', resolve));
  onTestFinished(async () => {
    child.kill('SIGKILL');
    await closed;
  });
  return { said: () => said, ended: () => child.exitCode !== null };
};

const manifest = {
  features: {
    slash_commands: [{ command: '/burst', description: 'd' }],
    shortcuts: [
      { name: 'Everywhere', type: 'global', callback_id: 'everywhere', description: 'd' },
      { name: 'About this', type: 'message', callback_id: 'about_message', description: 'd' },
    ],
  },
};
const slow = 20_000;

/** A client that is connected to a simulated Slack of its own, and what a person does and sees there. */
async function connected(prepare: () => Promise<Start>) {
  const start = await prepare();
  const slack = await startSlackSimulator({
    clock: { now: () => Date.now(), sleep: () => Promise.resolve() },
    manifest,
    rateLimits: false,
    // what is not acknowledged in time is sent again, and a client may take seconds to come back
    ackMs: slow,
  });
  onTestFinished(() => slack.close());
  const client = run(start, {
    SLACK_API_URL: slack.apiUrl,
    SLACK_BOT_TOKEN: slack.botToken,
    SLACK_APP_TOKEN: slack.appToken,
  });
  const query = new URLSearchParams({ user });
  const state = async (): Promise<PageSlackState> =>
    (await slack.handlePage('GET', '/state', query, undefined)).body as PageSlackState;
  await expect
    .poll(() => slack.connections() > 0 || client.ended(), { timeout: 60_000, message: 'the client connects' })
    .toBe(true);
  expect(client.ended(), client.said()).toBe(false);
  return {
    slack,
    state,
    page: async (path: string, body: object): Promise<unknown> =>
      (await slack.handlePage('POST', path, new URLSearchParams(), { user, ...body })).body,
    /** Polls until what `look` sees is as expected; says what the client wrote when it never is. */
    seen: <T>(look: () => Promise<T> | T) => expect.poll(look, { timeout: slow, message: client.said() }),
    texts: async (ephemeral: boolean): Promise<string[]> =>
      (await state()).messages.filter((message) => message.ephemeral === ephemeral).map((message) => message.text),
    titles: async (): Promise<string[]> => (await state()).modals.map((modal) => modal.title),
  };
}
type Connected = Awaited<ReturnType<typeof connected>>;

const count = (value: string) => ({ count: { value: { type: 'plain_text_input', value } } });
const top = async ({ state }: Connected): Promise<string> => (await state()).modals.at(-1)?.id ?? '';
/** Submits the form on top with this count. */
const submit = async (app: Connected, value?: string): Promise<unknown> =>
  app.page('/view/submit', { viewId: await top(app), state: value === undefined ? {} : count(value) });

describe.each(['Python slack_bolt', 'slack-go'] as const)('%s', (name) => {
  const prepare = clients[name];
  const test = base.skipIf(absent(name));

  test('serves a command, a form with an error, an update and a push, messages and a file', async () => {
    const app = await connected(prepare);
    const { page, seen, state, texts, titles } = app;
    expect(await page('/command', { channel, text: '/burst list all' })).toEqual({ ok: true });
    await seen(async () => (await texts(true)).sort()).toEqual(['acknowledged list all', 'answered to olga']);
    await seen(titles).toEqual(['How many']);
    expect(await submit(app, 'two')).toEqual({ ok: false, errors: { count: 'not a number' } });
    expect(await submit(app, '100')).toEqual({ ok: true });
    expect(await titles()).toEqual(['How many', 'Really?']);
    expect(await submit(app)).toEqual({ ok: true });
    expect(await titles()).toEqual([]);

    await page('/command', { channel, text: '/burst again' });
    await seen(titles).toEqual(['How many']);
    expect(await submit(app, '99')).toEqual({ ok: true });
    expect(await titles()).toEqual(['A lot']);
    await page('/view/close', { viewId: await top(app) });
    await page('/command', { channel, text: '/burst a third time' });
    await seen(titles).toEqual(['How many']);
    expect(await submit(app, '2')).toEqual({ ok: true });
    expect(await titles()).toEqual([]);
    await seen(() => texts(false)).toEqual(['did 2', 'as a file']);
    expect((await state()).messages.at(-1)).toMatchObject({ files: [{ name: 'count.txt', size: 1 }] });
  });

  test('publishes an App Home, and opens and updates a form from its button', async () => {
    const { page, seen, state, titles } = await connected(prepare);
    await page('/home/open', {});
    await seen(async () => (await state()).home?.blocks.length).toBe(2);
    const home = (await state()).home;
    const action = { type: 'button', block_id: 'buttons', action_id: 'more', value: '7' };
    const clicked = { container: { type: 'view', viewId: home?.id }, action };
    expect(await page('/action', clicked)).toEqual({ ok: true });
    await seen(titles).toEqual(['Found 7']);
  });

  test('serves shortcuts from anywhere and of a message', async () => {
    const { page, seen, slack, texts, titles } = await connected(prepare);
    expect(await page('/shortcut', { callbackId: 'everywhere' })).toEqual({ ok: true });
    await seen(titles).toEqual(['From anywhere']);
    await page('/message', { channel, text: 'what is this' });
    await seen(() => texts(false)).toEqual(['what is this', 'heard what is this']);
    const ts = slack.world().messages[0]?.ts;
    expect(await page('/shortcut', { callbackId: 'about_message', message: { channel, ts } })).toEqual({ ok: true });
    await seen(() => texts(true)).toEqual(['about: what is this']);
  });

  test('waits as a rate limit says, and reconnects when it is told to', async () => {
    const { page, seen, slack, texts } = await connected(prepare);
    slack.force('chat.postMessage', 1, { retryAfterSeconds: 1 });
    const before = Date.now();
    await page('/message', { channel, text: 'first' });
    await seen(() => texts(false)).toEqual(['first', 'heard first']);
    expect(Date.now() - before).toBeGreaterThanOrEqual(1000);
    const posts = slack.world().calls.filter((call) => call.method === 'chat.postMessage');
    expect(posts).toHaveLength(2);

    const opened = slack.world().calls.filter((call) => call.method === 'apps.connections.open').length;
    slack.refreshConnections();
    await page('/message', { channel, text: 'second' });
    await seen(() => texts(false)).toEqual(['first', 'heard first', 'second', 'heard second']);
    const again = slack.world().calls.filter((call) => call.method === 'apps.connections.open').length;
    expect(again).toBe(opened + 1);
  });
});
