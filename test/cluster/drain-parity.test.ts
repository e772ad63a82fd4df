/**
 * A drain's decision for each pod against kubectl's, on a real control plane: `kubectl drain --dry-run=server` is the
 * oracle. Deliberate differences, each with a test below:
 * 1. several budgets on one pod: kubectl fails that pod, Burst calls it blocked (a person can repair it meanwhile);
 * 2. a pod that is ending already: kubectl evicts it once more, Burst only waits for its end;
 * 3. each eviction names the pod's UID: a namesake made meanwhile is never evicted;
 * 4. a node that is not provably a burst worker: kubectl drains it, Burst refuses.
 */
import { execFile } from 'node:child_process';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { drainPlan } from '../../src/domain/drain-plan.ts';
import { createOperations } from '../../src/operations/index.ts';
import type { ServiceDeps } from '../../src/operations/index.ts';
import type { Cluster } from '../../src/ports/cluster.ts';
import type { Store } from '../../src/ports/store.ts';
import { openStore } from '../../src/store/index.ts';
import { type ClusterAdmin, createAdmin, type Raw, until } from '../contract/cluster-admin.ts';
import { realClock, testCluster, testIds } from '../contract/cluster-setup.ts';
import { LABEL, plainPolicies } from '../contract/policies.ts';
import { Faults, World } from '../operations/world.ts';
import { type ControlPlane, startControlPlane } from './control-plane.ts';

const OWNERS = [
  'ReplicaSet',
  'StatefulSet',
  'Job',
  'DaemonSet',
  'missing DaemonSet',
  'foreign DaemonSet',
  'not a controller',
  'none',
] as const;
const VOLUMES = ['none', 'emptyDir', 'memory', 'hostPath', 'configMap'] as const;
const PHASES = ['Pending', 'Running', 'Running', 'Running', 'Succeeded', 'Failed'] as const;
const NAMESPACES = ['shop', 'jobs', 'kube-system'] as const;

const podArb = fc.record({
  namespace: fc.constantFrom(...NAMESPACES),
  owner: fc.constantFrom(...OWNERS, 'ReplicaSet' as const, 'ReplicaSet' as const, 'ReplicaSet' as const),
  volume: fc.constantFrom(...VOLUMES),
  phase: fc.constantFrom(...PHASES),
  mirror: fc.integer({ min: 0, max: 9 }).map((roll) => roll === 0),
  ending: fc.integer({ min: 0, max: 5 }).map((roll) => roll === 0),
});
const populationArb = fc.record({
  pods: fc.array(podArb, { minLength: 1, maxLength: 6 }),
  flags: fc.record({
    ignoreDaemonSets: fc.boolean(),
    deleteEmptyDirData: fc.boolean(),
    force: fc.boolean(),
    graceSeconds: fc.constantFrom(-1, 0, 1, 30),
    skipWaitSeconds: fc.constantFrom(0, 1, 3600),
  }),
});
type Population = typeof populationArb extends fc.Arbitrary<infer T> ? T : never;
type PodSpec = Population['pods'][number];
type Decisions = Readonly<Record<string, string>>;

const POPULATIONS = 48;
const MERGE = 'application/merge-patch+json';

let plane: ControlPlane;
let admin: ClusterAdmin;
let cluster: Cluster;
let store: Store;

const kubectl = (...args: string[]): Promise<{ readonly failed: boolean; readonly out: string }> =>
  new Promise((resolve) => {
    execFile(plane.kubectl, ['--kubeconfig', plane.kubeconfigPath, ...args], (error, stdout, stderr) =>
      resolve({ failed: error !== null, out: `${stdout}\n${stderr}` }),
    );
  });

function operationsWith(flags: Population['flags']) {
  const deps: ServiceDeps = {
    cluster,
    store,
    vms: new World(new Faults(), () => Date.now()).provider,
    clock: realClock,
    ids: testIds,
    drain: {
      gracePeriodSeconds: flags.graceSeconds,
      timeoutMs: 60_000,
      ignoreDaemonSets: flags.ignoreDaemonSets,
      deleteEmptyDirData: flags.deleteEmptyDirData,
      force: flags.force,
      skipWaitForDeleteMs: flags.skipWaitSeconds * 1000,
      permanentWorkers: false,
      volumeDetachTimeoutMs: 10_000,
      maxEvictionsAtOnce: 5,
    },
    ...plainPolicies,
    renderJoin: () => ({ userData: '', joinCommand: '' }),
    ownerTag: 'burst-test',
    pollMs: 200,
    submitted: () => undefined,
  };
  return createOperations(deps);
}

