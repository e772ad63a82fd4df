/** The sweep on demand, and what people decide of VMs that no record owns. Invariant: looking changes nothing; acting is for admins. */
import { BurstError } from '../../domain/errors.ts';
import { wordsOf } from '../../domain/words.ts';
import type { StrayAnswer } from '../../operations/types.ts';
import { errorMessage } from '../blocks/errors.ts';
import { strayView, sweepMessage } from '../blocks/sweep.ts';
import { code } from '../blocks/text.ts';
import type { Message } from '../blocks/text.ts';
import { messageView, noteView } from '../blocks/views.ts';
import { openLoading, requestOf } from '../call.ts';
import type { Call, Services } from '../call.ts';
import { nearest } from '../nearest.ts';
import { acceptedMessage } from './provision.ts';
import type { Command } from './types.ts';

type StrayId = { readonly vmId: string; readonly name: string };

function sweepsOf({ sweeps }: Services): NonNullable<Services['sweeps']> {
  if (sweeps === undefined) throw new BurstError('unavailable', 'Nothing sweeps here.', { left: 'Nothing was done.' });
  return sweeps;
}

/** Looks, and says what a sweep would do. */
export async function lookSweep(call: Call, services: Services): Promise<Message> {
  const role = await services.gate.require(call, 'operator', 'sweep');
  return sweepMessage(await sweepsOf(services).survey(), role === 'admin');
}

/** Sweeps at once. */
export async function runSweep(call: Call, services: Services): Promise<Message> {
  await services.gate.require(call, 'admin', 'sweep now');
  return sweepMessage(await sweepsOf(services).sweepNow(call.by), true);
}

export const sweep: Command = {
  name: 'sweep',
  summary: 'compare the VM server with the records: what does not belong together, and what is done about it',
  usage: '/burst sweep [now]',
  examples: ['/burst sweep', '/burst sweep now'],
  role: 'operator',
  async run(words, call, services) {
    const [word, ...others] = wordsOf(words.toLowerCase());
    if (word === undefined || word === 'dry') return call.reply(await lookSweep(call, services));
    if (word === 'now' && others.length === 0) return call.reply(await runSweep(call, services));
    const near = nearest(word, ['now', 'dry']);
    throw new BurstError('invalid_input', `sweep does not know "${word.slice(0, 40)}".`, {
      left: 'Nothing was done.',
      hint: 'For example: /burst sweep (a look), or /burst sweep now',
      ...(near === undefined ? {} : { suggestions: [near] }),
    });
  },
};

/** What was decided, and what becomes of it. */
export function strayAnswer(answer: StrayAnswer): Message {
  return answer.kind === 'recorded'
    ? {
        text: `:white_check_mark: ${code(answer.worker)} is a recorded burst worker now, with the deadline of its node.`,
      }
    : acceptedMessage(answer);
}

/** Takes a VM up that no record owns. */
export async function adoptStray(id: StrayId, call: Call, services: Services): Promise<void> {
  await services.gate.require(call, 'admin', 'adopt', id.name);
  await call.reply(strayAnswer(await services.operations.adoptStray({ ...requestOf(call), ...id })));
}

/** Opens the confirmation before a VM that no record owns is destroyed. */
export async function openStray(id: StrayId, call: Call, services: Services): Promise<void> {
  const fill = await openLoading(call, services, noteView('Destroy VM', ':hourglass: Looking at the VM…'));
  try {
    await services.gate.require(call, 'admin', 'destroy', id.name);
    const preview = await services.operations.previewStray(id);
    if (preview.destroy !== undefined)
      throw new BurstError('safety_violation', preview.destroy, { left: 'Nothing was destroyed.' });
    await fill(strayView(preview, call.channelId === undefined ? {} : { channelId: call.channelId }));
  } catch (error) {
    if (!(error instanceof BurstError)) throw error;
    await fill(messageView('Destroy VM', errorMessage(error)));
  }
}
