import type { Tool } from '@modelcontextprotocol/sdk/types.js';
import { afterEach, describe, expect, it } from 'vitest';
import { BurstError } from '../../../src/domain/errors.ts';
import { createVmProvider, parseProfile } from '../../../src/vm/index.ts';
import type { VmProvider } from '../../../src/ports/vm-provider.ts';
import { realClock } from '../../contract/cluster-setup.ts';
import { quietLog, testProvider } from '../../contract/vm-setup.ts';
import { vmSpec } from '../../contract/vm-suite.ts';
import { startTestServer, text, type Answer, type TestServer } from './server.ts';

const UPID = 'UPID:pve1:000003E8:00001B58:6B04467A:qmstart:101:root@pam!bot:';
const ROW = { vmid: 101, name: 'w', node: 'pve1', status: 'stopped', tags: 'burst;burst-x', template: 0 };
const VM = { id: '101', host: 'pve1' };
const SETTINGS = { node: 'pve1', template: 9000 };

/** Every tool that the default profile maps, answering well. */
const GOOD: Readonly<Record<string, Answer>> = {
  get_cluster_nextid: () => text({ data: '101' }),
  get_cluster_resources: () => text({ data: [] }),
  list_vms: () => text({ data: [ROW] }),
  get_vm_config: () => text({ data: { name: 'w', tags: 'burst;burst-x' } }),
  clone_vm: () => text({ data: UPID }),
  set_vm_config: () => text({ data: null }),
  resize_vm_disk: () => text({ data: UPID }),
  start_vm: () => text({ data: UPID }),
  stop_vm: () => text({ data: UPID }),
  delete_vm: () => text({ data: UPID }),
  get_task_status: () => text({ data: { status: 'stopped', exitstatus: 'OK' } }),
};
const VMID: Tool['inputSchema'] = { type: 'object', properties: { node: {}, vmid: {} }, required: ['node', 'vmid'] };
const SCHEMAS = {
  get_vm_config: VMID,
  clone_vm: {
    type: 'object' as const,
    properties: Object.fromEntries(
      ['node', 'vmid', 'newid', 'name', 'description', 'full', 'storage', 'pool', 'target'].map((key) => [key, {}]),
    ),
  },
  set_vm_config: {
    type: 'object' as const,
    properties: Object.fromEntries(['node', 'vmid', 'cores', 'memory', 'tags', 'description'].map((key) => [key, {}])),
  },
  resize_vm_disk: { type: 'object' as const, properties: { node: {}, vmid: {}, disk: {}, size: {} } },
  start_vm: VMID,
  stop_vm: VMID,
  delete_vm: { type: 'object' as const, properties: { node: {}, vmid: {}, purge: {} } },
  get_task_status: { type: 'object' as const, properties: { node: {}, upid: {} } },
};

const endings: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});

async function before(
  answers: Readonly<Record<string, Answer>>,
  more: Parameters<typeof testProvider>[3] = {},
  headers: Readonly<Record<string, string>> = {},
): Promise<{ vms: VmProvider; server: TestServer }> {
  const server = await startTestServer({ ...GOOD, ...answers }, SCHEMAS);
  const vms = testProvider('ry-ops-proxmox', { kind: 'http', url: server.url, headers }, SETTINGS, more);
  endings.push(() => server.down().catch(() => undefined));
  endings.push(() => vms.close());
  return { vms, server };
}

describe('what a reply means', () => {
  const error = (message: string) => () => text({ error: `Server error '500 ${message}' for url 'x'`, tool: 't' });
  it.each([
    ['an error body with isError false', 'storage full', 'provider_failed'],
    ['an id that is taken', 'unable to create VM 101: config file already exists', 'conflict'],
    ['a lock', 'VM is locked (backup)', 'busy'],
    [
      'a template that is not there',
      "Configuration file 'nodes/pve1/qemu-server/9000.conf' does not exist",
      'not_found',
    ],
  ])('%s', async (_title, message, code) => {
    const { vms } = await before({ clone_vm: error(message) });
    const failure: unknown = await vms.clone(vmSpec('101')).catch((reason: unknown) => reason);
    expect(failure).toMatchObject({ code });
    expect(String(failure)).toContain(message);
  });

  it('takes a refused permission as denied', async () => {
    const { vms } = await before({ clone_vm: () => text({ error: "Client error '403 Forbidden' for url" }) });
    await expect(vms.clone(vmSpec('101'))).rejects.toMatchObject({ code: 'denied' });
  });

  it.each([
    ['prose', 'The VM has been started, have a nice day.'],
    ['malformed JSON', '{"data": "UPID:pve1'],
    ['JSON without a task', '{"data": null}'],
    ['an empty reply', { content: [], isError: false }],
  ])('does not take %s for an accepted start', async (_title, reply) => {
    const { vms } = await before({ start_vm: () => reply });
    await expect(vms.start(VM)).rejects.toMatchObject({ code: 'unknown_outcome' });
  });

  it.each([
    ['nothing at all', '{"data": []}'],
    ['prose', 'no VMs today'],
    ['an error', '{"error": "Server error \'596 connection timed out\'"}'],
    ['rows without an id', '{"data": [{"name": "w"}]}'],
  ])('never takes a listing of %s for "no VMs"', async (_title, reply) => {
    const { vms } = await before({ list_vms: () => reply });
    for (const look of [vms.list(), vms.find('101'), vms.freeId(new Set())]) {
      const failure: unknown = await look.catch((reason: unknown) => reason);
      expect(['unavailable', 'provider_failed']).toContain(failure instanceof BurstError ? failure.code : failure);
    }
  });

  it('does not take a VM for gone when its configuration cannot be read', async () => {
    const { vms } = await before({ get_vm_config: () => text({ error: "Server error '500 got timeout'" }) });
    await expect(vms.find('101')).rejects.toMatchObject({ code: 'busy' });
  });

  it('reads an unreadable task state as neither done nor failed', async () => {
    const { vms } = await before({ get_task_status: () => 'soon' });
    const handle = await vms.start(VM);
    await expect(vms.task(handle ?? '')).rejects.toMatchObject({ code: 'unavailable' });
  });

  it('refuses an oversized reply and works on', async () => {
    let size = 300_000;
    const { vms } = await before(
      { list_vms: () => text({ data: [{ ...ROW, name: 'w'.repeat(size) }] }) },
      { maxReplyBytes: 65_536 },
    );
    await expect(vms.list()).rejects.toThrow(/larger than 64 KiB/);
    size = 1;
    expect(await vms.list()).toHaveLength(1);
  });
});

