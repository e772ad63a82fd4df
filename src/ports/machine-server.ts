/**
 * A server that gives machines their configuration, and resets them; it makes none. Invariant: a reset that was accepted is
 * not one that happened: whether it has shows in the machine.
 */
import type { ProviderHealth } from './vm-provider.ts';

export type Machine = { readonly address: string; readonly name: string; readonly size: string };

/**
 * `up`: it runs with a configuration; `boot` is another one after each boot. `reset`: it has forgotten its configuration.
 * `away`: it does not answer (it boots, is off, or cannot be reached).
 */
export type MachineState =
  { readonly state: 'up'; readonly boot: string } | { readonly state: 'reset' } | { readonly state: 'away' };

/** Failures as the VmProvider's: `unknown_outcome`, `busy` (nothing happened, try again), `denied`, `unavailable`, `provider_failed`. */
export interface MachineServer {
  readonly name: string;
  close(): Promise<void>;
  /** Connects, and compares the profile with `tools/list`. */
  health(signal?: AbortSignal): Promise<ProviderHealth>;
  look(machine: Machine, signal?: AbortSignal): Promise<MachineState>;
  /** Asks for its configuration to be applied; may be repeated. */
  apply(machine: Machine, signal?: AbortSignal): Promise<void>;
  /** Asks for its reset. */
  reset(machine: Machine, signal?: AbortSignal): Promise<void>;
}
