/** What every VmProvider must do, whatever stands behind it: the same tests for each. */
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { VmFacts, VmProvider, VmSpec } from '../../src/ports/vm-provider.ts';

export type VmTruth = { readonly status: string; readonly config: Readonly<Record<string, string>> };
export type VmSetup = {
  readonly vms: VmProvider;
  /** A provider of the same kind that clones slowly enough to be caught in the act. */
  readonly slow: VmProvider;
  /** The id of a running VM that belongs to somebody else. */
  readonly foreignId: string;
  /** The server shows locks. */
  readonly locks: boolean;
  /** The next start of this VM is accepted, and its task fails. */
  failNextStart(id: string): Promise<void> | void;
  /** What the settings' cloud-init must have made of the VM's configuration, by its keys there. */
  readonly cloudInit: Readonly<Record<string, string>>;
  /** The disk that the settings let grow to the size's; undefined where the server has no tool for that. */
  readonly disk: string | undefined;
  /** The Proxmox VE's own facts of a VM, for what the provider cannot be trusted to say about itself. */
  truth(id: string): Promise<VmTruth | undefined>;
  close(): Promise<void>;
};

let count = 0;
export function vmSpec(id: string): VmSpec {
  const name = `burst-worker-t${(count += 1)}`;
  return {
    id,
    name,
    size: { name: 'small', cpus: 3, memoryMiB: 3072, diskGiB: 20 },
    tags: ['burst', 'burst-test1234'],
    description: `worker=${name}\noperation=op-1\nrequester=U1`,
    join: { userData: '', joinCommand: '', token: 'abcdef.0123456789abcdef' },
  };
}

const WAIT = { timeout: 30_000, interval: 50 };

/** Waits for the task's end. @returns `ok`, or the failure's message. */
export async function taskEnd(vms: VmProvider, handle: string | undefined): Promise<string> {
  if (handle === undefined) return 'ok';
  let last = '';
  await expect
    .poll(async () => {
      const state = await vms.task(handle);
      last = state.state === 'failed' ? state.message : state.state;
      return state.state;
    }, WAIT)
    .not.toBe('running');
  return last;
}

