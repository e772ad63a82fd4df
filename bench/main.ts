/** `node bench/main.ts [NAME…]`: runs the named benches, or all. Prints; never fails because a goal was missed. */
import { ack } from './ack.ts';
import { audit } from './audit.ts';
import type { Bench } from './bench.ts';
import { drain } from './drain.ts';
import { large } from './large.ts';
import { floodBench } from './flood.ts';
import { list } from './list.ts';
import { memory } from './memory.ts';
import { reaper } from './reaper.ts';
import { vm } from './vm.ts';

const benches: readonly Bench[] = [ack, floodBench, list, reaper, drain, vm, memory, large, audit];
const print = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

const names = process.argv.slice(2);
const unknown = names.filter((name) => !benches.some((bench) => bench.name === name));
if (unknown.length > 0) {
  print(`No bench is called ${unknown.join(', ')}; there are ${benches.map((bench) => bench.name).join(', ')}.`);
  process.exitCode = 2;
} else {
  for (const bench of benches.filter((one) => names.length === 0 || names.includes(one.name))) {
    print(`# ${bench.name}: ${bench.how}`);
    const results = await bench.run();
    if ('skipped' in results) print(`${bench.name}: skipped, ${results.skipped}`);
    else for (const result of results) print(`${result.name}: ${result.value} goal ${result.goal}`);
  }
}
