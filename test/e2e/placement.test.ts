/** Workers on several Proxmox hosts: spread, none where there is no room or nobody at home, refused before anything is made. */
import { expect, it } from 'vitest';
import { shown } from './support/person.ts';
import { provisioned, startAll } from './support/world.ts';

it('workers go to the host with the most memory left; one that is offline gets none; what fits nowhere is refused', async () => {
  const world = await startAll({
    config: {
      placement: { target: 'most_free_memory', templates: [9000], templates_shared: true, memory_reserve_gb: 2 },
      mcp_servers: { proxmox: { settings: null } },
    },
  });
  const { olga } = world;
  const hostsOf = async (names: readonly string[]): Promise<string[]> =>
    (await Promise.all(names.map(async (name) => (await world.vm(name))?.host ?? 'none'))).sort();
  const large = await provisioned(world, olga, '3 large');
  // 64 GiB with pets, 64 and 32: two of 16 GiB where the most is free, then the next
  expect(await hostsOf(large)).toEqual(['pve1', 'pve2', 'pve2']);
  await world.fault('host_offline', true);
  const before = (await world.state()).vms.length;
  const refused = shown(await olga.asks('/burst provision 3 xlarge 1h'));
  expect(refused).toContain('no room for 3 xlarge workers of 32 GiB, only for 1; beside that');
  expect(refused).toMatch(/pve2 is offline/);
  expect(refused).toMatch(/pve3 has [\d.]+ GiB of memory free \(2 GiB are kept free\), 32 GiB are needed/);
  expect((await world.state()).vms).toHaveLength(before);
  expect(await hostsOf(await provisioned(world, olga, '1 small'))).not.toContain('pve2');
});
