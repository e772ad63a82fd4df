/** Whatever the facts are, what is built from them is what Slack takes, and foreign text stays text. */
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { costReport } from '../../../src/domain/cost.ts';
import { BurstError } from '../../../src/domain/errors.ts';
import type { Operation, OperationParams, Run } from '../../../src/domain/operation.ts';
import { validateBlocks } from '../../../src/sandbox/slack/blocks.ts';
import { costMessage } from '../../../src/slack/blocks/cost.ts';
import { detailsMessage } from '../../../src/slack/blocks/details.ts';
import { apology, errorMessage } from '../../../src/slack/blocks/errors.ts';
import { forceView } from '../../../src/slack/blocks/force.ts';
import { homeView, panelMessage } from '../../../src/slack/blocks/home.ts';
import { alertMessage, warningMessage } from '../../../src/slack/blocks/notices.ts';
import { operationMessage, operationsMessage } from '../../../src/slack/blocks/operation.ts';
import { provisionView } from '../../../src/slack/blocks/provision.ts';
import { threadMessage } from '../../../src/slack/blocks/thread.ts';
import type { OperationFacts } from '../../../src/slack/blocks/thread.ts';
import type { Message } from '../../../src/slack/blocks/text.ts';
import { destroyView, drainView, extendView, messageView } from '../../../src/slack/blocks/views.ts';
import { listMessage } from '../../../src/slack/blocks/list.ts';
import { HOUR, T, drainPreview, node, operation, run, worker, workers as policy } from './fixtures.ts';

const runs = { numRuns: 60 };
/** Text as nobody should send it, some of it very long. */
const text = fc.oneof(
  { weight: 6, arbitrary: fc.string({ unit: 'binary', maxLength: 80 }) },
  {
    weight: 3,
    arbitrary: fc.constantFrom(
      '',
      '<!channel>',
      '<@U0VICTIM01>',
      '`*_~',
      '&lt;',
      '\n\n',
      '<!date^1^x|y>',
      'a'.repeat(63),
    ),
  },
  { weight: 1, arbitrary: fc.constantFrom('<!here>'.repeat(5700), '𝕏&<'.repeat(900), 'w '.repeat(20_000)) },
);
const small = fc.nat(40);
const many = (max: number) => fc.array(text, { maxLength: max });
const ms = fc.integer({ min: T - 1e11, max: T + 1e11 });
const maybe = <X>(of: fc.Arbitrary<X>) => fc.option(of, { nil: undefined });
const room = fc.record({ cpuMillis: fc.nat(1e9), memoryMiB: fc.nat(1e9), pods: fc.nat(1e6) });
const record = fc.dictionary(text, text, { maxKeys: 40 });

const workerFacts = fc
  .record({
    name: text,
    type: fc.constantFrom('burst' as const, 'permanent' as const),
    status: fc.constantFrom('ready' as const, 'busy' as const, 'draining' as const, 'not_ready' as const),
    size: maybe(text),
    capacity: room,
    allocatable: room,
    requested: room,
    labels: record,
    annotations: record,
    expiresAtMs: maybe(ms),
    owner: maybe(text),
    operationId: maybe(text),
    activity: maybe(text),
  })
  .map((facts) => worker('n', facts));
const fleet = fc.record({
  freshness: fc.oneof(
    fc.constant({ stale: false as const }),
    fc.record({ stale: fc.constant(true as const), sinceMs: maybe(ms), reason: text }),
  ),
  workers: fc.array(workerFacts, { maxLength: 40 }),
  joining: small,
  burstCount: small,
  maxBurstWorkers: small,
});
const preview = fc
  .record({
    unschedulable: fc.boolean(),
    evict: fc.array(fc.record({ namespace: text, name: text, owner: text }), { maxLength: 250 }),
    skip: fc.array(fc.record({ namespace: text, name: text, why: text }), { maxLength: 5 }),
    errors: fc.array(fc.record({ namespace: text, name: text, text }), { maxLength: 30 }),
    blocked: fc.array(fc.record({ pod: text, budget: text, numbers: text, never: fc.boolean() }), { maxLength: 30 }),
    losses: many(250),
  })
  .chain((facts) => text.map((name) => drainPreview(name, facts)));
