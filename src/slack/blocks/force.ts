/** The form that forces a drain. Pure: data in, view out. */
import type { KnownBlock, ModalView } from '@slack/types';
import type { DrainPreview } from '../../domain/drain-plan.ts';
import type { OperationKind } from '../../domain/operation.ts';
import { code, context, count, fit, foreign, plain, section } from './text.ts';
import { CALLBACKS, lookedAt } from './views.ts';
import type { Metadata } from './views.ts';

const MOST = 15;
const list = (items: readonly string[]): string =>
  [...items.slice(0, MOST), ...(items.length > MOST ? [`and ${items.length - MOST} more`] : [])].join('\n');

/** What force would delete, what would be lost for good, and the worker's name to be typed. */
export function forceView(
  kind: OperationKind,
  preview: DrainPreview,
  metadata: Metadata,
  nowMs: number,
  problem?: string,
): ModalView {
  const pods = [...preview.evict, ...preview.errors].map((pod) => `• ${foreign(`${pod.namespace}/${pod.name}`)}`);
  const losses = [
    ...preview.losses.map((loss) => `• ${foreign(loss)}`),
    ...preview.errors.map((pod) => `• ${foreign(`${pod.namespace}/${pod.name}`)}: ${foreign(pod.text)}`),
  ];
  const budgets = preview.blocked.map(
    (block) => `• ${code(block.budget)} for ${foreign(block.pod)}: ${foreign(block.numbers)}`,
  );
  const after =
    kind === 'drain'
      ? 'The node stays cordoned.'
      : 'Then the VM is deleted and the node removed. This cannot be undone.';
  const blocks: KnownBlock[] = [
    section(
      `:warning: *Force deletes ${count(pods.length, 'pod')} of ${code(preview.node)} past every PodDisruptionBudget.*`,
    ),
    ...(pods.length === 0 ? [] : [section(list(pods))]),
    ...(budgets.length === 0 ? [] : [section(`*Budgets that are overridden*\n${list(budgets)}`)]),
    section(losses.length === 0 ? 'Nothing that is known to be lost for good.' : `*Lost for good*\n${list(losses)}`),
  ];
  return {
    type: 'modal',
    callback_id: CALLBACKS.force,
    title: plain('Force the drain?', 24),
    submit: plain('Force', 24),
    close: plain('Keep waiting', 24),
    private_metadata: JSON.stringify(metadata),
    blocks: [
      ...(problem === undefined ? [] : [section(problem)]),
      ...fit(blocks, 85, 40_000),
      ...lookedAt(nowMs),
      {
        type: 'input',
        block_id: 'typed',
        label: plain('Type the name of the worker'),
        element: { type: 'plain_text_input', action_id: 'typed', max_length: 300 },
      },
      {
        type: 'input',
        block_id: 'reason',
        optional: true,
        label: plain('Reason'),
        element: { type: 'plain_text_input', action_id: 'reason', max_length: 300 },
      },
      context(after),
    ],
  };
}
