/**
 * The API server's own behaviour over plain HTTP, in what Burst and kubectl rely on. Invariant: the same assertions run
 * on the sandbox's API server and on a real one; where they differ, the sandbox is wrong.
 */
import http from 'node:http';
import https from 'node:https';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { type ClusterAdmin, createAdmin, type Raw, until } from './cluster-admin.ts';

export type ApiSetup = {
  readonly url: string;
  readonly token: string;
  readonly ca?: string;
  /** The server forgets every past resourceVersion, as after etcd's compaction. */
  readonly forget: () => Promise<void>;
  readonly cleanup: () => Promise<void>;
};

const MERGE = 'application/merge-patch+json';
const STRATEGIC = 'application/strategic-merge-patch+json';
const JSON_PATCH = 'application/json-patch+json';

const objectSchema = z.looseObject({
  kind: z.string().optional(),
  metadata: z.looseObject({
    name: z.string(),
    uid: z.string(),
    resourceVersion: z.string(),
    deletionTimestamp: z.string().optional(),
    deletionGracePeriodSeconds: z.number().optional(),
    generation: z.number().optional(),
    labels: z.record(z.string(), z.string()).optional(),
    finalizers: z.array(z.string()).optional(),
  }),
});
const listSchema = z.looseObject({
  kind: z.string(),
  metadata: z.looseObject({
    resourceVersion: z.string(),
    continue: z.string().optional(),
    remainingItemCount: z.number().optional(),
  }),
  items: z.array(objectSchema),
});
const eventSchema = z.looseObject({
  type: z.string(),
  object: z.looseObject({
    kind: z.string(),
    code: z.number().optional(),
    reason: z.string().optional(),
    metadata: z.looseObject({
      name: z.string().optional(),
      resourceVersion: z.string().optional(),
      annotations: z.record(z.string(), z.string()).optional(),
    }),
  }),
});
type Event = z.infer<typeof eventSchema>;

const names = (body: unknown): string[] => listSchema.parse(body).items.map((item) => item.metadata.name);
const meta = (body: unknown) => objectSchema.parse(body).metadata;
/** `ADDED name`, `BOOKMARK`, `ERROR 410`. */
const said = (event: Event | undefined): string =>
  event === undefined ? 'END' : `${event.type} ${event.object.metadata.name ?? event.object.code ?? ''}`.trim();

/** Opens a watch. `next` gives its events in order, undefined at its end. */
async function openWatch(server: ApiSetup, path: string) {
  const tls = server.ca === undefined ? {} : { ca: server.ca };
  const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
    const url = new URL(server.url + path);
    const options = { headers: { Authorization: `Bearer ${server.token}` }, agent: false as const, ...tls };
    (url.protocol === 'http:' ? http : https).get(url, options, resolve).on('error', reject);
  });
  const lines = createInterface({ input: response })[Symbol.asyncIterator]();
  return {
    code: response.statusCode,
    next: async (): Promise<Event | undefined> => {
      const line = await lines.next();
      return line.done === true ? undefined : eventSchema.parse(JSON.parse(line.value));
    },
    close: () => response.destroy(),
  };
}

