/** `placement`: on which host, from which template and with which storage and network a VM is made. */
import { z } from 'zod';
import type { PlacementPolicy, PlaceRules } from '../domain/placement.ts';

const name = (max = 63) =>
  z.string().regex(new RegExp(`^[A-Za-z0-9][A-Za-z0-9._-]{0,${max - 1}}$`), {
    error: `a name of letters, digits, ".", "_" and "-", at most ${max} characters`,
  });
/** Without defaults: a size says only what is different for it. */
const own = {
  hosts: z.array(name()).max(100),
  templates: z.array(z.int().min(100).max(999_999_999)).max(100),
  templates_shared: z.boolean(),
  storage: name(100),
  pool: name(100),
  bridge: name(15),
  vlan: z.int().min(1).max(4094),
};

export const placementSchema = z
  .strictObject({
    target: z.enum(['template', 'fixed', 'round_robin', 'most_free_memory']).default('template'),
    hosts: own.hosts.default([]),
    memory_reserve_gb: z.number().min(0).max(12_288).default(0),
    templates: own.templates.default([]),
    templates_shared: own.templates_shared.default(false),
    storage: own.storage.optional(),
    pool: own.pool.optional(),
    bridge: own.bridge.optional(),
    vlan: own.vlan.optional(),
    sizes: z.record(z.string().max(20), z.strictObject(own).partial()).default({}),
  })
  .prefault({});

type File = z.output<typeof placementSchema>;
/** Without what is not said. */
function given<T extends object>(rules: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(rules).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>;
  };
}

type Add = (path: string, others: readonly string[], text: string) => void;

/** Rules between the keys; `near` says which size was probably meant. */
export function checkPlacement(
  placement: File,
  sizes: readonly string[],
  near: (word: string) => string,
  add: Add,
): void {
  const { target } = placement;
  for (const size of Object.keys(placement.sizes))
    if (!sizes.includes(size))
      add(
        `placement.sizes.${size}`,
        ['worker_sizes'],
        `there is no such size; allowed: ${sizes.join(', ')}${near(size)}`,
      );
  const chooses = target !== 'template';
  const each = [
    { path: 'placement', own: placement, whose: 'every size' },
    ...Object.entries(placement.sizes).map(([size, rules]) => ({
      path: `placement.sizes.${size}`,
      own: { ...placement, ...given(rules) },
      whose: size,
    })),
  ];
  for (const { path, own: rules } of each) {
    const all = ['placement.target', 'placement.hosts', 'placement.templates', 'placement.sizes'];
    if (new Set(rules.hosts).size < rules.hosts.length) add(`${path}.hosts`, [], 'names a host twice');
    if (target === 'fixed' && rules.hosts.length !== 1)
      add(`${path}.hosts`, all, `found ${rules.hosts.length} hosts; target fixed needs exactly one`);
    if (chooses && rules.templates.length === 0)
      add(
        `${path}.templates`,
        all,
        `is empty; target ${target} needs the ids of the templates to clone (one on each host, or templates_shared: true)`,
      );
    if (!chooses && rules.hosts.length > 0)
      add(`${path}.hosts`, all, 'has no effect with target template, where a VM stays where its template is');
    if (!chooses && rules.templates.length > 1)
      add(`${path}.templates`, all, `found ${rules.templates.length} templates; target template can use one only`);
  }
  if (!chooses && placement.memory_reserve_gb > 0)
    add(
      'placement.memory_reserve_gb',
      ['placement.target'],
      'has no effect with target template, which checks no room',
    );
}

/** The section in camelCase, as `Config` has it. */
export type Placement = {
  readonly target: PlacementPolicy['target'];
  readonly memoryReserveGb: number;
  readonly sizes: Readonly<Record<string, { readonly [K in keyof Rules]?: Rules[K] | undefined }>>;
} & Rules;
type Rules = {
  readonly hosts: readonly string[];
  readonly templates: readonly number[];
  readonly templatesShared: boolean;
  readonly storage?: string | undefined;
  readonly pool?: string | undefined;
  readonly bridge?: string | undefined;
  readonly vlan?: number | undefined;
};

function rulesFrom({ hosts, templates, templatesShared, storage, pool, bridge, vlan }: Rules): PlaceRules {
  return {
    hosts,
    templates: templates.map(String),
    templatesShared,
    ...(storage === undefined ? {} : { storage }),
    ...(pool === undefined ? {} : { pool }),
    ...(bridge === undefined ? {} : { bridge }),
    ...(vlan === undefined ? {} : { vlan }),
  };
}

/** `placement`; memory in MiB. */
export function placementPolicy({ placement }: { readonly placement: Placement }): PlacementPolicy {
  return {
    target: placement.target,
    memoryReserveMiB: placement.memoryReserveGb * 1024,
    base: rulesFrom(placement),
    sizes: new Map(
      Object.entries(placement.sizes).map(([size, rules]) => [size, rulesFrom({ ...placement, ...given(rules) })]),
    ),
  };
}
