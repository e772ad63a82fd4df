/** A link that does harm on demand: the test's side of it. */
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LinkInjection } from './link-faults.ts';

export type Link = {
  inject(injection: LinkInjection): void;
  mend(): void;
  /** How often a fault struck. */
  readonly struck: () => number;
};

/** Steers `stdio-link.ts` by files in this folder. */
export function stdioLink(folder: string): Link {
  const fault = join(folder, 'fault');
  const struck = join(folder, 'struck');
  return {
    inject: (injection) => writeFileSync(fault, JSON.stringify(injection)),
    mend() {
      rmSync(fault, { force: true });
      rmSync(struck, { force: true });
    },
    struck: () => (existsSync(struck) ? readFileSync(struck, 'utf8').length : 0),
  };
}