export function vmContract(title: string, start: () => Promise<VmSetup>): void {
  describe(title, () => {
    let setup: VmSetup;
    let vms: VmProvider;
    beforeEach(async () => {
      setup = await start();
      vms = setup.vms;
    });
    afterEach(async () => {
      await setup.close();
    });

    async function made(): Promise<{ spec: VmSpec; vm: VmFacts }> {
      const spec = vmSpec(await vms.freeId(new Set()));
      expect(await taskEnd(vms, await vms.clone(spec))).toBe('ok');
      expect(await taskEnd(vms, await vms.configure(spec, undefined))).toBe('ok');
      const vm = await vms.find(spec.id);
      if (vm === undefined) throw new Error('the clone is not there');
      return { spec, vm };
    }

    it('takes a VM through its whole life', async () => {
      const { spec, vm } = await made();
      expect(vm).toMatchObject({ id: spec.id, name: spec.name, state: 'stopped', template: false, lock: undefined });
      expect(vm.tags).toEqual(expect.arrayContaining([...spec.tags]));
      expect(vm.host).toBe('pve1');
      const truth = await setup.truth(spec.id);
      expect(truth).toMatchObject({ status: 'stopped', config: { cores: '3', memory: '3072', ...setup.cloudInit } });
      const { disk } = setup;
      // one server grows the disk in a task that it does not tell of
      if (disk !== undefined)
        await expect.poll(async () => (await setup.truth(spec.id))?.config[disk], WAIT).toContain('size=20G');

      expect(await taskEnd(vms, await vms.start(vm))).toBe('ok');
      expect((await vms.find(spec.id))?.state).toBe('running');
      const listed = (await vms.list()).find((row) => row.id === spec.id);
      expect(listed).toMatchObject({ name: spec.name, state: 'running', template: false });
      expect(listed?.tags).toEqual(expect.arrayContaining([...spec.tags]));

      expect(await taskEnd(vms, await vms.stop(vm))).toBe('ok');
      expect((await vms.find(spec.id))?.state).toBe('stopped');
      expect(await taskEnd(vms, await vms.delete(vm))).toBe('ok');
      expect(await vms.find(spec.id)).toBeUndefined();
      expect((await vms.list()).map((row) => row.id)).not.toContain(spec.id);
      expect(await setup.truth(spec.id)).toBeUndefined();
    });

    it('shows templates as templates, and VMs of others without our tags', async () => {
      const rows = await vms.list();
      expect(rows.find((row) => row.id === '9000')).toMatchObject({ template: true, state: 'stopped' });
      const foreign = await vms.find(setup.foreignId);
      expect(foreign).toMatchObject({ template: false, state: 'running', name: 'pet-db' });
      expect(foreign?.tags).not.toContain('burst');
    });

    it('offers an id that is free and not in the given set', async () => {
      const used = new Set((await vms.list()).map((row) => row.id));
      const first = await vms.freeId(new Set());
      const second = await vms.freeId(new Set([first]));
      expect(used.has(first) || used.has(second) || first === second).toBe(false);
    });

    it('says conflict when the id of a clone is taken, and leaves that VM alone', async () => {
      await expect(vms.clone(vmSpec(setup.foreignId))).rejects.toMatchObject({ code: 'conflict' });
      expect((await vms.find(setup.foreignId))?.name).toBe('pet-db');
    });

    it('says busy to a configuration while the clone is under way', async () => {
      const { slow } = setup;
      const spec = vmSpec(await slow.freeId(new Set()));
      const clone = await slow.clone(spec);
      expect(await slow.task(clone ?? '')).toEqual({ state: 'running' });
      await expect.poll(async () => (await slow.find(spec.id))?.state, WAIT).toBe('stopped');
      if (setup.locks) expect((await slow.find(spec.id))?.lock).toBe('clone');
      await expect(slow.configure(spec, undefined)).rejects.toMatchObject({ code: 'busy' });
      expect(await taskEnd(slow, clone)).toBe('ok');
      expect((await slow.find(spec.id))?.lock).toBeUndefined();
    });

    it('tells in the task that a start failed, and why', async () => {
      const { spec, vm } = await made();
      await setup.failNextStart(spec.id);
      expect(await taskEnd(vms, await vms.start(vm))).toMatch(/QEMU exited with code 1|is locked/);
      expect((await vms.find(spec.id))?.state).toBe('stopped');
    });

    it('takes "already running" and "already stopped" as done', async () => {
      const { spec, vm } = await made();
      expect(await taskEnd(vms, await vms.stop(vm))).toBe('ok');
      expect(await taskEnd(vms, await vms.start(vm))).toBe('ok');
      expect(await taskEnd(vms, await vms.start(vm))).toBe('ok');
      expect((await vms.find(spec.id))?.state).toBe('running');
    });

    it('does not delete a VM that runs', async () => {
      const { spec, vm } = await made();
      expect(await taskEnd(vms, await vms.start(vm))).toBe('ok');
      const end = await vms.delete(vm).then(
        (handle) => taskEnd(vms, handle),
        (error: unknown) => (error instanceof Error ? error.message : ''),
      );
      expect(end).toMatch(/running/);
      expect((await vms.find(spec.id))?.state).toBe('running');
    });

    it('knows a VM that is not there: undefined to find, not_found to everything else', async () => {
      expect(await vms.find('7777')).toBeUndefined();
      const gone = { id: '7777', host: 'pve1' };
      for (const work of [
        () => vms.start(gone),
        () => vms.stop(gone),
        () => vms.delete(gone),
        () => vms.configure(vmSpec('7777'), 'pve1'),
      ])
        await expect(work()).rejects.toMatchObject({ code: 'not_found' });
    });

    it('takes ten VMs through their lives at once, and lists them all', async () => {
      const taken = new Set<string>();
      for (let index = 0; index < 10; index += 1) taken.add(await vms.freeId(taken));
      const specs = [...taken].map(vmSpec);
      const all = async (work: (spec: VmSpec) => Promise<string | undefined>): Promise<void> => {
        const ends = await Promise.all(specs.map(async (spec) => taskEnd(vms, await work(spec))));
        expect(ends).toEqual(specs.map(() => 'ok'));
      };
      await all((spec) => vms.clone(spec));
      await all((spec) => vms.configure(spec, undefined));
      await all(({ id }) => vms.start({ id, host: 'pve1' }));
      const owned = (await vms.list()).filter((vm) => vm.tags.includes('burst-test1234') && taken.has(vm.id));
      expect(owned.map(({ name, state }) => `${name} ${state}`).sort()).toEqual(
        specs.map(({ name }) => `${name} running`).sort(),
      );
      await all(({ id }) => vms.stop({ id, host: 'pve1' }));
      await all(({ id }) => vms.delete({ id, host: 'pve1' }));
      expect((await vms.list()).filter((vm) => taken.has(vm.id))).toEqual([]);
    });

    it('repeats a configuration without harm', async () => {
      const { spec } = await made();
      expect(await taskEnd(vms, await vms.configure(spec, undefined))).toBe('ok');
      expect((await vms.find(spec.id))?.tags.filter((tag) => tag === 'burst')).toHaveLength(1);
    });

    it('is healthy, and says what the server is', async () => {
      const health = await vms.health();
      expect(health).toMatchObject({ ok: true });
      expect(health.text).toMatch(/proxmox.* \d+\.\d+.*\d+ tools/i);
    });
  });
}
