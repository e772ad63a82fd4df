import { describe, expect, test } from 'vitest';
import { BurstError } from '../../../src/domain/errors.ts';
import { validateBlocks } from '../../../src/sandbox/slack/blocks.ts';
import { errorMessage } from '../../../src/slack/blocks/errors.ts';
import { alertMessage, warningMessage } from '../../../src/slack/blocks/notices.ts';
import { operationMessage, operationsMessage } from '../../../src/slack/blocks/operation.ts';
import { clamp, escape } from '../../../src/slack/blocks/text.ts';
import type { Message } from '../../../src/slack/blocks/text.ts';
import { homeView, panelMessage } from '../../../src/slack/blocks/home.ts';
import { provisionView } from '../../../src/slack/blocks/provision.ts';
import { destroyView, drainView } from '../../../src/slack/blocks/views.ts';
import { detailsMessage } from '../../../src/slack/blocks/details.ts';
import { listMessage } from '../../../src/slack/blocks/list.ts';
import type { ListView } from '../../../src/slack/blocks/list.ts';
import { HOUR, T, drainPreview, node, operation, run, worker, workers as policy } from './fixtures.ts';

const nasty = `<!channel> <@U123> & \`tick\` ${'𝕏<&>'.repeat(1500)}`;
const many = (amount: number): string[] => Array.from({ length: amount }, (_, at) => `${nasty.slice(0, 200)}${at}`);
const absurd = worker('n', {
  name: nasty,
  owner: nasty,
  activity: nasty,
  size: nasty,
  labels: Object.fromEntries(many(200).map((key) => [key, nasty])),
  annotations: Object.fromEntries(many(200).map((key) => [key, nasty])),
});
const fleet = (amount: number) => ({
  freshness: { stale: true as const, sinceMs: T, reason: nasty },
  workers: Array.from({ length: amount }, (_, at) => ({ ...absurd, name: `${at}${nasty}` })),
  joining: 1e9,
  burstCount: 1e9,
  maxBurstWorkers: 1e9,
});
const preview = drainPreview(nasty, {
  evict: many(500).map((name) => ({ namespace: nasty, name, owner: nasty })),
  errors: many(500).map((name) => ({ namespace: nasty, name, text: nasty })),
  blocked: many(500).map((pod) => ({ pod, budget: nasty, numbers: nasty, never: true })),
  losses: many(500),
});
const runs = many(80).map((name, at) =>
  run(name, {
    id: `${at}${nasty}`,
    progress: nasty,
    blocked: { sinceMs: T, text: nasty, pod: nasty, budget: nasty, numbers: nasty, never: true },
    failure: { code: 'x', message: nasty, hint: nasty },
  }),
);
const absurdOperation = operation(
  { kind: 'destroy', workers: many(80), force: true },
  { reason: nasty, id: nasty.slice(0, 500) },
);

const listing = (more: Partial<ListView> = {}): ListView => ({
  filter: { mine: false },
  sizes: many(150),
  clusters: { names: many(150), shown: 'all' },
  userId: 'U1',
  page: 0,
  mayAct: () => true,
  ...more,
});

