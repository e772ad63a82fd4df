/**
 * A VmProvider whose server is watched. Invariants: while the circuit is open nothing is sent but the watch's own look; what
 * is refused for that says so as `ServerAway`; the server's answer, whatever it is, closes the circuit.
 */
import { closedBreaker, failed, isSilence, lookFailed, nextLookMs, reopened, ServerAway } from '../domain/breaker.ts';
import type { Away, Breaker, BreakerPolicy } from '../domain/breaker.ts';
import { isBurstError } from '../domain/errors.ts';
import type { Clock } from '../ports/clock.ts';
import type { VmProvider } from '../ports/vm-provider.ts';
import type { Log } from './connection.ts';

export type WatchOptions = {
  readonly clock: Clock;
  readonly policy: BreakerPolicy;
  readonly log: Log;
  /** Called when the server went away, after each look while it is, and when it is back (undefined). */
  readonly changed: (away: Away | undefined) => Promise<void>;
};
export type Watch = {
  readonly away: () => Away | undefined;
  /** It was away already when the process before this one ended. */
  resume(sinceMs: number, reason: string): void;
  /** Looks at the server once. */
  look(): Promise<void>;
  /** Looks whenever that is due, until `stop`. */
  start(): void;
  stop(): Promise<void>;
};

/** The same provider, guarded, and the watch over its server. */
export function watchServer(
  vms: VmProvider,
  { clock, policy, log, changed }: WatchOptions,
): { readonly vms: VmProvider; readonly watch: Watch } {
  let breaker = closedBreaker(clock.now());
  const stopping = new AbortController();
  let watching: Promise<void> | undefined;

  const away = (): Away | undefined =>
    breaker.kind === 'open'
      ? { server: vms.name, sinceMs: breaker.sinceMs, reason: breaker.reason, nextLookMs: breaker.nextLookMs }
      : undefined;
  const tell = async (): Promise<void> => {
    await changed(away()).catch((error: unknown) => {
      log.error({ server: vms.name, err: error }, 'what became of the VM server could not be recorded');
    });
  };
  async function become(next: Breaker): Promise<void> {
    const was = breaker.kind;
    breaker = next;
    if (was === next.kind) return;
    if (next.kind === 'open')
      log.warn({ server: vms.name, reason: next.reason }, 'the VM server does not answer; what needs it waits');
    else log.info({ server: vms.name }, 'the VM server answers again');
    await tell();
  }
  const reasonOf = (error: unknown): string | undefined =>
    isBurstError(error) && isSilence(error.code) ? error.message : undefined;

  /** Sends it unless the circuit is open, and learns from how it ends. */
  async function guarded<T>(signal: AbortSignal | undefined, work: () => Promise<T>): Promise<T> {
    const open = away();
    if (open !== undefined) throw new ServerAway(open);
    try {
      const result = await work();
      await become(closedBreaker(clock.now()));
      return result;
    } catch (error) {
      const reason = reasonOf(error);
      // a call that was given up on from this side says nothing of the server
      if (reason === undefined) await become(closedBreaker(clock.now()));
      else if (signal?.aborted !== true) await become(failed(breaker, clock.now(), reason, policy));
      throw error;
    }
  }

  async function look(): Promise<void> {
    try {
      const health = await vms.health(stopping.signal);
      if (!health.ok) log.warn({ server: vms.name, detail: health.text }, 'the VM server is unfit');
      await become(closedBreaker(clock.now()));
    } catch (error) {
      if (stopping.signal.aborted) return;
      const reason = reasonOf(error);
      if (reason === undefined) return become(closedBreaker(clock.now()));
      const was = breaker.kind;
      await become(lookFailed(breaker, clock.now(), reason, policy));
      if (was === 'open') await tell();
    }
  }
  async function watch(): Promise<void> {
    while (!stopping.signal.aborted) {
      await clock.sleep(nextLookMs(breaker, policy) - clock.now(), stopping.signal).catch(() => undefined);
      // an answer meanwhile puts the look off
      if (stopping.signal.aborted || nextLookMs(breaker, policy) > clock.now()) continue;
      await look();
    }
  }

  return {
    watch: {
      away,
      look,
      resume(sinceMs, reason) {
        breaker = reopened(sinceMs, reason, clock.now());
      },
      start() {
        watching ??= watch();
      },
      async stop() {
        stopping.abort(new Error('shutting down'));
        await watching;
      },
    },
    vms: {
      ...vms,
      away,
      connect: (signal) => guarded(signal, () => vms.connect(signal)),
      health: (signal) => guarded(signal, () => vms.health(signal)),
      freeId: (taken, signal) => guarded(signal, () => vms.freeId(taken, signal)),
      find: (id, signal) => guarded(signal, () => vms.find(id, signal)),
      list: (signal) => guarded(signal, () => vms.list(signal)),
      capacity: (signal) => guarded(signal, () => vms.capacity(signal)),
      addresses: (vm, signal) => guarded(signal, () => vms.addresses(vm, signal)),
      clone: (spec, signal) => guarded(signal, () => vms.clone(spec, signal)),
      configure: (spec, host, signal) => guarded(signal, () => vms.configure(spec, host, signal)),
      start: (vm, signal) => guarded(signal, () => vms.start(vm, signal)),
      stop: (vm, signal) => guarded(signal, () => vms.stop(vm, signal)),
      delete: (vm, signal) => guarded(signal, () => vms.delete(vm, signal)),
      task: (handle, signal) => guarded(signal, () => vms.task(handle, signal)),
    },
  };
}