/** Owners in name only: nothing in this cluster collects or adopts pods. */
function ownerOf(spec: PodSpec): Raw[] {
  const uid = '11111111-1111-4111-8111-111111111111';
  const owner = (apiVersion: string, kind: string, name = 'owner', controller = true): Raw[] => [
    { apiVersion, kind, name, uid, controller },
  ];
  switch (spec.owner) {
    case 'none':
      return [];
    case 'DaemonSet':
      return owner('apps/v1', 'DaemonSet', 'daemon');
    case 'missing DaemonSet':
      return owner('apps/v1', 'DaemonSet');
    case 'foreign DaemonSet':
      return owner('unknown.example.com/v1', 'DaemonSet');
    case 'not a controller':
      return owner('apps/v1', 'ReplicaSet', 'owner', false);
    case 'Job':
      return owner('batch/v1', 'Job');
    default:
      return owner('apps/v1', spec.owner);
  }
}

function volumesOf(spec: PodSpec): Raw[] {
  switch (spec.volume) {
    case 'none':
      return [];
    case 'emptyDir':
      return [{ name: 'v', emptyDir: {} }];
    case 'memory':
      return [{ name: 'v', emptyDir: { medium: 'Memory' } }];
    case 'hostPath':
      return [{ name: 'v', hostPath: { path: '/tmp' } }];
    case 'configMap':
      return [{ name: 'v', configMap: { name: 'kube-root-ca.crt' } }];
  }
}

const nodeOf = async (name: string): Promise<void> => {
  await admin.createNode(name, {
    labels: { [LABEL.key]: LABEL.value },
    annotations: { 'worker-ttl': '2040-01-01T00:00:00Z' },
  });
};

async function makePod(node: string, name: string, spec: PodSpec, labels: Record<string, string> = {}): Promise<void> {
  const path = `/api/v1/namespaces/${spec.namespace}/pods/${name}`;
  await admin.createPod(spec.namespace, name, node, {
    labels,
    pending: true,
    metadata: {
      finalizers: ['burst.test/hold'],
      ...(spec.mirror ? { annotations: { 'kubernetes.io/config.mirror': 'x' } } : {}),
      ownerReferences: ownerOf(spec),
    },
    // a mirror pod may not have a ServiceAccount
    spec: { volumes: volumesOf(spec), automountServiceAccountToken: false },
  });
  await admin.call('PATCH', `${path}/status`, { status: { phase: spec.phase } }, MERGE);
  if (spec.ending) await admin.call('DELETE', path, { gracePeriodSeconds: 0 });
}

const listed = (out: string, pattern: RegExp): string[] => {
  const found = pattern.exec(out)?.[1] ?? '';
  return found
    .split(',')
    .map((one) => one.trim().split('/').at(-1) ?? '')
    .filter((one) => one !== '');
};
const ERRORS: readonly (readonly [string, RegExp])[] = [
  [
    'daemonset',
    /cannot delete DaemonSet-managed Pods \(use --ignore-daemonsets to ignore\): ((?:[\w.-]+\/[\w.-]+(?:, (?=[\w.-]+\/))?)+)/,
  ],
  ['daemonset missing', /daemonsets\.apps "[^"]*" not found: ((?:[\w.-]+\/[\w.-]+(?:, (?=[\w.-]+\/))?)+)/],
  [
    'local storage',
    /cannot delete Pods with local storage \(use --delete-emptydir-data to override\): ((?:[\w.-]+\/[\w.-]+(?:, (?=[\w.-]+\/))?)+)/,
  ],
  [
    'unmanaged',
    /cannot delete (?:cannot delete )?Pods that declare no controller \(use --force to override\): ((?:[\w.-]+\/[\w.-]+(?:, (?=[\w.-]+\/))?)+)/,
  ],
];

/** What kubectl says it would do with each of these pods (their names are unique). */
async function kubectlDecides(node: string, names: readonly string[], flags: Population['flags']): Promise<Decisions> {
  const { out } = await kubectl(
    ...['drain', node, '--dry-run=server', '--timeout=20s', `--grace-period=${flags.graceSeconds}`],
    ...[`--ignore-daemonsets=${flags.ignoreDaemonSets}`, `--delete-emptydir-data=${flags.deleteEmptyDirData}`],
    ...[`--force=${flags.force}`, `--skip-wait-for-delete-timeout=${flags.skipWaitSeconds}`],
  );
  const decisions: Record<string, string> = Object.fromEntries(names.map((name) => [name, 'skip']));
  const evicted = [
    ...[...out.matchAll(/^evicting pod [^/\s]+\/(\S+) \(server dry run\)/gm)].map((match) => match[1] ?? ''),
  ];
  const unknown = evicted.filter((name) => !names.includes(name));
  if (unknown.length > 0) throw new Error(`kubectl named ${unknown.join(', ')}: ${out}`);
  for (const name of evicted) decisions[name] = 'evict';
  for (const [why, pattern] of ERRORS)
    for (const name of listed(out, pattern)) if (names.includes(name)) decisions[name] = why;
  if (!/drained|would be drained|error:/.test(out)) throw new Error(`kubectl said something unexpected: ${out}`);
  return decisions;
}

