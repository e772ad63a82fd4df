/** What a sweep sees, and VMs that no record owns. Pure: facts in, blocks out. */
import type { KnownBlock, ModalView } from '@slack/types';
import type { Stray, StrayOutcome } from '../../domain/stray-plan.ts';
import type { StrayPreview, SweepReport } from '../../operations/types.ts';
import { CALLBACKS, title } from './views.ts';
import type { Metadata } from './views.ts';
import {
  actor,
  button,
  clamp,
  code,
  codeOf,
  context,
  count,
  date,
  fit,
  foreign,
  MOST_TEXT,
  plain,
  section,
} from './text.ts';
import type { Message } from './text.ts';

export type StrayId = Pick<Stray, 'vmId' | 'name' | 'firstSeenMs'>;
export const strayValue = ({ vmId, name, firstSeenMs }: StrayId): string => JSON.stringify({ vmId, name, firstSeenMs });

const vmText = ({ vmId, name, host }: Pick<Stray, 'vmId' | 'name' | 'host'>): string =>
  `VM ${codeOf(vmId, 20)} (${code(name)}${host === undefined ? '' : `, on ${foreign(host, 60)}`})`;

const whyText: Readonly<Record<Stray['kind'], string>> = {
  unrecorded: 'but nothing is recorded of it (a lost database, or tags that somebody set by hand)',
  leftover: 'but the worker of its name has ended, with another VM',
  twin: 'but the worker of its name lives with another VM: one of the two is too many. Compare them and delete the wrong one at the provider; Burst touches neither',
};
const outcomeText: Readonly<Record<StrayOutcome, string>> = {
  gone: ':white_circle: It is gone from the VM server; Burst did not do that.',
  recorded: ':large_green_circle: It has a record now.',
  adopted: ':large_green_circle: It was adopted.',
  destroyed: ':white_check_mark: It was destroyed.',
};

function standing(stray: Stray): string {
  const by = stray.decidedBy === undefined ? '' : ` By ${actor(stray.decidedBy)}`;
  const operation = stray.operationId === undefined ? '' : `operation ${code(stray.operationId)}`;
  if (stray.outcome !== undefined) {
    const who = by === '' ? '' : `${by}${operation === '' ? '' : `, ${operation}`}.`;
    return `${outcomeText[stray.outcome]}${who}`;
  }
  if (stray.operationId !== undefined) {
    const what = stray.decision === 'adopt' ? 'adopts' : 'destroys';
    const whom = stray.decidedBy === undefined ? 'Somebody' : actor(stray.decidedBy);
    return `:hourglass_flowing_sand: ${whom} ${what} it: ${operation} tells how it goes.`;
  }
  const before = stray.attempts === 0 ? '' : ' What was decided of it before came to nothing.';
  return stray.kind === 'twin'
    ? `It was not touched.${before}`
    : `It was not touched. An admin decides: adopt it as a burst worker, or destroy it.${before}`;
}

const strayButtons = (stray: Stray): KnownBlock[] =>
  stray.outcome !== undefined || stray.operationId !== undefined || stray.kind === 'twin'
    ? []
    : [
        {
          type: 'actions',
          elements: [
            ...(stray.kind === 'unrecorded'
              ? [
                  button('Adopt', 'burst:stray:adopt', strayValue(stray), {
                    confirm: `${stray.name} becomes a recorded burst worker with its node's deadline. Without a node it gets the default one, is set up and started if it is stopped, and has to join in time, or is removed.`,
                  }),
                ]
              : []),
            button('Destroy…', 'burst:stray:destroy', strayValue(stray), { style: 'danger' }),
          ],
        },
      ];

/** The one message of a VM that carries our tag and that no record owns, from its finding to its end. */
export function strayMessage(stray: Stray): Message {
  const text = `:mag: ${vmText(stray)} carries this installation's ownership tag, ${whyText[stray.kind]}. ${standing(stray)}`;
  return { text: clamp(text, MOST_TEXT), blocks: [section(text), ...strayButtons(stray)] };
}

/** The confirmation before a VM without a record is destroyed. */
export function strayView({ stray, vm, node }: StrayPreview, metadata: Metadata): ModalView {
  return {
    type: 'modal',
    callback_id: CALLBACKS.stray,
    title: title('Destroy VM?'),
    submit: plain('Destroy', 24),
    close: plain('Keep', 24),
    private_metadata: JSON.stringify({
      ...metadata,
      workers: [stray.name],
      stray: { vmId: stray.vmId, name: stray.name },
    }),
    blocks: [
      section(
        `${vmText({ ...stray, host: vm.host ?? stray.host })}: ${vm.state}${vm.lock === undefined ? '' : `, locked (${foreign(vm.lock, 40)})`}`,
      ),
      section(`Tags: ${vm.tags.map((tag) => codeOf(tag, 60)).join(' ')}`),
      section(
        node === undefined
          ? 'No node of its name is in the cluster.'
          : `Its node ${code(node)} is drained first, then removed.`,
      ),
      context(
        'Its id, name and ownership tag are compared once more right before. The VM is deleted; this cannot be undone.',
      ),
    ],
  };
}

