import { expect, test } from 'vitest';
import { cluster, kubeList, kubeObject, openWatch, statusBody } from './support.ts';

const map = (name: string, data: Record<string, string> = { a: '1' }, labels: Record<string, string> = {}) => ({
  metadata: { name, labels },
  data,
});
const path = '/api/v1/namespaces/default/configmaps';

test('lists in pages that show one moment, and says 410 when that moment is forgotten', async () => {
  const { ask, sim } = await cluster();
  for (const name of ['a', 'b', 'c', 'd', 'e']) await ask('POST', path, map(name));
  const first = kubeList.parse((await ask('GET', `${path}?limit=2`)).body);
  expect(first.items.map((one) => one.metadata.name)).toEqual(['a', 'b']);
  expect(first.metadata.remainingItemCount).toBe(3);
  expect(first.items[0]?.kind).toBeUndefined();
  await ask('DELETE', `${path}/c`);
  await ask('POST', path, map('bb'));
  const second = kubeList.parse((await ask('GET', `${path}?limit=2&continue=${first.metadata.continue ?? ''}`)).body);
  expect(second.items.map((one) => one.metadata.name)).toEqual(['c', 'd']);
  expect(second.metadata.resourceVersion).toBe(first.metadata.resourceVersion);
  const third = kubeList.parse((await ask('GET', `${path}?limit=2&continue=${second.metadata.continue ?? ''}`)).body);
  expect(third.items.map((one) => one.metadata.name)).toEqual(['e']);
  expect(third.metadata.continue).toBeUndefined();
  sim.compact();
  const late = await ask('GET', `${path}?limit=2&continue=${second.metadata.continue ?? ''}`);
  expect(late.code).toBe(410);
  expect(statusBody.parse(late.body).reason).toBe('Expired');
  expect((await ask('GET', `${path}?limit=1&continue=bad`)).code).toBe(400);
});

test.each([
  ['labelSelector=tier=web', ['a']],
  ['labelSelector=tier!=web', ['b', 'c']],
  ['labelSelector=tier in (web,db)', ['a', 'b']],
  ['labelSelector=tier notin (web)', ['b', 'c']],
  ['labelSelector=tier', ['a', 'b']],
  ['labelSelector=!tier', ['c']],
  ['labelSelector=tier in (web, db),zone=2', ['b']],
  ['fieldSelector=metadata.name=b', ['b']],
  ['fieldSelector=metadata.name!=b', ['a', 'c']],
])('selects by %s', async (query, names) => {
  const { ask } = await cluster();
  await ask('POST', path, map('a', {}, { tier: 'web', zone: '1' }));
  await ask('POST', path, map('b', {}, { tier: 'db', zone: '2' }));
  await ask('POST', path, map('c'));
  const list = kubeList.parse((await ask('GET', `${path}?${encodeURI(query)}`)).body);
  expect(list.items.map((one) => one.metadata.name)).toEqual(names);
});

test('refuses selectors that the real server refuses', async () => {
  const { ask } = await cluster();
  const field = await ask('GET', '/api/v1/pods?fieldSelector=spec.foo=1');
  expect([field.code, statusBody.parse(field.body).message]).toEqual([400, 'field label not supported: spec.foo']);
  expect((await ask('GET', '/api/v1/pods?labelSelector=a%20b')).code).toBe(400);
});

test('a watch gives what came after a list, with ADDED and DELETED as objects enter and leave the selection', async () => {
  const { ask, sim } = await cluster();
  const { metadata } = kubeList.parse((await ask('GET', path)).body);
  await ask('POST', path, map('a', { k: '1' }, { on: 'yes' }));
  const watch = await openWatch(
    sim.url,
    sim.adminToken,
    `${path}?watch=1&resourceVersion=${metadata.resourceVersion}&labelSelector=on=yes`,
  );
  const seen: string[] = [];
  const next = async () => {
    const event = await watch.next();
    seen.push(`${event?.type ?? 'END'} ${event?.object.metadata.name ?? ''}`);
  };
  await next();
  await ask('PATCH', `${path}/a`, { data: { k: '2' } }, 'application/merge-patch+json');
  await next();
  await ask('PATCH', `${path}/a`, { metadata: { labels: { on: 'no' } } }, 'application/merge-patch+json');
  await next();
  await ask('PATCH', `${path}/a`, { metadata: { labels: { on: 'yes' } } }, 'application/merge-patch+json');
  await next();
  await ask('DELETE', `${path}/a`);
  await next();
  expect(seen).toEqual(['ADDED a', 'MODIFIED a', 'DELETED a', 'ADDED a', 'DELETED a']);
  watch.close();
});

