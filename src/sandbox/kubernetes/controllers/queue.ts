/** Work to be looked at. Invariant: a key added while it is being looked at is looked at again; no key is held twice. */
export class WorkQueue {
  readonly #keys = new Set<string>();
  readonly #reconcile: (key: string) => void;
  #planned = false;
  #closed = false;

  constructor(reconcile: (key: string) => void) {
    this.#reconcile = reconcile;
  }

  add(key: string): void {
    this.#keys.add(key);
    if (this.#planned || this.#closed) return;
    this.#planned = true;
    setImmediate(() => {
      this.#planned = false;
      const due = [...this.#keys];
      this.#keys.clear();
      for (const one of due) if (!this.#closed) this.#reconcile(one);
    });
  }
  close(): void {
    this.#closed = true;
    this.#keys.clear();
  }
}

/** Runs a task that waits on the clock; ends quietly when the simulator closes. */
export function background(signal: AbortSignal, task: () => Promise<void>): void {
  task().catch((error: unknown) => {
    if (!signal.aborted) throw error;
  });
}