const list = (items: readonly string[]): string =>
  `${items.slice(0, 10).join('\n')}${items.length > 10 ? `\n…and ${items.length - 10} more` : ''}`;

/** What a sweep would do (or has just done), the VM server first. */
export function sweepMessage(report: SweepReport, mayRun: boolean): Message {
  const { plan, listing, done } = report;
  const seen = [
    `:mag: *Sweep*, ${date(report.atMs)}${done === undefined ? ' (a look: nothing was changed)' : ''}`,
    listing.known
      ? `1. VM server ${code(report.server)}: ${count(listing.vms, 'VM')}, ${listing.ours} with this installation's tag`
      : `1. VM server ${code(report.server)}: :warning: *unknown*, and nothing is concluded from that (${foreign(listing.why, 300)})`,
    `2. Cluster: ${report.nodes === undefined ? ':warning: *unknown* (out of reach)' : count(report.nodes, 'node')}`,
    `3. Records: ${count(report.records, 'worker')} that ${report.records === 1 ? 'has' : 'have'} not ended`,
  ].join('\n');
  const rival =
    report.rival === undefined
      ? []
      : [`:warning: Another installation (${code(report.rival)}) looks after this cluster: nothing is done from here.`];
  const ran =
    done === undefined
      ? []
      : [
          `:white_check_mark: Done just now: ${done.repaired} repaired or told, ${done.expired} removals begun, ${done.warned} warned.`,
        ];
  const items: readonly (readonly [string, readonly string[]])[] = [
    [
      'Removed: VMs whose call landed late, half-made clones too',
      plan.orphans.map((item) => `VM ${codeOf(item.vmId, 20)} (${code(item.workerName)})`),
    ],
    ['Settled: workers whose VM is gone', plan.vanished.map(code)],
    ['Not believed: VMs of workers with a node that are not listed', plan.unlisted.map(code)],
    ['Taken up: burst workers that nothing is recorded of', plan.adopt.map(code)],
    ['Uncordoned: nodes left cordoned by a run that was undone', plan.uncordon.map((item) => code(item.name))],
    [
      'Deleted: bootstrap tokens that are expired or of no more use',
      plan.tokens.map((token) => `${code(token.id)} of ${code(token.workerName)}`),
    ],
    ['Removed: workers past their deadline', plan.expire.flatMap((item) => item.workers.map(code))],
  ];
  const strays = plan.strays ?? [];
  const found = items.filter(([, each]) => each.length > 0);
  const parts = found.map(([what, each]) => `*${what}*: ${each.length}\n${list(each)}`);
  const nothing = listing.known && found.length === 0 && strays.length === 0 ? ['Nothing has to be done.'] : [];
  const texts = [seen, ...rival, ...ran, ...parts, ...nothing];
  // those with buttons stand by themselves, below
  const open = report.strays.filter((stray) => stray.toldAtMs !== undefined && stray.kind !== 'twin').slice(0, 5);
  const deciding = (apart: readonly Stray[]): readonly string[] => {
    if (strays.length === 0) return [];
    const others = strays.filter(({ vmId }) => apart.every((stray) => stray.vmId !== vmId));
    const lines = others.map(
      (stray) => `${vmText(stray)}${stray.kind === 'twin' ? ', a second one of that worker' : ''}`,
    );
    const heading = `*A person decides: VMs with our tag that no record owns*: ${strays.length}`;
    return [lines.length === 0 ? heading : `${heading}\n${list(lines)}`];
  };
  const buttons: KnownBlock[] = mayRun
    ? [
        {
          type: 'actions',
          elements: [
            button('Sweep now', 'burst:sweep:now', 'now', {
              style: 'primary',
              confirm: 'What is listed as removed, settled, taken up, uncordoned or deleted is done now.',
            }),
          ],
        },
      ]
    : [];
  return {
    text: clamp([...texts, ...deciding([])].join('\n'), MOST_TEXT),
    blocks: [
      ...fit(
        [
          ...[...texts, ...deciding(open)].map(section),
          ...open.flatMap((stray) => [section(vmText(stray)), ...strayButtons(stray)]),
        ],
        45,
      ),
      ...buttons,
      context('The sweep runs by itself every few minutes; `/burst sweep now` runs it at once.'),
    ],
  };
}
