/** The page over a simulated Slack alone, with an app that acknowledges everything: for what Burst itself does not send every day. */
import { onTestFinished } from 'vitest';
import { createSandboxClock } from '../../../src/sandbox/clock.ts';
import { startSlackSimulator } from '../../../src/sandbox/slack/index.ts';
import { startWorldServer } from '../../../src/sandbox/world-server.ts';
import { client, olga } from '../../contract/slack-simulator/support.ts';
import type { Json } from '../../contract/slack-simulator/support.ts';

const manifest = {
  features: {
    slash_commands: [{ command: '/burst', description: 'Workers', usage_hint: '[list]' }],
    shortcuts: [
      { name: 'Ask for workers', type: 'global', callback_id: 'ask', description: 'From anywhere in Slack' },
      { name: 'Ask about this', type: 'message', callback_id: 'about', description: 'For the thread of a message' },
    ],
  },
};

export type Gallery = Awaited<ReturnType<typeof startGallery>>;

/** A simulated Slack of its own and the page on it, until the test ends. */
export async function startGallery() {
  const clock = createSandboxClock();
  const slack = await startSlackSimulator({ clock, manifest, rateLimits: false });
  onTestFinished(() => slack.close());
  const nothing = () => () => undefined;
  const server = await startWorldServer({
    clock,
    slack,
    clusters: [
      {
        name: 'main',
        kubernetes: { world: () => ({ nodes: [] }), onChange: nothing, setFault: () => undefined },
        proxmox: { world: () => ({ hosts: [], vms: [], tasks: [] }), onChange: nothing, setFault: () => undefined },
      },
    ],
  });
  onTestFinished(() => server.close());
  const call = async (method: string, args: Json = {}, token = slack.botToken): Promise<Json> => {
    const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
    const answer = await fetch(`${slack.apiUrl}${method}`, { method: 'POST', headers, body: JSON.stringify(args) });
    const body = (await answer.json()) as Json;
    if (body['ok'] !== true) throw new Error(`${method}: ${JSON.stringify(body)}`);
    return body;
  };
  const state = (): never => {
    throw new Error('the page is asked instead');
  };
  const app = await client({
    slack,
    call,
    clock: { skippedMs: 0, now: () => clock.now(), sleep: () => Promise.resolve() },
    state,
    page: state,
    messages: state,
  });
  app.socket.on('message', () => app.ack(app.all.at(-1)));
  return {
    url: server.url,
    call,
    /** Everything that the app was sent. */
    payloads: (): Json[] => app.envelopes().map((envelope) => envelope.payload),
    /** The actions that were clicked, in order. */
    actions: (): Json[] => app.envelopes().flatMap(({ payload }) => (payload['actions'] as Json[] | undefined) ?? []),
    /** Shares a file in a conversation. */
    async upload(channel: string, filename: string, content: Buffer | string, more: Json = {}): Promise<string> {
      const data = Buffer.from(content);
      const { upload_url, file_id } = await call('files.getUploadURLExternal', {
        filename,
        length: data.length,
        ...more,
      });
      await fetch(String(upload_url), { method: 'POST', body: new Uint8Array(data) });
      await call('files.completeUploadExternal', { files: [{ id: file_id }], channel_id: channel });
      return String(file_id);
    },
    user: olga,
  };
}
