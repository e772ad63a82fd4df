/** Where VMs go: the whole decision as a table. */
import { describe, expect, it } from 'vitest';
import { NO_PLACEMENT, decides, placeAll, refusedInWords } from '../../../src/domain/placement.ts';
import type { Demand, HostFacts, PlacementPolicy, PlaceRules, Scene } from '../../../src/domain/placement.ts';

const GIB = 1024;
const host = (name: string, total: number, used: number, more: Partial<HostFacts> = {}): HostFacts => ({
  name,
  online: true,
  memoryMiB: total * GIB,
  usedMiB: used * GIB,
  storages: undefined,
  ...more,
});
const template = (id: string, at: string) => ({ id, host: at, template: true });
const demand = (memory: number, size = 'medium', diskGiB = 100): Demand => ({ size, memoryMiB: memory * GIB, diskGiB });
const policy = (
  target: PlacementPolicy['target'],
  base: Partial<PlaceRules> = {},
  more: Partial<PlacementPolicy> = {},
): PlacementPolicy => ({
  ...NO_PLACEMENT,
  target,
  base: { hosts: [], templates: ['9000'], templatesShared: true, ...base },
  ...more,
});
const scene = (hosts: Scene['hosts'], more: Partial<Scene> = {}): Scene => ({
  hosts,
  vms: [template('9000', 'a')],
  promised: [],
  placedBefore: 0,
  ...more,
});
/** Hosts in the order of the workers, or the refusal. */
function outcome(demands: readonly Demand[], rules: PlacementPolicy, seen: Scene): string {
  const placing = placeAll(demands, rules, seen);
  return placing.kind === 'placed'
    ? placing.places.map((place) => place.host ?? '-').join(' ')
    : `${placing.fit}: ${refusedInWords(placing.refused)}`;
}
const times = (count: number, one: Demand): readonly Demand[] => Array.from({ length: count }, () => one);
const AB = [host('a', 32, 8), host('b', 32, 2)];
const ceph = (freeGiB: number | undefined, shared = true) => ({
  storages: [{ name: 'ceph', freeMiB: freeGiB === undefined ? undefined : freeGiB * GIB, shared }],
});

