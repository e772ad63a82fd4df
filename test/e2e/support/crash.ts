/** Killing the program at points that the outside world sees, and starting it again on the same database. */
import { expect } from 'vitest';
import type { PageMessage } from '../../../src/sandbox/contract.ts';
import { startChild } from './child.ts';
import type { Child } from './child.ts';
import type { Person } from './person.ts';
import type { When } from './tap.ts';
import { merged, startWorld } from './world.ts';
import type { Finished, Tree, World } from './world.ts';

/** The tap, the call, and whether the call or its reply is lost. */
export type Point = readonly [tap: keyof World['taps'], call: string, when: When];
/** The messages of the operation that says this. */
export const posts = async (olga: Person, what: RegExp): Promise<PageMessage[]> =>
  (await olga.posts()).filter((item) => what.test(item.text));

/** Kills the process at the point that `act` leads to. */
export async function crashAt(world: World, child: Child, [tap, call, when]: Point, act: () => Promise<unknown>) {
  let dead = false;
  world.taps[tap].lose(call, when, () => {
    dead = true;
    child.kill();
  });
  await act();
  await world.until(`the crash at ${tap} ${call} ${when}\n${child.out()}`, () => dead, 30_000);
  expect((await child.ended).code, 'it was killed, it did not exit').toBeNull();
}

/** Starts the process anew and waits until Slack tells the good end, in one message. */
export async function recover(world: World, what: RegExp, aheadMs = 0): Promise<Child> {
  const child = await startChild(world, aheadMs);
  await world.olga.ends(what, 'done', 60_000);
  expect(await posts(world.olga, what), 'one message for one operation').toHaveLength(1);
  return child;
}

/** A world in real time, where a claim of a dead process ends soon. */
export const realWorld = (finished: Finished, more: Tree = {}): Promise<World> =>
  startWorld({
    finished,
    stepMs: 0,
    times: { cloneMs: 300, bootMs: 300, shutdownMs: 200, podStartMs: 100, podShutdownMs: 200, nodeReadyMs: 200 },
    config: merged(
      {
        kubernetes: { request_timeout_seconds: 3 },
        mcp_servers: { proxmox: { call_timeout_seconds: 3 } },
        engine: { poll_seconds: 1, step_timeout_seconds: 3, claim_seconds: 4 },
        logging: { level: 'info' },
      },
      more,
    ),
  });
