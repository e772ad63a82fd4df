/** The simulated Proxmox server on stdio, by itself: `node src/sandbox/proxmox/stdio.ts [--clone-ms N]`; its VMs end with it. */
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import { StdioServerTransport } from '@modelcontextprotocol/sdk/server/stdio.js';
import { Pve } from './pve.ts';
import { createMcpServer } from './server.ts';

const { values } = parseArgs({ options: { 'clone-ms': { type: 'string', default: '2500' } } });
const pve = new Pve({
  clock: {
    now: () => Date.now(),
    sleep: (ms, signal) => delay(Math.max(0, ms), undefined, signal === undefined ? {} : { signal }),
  },
  cloneMs: Number(values['clone-ms']),
  startMs: 500,
  stopMs: 800,
  power: () => undefined,
  changed: () => undefined,
});
await createMcpServer(pve).connect(new StdioServerTransport());
