/** The app's manifest against what the code calls and listens to. */
import { readFileSync, readdirSync } from 'node:fs';
import { expect, test } from 'vitest';
import { z } from 'zod';
import { BOT_SCOPES } from '../../../src/slack/workspaces/index.ts';
import { commands } from '../../../src/slack/commands/registry.ts';
import { SHORTCUTS } from '../../../src/slack/shortcuts.ts';

const root = new URL('../../../', import.meta.url);
const manifest = z
  .object({
    features: z.object({
      slash_commands: z.array(z.object({ command: z.string(), usage_hint: z.string(), should_escape: z.boolean() })),
      shortcuts: z.array(z.object({ type: z.enum(['global', 'message']), callback_id: z.string() })),
      app_home: z.object({ home_tab_enabled: z.boolean(), messages_tab_enabled: z.boolean() }),
    }),
    oauth_config: z.object({ scopes: z.object({ bot: z.array(z.string()) }) }),
    settings: z.object({
      event_subscriptions: z.object({ bot_events: z.array(z.string()) }),
      interactivity: z.object({ is_enabled: z.boolean() }),
    }),
  })
  .parse(JSON.parse(readFileSync(new URL('manifests/slack/manifest.json', root), 'utf8')));
const code = readdirSync(new URL('src/slack/', root), { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('.ts'))
  .map((path) => readFileSync(new URL(`src/slack/${path}`, root), 'utf8'))
  .join('\n')
  .replace(/\s*\n\s*\./g, '.');
const matches = (pattern: RegExp): readonly string[] =>
  [...new Set([...code.matchAll(pattern)].map((match) => match[1] ?? ''))].sort();

/** As Slack documents each method; empty: any token. */
const scopesOf: Readonly<Record<string, readonly string[]>> = {
  'apps.connections.open': [],
  'auth.test': [],
  'chat.delete': ['chat:write'],
  'chat.postEphemeral': ['chat:write'],
  'chat.postMessage': ['chat:write', 'chat:write.public'],
  'chat.update': ['chat:write'],
  'conversations.history': ['channels:history', 'groups:history', 'im:history'],
  'conversations.open': ['im:write'],
  'conversations.replies': ['channels:history', 'groups:history', 'im:history'],
  filesUploadV2: ['files:write'],
  'usergroups.list': ['usergroups:read'],
  'usergroups.users.list': ['usergroups:read'],
  'views.open': [],
  'views.publish': [],
  'views.update': [],
};

test('every scope is needed by a method that is called, and none is missing', () => {
  const called = matches(
    /\.((?:filesUploadV2|(?:apps|auth|chat|conversations|files|usergroups|users|views)(?:\.(?!map\()[a-zA-Z]+)+))\(/g,
  );
  expect(called).toEqual(Object.keys(scopesOf).sort());
  const needed = new Set(['commands', ...called.flatMap((method) => scopesOf[method] ?? [])]);
  expect([...manifest.oauth_config.scopes.bot].sort()).toEqual([...needed].sort());
});

test('what an installation by OAuth asks for is what the manifest lists', () => {
  expect([...BOT_SCOPES].sort()).toEqual([...manifest.oauth_config.scopes.bot].sort());
});

test('what is listened to is subscribed to, and the other way round', () => {
  expect(matches(/app\.event\('([^']+)'/g)).toEqual([...manifest.settings.event_subscriptions.bot_events].sort());
  expect(matches(/app\.command\('([^']+)'/g)).toEqual(manifest.features.slash_commands.map(({ command }) => command));
  const { shortcuts } = manifest.features;
  expect(shortcuts.map(({ callback_id: id }) => id).sort()).toEqual(Object.values(SHORTCUTS).sort());
  expect(matches(/app\.shortcut\(\/\^(\w+)/g)).toEqual(['burst_']);
  expect(manifest.settings.interactivity.is_enabled).toBe(true);
  expect(manifest.features.app_home).toMatchObject({ home_tab_enabled: true, messages_tab_enabled: true });
});

test('the usage hint names every command', () => {
  const [burst] = manifest.features.slash_commands;
  const hinted = (burst?.usage_hint ?? '').replace(/[[\]]/g, '').split('|');
  expect(hinted.map((words) => words.trim().split(' ')[0]).sort()).toEqual(
    commands
      .map(({ name }) => name)
      .filter((name) => name !== '')
      .sort(),
  );
});
