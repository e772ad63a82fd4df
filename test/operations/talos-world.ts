/** Talos machines in the world in memory: a VM's machine joins when it has its configuration, and forgets it when it is reset. */
import { BurstError } from '../../src/domain/errors.ts';
import type { Machine, MachineServer } from '../../src/ports/machine-server.ts';
import type { World } from './world.ts';

const REBOOT_MS = 5000;

export class Machines {
  readonly configured = new Set<string>();
  /** What was done, in order: `apply 10.0.0.101`, `reset 10.0.0.101`. */
  readonly done: string[] = [];
  /** Machines that are reset, by address, and when they answer again. */
  readonly #reset = new Map<string, number>();
  /** A machine that has started anew with the template's configuration, instead of staying without one. */
  comesBack = false;
  /** Thrown instead of the effect, … */
  refuse: Partial<Record<'look' | 'apply' | 'reset', () => BurstError>> = {};
  /** … or after it, once. */
  lose = false;
  silent = false;
  readonly #world: World;
  constructor(world: World) {
    this.#world = world;
    world.mayJoin = (id) => this.configured.has(world.addressesOf(id)[0] ?? '');
  }

  readonly #call = async <T>(name: 'look' | 'apply' | 'reset', work: () => T): Promise<T> =>
    this.#world.faults.call(name, () => {
      const refusal = this.refuse[name];
      if (refusal !== undefined) throw refusal();
      return work();
    });
  readonly #needAnswer = ({ address }: Machine): void => {
    if (this.silent || (this.#reset.get(address) ?? 0) > this.#world.now())
      throw new BurstError('busy', 'talos: CONNECTION_ERROR');
  };

  readonly server: MachineServer & { readonly resetTimeoutMs: number } = {
    name: 'talos',
    resetTimeoutMs: 10 * 60_000,
    close: async () => undefined,
    health: async () => ({ ok: true, text: 'fine' }),
    look: (machine) =>
      this.#call('look', () => {
        if (this.silent || (this.#reset.get(machine.address) ?? 0) > this.#world.now())
          return { state: 'away' as const };
        const was = this.#reset.get(machine.address);
        if (was === undefined) return { state: 'up' as const, boot: 'first' };
        return this.comesBack ? { state: 'up' as const, boot: 'second' } : { state: 'reset' as const };
      }),
    apply: (machine) =>
      this.#call('apply', () => {
        this.#needAnswer(machine);
        this.done.push(`apply ${machine.address}`);
        this.configured.add(machine.address);
      }),
    reset: (machine) =>
      this.#call('reset', () => {
        this.#needAnswer(machine);
        this.done.push(`reset ${machine.address}`);
        this.#reset.set(machine.address, this.#world.now() + REBOOT_MS);
        this.configured.delete(machine.address);
        if (!this.lose) return;
        this.lose = false;
        throw new BurstError('unknown_outcome', 'talos: OUTCOME_UNKNOWN');
      }),
  };
}
