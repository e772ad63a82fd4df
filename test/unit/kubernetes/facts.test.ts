import { describe, expect, test } from 'vitest';
import { nodeFacts, podFacts } from '../../../src/kubernetes/facts.ts';
import { labelSelector } from '../../../src/kubernetes/selector.ts';

const NEEDED = new Set(['worker-ttl']);
const metadata = { name: 'a', namespace: 'default', uid: 'u1', resourceVersion: '7' };
const container = (cpu: string, memory: string, more: object = {}) => ({
  name: 'c',
  resources: { requests: { cpu, memory } },
  ...more,
});
const requests = (spec: object) => podFacts({ metadata, spec })?.facts.requests;

describe('node facts', () => {
  test('a node with nothing but its name is a node', () => {
    expect(nodeFacts({ metadata: { name: 'a', uid: 'u1' } }, NEEDED)).toEqual({
      name: 'a',
      uid: 'u1',
      resourceVersion: '',
      labels: {},
      annotations: {},
      taints: [],
      unschedulable: false,
      conditions: [],
      addresses: [],
      capacity: { cpuMillis: 0, memoryMiB: 0, pods: 0 },
      allocatable: { cpuMillis: 0, memoryMiB: 0, pods: 0 },
      createdAtMs: 0,
      deleting: false,
      providerId: undefined,
      kubeletVersion: '',
      osImage: '',
    });
  });

  test.each([
    undefined,
    null,
    'node',
    {},
    { metadata: {} },
    { metadata: { name: 'a' } },
    { metadata: { name: '', uid: 'u' } },
  ])('%j is no node', (raw) => {
    expect(nodeFacts(raw, NEEDED)).toBeUndefined();
  });

  test('one bad part does not take the others along', () => {
    const node = nodeFacts(
      {
        metadata: { ...metadata, labels: { good: 'yes', bad: 7 }, annotations: null, creationTimestamp: 'yesterday' },
        spec: { unschedulable: 'yes', taints: [{ key: 'k', effect: 'NoSchedule' }, 'taint'] },
        status: {
          conditions: [{ type: 'Ready', status: 'Perhaps', lastTransitionTime: '2026-99-99T00:00:00Z' }, 5],
          capacity: { cpu: '-4', memory: '8Gi' },
        },
      },
      NEEDED,
    );
    expect(node).toMatchObject({
      labels: { good: 'yes' },
      annotations: {},
      createdAtMs: 0,
      unschedulable: false,
      taints: [{ key: 'k', value: '', effect: 'NoSchedule' }],
      conditions: [{ type: 'Ready', status: 'Unknown', sinceMs: undefined }],
      capacity: { cpuMillis: 0, memoryMiB: 8192 },
    });
    expect(node?.labels).not.toHaveProperty('bad');
  });

  test('huge annotations are dropped, needed ones are kept', () => {
    const huge = 'x'.repeat(1_000_000);
    const many = Object.fromEntries(Array.from({ length: 500 }, (_, index) => [`many-${index}`, 'y'.repeat(1000)]));
    const annotations = { huge, small: 'kept', ...many, 'worker-ttl': '2030-01-01T00:00:00Z', 'burst/size': 'small' };
    const node = nodeFacts({ metadata: { ...metadata, annotations } }, NEEDED);
    expect(node?.annotations).toMatchObject({
      small: 'kept',
      'worker-ttl': '2030-01-01T00:00:00Z',
      'burst/size': 'small',
    });
    expect(node?.annotations).not.toHaveProperty('huge');
    expect(JSON.stringify(node).length).toBeLessThan(50_000);
  });
});

