/**
 * Buttons and menus. Invariants: what a click asks for has a key made of its subject, so that it happens once, however
 * often it is clicked, delivered or repeated after a crash; the second click is told who was first.
 */
import { z } from 'zod';
import type { Operation, OperationKind } from '../domain/operation.ts';
import { channelAllowed } from '../domain/access.ts';
import { BurstError } from '../domain/errors.ts';
import { onApproval } from './approvals.ts';
import { readMenuValue } from './blocks/menu.ts';
import { ALL_CLUSTERS } from '../domain/cluster-words.ts';
import { readMark } from './blocks/clusters.ts';
import { readClusterChoice } from './blocks/filters.ts';
import { errorIn } from './blocks/errors.ts';
import { actor, code, date } from './blocks/text.ts';
import type { Call, Clusters, Services } from './call.ts';
import { onCost } from './costs.ts';
import { requestOf } from './call.ts';
import { callIn } from './clusters.ts';
import { auditPage, exportAudit, auditPlace } from './commands/audit.ts';
import { cancelOperation } from './commands/cancel.ts';
import { openDestroy } from './commands/destroy.ts';
import { openDetails } from './commands/details.ts';
import { openDrain } from './commands/drain.ts';
import { openExtend } from './commands/extend.ts';
import { openForce, waitLonger } from './commands/force.ts';
import { listAllPage, listPage } from './commands/list.ts';
import { acceptedMessage, openProvision } from './commands/provision.ts';
import { runCommand } from './commands/registry.ts';
import { retryOperation } from './commands/retry.ts';
import { adoptStray, openStray, runSweep } from './commands/sweep.ts';

const listValue = z.object({ page: z.int().min(0).max(10_000), words: z.string().max(200) });
const warnValue = z.object({ workers: z.array(z.string().max(253)).min(1).max(20), deadlineMs: z.number() });
const sickValue = z.object({ worker: z.string().max(253), sinceMs: z.number() });
const strayValue = z.object({ vmId: z.string().max(50), name: z.string().max(253) });
const blockedValue = z.object({ operationId: z.string().max(100), worker: z.string().max(253) });
/** Operations looked through for an earlier click: those of the last hours, by far. */
const RECENT = 500;

export type Click = { readonly actionId: string; readonly value: string; readonly messageKey: string };
export type Clicks = (click: Click, call: Call) => Promise<void>;

function read<T>(schema: z.ZodType<T>, value: string): T {
  try {
    return schema.parse(JSON.parse(value));
  } catch (error) {
    throw new BurstError('invalid_input', 'This button is from another version of Burst.', {
      left: 'Nothing was done.',
      hint: 'Use /burst help.',
      cause: error,
    });
  }
}

/** Handlers of clicks, each in the cluster that what was clicked speaks of. */
export function createClicks(clusters: Clusters): Clicks {
  return async (click, call) => {
    const { own, cluster } = chosenIn(click, clusters);
    const { actionId } = own;
    if (!clusters.several) return clicksIn(clusters.of(clusters.meant(undefined).name))(own, call);
    if (cluster === ALL_CLUSTERS) return inAll(own, call, clusters);
    const where = cluster ?? (await clusterOf(own, call, clusters));
    const services = clusters.of(where);
    // commands say themselves where they were carried out
    if (/^burst:(run|panel):/.test(actionId)) return clicksIn(services)(own, call);
    try {
      await clicksIn(services)(own, callIn(call, services));
    } catch (error) {
      throw error instanceof BurstError ? errorIn(error, where) : error;
    }
  };
}

/** The click and the cluster that it acts in, if it says so; a choice among clusters acts in the chosen one. */
function chosenIn(click: Click, clusters: Clusters): { readonly own: Click; readonly cluster: string | undefined } {
  const { actionId, cluster } = readMark(click.actionId);
  if (actionId !== 'burst:list:cluster') return { own: { ...click, actionId }, cluster };
  const choice = readClusterChoice(click.value, clusters.names);
  if (choice === undefined) throw unknownButton(actionId);
  return { own: { ...click, actionId: 'burst:list:filter', value: choice.words }, cluster: choice.cluster };
}

