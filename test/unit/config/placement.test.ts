/** What of `placement` is refused, and where it is said. */
import { describe, expect, it } from 'vitest';
import { placementPolicy } from '../../../src/config/index.ts';
import { load, problemsOf } from './support.ts';

describe('placement', () => {
  it.each([
    ['{ target: fixed, templates: [9000] }', 'placement.hosts', /needs exactly one/],
    ['{ target: fixed, templates: [9000], hosts: [a, b] }', 'placement.hosts', /found 2 hosts/],
    ['{ target: round_robin }', 'placement.templates', /needs the ids of the templates/],
    ['{ target: most_free_memory }', 'placement.templates', /needs the ids of the templates/],
    ['{ target: most_memory }', 'placement.target', /template, fixed, round_robin or most_free_memory/],
    ['{ hosts: [a] }', 'placement.hosts', /has no effect with target template/],
    ['{ memory_reserve_gb: 1 }', 'placement.memory_reserve_gb', /has no effect with target template/],
    ['{ templates: [9000, 9001] }', 'placement.templates', /can use one only/],
    ['{ target: round_robin, templates: [9], hosts: [] }', 'placement.templates.0', /from 100 to/],
    ['{ target: round_robin, templates: [9000], hosts: [a, a] }', 'placement.hosts', /names a host twice/],
    ['{ vlan: 5000 }', 'placement.vlan', /from 1 to 4094/],
    ['{ bridge: "vmbr0,tag=1" }', 'placement.bridge', /a name of letters/],
    ['{ sizes: { smal: { vlan: 1 } } }', 'placement.sizes.smal', /did you mean "small"/],
    ['{ sizes: { small: { target: fixed } } }', 'placement.sizes.small.target', /unknown key/],
    [
      '{ target: fixed, hosts: [a], templates: [9000], sizes: { small: { hosts: [] } } }',
      'placement.sizes.small.hosts',
      /found 0/,
    ],
  ])('%s is refused', (yaml, path, says) => {
    const error = problemsOf(`placement: ${yaml}`);
    expect(error.problems.map((problem) => problem.path)).toEqual([path]);
    expect(error.message).toMatch(says);
  });

  it('a size has what the section says, with its own on top', () => {
    const policy = placementPolicy(
      load(
        'placement: { target: round_robin, hosts: [a, b], templates: [9000], storage: ceph, sizes: { large: { hosts: [b], vlan: 3 } } }',
      ),
    );
    expect(policy.sizes.get('large')).toEqual({
      hosts: ['b'],
      templates: ['9000'],
      templatesShared: false,
      storage: 'ceph',
      vlan: 3,
    });
  });
});