describe('pod facts', () => {
  test.each<[string, object, { cpuMillis: number; memoryMiB: number }]>([
    ['no containers', {}, { cpuMillis: 0, memoryMiB: 0 }],
    [
      'the sum of containers',
      { containers: [container('100m', '64Mi'), container('1', '1Gi')] },
      { cpuMillis: 1100, memoryMiB: 1088 },
    ],
    [
      'the largest init container when it is more',
      { containers: [container('100m', '64Mi')], initContainers: [container('2', '32Mi'), container('1', '16Mi')] },
      { cpuMillis: 2000, memoryMiB: 64 },
    ],
    [
      'a sidecar counts with the containers, and with the init containers after it',
      {
        containers: [container('100m', '64Mi')],
        initContainers: [container('200m', '64Mi', { restartPolicy: 'Always' }), container('500m', '10Mi')],
      },
      { cpuMillis: 700, memoryMiB: 128 },
    ],
    [
      'overhead comes on top',
      { containers: [container('100m', '64Mi')], overhead: { cpu: '50m', memory: '16Mi' } },
      { cpuMillis: 150, memoryMiB: 80 },
    ],
    [
      'the request of the pod itself wins',
      { containers: [container('100m', '64Mi')], resources: { requests: { cpu: '1' } } },
      { cpuMillis: 1000, memoryMiB: 64 },
    ],
  ])('requests: %s', (_name, spec, expected) => {
    expect(requests(spec)).toEqual(expected);
  });

  test('mirror pods, emptyDir and the controlling owner', () => {
    const owners = [
      { apiVersion: 'v1', kind: 'Other', name: 'o', uid: 'x' },
      { apiVersion: 'apps/v1', kind: 'DaemonSet', name: 'agent', uid: 'y', controller: true },
    ];
    const pod = podFacts({
      metadata: {
        ...metadata,
        ownerReferences: owners,
        annotations: { 'kubernetes.io/config.mirror': 'hash' },
        deletionTimestamp: '2026-01-02T03:04:05Z',
      },
      spec: {
        nodeName: 'n1',
        volumes: [
          { name: 'v', hostPath: { path: '/' } },
          { name: 'e', emptyDir: { medium: 'Memory' } },
        ],
      },
      status: { phase: 'Running' },
    });
    expect(pod?.facts).toMatchObject({
      nodeName: 'n1',
      phase: 'Running',
      mirror: true,
      hasEmptyDir: true,
      controller: { kind: 'DaemonSet', name: 'agent' },
      deletionAtMs: Date.UTC(2026, 0, 2, 3, 4, 5),
    });
    expect(podFacts({ metadata, spec: { volumes: [{ name: 'h', hostPath: { path: '/' } }] } })?.facts.hasEmptyDir).toBe(
      false,
    );
  });
});

describe('label selectors', () => {
  const expression = (key: string, operator: string, values?: string[]) => ({
    matchExpressions: [{ key, operator, values }],
  });
  test.each<[string, unknown, Record<string, string>, boolean]>([
    ['none matches nothing', undefined, { a: '1' }, false],
    ['an empty one matches all', {}, {}, true],
    ['labels all', { matchLabels: { a: '1', b: '2' } }, { a: '1' }, false],
    ['labels', { matchLabels: { a: '1' } }, { a: '1', b: '2' }, true],
    ['In', expression('a', 'In', ['1', '2']), { a: '2' }, true],
    ['In without the key', expression('a', 'In', ['1']), {}, false],
    ['NotIn', expression('a', 'NotIn', ['1']), { a: '1' }, false],
    ['NotIn without the key', expression('a', 'NotIn', ['1']), {}, true],
    ['Exists', expression('a', 'Exists'), { a: '' }, true],
    ['DoesNotExist', expression('a', 'DoesNotExist'), { a: '' }, false],
    ['an inherited property is no label', expression('toString', 'Exists'), {}, false],
    ['an unknown operator matches nothing', expression('a', 'Near', ['1']), { a: '1' }, false],
    ['nonsense matches nothing', 'a=1', { a: '1' }, false],
  ])('%s', (_name, selector, labels, expected) => {
    expect(labelSelector(selector)(labels)).toBe(expected);
  });
});
