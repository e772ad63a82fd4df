/** Unmodified Slack clients of other languages against the simulated Slack; `setup` here makes what they need. */
import { execFile, spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, onTestFinished, test } from 'vitest';
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

const clients: Record<string, () => Promise<Start>> = {
  'Python slack_bolt': async () => ({
    command: tool('BURST_TEST_PYTHON', 'a python that has slack_bolt'),
    args: [join(here, 'bolt_app.py')],
  }),
  'slack-go': async () => {
    const go = tool('BURST_TEST_GO', 'the go command');
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

describe.each(Object.entries(clients))('%s', (_name, prepare) => {
  test('serves a command, a form with an error, messages and a file', async () => {
    const start = await prepare();
    const slack = await startSlackSimulator({ clock: { now: () => Date.now(), sleep: () => Promise.resolve() } });
    onTestFinished(() => slack.close());
    const client = run(start, {
      SLACK_API_URL: slack.apiUrl,
      SLACK_BOT_TOKEN: slack.botToken,
      SLACK_APP_TOKEN: slack.appToken,
    });
    const state = async (): Promise<PageSlackState> =>
      (await slack.handlePage('GET', '/state', new URLSearchParams({ user }), undefined)).body as PageSlackState;
    const page = async (path: string, body: object): Promise<unknown> =>
      (await slack.handlePage('POST', path, new URLSearchParams(), { user, ...body })).body;
    const seen = <T>(look: () => Promise<T>) => expect.poll(look, { timeout: 15_000, message: client.said() });
    const texts = async (ephemeral: boolean): Promise<string[]> =>
      (await state()).messages.filter((message) => message.ephemeral === ephemeral).map((message) => message.text);

    await expect
      .poll(() => slack.connections() > 0 || client.ended(), { timeout: 60_000, message: 'the client connects' })
      .toBe(true);
    expect(client.ended(), client.said()).toBe(false);
    expect(await page('/command', { channel, text: '/burst list all' })).toEqual({ ok: true });
    await seen(async () => (await texts(true)).sort()).toEqual(['acknowledged list all', 'answered to olga']);
    await seen(async () => (await state()).modals.map((modal) => modal.title)).toEqual(['How many']);

    const viewId = (await state()).modals[0]?.id;
    const count = (value: string) => ({ count: { value: { type: 'plain_text_input', value } } });
    expect(await page('/view/submit', { viewId, state: count('two') })).toEqual({
      ok: false,
      errors: { count: 'not a number' },
    });
    expect(await page('/view/submit', { viewId, state: count('2') })).toEqual({ ok: true });
    expect((await state()).modals).toEqual([]);
    await seen(() => texts(false)).toEqual(['did 2', 'as a file']);
    expect((await state()).messages.at(-1)).toMatchObject({ files: [{ name: 'count.txt', size: 1 }] });
  });
});
