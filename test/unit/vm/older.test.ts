/** Servers that speak SSE, and what a command line may show of a call. */
import { createServer } from 'node:http';
import { SSEServerTransport } from '@modelcontextprotocol/sdk/server/sse.js';
import { expect, it, onTestFinished } from 'vitest';
import { Pve } from '../../../src/sandbox/proxmox/pve.ts';
import { createMcpServer } from '../../../src/sandbox/proxmox/server.ts';
import { dryRun, type Traced } from '../../../src/vm/index.ts';
import { realClock } from '../../contract/cluster-setup.ts';
import { builtInProfile, testProvider } from '../../contract/vm-setup.ts';

async function older() {
  const pve = new Pve({
    clock: realClock,
    cloneMs: 1,
    startMs: 1,
    stopMs: 1,
    power: () => undefined,
    changed: () => undefined,
  });
  const sent: (string | undefined)[] = [];
  const transports = new Map<string, SSEServerTransport>();
  const http = createServer((request, response) => {
    sent.push(request.headers.authorization);
    const url = new URL(request.url ?? '/', 'http://localhost');
    if (request.method === 'GET') {
      const transport = new SSEServerTransport('/messages', response);
      transports.set(transport.sessionId, transport);
      void createMcpServer(pve).connect(transport);
    } else void transports.get(url.searchParams.get('sessionId') ?? '')?.handlePostMessage(request, response);
  });
  await new Promise<void>((resolve) => http.listen(0, '127.0.0.1', resolve));
  const address = http.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  onTestFinished(() => {
    pve.close();
    http.closeAllConnections();
    http.close();
  });
  return { url: `http://127.0.0.1:${port}/sse`, sent };
}

const connection = (url: string) => ({ kind: 'sse' as const, url, headers: { Authorization: 'Bearer sse-secret-1' } });

it('an older server is spoken to over SSE, with the bearer token on every request', async () => {
  const { url, sent } = await older();
  const vms = testProvider('ry-ops-proxmox', connection(url), { node: 'pve1', template: 9000 });
  onTestFinished(() => vms.close());
  expect(await vms.health()).toMatchObject({ ok: true });
  expect(await dryRun(vms, '9000')).toBe('lists 3 VMs; 102 is free; template 9000 (k8s-worker-template) can be read');
  expect(new Set(sent)).toEqual(new Set(['Bearer sse-secret-1']));
});

it('the dry run tells of a template that is not there, or is none', async () => {
  const { url } = await older();
  const vms = testProvider('ry-ops-proxmox', connection(url), { node: 'pve1', template: 9000 });
  onTestFinished(() => vms.close());
  await expect(dryRun(vms, '9009')).rejects.toMatchObject({ code: 'not_found' });
  await expect(dryRun(vms, '100')).rejects.toThrow(/VM 100 \(pet-db\) is not a template/);
});

it('a trace hides arguments that are named like secrets, and the secrets of the connection', async () => {
  const { url } = await older();
  const traced: Traced[] = [];
  const profile = builtInProfile('ry-ops-proxmox');
  const [start] = profile.steps.start;
  if (start === undefined) throw new Error('no start call');
  const calls = [{ ...start, args: { ...start.args, cipassword: 'hunter22', note: 'has sse-secret-1 in it' } }];
  const vms = testProvider(
    'ry-ops-proxmox',
    connection(url),
    { node: 'pve1' },
    {
      trace: (one) => void traced.push(one),
      profile: { ...profile, steps: { ...profile.steps, start: calls } },
    },
  );
  onTestFinished(() => vms.close());
  await vms.start({ id: '100', host: 'pve1' });
  expect(traced).toHaveLength(1);
  expect(traced[0]?.args).toMatchObject({ vmid: 100, cipassword: '[secret]', note: 'has [secret] in it' });
});

it('a reply can be taken from one content block, or as text', async () => {
  const { url } = await older();
  const profile = builtInProfile('ry-ops-proxmox');
  const using = (from: 'text' | 'structured' | number, result: string) => {
    const list = [
      {
        ...profile.steps.list[0],
        tool: 'list_vms',
        args: {},
        undeclared: [],
        optional: false,
        errors: [],
        from,
        ok: 'true',
        result,
      },
    ];
    const vms = testProvider(
      'ry-ops-proxmox',
      connection(url),
      {},
      { profile: { ...profile, steps: { ...profile.steps, list } } },
    );
    onTestFinished(() => vms.close());
    return vms.list().then((rows) => rows.map(({ id }) => id));
  };
  expect(await using(0, '[reply.data.{"id": vmid}]')).toContain('9000');
  expect(await using('text', '[{"id": $match(reply, /"vmid": (\\d{4})/)[0].groups[0]}]')).toEqual(['9000']);
  await expect(using('structured', '[reply.data.{"id": vmid}]')).rejects.toThrow(/no VM at all|could not be read/);
});
