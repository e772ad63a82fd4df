/**
 * `burst provider try`: one small VM, made, shown and removed, every call printed. Invariants: only the VM that this run
 * asked for (its id, its unique name) is ever changed or deleted; it is removed however the run ends, or what is left is said.
 */
import { BurstError, isBurstError } from './domain/errors.ts';
import { decides, placeAll, refusedInWords } from './domain/placement.ts';
import type { Place, PlacementPolicy } from './domain/placement.ts';
import type { Clock } from './ports/clock.ts';
import type { TaskHandle, VmFacts, VmProvider, VmSpec } from './ports/vm-provider.ts';

export type TryOptions = {
  readonly vms: VmProvider;
  readonly clock: Clock;
  /** A DNS-1123 name that no other VM has. */
  readonly name: string;
  readonly size: VmSpec['size'];
  readonly placement: PlacementPolicy;
  readonly print: (line: string) => void;
  /** Aborted: the VM is removed at once. */
  readonly signal: AbortSignal;
  /** How often a task is looked at, ms. */
  readonly pollMs: number;
};

const LONGEST_MS = 10 * 60_000;
/** How long a clone whose answer was lost may take to show up, ms. */
const LATE_CLONE_MS = 20_000;
const words = (error: unknown): string => (error instanceof Error ? error.message : String(error));

const shown = (vm: VmFacts): string =>
  `VM ${vm.id}: name ${vm.name}, host ${vm.host ?? 'unknown'}, ${vm.state}, tags [${vm.tags.join(', ')}]${vm.lock === undefined ? '' : `, locked (${vm.lock})`}`;

/** @returns true when everything worked and nothing is left. */
export async function tryProvider(options: TryOptions): Promise<boolean> {
  const { vms, clock, name, print, signal, pollMs } = options;
  const tags = ['burst-try', name];
  let id: string | undefined;
  let asked = false;
  /** The clone was refused: there is nothing that could still land. */
  let refused = false;
  let fine = false;

  async function until<T>(what: string, look: () => Promise<T | undefined>, limitMs: number, stop?: AbortSignal) {
    const untilMs = clock.now() + limitMs;
    for (;;) {
      const found = await look();
      if (found !== undefined) return found;
      if (clock.now() >= untilMs) throw new BurstError('unknown_outcome', `${what}: not within ${limitMs / 1000} s.`);
      await clock.sleep(pollMs, stop);
    }
  }
  const ended = async (what: string, handle: TaskHandle | undefined, stop?: AbortSignal): Promise<void> => {
    if (handle === undefined) return;
    const state = await until(
      what,
      async () => {
        const now = await vms.task(handle, stop);
        return now.state === 'running' ? undefined : now;
      },
      LONGEST_MS,
      stop,
    );
    if (state.state === 'failed') throw new BurstError('provider_failed', `${what}: ${state.message}`);
  };
  /** Ours: this run's unique name on the id that it asked for. @throws `safety_violation` for anything else. */
  const own = (vm: VmFacts): VmFacts => {
    if (vm.name === name && !vm.template) return vm;
    throw new BurstError('safety_violation', `SAFETY VIOLATION: VM ${vm.id} is called ${vm.name}, not ${name}.`, {
      left: 'It was not touched.',
    });
  };

  /** @throws `limit_reached` when no host has room. */
  async function chosen(): Promise<Place | undefined> {
    const { size, placement } = options;
    if (!decides(placement)) return undefined;
    const scene = { ...(await vms.capacity(signal)), promised: [], placedBefore: 0 };
    const demand = { size: size.name, memoryMiB: size.memoryMiB, diskGiB: size.diskGiB };
    const placing = placeAll([demand], placement, scene);
    if (placing.kind === 'placed') return placing.places[0];
    throw new BurstError('limit_reached', `There is no room: ${refusedInWords(placing.refused)}.`);
  }

  async function life(): Promise<void> {
    const health = await vms.health(signal);
    print(`# ${health.text}`);
    if (!health.ok) throw new BurstError('provider_failed', 'The server does not fit the profile.');
    id = await vms.freeId(new Set(), signal);
    const place = await chosen();
    if (place?.host !== undefined) print(`# placed on ${place.host}`);
    const spec: VmSpec = {
      ...(place === undefined ? {} : { place }),
      id,
      name,
      size: options.size,
      tags,
      description: `worker=${name}\noperation=try\nrequester=command line`,
      join: { userData: '', joinCommand: '', token: '' },
    };
    print(`# clone to VM ${id} (${name})`);
    signal.throwIfAborted();
    asked = true;
    const handle = await vms.clone(spec, signal).catch((error: unknown) => {
      refused = isBurstError(error) && error.code !== 'unknown_outcome';
      throw error;
    });
    await ended('clone', handle, signal);
    const made = id;
    const look = async (): Promise<VmFacts | undefined> => {
      const vm = await vms.find(made, signal);
      return vm === undefined || own(vm).lock !== undefined ? undefined : vm;
    };
    const cloned = await until('the clone is listed and unlocked', look, LONGEST_MS, signal);
    print('# configure');
    await ended('configure', await vms.configure(spec, cloned.host, signal), signal);
    print('# start');
    await ended('start', await vms.start({ id, host: cloned.host }, signal), signal);
    const vm = await until(
      'it runs',
      async () => ((await look())?.state === 'running' ? look() : undefined),
      60_000,
      signal,
    );
    print(`# ${shown(vm)}`);
    const missing = tags.filter((tag) => !vm.tags.includes(tag));
    if (missing.length > 0)
      throw new BurstError(
        'provider_failed',
        `The VM lacks the tags ${missing.join(', ')}: Burst would not know it again.`,
        {
          hint: 'See steps.configure, steps.list and steps.find of the profile.',
        },
      );
  }

  async function remove(made: string): Promise<void> {
    let vm = await vms.find(made);
    if (vm === undefined && !refused)
      vm = await until('', async () => vms.find(made), LATE_CLONE_MS).catch((error: unknown) => {
        if (isBurstError(error, 'unknown_outcome')) return undefined;
        throw error;
      });
    if (vm === undefined || vm.name !== name) return;
    print('# remove');
    const unlocked = await until(
      'it is unlocked',
      async () => {
        const now = await vms.find(made);
        return now === undefined || own(now).lock === undefined ? { now } : undefined;
      },
      LONGEST_MS,
    );
    if (unlocked.now === undefined) return;
    const at = { id: made, host: own(unlocked.now).host };
    if (unlocked.now.state !== 'stopped') await ended('stop', await vms.stop(at));
    const now = await vms.find(made);
    if (now === undefined) return;
    own(now);
    await ended('delete', await vms.delete(at));
    await until('it is gone', async () => ((await vms.find(made)) === undefined ? true : undefined), 60_000);
  }

  try {
    await life();
    fine = true;
    print('# it works');
  } catch (error) {
    print(signal.aborted ? '# interrupted' : `# failed: ${words(error)}`);
  }
  if (!asked || id === undefined) return fine;
  for (let attempt = 1; ; attempt += 1) {
    try {
      await remove(id);
      print(`# nothing is left of VM ${id} (${name})`);
      return fine;
    } catch (error) {
      print(`# the removal failed: ${words(error)}`);
      if (attempt < 3 && !isBurstError(error, 'safety_violation')) {
        await clock.sleep(pollMs);
        continue;
      }
      print(`# LEFT BEHIND: VM ${id}, called ${name}, may still be there; look at it and remove it by hand`);
      return false;
    }
  }
}
