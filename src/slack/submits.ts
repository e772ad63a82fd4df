/** Modal submissions. Invariant: the ack comes first; what was typed is kept when something is wrong. */
import type { ModalView } from '@slack/types';
import type { BurstError } from '../domain/errors.ts';
import { isBurstError } from '../domain/errors.ts';
import { submitDenial } from './approvals.ts';
import { DENY_CALLBACK } from './blocks/approvals.ts';
import { apology, errorMessage } from './blocks/errors.ts';
import { code, sentence } from './blocks/text.ts';
import type { Message } from './blocks/text.ts';
import { provisionView } from './blocks/provision.ts';
import type { ProvisionTyped } from './blocks/provision.ts';
import { CALLBACKS, messageView, noteView } from './blocks/views.ts';
import { hoursOf, provisionMetadata, provisionTyped, readForm } from './forms.ts';
import type { Form } from './forms.ts';
import { exemption } from './call.ts';
import type { Services } from './call.ts';
import { drainAsShown, drainConfirmation, extendForm, forceAsShown, forceConfirmation } from './confirmations.ts';
import { refuseFields, refuseForm, showOutcome } from './outcome.ts';
import type { Submit } from './outcome.ts';
import { destroyConfirmation } from './commands/destroy.ts';
import { acceptedMessage } from './commands/provision.ts';
import { strayAnswer } from './commands/sweep.ts';

const failure = (error: BurstError): Message => errorMessage(error);
/** Said above a confirmation that is shown again. */
const asItIs = (error: BurstError, left: string): string =>
  `:warning: ${sentence(error.message)} ${left} This is how it is now:`;

/** Serves one submission to its end, in the form's cluster; unknown forms are acknowledged with a note. */
export async function handleSubmit(submit: Submit, { clusters }: Services): Promise<void> {
  const form = readForm(submit.metadata, submit.values);
  if (form === undefined) {
    return refuseForm(submit, 'This form is from another version of Burst. Nothing was done.');
  }
  // the choice is among those that the form offered
  const chosen = form.metadata.clusters?.find((name) => name === form.value('cluster'));
  const cluster = chosen ?? form.metadata.cluster ?? clusters.meant(form.metadata.channelId).name;
  if (!clusters.names.includes(cluster)) {
    return refuseForm(submit, `The cluster ${code(cluster)} is not in the configuration any more. Nothing was done.`);
  }
  return serve(submit, form, clusters.of(cluster));
}