const WORDS: readonly (readonly [RegExp, string])[] = [
  [/managed by a DaemonSet/, 'daemonset'],
  [/its DaemonSet .* does not exist/, 'daemonset missing'],
  [/emptyDir/, 'local storage'],
  [/no controller/, 'unmanaged'],
];

async function burstDecides(node: string, flags: Population['flags']): Promise<Decisions> {
  const preview = await operationsWith(flags).previewDrain(node);
  // all or nothing: beside a pod in error nothing is evicted, and kubectl does not say what would have been
  const evicts = preview.errors.length > 0 ? 'skip' : 'evict';
  return Object.fromEntries([
    ...preview.evict.map(({ name }) => [name, evicts] as const),
    ...preview.skip.map(({ name }) => [name, 'skip'] as const),
    ...preview.errors.map(
      ({ name, text }) => [name, WORDS.find(([pattern]) => pattern.test(text))?.[1] ?? text] as const,
    ),
  ]);
}

beforeAll(async () => {
  plane = await startControlPlane({ inert: true });
  admin = createAdmin(plane);
  cluster = testCluster(plane);
  await cluster.start(AbortSignal.timeout(30_000));
  store = await openStore({ path: ':memory:', clock: realClock, ids: testIds });
  for (const namespace of NAMESPACES) {
    if (namespace !== 'kube-system') await admin.createNamespace(namespace);
    await admin.createDaemonSet(namespace, 'daemon');
  }
});
afterAll(async () => {
  await cluster?.stop();
  await store?.close();
  await plane?.stop();
});

test(`${POPULATIONS} generated populations: each pod's decision is kubectl's`, async () => {
  const seed = Number(process.env['SEED'] ?? Date.now() % 1_000_000);
  const populations = fc.sample(populationArb, { seed, numRuns: POPULATIONS });
  const made: { node: string; names: string[]; population: Population }[] = [];
  for (const [index, population] of populations.entries()) {
    const node = `parity-${index}`;
    await nodeOf(node);
    const names = population.pods.map((_, at) => `p-${index}-${at}`);
    await Promise.all(population.pods.map((spec, at) => makePod(node, names[at] ?? '', spec)));
    made.push({ node, names, population });
  }
  // those that were told to end have been ending for longer than the short time-out
  await realClock.sleep(2_500);
  const kinds = new Map<string, number>();
  const queue = [...made];
  const worker = async (): Promise<void> => {
    for (let one = queue.shift(); one !== undefined; one = queue.shift()) {
      const theirs = await kubectlDecides(one.node, one.names, one.population.flags);
      const ours = await burstDecides(one.node, one.population.flags);
      for (const decision of Object.values(theirs)) kinds.set(decision, (kinds.get(decision) ?? 0) + 1);
      expect(ours, `SEED=${seed} ${one.node} ${JSON.stringify(one.population)}`).toEqual(theirs);
    }
  };
  await Promise.all([worker(), worker()]);
  // the generator reaches every decision, else the comparison means little
  expect([...kinds.keys()].sort(), `SEED=${seed}`).toEqual([
    'daemonset',
    'daemonset missing',
    'evict',
    'local storage',
    'skip',
    'unmanaged',
  ]);
});

