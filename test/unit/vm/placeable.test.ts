/** A placement that the VM server's profile cannot carry out ends the start, with the reason. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { createLogger } from '../../../src/observability/index.ts';
import { makeProvider } from '../../../src/parts.ts';
import { realClock } from '../../contract/cluster-setup.ts';
import { load } from '../config/support.ts';

const folder = mkdtempSync(join(tmpdir(), 'burst-profile-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
/** A profile whose server knows nothing of hosts but can clone to one. */
const own = join(folder, 'own.yaml');
const call = (tool: string, args = '{}') => `  ${tool}: [{ tool: ${tool}, args: ${args} }]`;
const place = '{ t: =place.template, h: =place.host }';
writeFileSync(
  own,
  ['steps:', call('clone', place), ...['list', 'start', 'stop', 'delete', 'task'].map((step) => call(step))].join('\n'),
);

function made(profile: string, placement: string): void {
  const yaml = `join: { method: none }\nmcp_servers: { proxmox: { profile: ${profile} } }\nplacement: ${placement}`;
  const [config] = load(yaml).clusters;
  if (config !== undefined) makeProvider(config, realClock, createLogger({ level: 'silent', secrets: [] }));
}

it('join.method talos needs a server that can say where a machine is', () => {
  const yaml = (profile: string): string =>
    `join: { method: talos }\nmcp_servers: { proxmox: { profile: ${profile} }, talos: { enabled: true, endpoint: http://t } }`;
  const make = (profile: string) => () =>
    load(yaml(profile)).clusters.map((one) =>
      makeProvider(one, realClock, createLogger({ level: 'silent', secrets: [] })),
    );
  expect(make('mcp-proxmox')).toThrow(/cannot say a VM's address/);
  expect(make('proxmox-mcp-plus')).not.toThrow();
  expect(make('ry-ops-proxmox')).not.toThrow();
});

describe('a placement', () => {
  it.each([
    ['mcp-proxmox', '{ vlan: 4, pool: p }', /has no way to do what placement.pool and placement.vlan asks for/],
    ['proxmox-mcp-plus', '{ sizes: { small: { vlan: 4 } } }', /placement.vlan/],
    [own, '{ target: most_free_memory, templates: [9000] }', /cannot say how much memory the hosts have free/],
    [own, '{ target: round_robin, templates: [9000] }', /name them in placement.hosts/],
    [own, '{ target: fixed, hosts: [a], templates: [9000], storage: s }', /placement.storage/],
  ])('%s cannot do %s', (profile, placement, says) => {
    expect(() => made(profile, placement)).toThrow(says);
  });

  it.each([
    ['ry-ops-proxmox', '{ target: most_free_memory, templates: [9000], storage: s, pool: p, bridge: b, vlan: 4 }'],
    ['mcp-proxmox', '{ target: most_free_memory, templates: [9000], storage: s }'],
    ['proxmox-mcp-plus', '{ target: most_free_memory, templates: [9000], storage: s, pool: p, bridge: b }'],
    [own, '{ target: round_robin, templates: [9000], hosts: [a, b] }'],
  ])('%s can do %s', (profile, placement) => {
    expect(() => made(profile, placement)).not.toThrow();
  });
});