async function serve(submit: Submit, form: Form, services: Services): Promise<void> {
  const { value, ticked } = form;
  const { threadTs, workers, fingerprints, drainFirst, operationId } = form.metadata;
  const channelId = form.metadata.askChannel === true ? value('channel') : form.metadata.channelId;
  const who = { by: submit.by, channelId };
  const request = {
    by: submit.by,
    idempotencyKey: `view ${submit.viewId} ${submit.hash}`,
    ...(channelId === undefined ? {} : { channelId }),
    ...(threadTs === undefined ? {} : { threadTs }),
  };
  const show = (view: ModalView, message: Message): Promise<void> => showOutcome(submit, services, view, message);
  const work = async (
    heading: string,
    act: () => Promise<Message>,
    again?: (error: BurstError) => Promise<ModalView | undefined>,
  ): Promise<void> => {
    await submit.ack({
      view: noteView(
        heading,
        ':hourglass: One moment… Should this stay for more than a minute, nothing may have been asked for: `/burst ops mine` tells.',
      ),
    });
    try {
      await submit.inTurn(async () => {
        await services.gate.requireChannel(who, heading.toLowerCase());
        const message = await act();
        await show(messageView(heading, message), message);
      });
    } catch (error) {
      if (!isBurstError(error)) {
        const id = services.ids.next();
        services.log.error(
          { errorId: id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) },
          'form failed',
        );
        await show(messageView(heading, apology(id)), apology(id));
        return;
      }
      const view = await again?.(error).catch(() => undefined);
      await show(view ?? messageView(heading, failure(error)), failure(error));
    }
  };
  switch (submit.callbackId) {
    case CALLBACKS.provision: {
      const policy = services.workers;
      const errors: Record<string, string> = {};
      const count = Number(value('count') ?? '');
      if (!Number.isInteger(count) || count < 1 || count > policy.maxPerRequest)
        errors['count'] = `A whole number from 1 to ${policy.maxPerRequest}`;
      const size = value('size');
      if (size === undefined || !policy.sizes.has(size))
        errors['size'] = `One of ${[...policy.sizes.keys()].join(', ')}`;
      const own = value('own');
      const ownHours = own === undefined ? undefined : hoursOf(own);
      const ttlHours = own === undefined ? Number(value('ttl') ?? policy.defaultTtlHours) : ownHours;
      if (
        ttlHours === undefined ||
        !Number.isInteger(ttlHours) ||
        ttlHours < policy.minTtlHours ||
        ttlHours > policy.maxTtlHours
      )
        errors[own === undefined ? 'ttl' : 'own'] =
          `From ${policy.minTtlHours} h to ${policy.maxTtlHours} h, in whole hours; for example 36h or 3d`;
      if (Object.keys(errors).length > 0) return refuseFields(submit, errors);
      const typed: ProvisionTyped = provisionTyped(form);
      const { ownTtl: _own, cluster: _cluster, ...wanted } = typed;
      return work(
        'Provision workers',
        async () => {
          const role = await services.gate.require(who, 'operator', 'provision');
          const asked = { ...request, ...exemption(role, services), ...wanted, count };
          return acceptedMessage(await services.operations.provision(asked));
        },
        async (error) => {
          if (error.code === 'forbidden' || error.code === 'awaiting_approval') return undefined;
          const fleet = await services.operations.fleet().catch(() => undefined);
          return provisionView(policy, fleet, provisionMetadata(form), typed, failure(error).text);
        },
      );
    }
    case CALLBACKS.drain:
      return work(
        'Drain',
        async () => {
          const role = await services.gate.requireWorkers(who, workers, 'drain');
          await drainAsShown(form, services);
          return acceptedMessage(await services.operations.drain({ ...request, workers, admin: role === 'admin' }));
        },
        async (error) =>
          error.code === 'changed_meanwhile'
            ? drainConfirmation(workers, who, services, asItIs(error, 'Nothing was drained.'))
            : undefined,
      );
    case CALLBACKS.destroy: {
      const force = ticked('force');
      if (force && (workers.length !== 1 || value('typed') !== workers[0]))
        return refuseFields(submit, { typed: `Type ${workers[0] ?? 'the name'} exactly to force` });
      if (!force && value('typed') !== undefined)
        return refuseFields(submit, { typed: 'Tick force too, or leave this empty' });
      return work(
        'Destroy',
        async () => {
          await services.gate.requireWorkers(who, workers, 'destroy');
          if (force) await services.gate.require(who, 'admin', 'force destroy', workers[0]);
          const accepted = await services.operations.destroy({
            ...request,
            workers,
            force,
            drainFirst: drainFirst && !force,
            fingerprints,
          });
          return acceptedMessage(accepted);
        },
        async (error) =>
          error.code === 'changed_meanwhile' || error.code === 'not_drained'
            ? destroyConfirmation(workers, who, services, asItIs(error, 'Nothing was destroyed.'))
            : undefined,
      );
    }
    case CALLBACKS.extend: {
      const own = value('own');
      const hours = own === undefined ? Number(value('ttl') ?? NaN) : hoursOf(own);
      if (hours === undefined || !Number.isInteger(hours) || hours < 1 || hours > services.workers.maxTtlHours)
        return refuseFields(submit, {
          [own === undefined ? 'ttl' : 'own']:
            `From 1 to ${services.workers.maxTtlHours} whole hours; for example 36h or 3d`,
        });
      return work(
        'Extend',
        async () => {
          await services.gate.requireWorkers(who, workers, 'extend');
          return acceptedMessage(await services.operations.extend({ ...request, workers, hours }));
        },
        async (error) =>
          error.code === 'forbidden' || error.code === 'awaiting_approval'
            ? undefined
            : extendForm(workers, who, services, { hours, problem: failure(error).text }),
      );
    }
    case CALLBACKS.force: {
      const [worker = ''] = workers;
      if (value('typed') !== worker) return refuseFields(submit, { typed: `Type ${worker} exactly to force` });
      const reason = value('reason');
      const force = async (): Promise<Message> => {
        await services.gate.require(who, 'admin', 'force', worker);
        await forceAsShown(form, services);
        const { operation } = await services.operations.force({
          ...request,
          operationId: operationId ?? '',
          worker,
          ...(reason === undefined ? {} : { reason }),
        });
        return {
          text: `:warning: Forced: the pods of ${code(worker)} are deleted past their budgets; the message of operation ${code(operation.id)} tells the rest.`,
        };
      };
      return work('Force', force, async (error) =>
        error.code === 'changed_meanwhile'
          ? forceConfirmation(operationId ?? '', worker, who, services, asItIs(error, 'Nothing was forced.'))
          : undefined,
      );
    }
    case CALLBACKS.stray: {
      const { stray } = form.metadata;
      if (stray === undefined)
        return submit.ack({ view: noteView('Burst', 'This form names no VM. Nothing was done.') });
      return work('Destroy VM', async () => {
        await services.gate.require(who, 'admin', 'destroy', stray.name);
        return strayAnswer(await services.operations.destroyStray({ ...request, ...stray }));
      });
    }
    case DENY_CALLBACK:
      return submitDenial(submit, form, services);
    default:
      return refuseForm(submit, 'This form is not known any more. Nothing was done.');
  }
}