/** Of what was made when there was one cluster only: the cluster of the operation or the workers that it carries. */
async function clusterOf({ actionId, value }: Click, call: Call, clusters: Clusters): Promise<string> {
  const meant = clusters.meant(call.channelId).name;
  const [, area = '', verb = ''] = actionId.split(':');
  if (area === 'op') {
    const id = verb === 'force' ? read(blockedValue, value).operationId : value;
    const operation = await clusters.of(meant).store.getOperation(id);
    return operation?.cluster ?? meant;
  }
  if (area === 'warn') return clusters.withWorkers(read(warnValue, value).workers, call);
  if (area === 'approval') return (await clusters.of(meant).approvals?.get(value))?.cluster ?? meant;
  if (area === 'worker') return clusters.withWorkers([value.split('|').at(-1) ?? ''], call);
  return meant;
}

/** What can be clicked where all clusters are shown together. */
async function inAll(click: Click, call: Call, clusters: Clusters): Promise<void> {
  const services = clusters.of(clusters.meant(call.channelId).name);
  await services.gate.requireChannel(call, 'this button');
  const [, area = '', verb = ''] = click.actionId.split(':');
  if (area === 'panel') return runCommand(verb === 'ops' ? 'ops mine' : verb, call, services, ALL_CLUSTERS);
  if (area !== 'list' && area !== 'audit' && area !== 'cost') throw unknownButton(click.actionId);
  const seen = await clusters.seenBy(call);
  if (seen.length === 0) await services.gate.require(call, 'viewer', area);
  if (area === 'audit') return onAudit(verb, click.value, call, seen, ALL_CLUSTERS);
  if (area === 'cost') return onCost(verb, click.value, call, seen);
  const { page, words } = verb === 'filter' ? { page: 0, words: click.value } : read(listValue, click.value);
  return call.replace(await listAllPage(words, page, call, seen));
}

/** Pages of the audit, in place; or all of it as a file. */
async function onAudit(
  verb: string,
  value: string,
  call: Call,
  all: readonly Services[],
  mark?: string,
): Promise<void> {
  const place = read(auditPlace, value);
  if (verb === 'export') return exportAudit(place.words, call, all);
  return call.replace(await auditPage(place, call, all, mark));
}