describe('a place', () => {
  it.each<[string, readonly Demand[], PlacementPolicy, Scene, string]>([
    ['most free memory', [demand(8)], policy('most_free_memory'), scene(AB), 'b'],
    [
      'equal hosts: the first by name',
      [demand(8)],
      policy('most_free_memory'),
      scene([host('pve10', 8, 0), host('pve2', 8, 0)]),
      'pve2',
    ],
    [
      'several: each counts what the ones before took',
      times(5, demand(8)),
      policy('most_free_memory'),
      scene(AB),
      'b a b a b',
    ],
    [
      'ten of 4 GiB are levelled',
      times(10, demand(4)),
      policy('most_free_memory'),
      scene([host('a', 32, 2), host('b', 32, 2)]),
      'a b a b a b a b a b',
    ],
    [
      'promised, not visible',
      [demand(8)],
      policy('most_free_memory'),
      scene(AB, { promised: [{ host: 'b', memoryMiB: 16 * GIB }] }),
      'a',
    ],
    [
      'promised and running: what it uses is counted once',
      [demand(8)],
      policy('most_free_memory'),
      scene(AB, {
        vms: [template('9000', 'a'), { id: '5', host: 'b', template: false, usedMiB: 15 * GIB }],
        promised: [{ vmId: '5', host: 'b', memoryMiB: 16 * GIB }],
      }),
      'b',
    ],
    [
      'promised here while its clone is still listed at the template',
      [demand(8)],
      policy('most_free_memory'),
      scene(AB, {
        vms: [template('9000', 'a'), { id: '5', host: 'a', template: false, usedMiB: 15 * GIB }],
        promised: [{ vmId: '5', host: 'b', memoryMiB: 16 * GIB }],
      }),
      'a',
    ],
    [
      'an offline host is not chosen',
      [demand(8)],
      policy('most_free_memory'),
      scene([host('a', 32, 8), host('b', 32, 2, { online: false })]),
      'a',
    ],
    [
      'a host that does not say its memory is not chosen',
      [demand(8)],
      policy('most_free_memory'),
      scene([host('a', 32, 8), host('b', 0, 0, { memoryMiB: undefined })]),
      'a',
    ],
    ['only hosts that are named', [demand(8)], policy('most_free_memory', { hosts: ['a'] }), scene(AB), 'a'],
    ['a reserve', [demand(8)], policy('most_free_memory', {}, { memoryReserveMiB: 20 * GIB }), scene(AB), 'b'],
    ['exactly enough', [demand(24)], policy('fixed', { hosts: ['a'] }), scene(AB), 'a'],
    ['fixed', times(2, demand(8)), policy('fixed', { hosts: ['a'] }), scene(AB), 'a a'],
    ['fixed, without hosts to look at', [demand(999)], policy('fixed', { hosts: ['x'] }), scene(undefined), 'x'],
    ['round robin', times(3, demand(1)), policy('round_robin'), scene(AB), 'a b a'],
    [
      'round robin goes on where it was',
      times(2, demand(1)),
      policy('round_robin'),
      scene(AB, { placedBefore: 7 }),
      'b a',
    ],
    [
      'round robin in the order of the names given',
      times(3, demand(1)),
      policy('round_robin', { hosts: ['b', 'a'] }),
      scene(AB),
      'b a b',
    ],
    [
      'round robin passes over what is full',
      times(3, demand(8)),
      policy('round_robin'),
      scene([host('a', 32, 28), host('b', 32, 2)]),
      'b b b',
    ],
    [
      'round robin passes over what is offline',
      times(2, demand(8)),
      policy('round_robin'),
      scene([host('a', 32, 0, { online: false }), host('b', 32, 2)]),
      'b b',
    ],
    [
      'local storage: only where a template is',
      times(2, demand(1)),
      policy('most_free_memory', { templatesShared: false }),
      scene(AB),
      'a a',
    ],
    [
      'local storage: each host its own',
      times(2, demand(1)),
      policy('round_robin', { templatesShared: false, templates: ['9000', '9001'] }),
      scene(AB, { vms: [template('9000', 'a'), template('9001', 'b')] }),
      'a b',
    ],
    [
      'storage of a host',
      [demand(1)],
      policy('most_free_memory', { storage: 'ceph' }),
      scene([host('a', 32, 8, ceph(100, false)), host('b', 32, 2, ceph(99, false))]),
      'a',
    ],
    [
      'storage that says nothing is not looked at',
      [demand(1)],
      policy('most_free_memory', { storage: 'ceph' }),
      scene([host('a', 32, 2, ceph(undefined))]),
      'a',
    ],
    [
      'a size of its own',
      [demand(1, 'small'), demand(1, 'large')],
      policy(
        'round_robin',
        { hosts: ['a'] },
        { sizes: new Map([['large', { hosts: ['b'], templates: ['9000'], templatesShared: true }]]) },
      ),
      scene(AB),
      'a b',
    ],
    ['target template: wherever it is', [demand(999)], policy('template'), scene(undefined), '-'],

    [
      'no room: what each host lacks',
      [demand(48)],
      policy('most_free_memory', { hosts: ['a', 'b', 'c'] }),
      scene(AB),
      '0: c is not listed by the VM server; a has 24 GiB of memory free, 48 GiB are needed; b has 30 GiB of memory free, 48 GiB are needed',
    ],
    [
      'no room for all of them',
      times(4, demand(16)),
      policy('most_free_memory'),
      scene(AB),
      '2: a has 8 GiB of memory free, 16 GiB are needed; b has 14 GiB of memory free, 16 GiB are needed',
    ],
    [
      'no room: a reserve is said',
      [demand(16)],
      policy('fixed', { hosts: ['a'] }, { memoryReserveMiB: 12 * GIB }),
      scene(AB),
      '0: a has 12 GiB of memory free (12 GiB are kept free), 16 GiB are needed',
    ],
    [
      'no room: offline, no template, storage',
      [demand(1)],
      policy('round_robin', { templatesShared: false, storage: 'ceph' }),
      scene([host('a', 8, 0, ceph(7)), host('b', 8, 0), host('c', 8, 0, { online: false })]),
      '0: a has 7 GiB free on ceph, 100 GiB are needed; b has none of the templates (9000 is on a); c is offline',
    ],
    [
      'no room: shared storage is one',
      times(2, demand(1)),
      policy('round_robin', { storage: 'ceph' }),
      scene([host('a', 8, 0, ceph(150)), host('b', 8, 0, ceph(150))]),
      '1: b has 50 GiB free on ceph, 100 GiB are needed; a has 50 GiB free on ceph, 100 GiB are needed',
    ],
    [
      'no room: no such storage',
      [demand(1)],
      policy('round_robin', { storage: 'fast' }),
      scene([host('a', 8, 0, ceph(7))]),
      '0: a has no storage fast',
    ],
    [
      'no room: more is promised than there is',
      [demand(1)],
      policy('fixed', { hosts: ['a'] }),
      scene(AB, { promised: [{ host: 'a', memoryMiB: 99 * GIB }] }),
      '0: a has 0 GiB of memory free, 1 GiB are needed',
    ],
    [
      'no such template',
      [demand(1)],
      policy('template', { templates: ['7'] }),
      scene(AB),
      '0: the VM server lists no template 7',
    ],
    ['no host at all', [demand(1)], policy('round_robin'), scene([]), '0: the VM server lists no host at all'],
  ])('%s', (_, demands, rules, seen, expected) => {
    expect(outcome(demands, rules, seen)).toBe(expected);
  });

  it('says from where, to where and with what', () => {
    const rules = policy('most_free_memory', { storage: 'ceph', pool: 'p', bridge: 'vmbr1', vlan: 4 });
    expect(placeAll([demand(1)], rules, scene(AB))).toEqual({
      kind: 'placed',
      places: [
        { host: 'b', template: '9000', templateHost: 'a', storage: 'ceph', pool: 'p', bridge: 'vmbr1', vlan: 4 },
      ],
    });
    expect(placeAll([demand(1)], policy('template', { vlan: 4 }), scene(undefined))).toEqual({
      kind: 'placed',
      places: [{ template: '9000', templateHost: 'a', vlan: 4 }],
    });
  });

  it('is not decided when nothing is said of it', () => {
    expect(decides(NO_PLACEMENT)).toBe(false);
    expect(decides(policy('template', { templates: [], vlan: 3 }))).toBe(true);
    expect(decides({ ...NO_PLACEMENT, target: 'fixed' })).toBe(true);
  });
});