test('a watch from a forgotten resourceVersion is told 410, and so are open ones after a compaction', async () => {
  const { ask, sim } = await cluster({ watchCacheSize: 4 });
  for (let number = 0; number < 40; number++) await ask('POST', path, map(`m-${number}`));
  const old = await openWatch(sim.url, sim.adminToken, `${path}?watch=1&resourceVersion=2`);
  const event = await old.next();
  expect([old.code, event?.type, event?.object.code]).toEqual([200, 'ERROR', 410]);
  expect(event?.object.message).toMatch(/^too old resource version: 2 \(\d+\)$/);
  expect(await old.next()).toBeUndefined();

  const { metadata } = kubeList.parse((await ask('GET', path)).body);
  const fresh = await openWatch(sim.url, sim.adminToken, `${path}?watch=1&resourceVersion=${metadata.resourceVersion}`);
  sim.compact();
  expect((await fresh.next())?.object.code).toBe(410);
});

test('bookmarks carry the newest resourceVersion, and end the initial events', async () => {
  const { ask, sim } = await cluster({ bookmarkMs: 20 });
  const watch = await openWatch(
    sim.url,
    sim.adminToken,
    '/api/v1/namespaces?watch=1&allowWatchBookmarks=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&resourceVersion=',
  );
  const names: string[] = [];
  let event = await watch.next();
  for (; event?.type === 'ADDED'; event = await watch.next()) names.push(event.object.metadata.name ?? '');
  expect(names).toContain('kube-system');
  expect(event?.type).toBe('BOOKMARK');
  expect(event?.object.metadata.annotations).toEqual({ 'k8s.io/initial-events-end': 'true' });
  const made = kubeObject.parse((await ask('POST', path, map('elsewhere'))).body);
  do event = await watch.next();
  while (Number(event?.object.metadata.resourceVersion) < Number(made.metadata.resourceVersion));
  expect(event?.type).toBe('BOOKMARK');
  watch.close();
});

test('a watch ends by itself after timeoutSeconds', async () => {
  const { sim } = await cluster();
  const watch = await openWatch(sim.url, sim.adminToken, `/api/v1/nodes?watch=1&timeoutSeconds=1`);
  expect(await watch.next()).toBeUndefined();
});

test('create: generated names, taken names, missing names, unknown namespaces, dry runs', async () => {
  const { ask } = await cluster();
  const generated = await ask('POST', path, { metadata: { generateName: 'x-' } });
  expect(kubeObject.parse(generated.body).metadata.name).toMatch(/^x-[a-z0-9]{5}$/);
  expect((await ask('POST', path, map('a'))).code).toBe(201);
  const again = await ask('POST', path, map('a'));
  expect([again.code, statusBody.parse(again.body).reason]).toEqual([409, 'AlreadyExists']);
  expect(statusBody.parse(again.body).message).toBe('configmaps "a" already exists');
  expect((await ask('POST', path, { metadata: {} })).code).toBe(422);
  expect((await ask('POST', path, map('a_b'))).code).toBe(422);
  expect((await ask('POST', path.replace('default', 'nowhere'), map('a'))).code).toBe(404);
  expect((await ask('POST', `${path}?dryRun=All`, map('dry'))).code).toBe(201);
  expect((await ask('GET', `${path}/dry`)).code).toBe(404);
});

test('update and patch are optimistic about resourceVersion and strict about uid', async () => {
  const { ask } = await cluster();
  const made = kubeObject.parse((await ask('POST', path, map('a'))).body);
  const body = { ...made, data: { a: '2' } };
  expect((await ask('PUT', `${path}/a`, body)).code).toBe(200);
  const stale = await ask('PUT', `${path}/a`, body);
  expect([stale.code, statusBody.parse(stale.body).reason]).toEqual([409, 'Conflict']);
  expect(statusBody.parse(stale.body).message).toContain(
    'the object has been modified; please apply your changes to the latest version',
  );
  const other = await ask('PUT', `${path}/a`, { metadata: { name: 'a', uid: 'zz' }, data: {} });
  expect([other.code, statusBody.parse(other.body).reason]).toEqual([409, 'Conflict']);
  const patched = await ask(
    'PATCH',
    `${path}/a`,
    { metadata: { resourceVersion: '1' } },
    'application/merge-patch+json',
  );
  expect(patched.code).toBe(409);
  const uid = await ask('PATCH', `${path}/a`, { metadata: { uid: 'x' } }, 'application/merge-patch+json');
  expect([uid.code, statusBody.parse(uid.body).reason]).toEqual([422, 'Invalid']);
});