/** Handlers of clicks in one cluster. Nothing is kept in memory: what was done already is what the store has recorded. */
function clicksIn(services: Services): Clicks {
  const { gate, operations, store } = services;
  /** Asks for an operation once per subject; one that failed or was cancelled may be asked for again. */
  const once = async (
    subject: string,
    kinds: readonly OperationKind[],
    call: Call,
    act: (call: Call) => Promise<void>,
  ): Promise<void> => {
    const recent = await store.listOperations({ kinds, limit: RECENT });
    const before = recent.filter(({ idempotencyKey: key }) => key === subject || key.startsWith(`${subject}#`));
    const last = before[0];
    if (last !== undefined && last.state !== 'failed' && last.state !== 'cancelled') return told(last, call);
    await act({ ...call, key: before.length === 0 ? subject : `${subject}#${before.length}` });
  };
  const told = (by: Operation, call: Call): Promise<void> =>
    call.reply({
      text: `:information_source: ${actor(by.requester)} did this already, ${date(by.createdAtMs)}: operation ${code(by.id)}.`,
    });

  /**
   * A notice about workers may be told in another place than where they were asked for: what is asked for there is told where
   * they were.
   */
  const askedWhere = async (names: readonly string[], call: Call): Promise<Call> => {
    if (call.channelId?.startsWith('D') !== true && channelAllowed(services.access, call.channelId)) return call;
    const record = await store.getWorker(services.cluster, names[0] ?? '');
    return record?.channelId === undefined ? call : { ...call, channelId: record.channelId };
  };

  const onWorker = async (verb: string, name: string, call: Call): Promise<void> => {
    switch (verb) {
      case 'details':
        return call.channelId === undefined
          ? openDetails(name, call, services)
          : runCommand(`details ${name}`, call, services, services.cluster);
      case 'drain':
        return openDrain([name], call, services);
      case 'destroy':
        return openDestroy([name], call, services);
      case 'extend':
        return openExtend([name], call, services);
      default:
        throw unknownButton(verb);
    }
  };
  const onOperation = async (verb: string, value: string, call: Call): Promise<void> => {
    switch (verb) {
      case 'force': {
        const { operationId, worker } = read(blockedValue, value);
        return openForce(operationId, worker, call, services);
      }
      case 'wait':
        return waitLonger(value, call, services);
      case 'extend': {
        const { runs } = await operations.operation(value);
        const kept = runs.filter((run) => run.state === 'succeeded').map((run) => run.workerName);
        return openExtend(kept, call, services);
      }
      case 'cancel':
        return cancelOperation(value, call, services);
      case 'retry': {
        const { operation, runs } = await operations.operation(value);
        if (operation.state === 'running')
          return call.reply({
            text: `:information_source: Operation ${code(operation.id)} is under way again already; its message tells how it goes.`,
          });
        // The generations tell one failure from the next, so that a later retry is another one.
        const generation = runs.reduce((sum, run) => sum + run.generation, 0);
        const kinds: OperationKind[] =
          operation.kind === 'expire'
            ? ['destroy']
            : operation.kind === 'repair'
              ? ['repair', 'destroy']
              : [operation.kind];
        return once(`retry ${value} ${generation}`, kinds, call, (own) => retryOperation(value, own, services));
      }
      default:
        throw unknownButton(verb);
    }
  };
  const onWarning = async (verb: string, argument: string, value: string, call: Call): Promise<void> => {
    const { workers, deadlineMs } = read(warnValue, value);
    await gate.requireChannel(call, 'this button');
    if (verb === 'remove') return openDestroy(workers, call, services);
    if (verb === 'choose') return openExtend(workers, call, services);
    if (verb !== 'extend') throw unknownButton(verb);
    await gate.requireWorkers(call, workers, 'extend');
    const hours = argument === '4' ? 4 : 24;
    const where = services.clusters.several ? ` ${services.cluster}` : '';
    return once(`extend ${[...workers].sort().join()} ${deadlineMs} ${hours}${where}`, ['extend'], call, async (own) =>
      own.reply(acceptedMessage(await operations.extend({ ...requestOf(own), workers, hours }))),
    );
  };

  const onSick = async (verb: string, value: string, call: Call): Promise<void> => {
    if (verb !== 'repair') throw unknownButton(verb);
    const { worker, sinceMs } = read(sickValue, value);
    await gate.requireChannel(call, 'this button');
    await gate.requireWorkers(call, [worker], 'repair');
    return once(`repair ${worker} ${sinceMs}`, ['repair'], call, async (own) =>
      own.reply(acceptedMessage(await operations.repair({ ...requestOf(own), worker }))),
    );
  };

  return async (click, call) => {
    const [, area = '', verb = '', argument = ''] = click.actionId.split(':');
    // approvers have a channel of their own, and the decision is bound to its rule
    if (area === 'approval') return onApproval(verb, click.value, call, services);
    if (area === 'warn') {
      const own = await askedWhere(read(warnValue, click.value).workers, call);
      return onWarning(verb, argument, click.value, own);
    }
    if (area === 'health')
      return onSick(verb, click.value, await askedWhere([read(sickValue, click.value).worker], call));
    await gate.requireChannel(call, 'this button');
    switch (area) {
      case 'panel':
        if (verb === 'provision') return openProvision(call, services);
        return runCommand(
          verb === 'ops' ? 'ops mine' : verb === 'list' ? 'list' : 'help',
          call,
          services,
          services.cluster,
        );
      case 'run':
        return runCommand(click.value, { ...call, key: `run ${click.messageKey} ${click.value}` }, services);
      case 'list': {
        const { page, words } = verb === 'filter' ? { page: 0, words: click.value } : read(listValue, click.value);
        await gate.require(call, 'viewer', 'list');
        return call.replace(await listPage(words, page, call, services));
      }
      case 'audit':
        await gate.require(call, 'viewer', 'audit');
        return onAudit(verb, click.value, call, [services]);
      case 'cost':
        await gate.require(call, 'viewer', 'cost');
        return onCost(verb, click.value, call, [services]);
      case 'worker': {
        if (verb !== '') return onWorker(verb, click.value, call);
        const chosen = await readMenuValue(click.value, async () =>
          (await operations.fleet()).workers.map((worker) => worker.name),
        );
        return onWorker(chosen.verb, chosen.name, call);
      }
      case 'op':
        return onOperation(verb, click.value, call);
      case 'stray': {
        const id = read(strayValue, click.value);
        if (verb === 'adopt') return adoptStray(id, call, services);
        if (verb === 'destroy') return openStray(id, call, services);
        throw unknownButton(click.actionId);
      }
      case 'sweep':
        return call.replace(await runSweep(call, services));
      default:
        throw unknownButton(click.actionId);
    }
  };
}

const unknownButton = (what: string): BurstError =>
  new BurstError('invalid_input', `This button (${what.slice(0, 60)}) is not known any more.`, {
    left: 'Nothing was done.',
    hint: '/burst help says what can be done.',
  });
