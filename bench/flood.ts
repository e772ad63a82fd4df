import { setTimeout as wait } from 'node:timers/promises';
import { ms, timed } from './bench.ts';
import type { Bench } from './bench.ts';
import { bareBolt, wholeApp } from './sides.ts';
import type { Slack } from './sides.ts';

const COMMANDS = 1000;
const WARM_UP = 100;
const WITHIN_MS = 10_000;
const CHANNEL = 'C0BURST0001';
const people = ['U0ADMIN0001', 'U0OPERATOR1', 'U0VIEWER001', 'U0NOBODY001'];
const words = ['list', 'list burst', 'ops', 'help', 'details worker-1', 'bogus', 'cancel zzz', '', 'list mine'];

/** One command, from its person's Enter to the ack, in ms. */
const send = (slack: Slack, at: number): Promise<number> =>
  timed(async () => {
    const text = `/burst ${words[at % words.length] ?? ''}`;
    const command = { user: people[at % people.length], channel: CHANNEL, text };
    const { body } = await slack.handlePage('POST', '/command', new URLSearchParams(), command);
    if (JSON.stringify(body) !== '{"ok":true}') throw new Error(`a command was lost: ${JSON.stringify(body)}`);
  });

/** What each ack of a flood took, in ms; the commands come evenly. */
async function flood(slack: Slack): Promise<readonly number[]> {
  const startMs = performance.now();
  const sent = Array.from({ length: COMMANDS }, async (_, at) => {
    await wait(Math.max(0, startMs + (at * WITHIN_MS) / COMMANDS - performance.now()));
    return send(slack, at);
  });
  return (await Promise.all(sent)).sort((a, b) => a - b);
}

/** Waits until no answers come any more. */
async function quiet(answers: () => number): Promise<void> {
  for (let last = -1; last !== answers(); await wait(500)) last = answers();
}

const part = (sorted: readonly number[], share: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? Number.NaN;

export const floodBench: Bench = {
  name: 'flood',
  how:
    `${COMMANDS} commands of ${people.length} persons within ${WITHIN_MS / 1000} s, of nine kinds, from Enter to ack over Socket ` +
    `Mode: the whole app, which records each before its ack and answers it meanwhile (limits off), and a Bolt app that only ` +
    `acks, one after the other, each a process of its own before a simulated Slack in this one.`,
  async run() {
    const bare = await bareBolt();
    for (let round = 0; round < WARM_UP; round += 1) await send(bare.slack, round);
    const bareMs = await flood(bare.slack).finally(() => bare.close());
    const off = { requests: 0, workers: 0 };
    const whole = await wholeApp({
      limits: { commands: { per_minute: 0 }, per_user: off, per_workspace: off },
    });
    try {
      for (let round = 0; round < WARM_UP; round += 1) await send(whole.slack, round);
      await quiet(whole.answers);
      const before = whole.answers();
      const wholeMs = await flood(whole.slack);
      const answeredMs = await timed(async () => {
        for (let tries = 0; tries < 600 && whole.answers() - before < COMMANDS; tries += 1) await wait(100);
      });
      return [
        {
          name: 'flood, ack p50',
          value: `${ms(part(wholeMs, 0.5))} (bare Bolt ${ms(part(bareMs, 0.5))})`,
          goal: 'none, for scale',
        },
        {
          name: 'flood, ack p99',
          value: `${ms(part(wholeMs, 0.99))} (bare Bolt ${ms(part(bareMs, 0.99))})`,
          goal: 'none, for scale',
        },
        {
          name: 'flood, ack max',
          value: `${ms(part(wholeMs, 1))} (bare Bolt ${ms(part(bareMs, 1))})`,
          goal: '<= 1000 ms',
        },
        { name: 'flood, commands without an answer', value: String(COMMANDS - (whole.answers() - before)), goal: '0' },
        { name: 'flood, last answer after the last ack', value: ms(answeredMs), goal: 'none, for scale' },
      ];
    } finally {
      await whole.close();
    }
  },
};