describe('a call that is not answered', () => {
  it('is an unknown outcome after the time limit, and other calls go on meanwhile', async () => {
    const { vms } = await before({ clone_vm: () => new Promise(() => undefined) }, { callTimeoutMs: 400 });
    const clone = vms.clone(vmSpec('101'));
    expect(await vms.list()).toHaveLength(1);
    await expect(clone).rejects.toMatchObject({ code: 'unknown_outcome' });
    expect(await vms.list()).toHaveLength(1);
  });

  it('is unknown when the server dies under it, unavailable while it is gone, and fine once it is back', async () => {
    const reached = Promise.withResolvers<undefined>();
    const { vms, server } = await before(
      {
        delete_vm: () => {
          reached.resolve(undefined);
          return new Promise(() => undefined);
        },
      },
      { callTimeoutMs: 3000 },
    );
    const lost = expect(vms.delete(VM)).rejects.toMatchObject({ code: 'unknown_outcome' });
    await reached.promise;
    await server.down();
    await lost;
    await expect(vms.list()).rejects.toMatchObject({ code: 'unavailable' });
    await server.up();
    await expect.poll(() => vms.list().then((rows) => rows.length), { timeout: 15_000 }).toBe(1);
  });
});

describe('secrets', () => {
  it('sends the bearer token, and neither it nor a join token gets into a message or a log', async () => {
    const logged: unknown[] = [];
    const log = (...line: unknown[]) => void logged.push(line);
    const bearer = 'very-secret-bearer-1';
    const { vms, server } = await before(
      {
        set_vm_config: (args) =>
          text(`Input validation error: ${JSON.stringify(args)}, you with the bearer ${bearer}`, true),
      },
      { log: { debug: log, info: log, warn: log, error: log } },
      { Authorization: `Bearer ${bearer}` },
    );
    const spec = vmSpec('101');
    const failure: unknown = await vms.configure(spec, 'pve1').catch((reason: unknown) => reason);
    expect(server.headers.every((sent) => sent.authorization === `Bearer ${bearer}`)).toBe(true);
    const seen = `${String(failure)}${JSON.stringify(failure)}${JSON.stringify(logged)}`;
    expect(seen).toContain('Input validation error');
    for (const secret of [bearer, spec.join.token, Buffer.from(spec.join.token).toString('base64')])
      expect(seen).not.toContain(secret);
  });
});

describe('the look at the server', () => {
  it('names the server, its version and what it has', async () => {
    const { vms } = await before({});
    expect(await vms.health()).toEqual({ ok: true, text: 'test-server 9.8.7, 11 tools, 1 VMs' });
  });

  it('names missing tools, wanted arguments and unknown arguments', async () => {
    const answers = Object.fromEntries(Object.entries(GOOD).filter(([name]) => name !== 'resize_vm_disk'));
    const server = await startTestServer(answers, {
      ...SCHEMAS,
      start_vm: { type: 'object', properties: { node: {}, vmid: {}, confirm: {} }, required: ['vmid', 'confirm'] },
      stop_vm: { type: 'object', properties: { vmid: {} } },
    });
    endings.push(() => server.down());
    const vms = testProvider('ry-ops-proxmox', { kind: 'http', url: server.url, headers: {} }, SETTINGS);
    endings.push(() => vms.close());
    const health = await vms.health();
    expect(health.ok).toBe(false);
    expect(health.text).toContain('test-server 9.8.7');
    expect(health.text).toContain('lacks the tools resize_vm_disk');
    expect(health.text).toContain('start_vm wants confirm');
    expect(health.text).toContain('stop_vm does not know node');
  });

  it('says what the server cannot do', async () => {
    const server = await startTestServer(GOOD, SCHEMAS);
    endings.push(() => server.down());
    const call = [{ tool: 'list_vms', result: 'reply.data.{"id": vmid}' }];
    const vms = createVmProvider({
      name: 'proxmox',
      profile: parseProfile(
        {
          limits: ['it cannot dance'],
          steps: { list: call, clone: call, start: call, stop: call, delete: call, task: call },
        },
        'mine',
      ),
      connection: { kind: 'http', url: server.url, headers: {} },
      settings: {},
      clock: realClock,
      callTimeoutMs: 5000,
      maxReplyBytes: 65_536,
      maxCallsAtOnce: 1,
      log: quietLog,
    });
    endings.push(() => vms.close());
    expect((await vms.health()).text).toContain('it cannot dance');
  });
});
