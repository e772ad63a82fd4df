/** The sub-commands of `/burst`; help is made from this list. */
import { ALL_CLUSTERS, takeCluster } from '../../domain/cluster-words.ts';
import type { ClusterWords } from '../../domain/cluster-words.ts';
import { BurstError } from '../../domain/errors.ts';
import { splitCommand, wordsOf } from '../../domain/words.ts';
import { errorIn } from '../blocks/errors.ts';
import type { Call, Services } from '../call.ts';
import { callIn } from '../clusters.ts';
import { nearest } from '../nearest.ts';
import { audit } from './audit.ts';
import { cancel } from './cancel.ts';
import { cost } from './cost.ts';
import { destroy } from './destroy.ts';
import { details } from './details.ts';
import { drain } from './drain.ts';
import { extend } from './extend.ts';
import { helpOf } from './help.ts';
import { list } from './list.ts';
import { notify } from './notify.ts';
import { ops } from './ops.ts';
import { panel } from './panel.ts';
import { provision } from './provision.ts';
import { retry } from './retry.ts';
import { sweep } from './sweep.ts';
import type { Command } from './types.ts';

export const commands: readonly Command[] = [
  panel,
  list,
  provision,
  details,
  extend,
  drain,
  destroy,
  ops,
  cancel,
  retry,
  sweep,
  audit,
  cost,
  notify,
  helpOf(() => commands),
];

/**
 * Runs what was typed after `/burst`, in the cluster that it names, else `given`, else the one that its operation, its
 * workers or the channel say. @throws BurstError, with the nearest command when the first word is unknown.
 */
export async function runCommand(text: string, call: Call, services: Services, given?: string): Promise<void> {
  const { name, rest } = splitCommand(services.clusters.several ? clusterLast(text) : text);
  const command = commands.find((item) => item.name === name || item.aliases?.includes(name) === true);
  if (command === undefined) {
    const near = nearest(
      name,
      commands.filter((item) => item.isThere?.(services) !== false && item.name !== '').map((item) => item.name),
    );
    throw new BurstError('invalid_input', `There is no command ${name.slice(0, 60)}.`, {
      hint: '/burst help lists them.',
      ...(near === undefined ? {} : { suggestions: [`${near} ${rest}`.trim()] }),
    });
  }
  const { clusters } = services;
  await services.gate.requireChannel(call, `/burst ${command.name}`.trim());
  const { rest: words, cluster: named } = clusters.several ? clusterIn(command, rest, services) : alone(rest);
  const byDefault = clusters.several && command.allByDefault === true ? ALL_CLUSTERS : undefined;
  const asked = named ?? given ?? byDefault;
  try {
    if (asked === ALL_CLUSTERS && command.runAll !== undefined) return await runInAll(command, words, call, services);
    const where = clusters.several && asked === undefined ? await whereOf(command, words, call, services) : asked;
    const own = where === undefined ? services : clusters.of(where);
    try {
      if (command.role !== undefined)
        await own.gate.require(call, command.role, command.name === '' ? 'panel' : command.name);
      await command.run(words, command.anywhere === true ? call : callIn(call, own), own);
    } catch (error) {
      throw error instanceof BurstError && clusters.several ? errorIn(error, own.cluster) : error;
    }
  } catch (error) {
    // A suggestion is told as a whole command, so that its button can run it.
    if (!(error instanceof BurstError) || error.suggestions.length === 0) throw error;
    const on = named === undefined ? '' : `on ${named} `;
    const whole = (word: string): string => {
      if (error.code === 'invalid_input') return `${command.name} ${on}${word}`;
      const quoted = words.split(/\s+/).find((typed) => typed !== '' && error.message.includes(typed));
      return `${command.name} ${on}${quoted === undefined ? word : words.replace(quoted, () => word)}`;
    };
    throw new BurstError(error.code, error.message, {
      ...(error.left === undefined ? {} : { left: error.left }),
      ...(error.hint === undefined ? {} : { hint: error.hint }),
      suggestions: error.suggestions.map(whole),
      cause: error,
    });
  }
}

/** `on east list …` as `list on east …`. */
const clusterLast = (text: string): string => text.replace(/^\s*on\s+(\S+)\s*(\S*)/i, '$2 on $1');
const alone = (rest: string): ClusterWords => ({ rest, cluster: undefined });

/** `on NAME` among the words. @throws BurstError when it is not clear which cluster is meant, or there is none of this name. */
function clusterIn(command: Command, rest: string, { clusters }: Services): ClusterWords {
  const names = [...clusters.names, ...(command.runAll === undefined ? [] : [ALL_CLUSTERS])];
  const { isFree } = command;
  const free = isFree && ((before: string, cluster: string) => isFree(before, clusters.of(cluster)));
  const parsed = takeCluster(rest, names, nearest, free);
  if (parsed.ok) return parsed.value;
  throw new BurstError('invalid_input', `${parsed.text}.`, {
    left: 'Nothing was done.',
    hint: `For example: /burst ${command.name} on ${clusters.names[0] ?? ''} …`,
    ...(parsed.suggestion === undefined ? {} : { suggestions: [`${command.name} ${parsed.suggestion}`] }),
  });
}

/** The cluster of the operation or the workers that are named, else the channel's. */
async function whereOf(command: Command, words: string, call: Call, services: Services): Promise<string> {
  const { clusters, store } = services;
  const named = command.workers?.(words) ?? [];
  if (named.length > 0) return clusters.withWorkers(named, call);
  const operation = await store.getOperation(wordsOf(words)[0] ?? '');
  if (operation !== undefined && clusters.names.includes(operation.cluster)) return operation.cluster;
  return clusters.meant(call.channelId).name;
}

async function runInAll(command: Command, words: string, call: Call, services: Services): Promise<void> {
  const seen = await services.clusters.seenBy(call);
  // nobody's clusters: the refusal is told, and audited
  if (seen.length === 0) await services.gate.require(call, command.role ?? 'viewer', command.name);
  await command.runAll?.(words, call, seen);
}
