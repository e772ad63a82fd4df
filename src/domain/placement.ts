/**
 * Where a new VM goes. Invariants: a host that is offline or has not enough free memory or storage is never chosen; what
 * was promised to workers that do not show yet (or not with their whole size) counts as taken. Memory in MiB.
 */
export type PlacementTarget = 'template' | 'fixed' | 'round_robin' | 'most_free_memory';

/** What holds for one size. */
export type PlaceRules = {
  /** Hosts that may be chosen, in this order; empty: all. */
  readonly hosts: readonly string[];
  /** Ids of templates, the first that fits is taken; empty: the profile's own. */
  readonly templates: readonly string[];
  /** A template can be cloned to every host (its disks are on shared storage); otherwise only to its own. */
  readonly templatesShared: boolean;
  readonly storage?: string;
  readonly pool?: string;
  readonly bridge?: string;
  readonly vlan?: number;
};

export type PlacementPolicy = {
  readonly target: PlacementTarget;
  /** Left free on each host. */
  readonly memoryReserveMiB: number;
  readonly base: PlaceRules;
  /** Sizes with rules of their own. */
  readonly sizes: ReadonlyMap<string, PlaceRules>;
};

/** Decides nothing. */
export const NO_PLACEMENT: PlacementPolicy = {
  target: 'template',
  memoryReserveMiB: 0,
  base: { hosts: [], templates: [], templatesShared: false },
  sizes: new Map(),
};

/** The decision, as it is journaled and as profiles see it. */
export type Place = {
  readonly host?: string;
  readonly template?: string;
  /** Where the template is. */
  readonly templateHost?: string;
  readonly storage?: string;
  readonly pool?: string;
  readonly bridge?: string;
  readonly vlan?: number;
};

export type StorageFacts = {
  readonly name: string;
  readonly freeMiB: number | undefined;
  /** The same storage on every host. */
  readonly shared: boolean;
};
export type HostFacts = {
  readonly name: string;
  readonly online: boolean;
  /** Undefined where the server does not say. */
  readonly memoryMiB: number | undefined;
  readonly usedMiB: number | undefined;
  /** Undefined where the server does not say. */
  readonly storages: readonly StorageFacts[] | undefined;
};

export type PlacedVm = {
  readonly id: string;
  readonly host: string | undefined;
  readonly template: boolean;
  /** What it may use, and what it uses now. */
  readonly memoryMiB?: number;
  readonly usedMiB?: number;
};

export type Demand = { readonly size: string; readonly memoryMiB: number; readonly diskGiB: number };

/** What a worker was promised. */
export type Promised = {
  readonly vmId?: string;
  readonly host: string;
  readonly memoryMiB: number;
  /** Not taken from the storage yet. */
  readonly disk?: { readonly storage: string; readonly GiB: number };
};

export type Scene = {
  /** Undefined: the server cannot list its hosts. */
  readonly hosts: readonly HostFacts[] | undefined;
  readonly vms: readonly PlacedVm[];
  readonly promised: readonly Promised[];
  /** How many workers were ever placed, for round robin. */
  readonly placedBefore: number;
};

export type Refused = { readonly host: string; readonly why: string };
export type Placing =
  | { readonly kind: 'placed'; readonly places: readonly Place[] }
  /** `fit` of them would have had room. */
  | { readonly kind: 'no_room'; readonly fit: number; readonly refused: readonly Refused[] };

export const rulesOf = (policy: PlacementPolicy, size: string): PlaceRules => policy.sizes.get(size) ?? policy.base;

/** Whether anything is decided at all; without that VMs go where the profile's settings say. */
export const decides = ({ target, base, sizes }: PlacementPolicy): boolean =>
  target !== 'template' ||
  [base, ...sizes.values()].some(
    ({ templates, storage, pool, bridge, vlan }) =>
      templates.length > 0 || [storage, pool, bridge, vlan].some((value) => value !== undefined),
  );