describe('with absurd values', () => {
  const messages: [string, Message][] = [
    ['list', listMessage(fleet(300), listing({ page: 3 }), T)],
    ['empty list', listMessage(fleet(0), listing(), T)],
    [
      'details',
      detailsMessage(
        {
          ...absurd,
          node: node(nasty, {
            taints: many(100).map((key) => ({ key, value: nasty, effect: nasty })),
            conditions: many(100).map((type) => ({ type, status: 'True', reason: nasty, message: nasty, sinceMs: T })),
            addresses: many(100).map((type) => ({ type, address: nasty })),
            osImage: nasty,
          }),
          pods: [],
          vm: { id: nasty, host: nasty, state: nasty },
          history: many(100).map((text) => ({ atMs: T, actor: nasty, text })),
        },
        T,
      ),
    ],
    ['operation', operationMessage(absurdOperation, runs, T)],
    ['operations', operationsMessage(Array.from({ length: 40 }, () => ({ operation: absurdOperation, runs })))],
    [
      'warning',
      warningMessage(
        {
          kind: 'warning',
          cluster: 'main',
          operationId: 'o',
          workers: many(80).map((name) => name.slice(0, 63)),
          deadlineMs: T,
          leadMs: 1,
        },
        many(5),
        T,
      ),
    ],
    ['alert', alertMessage({ kind: 'alert', cluster: 'main', text: nasty, workerName: nasty, operationId: nasty })],
    [
      'error',
      errorMessage(
        new BurstError('not_found', nasty, { left: nasty, hint: nasty, suggestions: many(20) }),
        (word) => word,
      ),
    ],
    ['panel', panelMessage(fleet(3), 'U1', T)],
  ];
  test.each(messages)('%s stays within what Slack takes', (_name, message) => {
    expect(validateBlocks(message.blocks ?? [], 'message')).toEqual([]);
    expect(validateBlocks(message.fallback ?? [], 'message')).toEqual([]);
    expect(message.text.length).toBeGreaterThan(0);
    expect(message.text.length).toBeLessThan(12_500);
  });
  test.each(messages)('%s pings nobody by foreign text', (_name, message) => {
    const marked = [message.text, ...markup(message.blocks), ...markup(message.fallback)].join('\n');
    expect(marked).not.toContain('<!channel>');
    expect(marked).not.toContain('<@U123>');
  });
  const shown = { worker: absurd, drained: false, drain: preview, expiresAtMs: T + HOUR, fingerprint: 'f' };
  test.each([
    ['destroy', destroyView([shown], {}, true, T, nasty.slice(0, 100))],
    [
      'destroy many',
      destroyView(
        Array.from({ length: 10 }, () => shown),
        {},
        true,
        T,
      ),
    ],
    [
      'drain',
      drainView(
        Array.from({ length: 10 }, () => preview),
        {},
        T,
      ),
    ],
    ['provision', provisionView(policy, fleet(3), {}, { count: 99, reason: nasty, ownTtl: nasty }, 'x')],
    ['provision, nothing known', provisionView({ ...policy, defaultTtlHours: 7 }, undefined, {})],
  ])('the %s form stays within what Slack takes', (_name, view) => {
    expect(validateBlocks(view.blocks, 'modal')).toEqual([]);
    expect(view.title.text.length).toBeLessThanOrEqual(24);
    expect(view.submit?.text.length ?? 0).toBeLessThanOrEqual(24);
    expect(JSON.stringify(view).length).toBeLessThan(250_000);
  });
  test('the home tab stays within what Slack takes', () => {
    const running = Array.from({ length: 40 }, () => ({ operation: absurdOperation, runs }));
    const facts = { userId: 'U1', role: 'admin', running, channels: [] } as const;
    for (const view of [
      homeView({ ...facts, fleet: fleet(300) }, T),
      homeView({ ...facts, fleet: undefined }, T),
      homeView({ userId: 'U1', refusal: nasty, channels: many(20) }, T),
    ]) {
      expect(validateBlocks(view.blocks, 'home')).toEqual([]);
      expect(JSON.stringify(view).length).toBeLessThan(250_000);
    }
  });
});

/** The texts that Slack reads as markup. */
function markup(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(markup);
  if (typeof value !== 'object' || value === null) return [];
  const item = value as Record<string, unknown>;
  if (item['type'] === 'mrkdwn' && typeof item['text'] === 'string') return [item['text']];
  return Object.values(item).flatMap(markup);
}

test('a clamp cuts neither entities nor pairs', () => {
  for (let max = 1; max < 40; max++) {
    const cut = clamp(escape('a<b>&𝕏 c<d>&𝕏 e<f>'), max);
    expect(cut.length).toBeLessThanOrEqual(max);
    expect(cut).not.toMatch(/&[a-z]*$|&[a-z]*…|[\uD800-\uDBFF](?![\uDC00-\uDFFF])/);
  }
});

describe('buttons of an operation', () => {
  const ids = (message: Message): string[] =>
    [...JSON.stringify(message.blocks).matchAll(/"action_id":"([^"]+)"/g)].map((match) => match[1] ?? '');
  const params = { kind: 'provision', count: 1, size: 'medium', ttlHours: 1 } as const;
  const drain = { kind: 'drain', workers: ['w'], permanent: false } as const;
  const blocked = { sinceMs: T, text: 'x', never: false };
  test.each([
    [operation(params), [run('w')], ['burst:op:cancel']],
    [operation(params), [run('w', { pivoted: true })], []],
    [operation(params), [run('w', { cancelRequested: true })], []],
    [operation(params, { state: 'succeeded' }), [run('w', { state: 'succeeded' })], []],
    [
      operation(params, { state: 'succeeded', endedAtMs: T }),
      [run('w', { state: 'succeeded' })],
      ['burst:op:extend', 'burst:worker:details'],
    ],
    [operation(params, { state: 'partial' }), [run('w', { state: 'undone' })], ['burst:op:retry']],
    [operation(drain, { state: 'stuck' }), [run('w', { state: 'stuck' })], ['burst:op:retry']],
    [operation(drain), [run('w', { blocked })], ['burst:op:wait', 'burst:op:cancel', 'burst:op:force:0']],
    [operation(drain), [run('w', { blocked, cancelRequested: true })], []],
  ])('case %#', (made, its, expected) => expect(ids(operationMessage(made, its, T))).toEqual(expected));
});