const shown = fc.record({
  worker: workerFacts,
  drained: fc.boolean(),
  drain: preview,
  expiresAtMs: maybe(ms),
  fingerprint: fc.constant('0123456789abcdef'),
});
const by = fc.oneof(
  text.map((userId) => ({ kind: 'slack' as const, userId })),
  text.map((name) => ({ kind: 'system' as const, name })),
);
const names = fc.array(text, { minLength: 1, maxLength: 30 });
const params: fc.Arbitrary<OperationParams> = fc.oneof(
  fc.record({
    kind: fc.constant('provision' as const),
    count: small,
    size: text,
    ttlHours: fc.double({ noNaN: true }),
  }),
  fc.record({ kind: fc.constant('drain' as const), workers: names, permanent: fc.boolean() }),
  fc.record({ kind: fc.constant('destroy' as const), workers: names, force: fc.boolean() }),
  fc.record({ kind: fc.constant('extend' as const), workers: names, hours: small }),
  fc.record({ kind: fc.constant('expire' as const), workers: names, deadlineMs: ms }),
);
const operationFacts: fc.Arbitrary<Operation> = fc
  .record({
    params,
    id: text,
    state: fc.constantFrom(
      'running' as const,
      'succeeded' as const,
      'partial' as const,
      'failed' as const,
      'cancelled' as const,
      'stuck' as const,
    ),
    requester: by,
    reason: text,
    endedAtMs: maybe(ms),
    cancelledBy: maybe(by),
  })
  .map(({ params: made, ...more }) => operation(made, more));
const blocked = fc
  .record({ sinceMs: ms, text, never: fc.boolean() })
  .chain((facts) =>
    fc.record({ pod: text, budget: text, numbers: text }, { requiredKeys: [] }).map((more) => ({ ...facts, ...more })),
  );
const runFacts: fc.Arbitrary<Run> = fc
  .record({
    id: text,
    step: text,
    state: fc.constantFrom(
      'running' as const,
      'undoing' as const,
      'succeeded' as const,
      'undone' as const,
      'stuck' as const,
    ),
    pivoted: fc.boolean(),
    cancelRequested: fc.boolean(),
    progress: text,
    blocked: maybe(blocked),
    failure: maybe(fc.record({ code: text, message: text, hint: text })),
    endedAtMs: maybe(ms),
    data: fc.record(
      { vmId: text, vmHost: text, deadlineMs: ms, podsToMove: small, podsMoved: small },
      { requiredKeys: [] },
    ),
  })
  .chain((facts) => text.map((name) => run(name, facts)));
const someRuns = fc.array(runFacts, { maxLength: 30 });
const factsOf = (of: readonly Run[], more: readonly string[]): OperationFacts =>
  new Map(of.map(({ id }) => [id, { livedMs: 1e9, cpus: 4, addresses: more, undone: more }] as const));