test('an update that changes nothing is no change', async () => {
  const { ask } = await cluster();
  const made = kubeObject.parse((await ask('POST', path, map('a'))).body);
  const same = kubeObject.parse(
    (await ask('PATCH', `${path}/a`, { data: { a: '1' } }, 'application/merge-patch+json')).body,
  );
  expect(same.metadata.resourceVersion).toBe(made.metadata.resourceVersion);
});

test('JSON patch: operations, a failed test, a missing path, no patch at all', async () => {
  const { ask } = await cluster();
  await ask('POST', path, map('a', { k: 'v' }));
  const send = (body: unknown) => ask('PATCH', `${path}/a`, body, 'application/json-patch+json');
  const good = await send([
    { op: 'test', path: '/data/k', value: 'v' },
    { op: 'add', path: '/data/new~1key', value: 'n' },
    { op: 'copy', from: '/data/k', path: '/data/copied' },
    { op: 'remove', path: '/data/k' },
  ]);
  expect(kubeObject.parse(good.body).data).toEqual({ 'new/key': 'n', copied: 'v' });
  const failed = await send([{ op: 'test', path: '/data/copied', value: 'other' }]);
  expect([failed.code, statusBody.parse(failed.body).reason]).toEqual([422, 'Invalid']);
  expect((await send([{ op: 'remove', path: '/data/none' }])).code).toBe(422);
  expect((await send({ bad: 1 })).code).toBe(400);
  expect((await ask('PATCH', `${path}/a`, {}, 'application/json')).code).toBe(415);
  expect((await ask('PATCH', `${path}/a`, {}, 'application/apply-patch+yaml')).code).toBe(415);
});

test('merge patch replaces lists and removes nulls; strategic merge patch joins conditions by type', async () => {
  const { ask } = await cluster();
  await ask('POST', '/api/v1/nodes', { metadata: { name: 'n', labels: { a: '1', b: '2' } } });
  const merged = kubeObject.parse(
    (
      await ask(
        'PATCH',
        '/api/v1/nodes/n',
        { metadata: { labels: { a: null, c: '3' } } },
        'application/merge-patch+json',
      )
    ).body,
  );
  expect(merged.metadata.labels).toMatchObject({ b: '2', c: '3' });
  expect(merged.metadata.labels?.['a']).toBeUndefined();
  const strategic = (conditions: unknown[]) =>
    ask('PATCH', '/api/v1/nodes/n/status', { status: { conditions } }, 'application/strategic-merge-patch+json');
  await strategic([{ type: 'Ready', status: 'False' }]);
  const both = await strategic([
    { type: 'Other', status: 'True' },
    { type: 'Ready', status: 'True' },
  ]);
  expect(both.body).toMatchObject({
    status: {
      conditions: [
        { type: 'Ready', status: 'True' },
        { type: 'Other', status: 'True' },
      ],
    },
  });
});

test('delete keeps its preconditions, honours finalizers and answers as the real server', async () => {
  const { ask } = await cluster();
  const made = kubeObject.parse((await ask('POST', path, { metadata: { name: 'a', finalizers: ['x.y/z'] } })).body);
  const wrong = await ask('DELETE', `${path}/a`, { preconditions: { uid: 'nope' } });
  expect(wrong.code).toBe(409);
  expect(statusBody.parse(wrong.body).message).toBe(
    `Operation cannot be fulfilled on ConfigMap "a": the UID in the precondition (nope) does not match the UID in record (${made.metadata.uid}). The object might have been deleted and then recreated`,
  );
  expect((await ask('DELETE', `${path}/a`, { preconditions: { resourceVersion: '1' } })).code).toBe(409);
  expect((await ask('DELETE', `${path}/a`, { preconditions: { uid: made.metadata.uid } })).code).toBe(200);
  expect(kubeObject.parse((await ask('GET', `${path}/a`)).body).metadata.deletionTimestamp).toBeDefined();
  await ask('PATCH', `${path}/a`, { metadata: { finalizers: null } }, 'application/merge-patch+json');
  expect((await ask('GET', `${path}/a`)).code).toBe(404);
  await ask('POST', path, map('b'));
  expect((await ask('DELETE', `${path}/b`)).body).toMatchObject({
    status: 'Success',
    details: { name: 'b', kind: 'configmaps' },
  });
  expect((await ask('DELETE', '/api/v1/namespaces/kube-system')).code).toBe(403);
});