export function apiContract(name: string, setUp: () => Promise<ApiSetup>): void {
  describe(`the API of ${name}`, () => {
    let server: ApiSetup;
    let admin: ClusterAdmin;
    let count = 0;
    beforeAll(async () => {
      server = await setUp();
      admin = createAdmin(server);
    });
    afterAll(() => server?.cleanup());

    /** A namespace of this test alone. */
    async function home(): Promise<{ namespace: string; maps: string; pods: string; budgets: string }> {
      const namespace = `api-${(count += 1)}`;
      await admin.createNamespace(namespace);
      const base = `/api/v1/namespaces/${namespace}`;
      return {
        namespace,
        maps: `${base}/configmaps`,
        pods: `${base}/pods`,
        budgets: `/apis/policy/v1/namespaces/${namespace}/poddisruptionbudgets`,
      };
    }
    const map = (name: string, labels: Record<string, string> = {}, data: Record<string, string> = { a: '1' }) => ({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name, labels },
      data,
    });
    // A real cluster puts kube-root-ca.crt into each namespace: what a test makes carries `mine`.
    const mine = (name: string, labels: Record<string, string> = {}, data?: Record<string, string>) =>
      map(name, { mine: 'yes', ...labels }, data);
    const select = (query: string): string => `?labelSelector=mine&${query}`;

    describe('lists', () => {
      test('come in pages that show one moment', async () => {
        const { maps } = await home();
        for (const one of ['a', 'b', 'c', 'd', 'e']) await admin.call('POST', maps, mine(one));
        const first = listSchema.parse(
          await admin.call('GET', `${maps}?fieldSelector=metadata.name!%3Dkube-root-ca.crt&limit=2`),
        );
        expect(first.kind).toBe('ConfigMapList');
        expect(names(first)).toEqual(['a', 'b']);
        await admin.call('DELETE', `${maps}/c`);
        await admin.call('POST', maps, mine('bb'));
        const rest: string[] = [];
        let next = first.metadata.continue;
        while (next !== undefined && next !== '') {
          const page = listSchema.parse(
            await admin.call('GET', `${maps}?fieldSelector=metadata.name!%3Dkube-root-ca.crt&limit=2&continue=${next}`),
          );
          expect(page.metadata.resourceVersion).toBe(first.metadata.resourceVersion);
          rest.push(...names(page));
          next = page.metadata.continue;
        }
        expect(rest).toEqual(['c', 'd', 'e']);
      });

      test('a page says how many remain, unless there is a selector', async () => {
        const { maps } = await home();
        for (const one of ['a', 'b', 'c']) await admin.call('POST', maps, mine(one));
        await until('the list is whole', async () => names(await admin.call('GET', maps)).length >= 3);
        const total = names(await admin.call('GET', maps)).length;
        const plain = listSchema.parse(await admin.call('GET', `${maps}?limit=1`));
        expect(plain.metadata.remainingItemCount).toBe(total - 1);
        const selected = listSchema.parse(await admin.call('GET', maps + select('limit=1')));
        expect(selected.metadata.continue).not.toBe('');
        expect(selected.metadata.remainingItemCount).toBeUndefined();
      });

      test('refuse a continuation that is none, and one together with a resourceVersion', async () => {
        const { maps } = await home();
        for (const one of ['a', 'b']) await admin.call('POST', maps, mine(one));
        expect(await admin.send('GET', `${maps}?limit=1&continue=bad`)).toMatchObject({
          status: 400,
          body: { kind: 'Status', status: 'Failure', reason: 'BadRequest', code: 400 },
        });
        const page = listSchema.parse(await admin.call('GET', `${maps}?limit=1`));
        const both = await admin.send(
          'GET',
          `${maps}?limit=1&resourceVersion=5&continue=${page.metadata.continue ?? ''}`,
        );
        expect([both.status, both.body['reason']]).toEqual([400, 'BadRequest']);
      });

      test('items carry neither kind nor apiVersion', async () => {
        const { maps } = await home();
        await admin.call('POST', maps, mine('a'));
        const list = listSchema.parse(await admin.call('GET', maps + select('')));
        expect(list.items.map((item) => [item.kind, item['apiVersion']])).toEqual([[undefined, undefined]]);
      });

      test('at resourceVersion 0 give what the cache has; an unheard-of version is too large', async () => {
        const { maps } = await home();
        await admin.call('POST', maps, mine('a'));
        await until(
          'the cache has it',
          async () => names(await admin.call('GET', maps + select('resourceVersion=0')))[0],
        );
        const far = await admin.send(
          'GET',
          maps + select('resourceVersion=99999999&resourceVersionMatch=NotOlderThan&timeoutSeconds=1'),
        );
        expect([far.status, far.body['reason'], far.body['message']]).toEqual([
          504,
          'Timeout',
          expect.stringMatching(/^Timeout: Too large resource version: 99999999, current: \d+$/),
        ]);
        const odd = await admin.send('GET', maps + select('resourceVersion=abc'));
        expect([odd.status, odd.body['reason']]).toEqual([400, 'BadRequest']);
      });

      test.each([
        ['labelSelector=tier=web', ['a']],
        ['labelSelector=tier==web', ['a']],
        ['labelSelector=mine,tier!=web', ['b', 'c']],
        ['labelSelector=tier in (web,db)', ['a', 'b']],
        ['labelSelector=mine,tier notin (web)', ['b', 'c']],
        ['labelSelector=tier', ['a', 'b']],
        ['labelSelector=mine,!tier', ['c']],
        ['labelSelector=tier in (web, db),zone=2', ['b']],
        ['labelSelector=zone>1', ['b']],
        ['labelSelector=zone<2', ['a']],
        ['labelSelector=tier=', []],
        ['labelSelector=mine&fieldSelector=metadata.name=b', ['b']],
        ['labelSelector=mine&fieldSelector=metadata.name!=b', ['a', 'c']],
      ])('select by %s', async (query, expected) => {
        const { maps } = await home();
        await admin.call('POST', maps, mine('a', { tier: 'web', zone: '1' }));
        await admin.call('POST', maps, mine('b', { tier: 'db', zone: '2' }));
        await admin.call('POST', maps, mine('c'));
        expect(names(await admin.call('GET', `${maps}?${encodeURI(query)}`))).toEqual(expected);
      });

      test.each([
        ['pods', 'fieldSelector=spec.foo=1', 'field label not supported: spec.foo'],
        ['pods', 'fieldSelector=spec.nodeName', "invalid selector: 'spec.nodeName'; can't understand 'spec.nodeName'"],
        ['nodes', 'fieldSelector=spec.nodeName=a', 'field label not supported: spec.nodeName'],
      ])('%s refuse %s', async (resource, query, message) => {
        const answer = await admin.send('GET', `/api/v1/${resource}?${query}`);
        expect([answer.status, answer.body['reason']]).toEqual([400, 'BadRequest']);
        expect(answer.body['message']).toContain(message);
      });

      test.each(['a b', 'a in b', '=x', 'a in (', 'a=b=c'])('refuse the label selector %s', async (selector) => {
        const answer = await admin.send('GET', `/api/v1/pods?labelSelector=${encodeURIComponent(selector)}`);
        expect([answer.status, answer.body['reason']]).toEqual([400, 'BadRequest']);
      });
    });

    describe('watches', () => {
      test('give what came after a list; objects enter and leave a selection', async () => {
        const { maps } = await home();
        const { metadata } = listSchema.parse(await admin.call('GET', maps));
        await admin.call('POST', maps, map('a', { on: 'yes' }));
        const watch = await openWatch(
          server,
          `${maps}?watch=1&resourceVersion=${metadata.resourceVersion}&labelSelector=on=yes`,
        );
        const seen = [said(await watch.next())];
        const patch = async (body: Raw): Promise<void> => {
          await admin.call('PATCH', `${maps}/a`, body, MERGE);
          seen.push(said(await watch.next()));
        };
        await patch({ data: { a: '2' } });
        await patch({ metadata: { labels: { on: 'no' } } });
        await patch({ metadata: { labels: { on: 'yes' } } });
        await admin.call('DELETE', `${maps}/a`);
        seen.push(said(await watch.next()));
        expect(seen).toEqual(['ADDED a', 'MODIFIED a', 'DELETED a', 'ADDED a', 'DELETED a']);
        watch.close();
      });

      test('taken up again at the last resourceVersion repeat nothing and miss nothing', async () => {
        const { maps } = await home();
        const { metadata } = listSchema.parse(await admin.call('GET', maps));
        const path = `${maps}?watch=1&labelSelector=mine&resourceVersion=`;
        const first = await openWatch(server, path + metadata.resourceVersion);
        await admin.call('POST', maps, mine('a'));
        const event = await first.next();
        first.close();
        await admin.call('POST', maps, mine('b'));
        await admin.call('DELETE', `${maps}/a`);
        const second = await openWatch(server, path + (event?.object.metadata.resourceVersion ?? ''));
        expect([said(event), said(await second.next()), said(await second.next())]).toEqual([
          'ADDED a',
          'ADDED b',
          'DELETED a',
        ]);
        second.close();
      });

      test('a deleted object comes with a resourceVersion of its own', async () => {
        const { maps } = await home();
        const made = meta(await admin.call('POST', maps, mine('a')));
        const watch = await openWatch(
          server,
          `${maps}?watch=1&resourceVersion=${made.resourceVersion}&labelSelector=mine`,
        );
        await admin.call('DELETE', `${maps}/a`);
        const event = await watch.next();
        expect(said(event)).toBe('DELETED a');
        expect(Number(event?.object.metadata.resourceVersion)).toBeGreaterThan(Number(made.resourceVersion));
        watch.close();
      });

      test('at resourceVersion 0, or with none, begin with what is there', async () => {
        const { maps } = await home();
        await admin.call('POST', maps, mine('a'));
        for (const version of ['resourceVersion=0', '']) {
          const watch = await openWatch(server, `${maps}?watch=1&labelSelector=mine&${version}`);
          expect(said(await watch.next())).toBe('ADDED a');
          watch.close();
        }
      });

      test('with sendInitialEvents end the beginning with a marked bookmark', async () => {
        const { maps } = await home();
        await admin.call('POST', maps, mine('a'));
        const watch = await openWatch(
          server,
          `${maps}?watch=1&labelSelector=mine&sendInitialEvents=true&allowWatchBookmarks=true&resourceVersionMatch=NotOlderThan`,
        );
        expect(said(await watch.next())).toBe('ADDED a');
        const bookmark = await watch.next();
        expect(bookmark).toMatchObject({ type: 'BOOKMARK', object: { kind: 'ConfigMap' } });
        expect(bookmark?.object.metadata.annotations).toEqual({ 'k8s.io/initial-events-end': 'true' });
        watch.close();
        const without = await openWatch(server, `${maps}?watch=1&sendInitialEvents=true`);
        expect(without.code).toBe(422);
        without.close();
      });

      test('say with a bookmark how far they are before they end after timeoutSeconds', async () => {
        const { maps } = await home();
        const { metadata } = listSchema.parse(await admin.call('GET', maps));
        const watch = await openWatch(
          server,
          `${maps}?watch=1&labelSelector=none&allowWatchBookmarks=true&timeoutSeconds=6&resourceVersion=${metadata.resourceVersion}`,
        );
        await admin.call('POST', maps, mine('unselected'));
        const bookmark = await watch.next();
        expect(bookmark).toMatchObject({ type: 'BOOKMARK', object: { kind: 'ConfigMap' } });
        expect(Number(bookmark?.object.metadata.resourceVersion)).toBeGreaterThanOrEqual(
          Number(metadata.resourceVersion),
        );
        let last = await watch.next();
        while (last?.type === 'BOOKMARK') last = await watch.next();
        expect(last).toBeUndefined();
      });

      test('refuse a resourceVersion that is none', async () => {
        const watch = await openWatch(server, '/api/v1/nodes?watch=1&resourceVersion=abc');
        expect(watch.code).toBe(500);
        watch.close();
      });
    });

    describe('patches', () => {
      test('merge: null removes, a list is replaced, nothing changed is no new version', async () => {
        const { maps } = await home();
        await admin.call('POST', maps, map('a', { x: '1', y: '2' }));
        const first = await admin.call('PATCH', `${maps}/a`, { metadata: { labels: { x: null, z: '3' } } }, MERGE);
        expect(meta(first).labels).toEqual({ y: '2', z: '3' });
        const same = await admin.call('PATCH', `${maps}/a`, { data: { a: '1' } }, MERGE);
        expect(meta(same).resourceVersion).toBe(meta(first).resourceVersion);
        await admin.call('PATCH', `${maps}/a`, { metadata: { finalizers: ['a.b/c', 'd.e/f'] } }, MERGE);
        const lists = await admin.call('PATCH', `${maps}/a`, { metadata: { finalizers: ['d.e/f'] } }, MERGE);
        expect(meta(lists).finalizers).toEqual(['d.e/f']);
      });

      test('strategic merge: lists with a key are joined, others are replaced', async () => {
        await admin.createNode('api-strategic');
        const send = (body: Raw, subresource = ''): Promise<Raw> =>
          admin.call('PATCH', `/api/v1/nodes/api-strategic${subresource}`, body, STRATEGIC);
        const conditions = (...status: [string, string][]): Raw => ({
          status: { conditions: status.map(([type, value]) => ({ type, status: value })) },
        });
        await send(conditions(['X', 'False'], ['Y', 'False']), '/status');
        const answer = await send(conditions(['Y', 'True']), '/status');
        expect(answer['status']).toMatchObject({
          conditions: expect.arrayContaining([
            expect.objectContaining({ type: 'X', status: 'False' }),
            expect.objectContaining({ type: 'Y', status: 'True' }),
          ]) as unknown,
        });
        const taint = (key: string): Raw => ({ key, effect: 'NoSchedule' });
        await send({ spec: { taints: [taint('one')] } });
        const taints = (await send({ spec: { taints: [taint('two')] } }))['spec'] as { taints: { key: string }[] };
        expect(taints.taints.map(({ key }) => key)).not.toContain('one');
        await send({ metadata: { finalizers: ['a.b/one'] } });
        const finalizers = meta(await send({ metadata: { finalizers: ['a.b/two'] } })).finalizers ?? [];
        expect([...finalizers].sort()).toEqual(['a.b/one', 'a.b/two']);
        const left = await send({ metadata: { '$deleteFromPrimitiveList/finalizers': ['a.b/one'] } });
        expect(meta(left).finalizers).toEqual(['a.b/two']);
        await send({ metadata: { finalizers: null } });
        await admin.deleteNode('api-strategic');
      });

      test('JSON: operations in order, a test that fails, a path that is not there', async () => {
        const { maps } = await home();
        await admin.call('POST', maps, map('a', { l: '1' }, { k: 'v' }));
        const send = (body: unknown) => admin.send('PATCH', `${maps}/a`, body, JSON_PATCH);
        const good = await send([
          { op: 'test', path: '/data/k', value: 'v' },
          { op: 'add', path: '/metadata/labels/x.y~1z', value: 'n' },
          { op: 'copy', from: '/data/k', path: '/data/copied' },
          { op: 'remove', path: '/data/k' },
          { op: 'move', from: '/data/copied', path: '/data/moved' },
        ]);
        expect([good.body['data'], meta(good.body).labels]).toEqual([{ moved: 'v' }, { l: '1', 'x.y/z': 'n' }]);
        const failed = await send([{ op: 'test', path: '/data/moved', value: 'other' }]);
        expect([failed.status, failed.body['reason']]).toEqual([422, 'Invalid']);
        expect((await send([{ op: 'remove', path: '/data/none' }])).status).toBe(422);
        expect((await send({ op: 'add' })).status).toBe(400);
      });

      test.each([
        ['merge', MERGE],
        ['strategic merge', STRATEGIC],
      ])('%s: another resourceVersion is a conflict, another UID is invalid', async (_kind, type) => {
        const { maps } = await home();
        const { uid, resourceVersion } = meta(await admin.call('POST', maps, map('a')));
        const send = (metadata: Raw, data: Raw = { n: 'x' }) =>
          admin.send('PATCH', `${maps}/a`, { metadata, data }, type);
        expect((await send({ uid, resourceVersion })).status).toBe(200);
        expect(await send({ resourceVersion }, { n: 'y' })).toMatchObject({
          status: 409,
          body: {
            reason: 'Conflict',
            code: 409,
            message:
              'Operation cannot be fulfilled on configmaps "a": the object has been modified; please apply your changes to the latest version and try again',
            details: { name: 'a', kind: 'configmaps' },
          },
        });
        const other = await send({ uid: 'another' }, { n: 'z' });
        expect([other.status, other.body['reason']]).toEqual([422, 'Invalid']);
        expect((await admin.call('GET', `${maps}/a`))['data']).toEqual({ a: '1', n: 'x' });
      });

      test('of a missing object, of an unknown kind, and as a dry run', async () => {
        const { maps } = await home();
        expect((await admin.send('PATCH', `${maps}/none`, { data: {} }, MERGE)).status).toBe(404);
        await admin.call('POST', maps, map('a'));
        const odd = await admin.send('PATCH', `${maps}/a`, {}, 'application/json');
        expect([odd.status, odd.body['reason']]).toEqual([415, 'UnsupportedMediaType']);
        const dry = await admin.call('PATCH', `${maps}/a?dryRun=All`, { data: { a: 'dry' } }, MERGE);
        expect(dry['data']).toEqual({ a: 'dry' });
        expect((await admin.call('GET', `${maps}/a`))['data']).toEqual({ a: '1' });
      });

      test("a node's spec is not changed through its status, nor its status through its spec", async () => {
        await admin.createNode('api-halves');
        await admin.call('PATCH', '/api/v1/nodes/api-halves/status', { spec: { unschedulable: true } }, MERGE);
        const patch = { spec: { unschedulable: true }, status: { nodeInfo: { osImage: 'never' } } };
        const before = await admin.call('GET', '/api/v1/nodes/api-halves');
        expect(before['spec']).not.toMatchObject({ unschedulable: true });
        const after = await admin.patchNode('api-halves', patch);
        expect(after['spec']).toMatchObject({ unschedulable: true });
        expect(after['status']).not.toMatchObject({ nodeInfo: { osImage: 'never' } });
        await admin.deleteNode('api-halves');
      });
    });

    describe('deletions', () => {
      test('keep their preconditions', async () => {
        const { maps } = await home();
        const { uid, resourceVersion } = meta(await admin.call('POST', maps, map('a')));
        const wrong = await admin.send('DELETE', `${maps}/a`, { preconditions: { uid: 'other' } });
        expect([wrong.status, wrong.body['reason']]).toEqual([409, 'Conflict']);
        expect(wrong.body['message']).toContain(
          `the UID in the precondition (other) does not match the UID in record (${uid})`,
        );
        const version = await admin.send('DELETE', `${maps}/a`, { preconditions: { resourceVersion: '1' } });
        expect([version.status, version.body['reason']]).toEqual([409, 'Conflict']);
        expect(await admin.send('DELETE', `${maps}/a`, { preconditions: { uid, resourceVersion } })).toMatchObject({
          status: 200,
          body: { kind: 'Status', status: 'Success', details: { name: 'a', kind: 'configmaps', uid } },
        });
        expect((await admin.send('DELETE', `${maps}/a`)).status).toBe(404);
      });

      test('are only marked while there is a finalizer, and done when the last one goes', async () => {
        const { maps } = await home();
        await admin.call('POST', maps, { ...map('a'), metadata: { name: 'a', finalizers: ['a.b/one', 'a.b/two'] } });
        const marked = meta(await admin.call('DELETE', `${maps}/a`));
        expect(marked.deletionTimestamp).toMatch(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/);
        expect(marked.deletionGracePeriodSeconds).toBe(0);
        const again = meta(await admin.call('DELETE', `${maps}/a`));
        expect(again.deletionTimestamp).toBe(marked.deletionTimestamp);
        const more = await admin.send(
          'PATCH',
          `${maps}/a`,
          { metadata: { finalizers: ['a.b/one', 'a.b/three'] } },
          MERGE,
        );
        expect([more.status, more.body['reason']]).toEqual([422, 'Invalid']);
        await admin.call('PATCH', `${maps}/a`, { metadata: { finalizers: ['a.b/one'] } }, MERGE);
        expect((await admin.send('GET', `${maps}/a`)).status).toBe(200);
        await admin.call('PATCH', `${maps}/a`, { metadata: { finalizers: [] } }, MERGE);
        expect((await admin.send('GET', `${maps}/a`)).status).toBe(404);
      });

      test('of a pod are graceful: the time of its end, only ever brought forward', async () => {
        const { namespace, pods } = await home();
        const more = { spec: { terminationGracePeriodSeconds: 300 }, metadata: { finalizers: ['burst.test/hold'] } };
        await admin.createPod(namespace, 'p', 'api-nowhere', more);
        const before = Date.now();
        const first = meta(await admin.call('DELETE', `${pods}/p`));
        expect(first.deletionGracePeriodSeconds).toBe(300);
        const endsAt = Date.parse(first.deletionTimestamp ?? '');
        expect(endsAt).toBeGreaterThanOrEqual(before + 299_000);
        expect(endsAt).toBeLessThanOrEqual(Date.now() + 301_000);
        const longer = meta(await admin.call('DELETE', `${pods}/p`, { gracePeriodSeconds: 600 }));
        expect([longer.deletionGracePeriodSeconds, longer.deletionTimestamp]).toEqual([300, first.deletionTimestamp]);
        const shorter = meta(await admin.call('DELETE', `${pods}/p`, { gracePeriodSeconds: 100 }));
        expect(shorter.deletionGracePeriodSeconds).toBe(100);
        expect(Date.parse(shorter.deletionTimestamp ?? '')).toBeLessThan(endsAt);
        await admin.call('DELETE', `${pods}/p`, { gracePeriodSeconds: 0 });
        expect((await admin.send('GET', `${pods}/p`)).status).toBe(200);
        await admin.call('PATCH', `${pods}/p`, { metadata: { finalizers: null } }, MERGE);
        expect((await admin.send('GET', `${pods}/p`)).status).toBe(404);
      });

      test('of a pod that is bound to no node, or has finished, are at once', async () => {
        const { namespace, pods } = await home();
        await admin.createPod(namespace, 'unbound', '', {
          pending: true,
          spec: { nodeName: null, nodeSelector: { none: 'such' } },
        });
        await admin.createPod(namespace, 'finished', 'api-nowhere', { spec: { terminationGracePeriodSeconds: 300 } });
        await admin.call('PATCH', `${pods}/finished/status`, { status: { phase: 'Succeeded' } }, MERGE);
        for (const one of ['unbound', 'finished']) {
          await admin.call('DELETE', `${pods}/${one}`);
          expect((await admin.send('GET', `${pods}/${one}`)).status).toBe(404);
        }
      });

      test('as a dry run change nothing', async () => {
        const { maps } = await home();
        await admin.call('POST', maps, map('a'));
        expect((await admin.send('DELETE', `${maps}/a?dryRun=All`)).status).toBe(200);
        expect((await admin.send('DELETE', `${maps}/a`, { dryRun: ['All'] })).status).toBe(200);
        expect((await admin.send('GET', `${maps}/a`)).status).toBe(200);
      });
    });

    describe('evictions', () => {
      const evict = (namespace: string, pod: string, deleteOptions?: Raw, path = pod, query = '') =>
        admin.send('POST', `/api/v1/namespaces/${namespace}/pods/${path}/eviction${query}`, {
          apiVersion: 'policy/v1',
          kind: 'Eviction',
          metadata: { name: pod, namespace },
          ...(deleteOptions === undefined ? {} : { deleteOptions }),
        });
      const labels = { app: 'web' };
      const selector = { matchLabels: labels };
      /** Pods that nothing ends, ready or not. */
      async function podsOf(namespace: string, ...ready: boolean[]): Promise<void> {
        for (const [index, is] of ready.entries()) {
          const pod = `p${index}`;
          await admin.createPod(namespace, pod, 'api-nowhere', {
            labels,
            spec: { terminationGracePeriodSeconds: 300 },
          });
          if (!is)
            await admin.call(
              'PATCH',
              `/api/v1/namespaces/${namespace}/pods/${pod}/status`,
              { status: { conditions: [{ type: 'Ready', status: 'False' }] } },
              MERGE,
            );
        }
      }
      const numbers = async (path: string): Promise<unknown[]> => {
        const status = (await admin.call('GET', path))['status'] as Raw;
        return ['disruptionsAllowed', 'currentHealthy', 'desiredHealthy', 'expectedPods'].map(
          (key) => status[key] ?? 0,
        );
      };
      const counted = (namespace: string, name: string, spec: Raw, expected: readonly number[]): Promise<void> =>
        admin.createBudget(namespace, name, { selector, ...spec }, (status) =>
          ['disruptionsAllowed', 'currentHealthy', 'desiredHealthy', 'expectedPods'].every(
            (key, index) => (status[key] ?? 0) === expected[index],
          ),
        );

      test.each([
        [{ minAvailable: 2 }, [1, 3, 2, 3]],
        [{ minAvailable: 3 }, [0, 3, 3, 3]],
        [{ minAvailable: 5 }, [0, 3, 5, 3]],
        [{ minAvailable: 0 }, [3, 3, 0, 3]],
      ])('the budget %j over three bare pods is counted as %j', async (spec, expected) => {
        const { namespace } = await home();
        await podsOf(namespace, true, true, true);
        await counted(namespace, 'web', spec, expected);
      });

      test.each([
        [{ minAvailable: '60%' }, [1, 4, 3, 4]],
        [{ maxUnavailable: 1 }, [1, 4, 3, 4]],
        [{ maxUnavailable: '30%' }, [2, 4, 2, 4]],
        [{ maxUnavailable: 0 }, [0, 4, 4, 4]],
      ])('the budget %j over a ReplicaSet of four is counted as %j', async (spec, expected) => {
        const { namespace } = await home();
        const set = await admin.call('POST', `/apis/apps/v1/namespaces/${namespace}/replicasets`, {
          apiVersion: 'apps/v1',
          kind: 'ReplicaSet',
          metadata: { name: 'web' },
          spec: {
            replicas: 4,
            selector,
            template: { metadata: { labels }, spec: { containers: [{ name: 'c', image: 'example.com/web' }] } },
          },
        });
        expect(meta(set).generation).toBe(1);
        const path = `/api/v1/namespaces/${namespace}/pods`;
        await until('its pods are made', async () => names(await admin.call('GET', path)).length === 4);
        for (const pod of names(await admin.call('GET', path)))
          await admin.call(
            'PATCH',
            `${path}/${pod}/status`,
            { status: { phase: 'Running', conditions: [{ type: 'Ready', status: 'True' }] } },
            MERGE,
          );
        await counted(namespace, 'web', spec, expected);
        await admin.call('DELETE', `/apis/apps/v1/namespaces/${namespace}/replicasets/web`);
      });

      test('spend the budget; the next is refused with its numbers', async () => {
        const { namespace, budgets, pods } = await home();
        await podsOf(namespace, true, true);
        await counted(namespace, 'web', { minAvailable: 1 }, [1, 2, 1, 2]);
        expect(await evict(namespace, 'p0', { dryRun: ['All'] })).toMatchObject({ status: 201 });
        expect(await evict(namespace, 'p0', undefined, 'p0', '?dryRun=All')).toMatchObject({ status: 201 });
        expect(await numbers(`${budgets}/web`)).toEqual([1, 2, 1, 2]);
        expect(meta(await admin.call('GET', `${pods}/p0`)).deletionTimestamp).toBeUndefined();
        expect(await evict(namespace, 'p0')).toEqual({
          status: 201,
          body: { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Success', code: 201 },
        });
        expect(meta(await admin.call('GET', `${pods}/p0`)).deletionGracePeriodSeconds).toBe(300);
        await until('the budget is spent', async () => (await numbers(`${budgets}/web`)).join() === '0,1,1,2');
        expect(await evict(namespace, 'p1')).toEqual({
          status: 429,
          body: {
            kind: 'Status',
            apiVersion: 'v1',
            metadata: {},
            status: 'Failure',
            message: "Cannot evict pod as it would violate the pod's disruption budget.",
            reason: 'TooManyRequests',
            details: {
              causes: [
                {
                  reason: 'DisruptionBudget',
                  message: 'The disruption budget web needs 1 healthy pods and has 1 currently',
                },
              ],
            },
            code: 429,
          },
        });
        // a pod that ends already costs no budget
        expect((await evict(namespace, 'p0')).status).toBe(201);
      });

      test('with another UID are a conflict, and evict nothing', async () => {
        const { namespace, pods } = await home();
        await podsOf(namespace, true);
        const { uid } = meta(await admin.call('GET', `${pods}/p0`));
        const answer = await evict(namespace, 'p0', { preconditions: { uid: 'other' } });
        expect([answer.status, answer.body['reason']]).toEqual([409, 'Conflict']);
        expect(answer.body['message']).toContain(
          `the UID in the precondition (other) does not match the UID in record (${uid})`,
        );
        expect(meta(await admin.call('GET', `${pods}/p0`)).deletionTimestamp).toBeUndefined();
        expect((await evict(namespace, 'p0', { preconditions: { uid } })).status).toBe(201);
      });

      test('of no pod, or under another name, are errors', async () => {
        const { namespace } = await home();
        await podsOf(namespace, true);
        expect(await evict(namespace, 'none')).toMatchObject({
          status: 404,
          body: { reason: 'NotFound', message: 'pods "none" not found', details: { name: 'none', kind: 'pods' } },
        });
        expect(await evict(namespace, 'other', undefined, 'p0')).toMatchObject({
          status: 400,
          body: { reason: 'BadRequest', message: 'name in URL does not match name in Eviction object' },
        });
      });

      test('of a pod with several budgets are an internal error', async () => {
        const { namespace } = await home();
        await podsOf(namespace, true, true);
        await counted(namespace, 'one', { minAvailable: 0 }, [2, 2, 0, 2]);
        await counted(namespace, 'two', { minAvailable: 0 }, [2, 2, 0, 2]);
        const { status, body } = await evict(namespace, 'p0');
        expect([status, body['status'], body['message']]).toEqual([
          500,
          'Failure',
          'This pod has more than one PodDisruptionBudget, which the eviction subresource does not support.',
        ]);
      });

      test.each([
        [undefined, 2, [0, 1, 2, 2], 429],
        ['IfHealthyBudget', 2, [0, 1, 2, 2], 429],
        ['AlwaysAllow', 2, [0, 1, 2, 2], 201],
        ['IfHealthyBudget', 1, [0, 1, 1, 2], 201],
      ])('of a pod that is not ready, policy %s, minAvailable %i', async (policy, minAvailable, expected, code) => {
        const { namespace } = await home();
        await podsOf(namespace, true, false);
        const unhealthyPodEvictionPolicy = policy === undefined ? {} : { unhealthyPodEvictionPolicy: policy };
        await counted(namespace, 'web', { minAvailable, ...unhealthyPodEvictionPolicy }, expected);
        expect((await evict(namespace, 'p1')).status).toBe(code);
        expect((await evict(namespace, 'p0')).status).toBe(429);
      });

      test('of a pending or finished pod ask no budget', async () => {
        const { namespace, pods } = await home();
        await podsOf(namespace, true, true, true);
        await admin.call('PATCH', `${pods}/p1/status`, { status: { phase: 'Succeeded' } }, MERGE);
        await admin.call('PATCH', `${pods}/p2/status`, { status: { phase: 'Pending' } }, MERGE);
        await admin.createBudget(namespace, 'web', { selector, minAvailable: 5 });
        expect(await Promise.all(['p0', 'p1', 'p2'].map(async (pod) => (await evict(namespace, pod)).status))).toEqual([
          429, 201, 201,
        ]);
      });
    });

    describe('errors', () => {
      const failure = (code: number, reason: string, more: Raw = {}) => ({
        status: code,
        body: { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', reason, code, ...more },
      });

      test('of reads, creations and updates', async () => {
        const { maps, namespace } = await home();
        expect(await admin.send('GET', `${maps}/none`)).toEqual(
          failure(404, 'NotFound', {
            message: 'configmaps "none" not found',
            details: { name: 'none', kind: 'configmaps' },
          }),
        );
        expect(await admin.send('GET', `/apis/apps/v1/namespaces/${namespace}/daemonsets/none`)).toEqual(
          failure(404, 'NotFound', {
            message: 'daemonsets.apps "none" not found',
            details: { name: 'none', group: 'apps', kind: 'daemonsets' },
          }),
        );
        expect(await admin.send('POST', '/api/v1/namespaces/nowhere/configmaps', map('a'))).toEqual(
          failure(404, 'NotFound', {
            message: 'namespaces "nowhere" not found',
            details: { name: 'nowhere', kind: 'namespaces' },
          }),
        );
        await admin.call('POST', maps, map('a'));
        expect(await admin.send('POST', maps, map('a'))).toEqual(
          failure(409, 'AlreadyExists', {
            message: 'configmaps "a" already exists',
            details: { name: 'a', kind: 'configmaps' },
          }),
        );
        expect(await admin.send('POST', maps, map('a_b'))).toMatchObject(
          failure(422, 'Invalid', {
            details: {
              name: 'a_b',
              kind: 'ConfigMap',
              causes: [{ reason: 'FieldValueInvalid', field: 'metadata.name' }],
            },
          }),
        );
        expect(await admin.send('POST', maps, { ...map('a'), metadata: {} })).toMatchObject(
          failure(422, 'Invalid', { details: { causes: [{ reason: 'FieldValueRequired', field: 'metadata.name' }] } }),
        );
        expect(await admin.send('POST', maps, { ...map('b'), kind: 'Secret' })).toMatchObject(
          failure(400, 'BadRequest'),
        );
        const stale = { ...map('a'), metadata: { name: 'a', resourceVersion: '1' } };
        expect(await admin.send('PUT', `${maps}/a`, stale)).toMatchObject(failure(409, 'Conflict'));
        const stranger = { ...map('a'), metadata: { name: 'a', uid: 'other' } };
        expect(await admin.send('PUT', `${maps}/a`, stranger)).toMatchObject(failure(409, 'Conflict'));
        expect(await admin.send('PUT', `${maps}/a`, map('b'))).toMatchObject(failure(400, 'BadRequest'));
      });

      test('of verbs that are not there, and of strangers', async () => {
        const { maps } = await home();
        expect(await admin.send('POST', `${maps}/a`, map('a'))).toMatchObject(failure(405, 'MethodNotAllowed'));
        const stranger = createAdmin({ ...server, token: 'wrong' });
        expect(await stranger.send('GET', maps)).toEqual(failure(401, 'Unauthorized', { message: 'Unauthorized' }));
      });
    });

    // the last: it takes the server's past away
    test('when the past is forgotten, continuations and old watches are told 410', async () => {
      const { maps } = await home();
      for (const one of ['a', 'b', 'c']) await admin.call('POST', maps, mine(one));
      const page = listSchema.parse(await admin.call('GET', maps + select('limit=1')));
      for (let change = 0; change < 5; change += 1)
        await admin.call('PATCH', `${maps}/a`, { data: { n: String(change) } }, MERGE);
      await server.forget();
      const late = await admin.send('GET', maps + select(`limit=1&continue=${page.metadata.continue ?? ''}`));
      expect([late.status, late.body['reason'], late.body['code']]).toEqual([410, 'Expired', 410]);
      // the answer offers a continuation that is not of one moment any more
      const rest = (late.body['metadata'] as Raw)['continue'];
      expect(names(await admin.call('GET', maps + select(`continue=${String(rest)}`)))).toEqual(['b', 'c']);
      const watch = await openWatch(server, `${maps}?watch=1&resourceVersion=${page.metadata.resourceVersion}`);
      const event = await watch.next();
      expect([watch.code, said(event), event?.object.reason]).toEqual([200, 'ERROR 410', 'Expired']);
      expect(await watch.next()).toBeUndefined();
    });
  });
}