describe('budgets and deliberate differences', () => {
  const flags: Population['flags'] = {
    ignoreDaemonSets: true,
    deleteEmptyDirData: true,
    force: false,
    graceSeconds: -1,
    skipWaitSeconds: 0,
  };
  const running: PodSpec = {
    namespace: 'shop',
    owner: 'ReplicaSet',
    volume: 'none',
    phase: 'Running',
    mirror: false,
    ending: false,
  };
  const podOn = async (node: string) => {
    const [pod] = await cluster.listPodsOnNode(node);
    if (pod === undefined) throw new Error('no pod');
    return pod;
  };
  const guarded = async (node: string, ...budgets: string[]): Promise<void> => {
    await nodeOf(node);
    await makePod(node, node, running, { app: node });
    const status = { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] };
    await admin.call('PATCH', `/api/v1/namespaces/shop/pods/${node}/status`, { status }, MERGE);
    const spec = { minAvailable: 1, selector: { matchLabels: { app: node } } };
    for (const name of budgets)
      await admin.createBudget('shop', name, spec, (counted) => counted['currentHealthy'] === 1);
  };

  test('what one budget holds back, both call blocked', async () => {
    await guarded('held', 'held');
    const { out, failed } = await kubectl('drain', 'held', '--dry-run=server', '--timeout=2s', '--ignore-daemonsets');
    expect(failed).toBe(true);
    expect(out).toMatch(/error when evicting pods\/"held" .*will retry.*violate the pod's disruption budget/);
    const preview = await operationsWith(flags).previewDrain('held');
    expect(preview.evict.map(({ name }) => name)).toEqual(['held']);
    expect(preview.blocked).toMatchObject([{ pod: 'shop/held', budget: 'shop/held' }]);
    expect(await cluster.evict(await podOn('held'), undefined)).toMatchObject({ kind: 'blocked', budget: 'held' });
  });

  test('difference 1: several budgets on one pod fail kubectl, and block Burst', async () => {
    await guarded('several', 'several-1', 'several-2');
    const { out } = await kubectl('drain', 'several', '--dry-run=server', '--timeout=20s', '--ignore-daemonsets');
    expect(out).toMatch(/error when evicting pods\/"several".*more than one PodDisruptionBudget/);
    expect(out).not.toContain('will retry');
    expect(await cluster.evict(await podOn('several'), undefined)).toMatchObject({ kind: 'blocked' });
    const { blocked } = await operationsWith(flags).previewDrain('several');
    expect(blocked).toMatchObject([{ never: true, budget: 'shop/several-1, shop/several-2' }]);
  });

  test('difference 2: a pod that is ending is evicted once more by kubectl; Burst waits for its end', async () => {
    await nodeOf('ending');
    await makePod('ending', 'ending', { ...running, ending: true });
    const { out } = await kubectl('drain', 'ending', '--dry-run=server', '--timeout=20s', '--ignore-daemonsets');
    expect(out).toContain('evicting pod shop/ending');
    const pod = await podOn('ending');
    const facts = { pods: [pod], nowMs: realClock.now(), missingDaemonSets: new Set<string>() };
    expect(drainPlan(facts, { ...flags, skipWaitForDeleteMs: 0 }).evict).toEqual([pod]);
    expect(pod.deletionAtMs).toBeDefined();
  });

  test('difference 3: an eviction never reaches a namesake', async () => {
    await nodeOf('namesake');
    await makePod('namesake', 'namesake', running);
    const pod = await podOn('namesake');
    expect(await cluster.evict({ ...pod, uid: '22222222-2222-4222-8222-222222222222' }, undefined)).toEqual({
      kind: 'gone',
    });
    expect((await podOn('namesake')).deletionAtMs).toBeUndefined();
  });

  test('difference 4: a permanent worker is drained by kubectl, and refused by Burst', async () => {
    await admin.createNode('permanent');
    const { failed } = await kubectl('drain', 'permanent', '--dry-run=server', '--ignore-daemonsets');
    expect(failed).toBe(false);
    const by = { kind: 'slack', userId: 'U0OPERATOR1' } as const;
    await expect(
      operationsWith(flags).drain({ by, idempotencyKey: 'p', workers: ['permanent'], admin: true }),
    ).rejects.toThrow(/^SAFETY VIOLATION/);
  });

  test.each([
    ['a real drain ends as its dry run said', flags, 'evict'],
    ['nothing is evicted when one pod is in error', { ...flags, deleteEmptyDirData: false }, 'stay'],
  ])('%s', async (_name, given, outcome) => {
    const node = `real-${outcome}`;
    await nodeOf(node);
    await makePod(node, `${node}-free`, running);
    await makePod(node, `${node}-data`, { ...running, volume: 'emptyDir' });
    const before = await burstDecides(node, given);
    const args = [
      'drain',
      node,
      '--timeout=1s',
      '--ignore-daemonsets',
      `--delete-emptydir-data=${given.deleteEmptyDirData}`,
    ];
    await kubectl(...args);
    const pods = await until('the pods are listed', () => cluster.listPodsOnNode(node));
    for (const pod of pods)
      expect(pod.deletionAtMs !== undefined, pod.name).toBe(outcome === 'evict' && before[pod.name] === 'evict');
  });
});