/** Texts that Slack reads as markup. */
function markup(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(markup);
  if (typeof value !== 'object' || value === null) return [];
  const item = value as Record<string, unknown>;
  return item['type'] === 'mrkdwn' && typeof item['text'] === 'string'
    ? [item['text']]
    : Object.values(item).flatMap(markup);
}
function harmless(said: readonly string[]): void {
  const all = said.join('\n');
  expect(all).not.toMatch(/<!(channel|here|everyone)|<@U0VICTIM01>.*<@U0VICTIM01>.*<!/);
  // Whatever opens a bracket is ours: a date, a mention, a channel or a link that was made on purpose.
  for (const [opened] of all.matchAll(/<[^<>]{0,12}/g)) expect(opened).toMatch(/^<(!date\^|@[UW]|#|!subteam\^)/);
}
function goodMessage(message: Message): void {
  for (const blocks of [message.blocks ?? [], message.fallback ?? []]) {
    expect(validateBlocks(blocks, 'message')).toEqual([]);
    expect(JSON.stringify(blocks).length).toBeLessThan(13_000);
    harmless(markup(blocks));
  }
  expect(message.text.length).toBeGreaterThan(0);
  expect(message.text.length).toBeLessThanOrEqual(4000);
  harmless([message.text]);
}
function goodView(view: { type: string; blocks: unknown[]; private_metadata?: string }): void {
  expect(validateBlocks(view.blocks, view.type === 'home' ? 'home' : 'modal')).toEqual([]);
  expect(JSON.stringify(view).length).toBeLessThan(250_000);
  expect((view.private_metadata ?? '').length).toBeLessThanOrEqual(3000);
  harmless(markup(view.blocks));
}

test('list, details and panel', () => {
  fc.assert(
    fc.property(fleet, fc.array(text, { maxLength: 5 }), small, (facts, sizes, page) => {
      const filter = { mine: page % 2 === 0, ...(sizes[0] === undefined ? {} : { size: sizes[0] }) };
      goodMessage(listMessage(facts, { filter, sizes, page, userId: 'U1', mayAct: () => true }, T));
    }),
    runs,
  );
  fc.assert(
    fc.property(fleet, text, (facts, user) => goodMessage(panelMessage(facts, user, T))),
    runs,
  );
  const condition = fc.record({
    type: text,
    status: fc.constantFrom('True' as const, 'False' as const, 'Unknown' as const),
    reason: text,
    message: text,
    sinceMs: maybe(ms),
  });
  const details = fc.record({
    view: workerFacts,
    conditions: fc.array(condition, { maxLength: 30 }),
    addresses: fc.array(fc.record({ type: text, address: text }), { maxLength: 30 }),
    taints: fc.array(fc.record({ key: text, value: text, effect: text }), { maxLength: 30 }),
    vm: maybe(fc.record({ id: text, host: maybe(text), state: text })),
    history: fc.array(fc.record({ atMs: ms, actor: text, text }), { maxLength: 30 }),
    system: text,
  });
  fc.assert(
    fc.property(details, ({ view, conditions, addresses, taints, vm, history, system }) => {
      const facts = node(view.name, { conditions, addresses, taints, osImage: system, kubeletVersion: system });
      goodMessage(detailsMessage({ ...view, node: facts, pods: [], vm, history }, T));
    }),
    runs,
  );
});

test('operations, their threads and lists', () => {
  fc.assert(
    fc.property(operationFacts, someRuns, many(20), (made, its, more) => {
      goodMessage(operationMessage(made, its, T, factsOf(its, more)));
      goodMessage(threadMessage(made, its, factsOf(its, more), T));
    }),
    runs,
  );
  fc.assert(
    fc.property(fc.array(fc.record({ operation: operationFacts, runs: someRuns }), { maxLength: 12 }), (items) =>
      goodMessage(operationsMessage(items)),
    ),
    { numRuns: 20 },
  );
});

test('costs', () => {
  const by = fc.constantFrom('user' as const, 'size' as const, 'cluster' as const, 'channel' as const);
  const spans = fc.array(
    fc.record({
      owner: text,
      name: maybe(text),
      size: text,
      channel: maybe(text),
      hours: fc.nat(2000),
      micros: fc.nat(1e12),
    }),
    { maxLength: 60 },
  );
  fc.assert(
    fc.property(spans, by, text, fc.boolean(), (all, group, words, several) => {
      const life = all.map(({ owner, name, size, channel, hours, micros }, index) => ({
        cluster: size,
        worker: `w${index}`,
        size,
        owner: { kind: 'slack' as const, userId: owner, ...(name === undefined ? {} : { userName: name }) },
        channelId: channel,
        role: undefined,
        cpus: 4,
        price: { currency: index % 2 === 0 ? 'USD' : 'EUR', micros },
        requestedAtMs: T,
        vmFromMs: T - hours * HOUR,
        vmToMs: undefined,
        over: false,
        untilMs: T + HOUR,
      }));
      const limit = { currency: 'USD', exact: 10n ** 20n };
      const budget = {
        name: 'a',
        limit,
        beyond: 'refuse',
        warnPercent: 80,
        roles: [],
        channels: [],
        clusters: [],
      } as const;
      const month = { name: '2027-01', fromMs: T - HOUR, toMs: T + HOUR };
      const message = costMessage({
        words,
        about: 'this month',
        only: [],
        by: group,
        report: costReport(life, { fromMs: T - 1000 * HOUR, toMs: T }, T, group),
        currency: 'USD',
        month: { spent: [limit], forecast: limit },
        budgets: Array.from({ length: 12 }, () => ({ budget, month, spent: limit, committed: limit })),
        inChannel: true,
        hasPicture: true,
        note: 'note',
        allClusters: several,
      });
      goodMessage(message);
    }),
    runs,
  );
});

test('notices and errors', () => {
  fc.assert(
    fc.property(names, ms, many(4), (workers, deadlineMs, owners) =>
      goodMessage(
        warningMessage({ kind: 'warning', cluster: 'c', operationId: 'o', workers, deadlineMs, leadMs: 1 }, owners, T),
      ),
    ),
    runs,
  );
  fc.assert(
    fc.property(text, text, text, (said, workerName, operationId) =>
      goodMessage(alertMessage({ kind: 'alert', cluster: 'c', text: said, workerName, operationId })),
    ),
    runs,
  );
  fc.assert(
    fc.property(text, text, text, many(8), (message, left, hint, suggestions) => {
      const error = new BurstError('not_found', message, { left, hint, suggestions });
      goodMessage(errorMessage(error, (word) => word));
      goodMessage(errorMessage(error));
      goodView(messageView('Burst', errorMessage(error)));
      goodMessage(apology(message));
    }),
    runs,
  );
});

test('forms and the App Home', () => {
  fc.assert(
    fc.property(fc.array(shown, { minLength: 1, maxLength: 3 }), fc.boolean(), text, (previews, mayForce, why) => {
      goodView(destroyView(previews, {}, mayForce, T, errorMessage(new BurstError('internal', why)).text));
      goodView(
        drainView(
          previews.map(({ drain }) => drain),
          {},
          T,
        ),
      );
      for (const { drain } of previews) goodView(forceView('destroy', drain, {}, T));
    }),
    { numRuns: 30 },
  );
  const typed = fc.record({ count: fc.integer(), size: text, ttlHours: fc.double(), ownTtl: text, reason: text });
  fc.assert(
    fc.property(maybe(fleet), typed, maybe(text), (facts, was, why) =>
      goodView(
        provisionView(
          policy,
          facts,
          {},
          was,
          why === undefined ? why : errorMessage(new BurstError('internal', why)).text,
        ),
      ),
    ),
    runs,
  );
  fc.assert(
    fc.property(
      fc.array(fc.stringMatching(/^[a-z-]{1,63}$/), { minLength: 1, maxLength: 10 }),
      small,
      (workers, hours) => goodView(extendView(workers, policy, {}, hours)),
    ),
    runs,
  );
  const listed = fc.array(fc.record({ operation: operationFacts, runs: fc.array(runFacts, { maxLength: 3 }) }), {
    maxLength: 20,
  });
  fc.assert(
    fc.property(
      maybe(fleet),
      listed,
      fc.constantFrom('viewer' as const, 'admin' as const),
      text,
      (facts, running, role, userId) => goodView(homeView({ userId, role, fleet: facts, running, channels: [] }, T)),
    ),
    runs,
  );
});