const gib = (mib: number): string => String(Math.round((mib / 1024) * 10) / 10);

/** Memory of a host that nobody uses or was promised; undefined when it is not known. */
export function freeMemory(host: HostFacts, { vms, promised }: Pick<Scene, 'vms' | 'promised'>): number | undefined {
  if (host.memoryMiB === undefined || host.usedMiB === undefined) return undefined;
  const byId = new Map(vms.map((vm) => [vm.id, vm]));
  const owed = promised
    .filter((one) => one.host === host.name)
    .map(({ vmId, memoryMiB }) => {
      const vm = vmId === undefined ? undefined : byId.get(vmId);
      // what it uses is in the host's own number already
      const usedMiB = vm?.host === host.name ? (vm.usedMiB ?? 0) : 0;
      return Math.max(0, memoryMiB - usedMiB);
    });
  return host.memoryMiB - host.usedMiB - owed.reduce((sum, mib) => sum + mib, 0);
}

function freeStorage(host: HostFacts, name: string, { promised }: Scene): number | undefined {
  const storage = host.storages?.find((candidate) => candidate.name === name);
  if (storage?.freeMiB === undefined) return undefined;
  const owed = promised.flatMap(({ host: other, disk }) =>
    disk?.storage === name && (storage.shared || other === host.name) ? [disk.GiB] : [],
  );
  return storage.freeMiB / 1024 - owed.reduce((sum, GiB) => sum + GiB, 0);
}

/** The template for a clone on this host, or why there is none. */
function templateFor(host: string, rules: PlaceRules, vms: readonly PlacedVm[]): PlacedVm | { readonly why: string } {
  const listed = rules.templates.flatMap((id) => vms.find((vm) => vm.id === id && vm.template) ?? []);
  const there = listed.find((vm) => vm.host === host) ?? (rules.templatesShared ? listed[0] : undefined);
  if (there !== undefined) return there;
  const missing = rules.templates.filter((id) => !listed.some((vm) => vm.id === id));
  const elsewhere = listed.map((vm) => `${vm.id} is on ${vm.host ?? 'an unknown host'}`);
  return {
    why: `has none of the templates (${[...elsewhere, ...missing.map((id) => `${id} is not listed`)].join(', ')})`,
  };
}

type Candidate = { readonly host: HostFacts; readonly template: PlacedVm; readonly freeMiB: number | undefined };

function consider(
  host: HostFacts,
  demand: Demand,
  policy: PlacementPolicy,
  scene: Scene,
): Candidate | { readonly why: string } {
  const rules = rulesOf(policy, demand.size);
  if (!host.online) return { why: 'is offline' };
  const template = templateFor(host.name, rules, scene.vms);
  if ('why' in template) return template;
  const freeMiB = freeMemory(host, scene);
  const { memoryReserveMiB } = policy;
  if (freeMiB === undefined && policy.target === 'most_free_memory')
    return { why: 'does not say how much memory it has' };
  if (freeMiB !== undefined && freeMiB - memoryReserveMiB < demand.memoryMiB) {
    const kept = memoryReserveMiB === 0 ? '' : ` (${gib(memoryReserveMiB)} GiB are kept free)`;
    return {
      why: `has ${gib(Math.max(0, freeMiB - memoryReserveMiB))} GiB of memory free${kept}, ${gib(demand.memoryMiB)} GiB are needed`,
    };
  }
  if (rules.storage !== undefined && host.storages !== undefined) {
    if (!host.storages.some(({ name }) => name === rules.storage)) return { why: `has no storage ${rules.storage}` };
    const freeGiB = freeStorage(host, rules.storage, scene);
    if (freeGiB !== undefined && freeGiB < demand.diskGiB)
      return {
        why: `has ${Math.max(0, Math.floor(freeGiB))} GiB free on ${rules.storage}, ${demand.diskGiB} GiB are needed`,
      };
  }
  return { host, template, freeMiB };
}

