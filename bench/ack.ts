import { setTimeout as wait } from 'node:timers/promises';
import { median, ms, ratio, timed } from './bench.ts';
import type { Bench } from './bench.ts';
import { bareBolt, command, wholeApp } from './sides.ts';
import type { Slack } from './sides.ts';

const ROUNDS = 201;
const WARM_UP = 20;

/** From the person's Enter to the ack, in ms: the simulated Slack answers as soon as it has it. */
async function ackMs(slack: Slack): Promise<number> {
  const tookMs = await timed(async () => {
    const { body } = await slack.handlePage('POST', '/command', new URLSearchParams(), command);
    if (JSON.stringify(body) !== '{"ok":true}') throw new Error(`the command was not taken: ${JSON.stringify(body)}`);
  });
  // what comes after the ack is not measured, and must not run into the next one
  await wait(25);
  return tookMs;
}

export const ack: Bench = {
  name: 'ack',
  how:
    `From \`/burst list\` to its ack over Socket Mode: the whole app (with its caches, engine and reaper running) and a ` +
    `Bolt app that only acks, each a process of its own before a simulated Slack in this one, in turns; medians of ${ROUNDS} rounds.`,
  async run() {
    const bare = await bareBolt();
    const whole = await wholeApp();
    try {
      for (let round = 0; round < WARM_UP; round += 1) {
        await ackMs(bare.slack);
        await ackMs(whole.slack);
      }
      const bareMs: number[] = [];
      const wholeMs: number[] = [];
      for (let round = 0; round < ROUNDS; round += 1) {
        bareMs.push(await ackMs(bare.slack));
        wholeMs.push(await ackMs(whole.slack));
      }
      return [
        { name: 'ack, the whole app', value: ms(median(wholeMs)), goal: 'none, for scale' },
        { name: 'ack, against a bare Bolt app', value: ratio(median(wholeMs) / median(bareMs)), goal: '<= 1.2' },
      ];
    } finally {
      await whole.close();
      await bare.close();
    }
  },
};
