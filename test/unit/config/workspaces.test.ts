/** Whose ids the file's are. */
import { describe, expect, it } from 'vitest';
import { accessPolicy } from '../../../src/config/index.ts';
import { ENV, load, problemsOf } from './support.ts';

const KEY = 'ab'.repeat(32);
const oauth = `  oauth: {client_id: "1.2", client_secret: c, state_secret: s, encryption_key: ${KEY}, url: "https://b.test"}\n`;
const ids = `  channel: C01
  channels: [C01, T0OTHER/C02]
  roles: {viewer: {users: ["*"]}, admin: {users: [U01, T0HOME/U02, E0CORP/W03], groups: [sre, T0OTHER/sre]}}
approvals: {channel: C01, rules: [{name: a, approvers: {users: [U01]}, channels: [C01]}]}
mcp: {tokens: [{name: a, token_file: /t, user: U01}]}
`;
const files = { '/t': 'a-token-of-an-assistant' };
const alone = { ...ENV, SLACK_BOT_TOKEN: '' };

describe('ids of people and channels', () => {
  it('mean the home workspace where there is a token of its own', () => {
    const config = load(`slack:\n${oauth}  team: T0HOME\n${ids}`, ENV, files);
    expect(accessPolicy(config).roles.admin).toEqual({
      users: ['U01', 'U02', 'E0CORP/W03'],
      groups: ['sre', 'T0OTHER/sre'],
    });
    expect(config.slack.channels).toEqual(['C01', 'T0OTHER/C02']);
    expect(load(`slack:\n${ids}`, ENV, files).slack.channel, 'one workspace').toBe('C01');
  });
  it('mean slack.team where there is none', () => {
    const config = load(`slack:\n${oauth}  team: T0HOME\n${ids}`, alone, files);
    expect(accessPolicy(config).roles).toMatchObject({
      viewer: { users: ['T0HOME/*'] },
      admin: { users: ['T0HOME/U01', 'T0HOME/U02', 'E0CORP/W03'], groups: ['T0HOME/sre', 'T0OTHER/sre'] },
    });
    expect(config.slack).toMatchObject({
      channel: 'T0HOME/C01',
      channels: ['T0HOME/C01', 'T0OTHER/C02'],
      botToken: undefined,
    });
    expect(config.approvals).toMatchObject({
      channel: 'T0HOME/C01',
      rules: [{ approvers: { users: ['T0HOME/U01'] }, channels: ['T0HOME/C01'] }],
    });
    expect(config.mcp.tokens[0]?.user).toBe('T0HOME/U01');
  });
  it('are refused where it is not known whose they are', () => {
    const { message } = problemsOf(`slack:\n${oauth}${ids}`, alone, files);
    for (const path of [
      'slack.channel',
      'slack.channels.0',
      'slack.roles.viewer.users.0',
      'approvals.rules.0.approvers.users.0',
      'mcp.tokens.0.user',
    ])
      expect(message).toMatch(new RegExp(`${path.replaceAll('.', '\\.')}[^:]*: found`));
    expect(message).toContain('write T…/U01, or say in slack.team');
    expect(message).not.toContain('slack.channels.1');
  });
  it('of a cluster’s own roles and channels are read the same way', () => {
    const clusters = `clusters: {a: {kubernetes: {kubeconfig: /a}, roles: {admin: {users: [U01]}}, channels: [C01]}}\n`;
    const config = load(`slack:\n${oauth}  team: T0HOME\n${clusters}`, alone);
    expect(config.clusters[0]?.defaultIn).toEqual(['T0HOME/C01']);
    expect(config.clusters[0]?.slack.roles.admin.users).toEqual(['T0HOME/U01']);
  });
});

describe('installing to workspaces', () => {
  it('needs all of its secrets, which are never shown', () => {
    const { message } = problemsOf('slack: {oauth: {client_id: "1.2", encryption_key: short-key}}', ENV);
    for (const text of [
      'needed with slack.oauth.client_id: set SLACK_CLIENT_SECRET',
      'SLACK_STATE_SECRET_FILE',
      'slack.oauth.url',
      '32 bytes',
    ])
      expect(message).toContain(text);
    expect(message).not.toContain('short-key');
  });
  it('without a client id says that the rest has no effect; without both there is no way in', () => {
    expect(problemsOf('slack: {oauth: {client_secret: x}}').message).toContain(
      'has no effect without slack.oauth.client_id',
    );
    expect(problemsOf('', alone).message).toMatch(/slack.bot_token.*: is missing/);
  });
});