/** The hosts that may be chosen, in order; those that are named and not listed come as refused. */
function eligible(
  rules: PlaceRules,
  scene: Scene,
): { readonly hosts: readonly HostFacts[]; readonly refused: Refused[] } {
  const known = scene.hosts;
  if (known === undefined)
    return {
      hosts: rules.hosts.map((name) => ({
        name,
        online: true,
        memoryMiB: undefined,
        usedMiB: undefined,
        storages: undefined,
      })),
      refused: [],
    };
  if (rules.hosts.length === 0)
    return { hosts: [...known].sort((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true })), refused: [] };
  const found = rules.hosts.map((name) => known.find((host) => host.name === name) ?? name);
  return {
    hosts: found.filter((host) => typeof host !== 'string'),
    refused: found.flatMap((host) =>
      typeof host === 'string' ? [{ host, why: 'is not listed by the VM server' }] : [],
    ),
  };
}

const wishes = ({ storage, pool, bridge, vlan }: PlaceRules): Place => ({
  ...(storage === undefined ? {} : { storage }),
  ...(pool === undefined ? {} : { pool }),
  ...(bridge === undefined ? {} : { bridge }),
  ...(vlan === undefined ? {} : { vlan }),
});
const cloneOf = ({ id, host }: PlacedVm): Place => ({
  template: id,
  ...(host === undefined ? {} : { templateHost: host }),
});

function placeOne(demand: Demand, policy: PlacementPolicy, scene: Scene): Place | readonly Refused[] {
  const rules = rulesOf(policy, demand.size);
  if (policy.target === 'template') {
    if (rules.templates.length === 0) return wishes(rules);
    const template = scene.vms.find((vm) => vm.template && rules.templates.includes(vm.id));
    return template === undefined
      ? [{ host: 'the VM server', why: `lists no template ${rules.templates.join(' or ')}` }]
      : { ...cloneOf(template), ...wishes(rules) };
  }
  const { hosts, refused } = eligible(rules, scene);
  const fits: Candidate[] = [];
  const turn = policy.target === 'round_robin' && hosts.length > 0 ? scene.placedBefore % hosts.length : 0;
  for (const host of [...hosts.slice(turn), ...hosts.slice(0, turn)]) {
    const seen = consider(host, demand, policy, scene);
    if ('why' in seen) refused.push({ host: host.name, why: seen.why });
    else fits.push(seen);
  }
  if (policy.target === 'most_free_memory') fits.sort((a, b) => (b.freeMiB ?? 0) - (a.freeMiB ?? 0));
  const [best] = fits;
  if (best === undefined)
    return refused.length > 0 ? refused : [{ host: 'the VM server', why: 'lists no host at all' }];
  return { host: best.host.name, ...cloneOf(best.template), ...wishes(rules) };
}

/** Places all of them, each with what the ones before it took; or none, and says why of each host. */
export function placeAll(demands: readonly Demand[], policy: PlacementPolicy, scene: Scene): Placing {
  const places: Place[] = [];
  const promised = [...scene.promised];
  for (const demand of demands) {
    const { placedBefore } = scene;
    const place = placeOne(demand, policy, { ...scene, promised, placedBefore: placedBefore + places.length });
    if (Array.isArray(place)) return { kind: 'no_room', fit: places.length, refused: place as readonly Refused[] };
    const { host, storage } = place as Place;
    if (host !== undefined)
      promised.push({
        host,
        memoryMiB: demand.memoryMiB,
        ...(storage === undefined ? {} : { disk: { storage, GiB: demand.diskGiB } }),
      });
    places.push(place as Place);
  }
  return { kind: 'placed', places };
}

/** Why there is no room, host by host. */
export const refusedInWords = (refused: readonly Refused[]): string =>
  refused.map(({ host, why }) => `${host} ${why}`).join('; ');
