/** What Slack sends us. Invariants: the ack comes first; whatever goes wrong is answered privately; odd payloads are ignored. */
import { z } from 'zod';
import { isBurstError } from '../domain/errors.ts';
import { splitId } from '../domain/workspace-ids.ts';
import { createClicks } from './actions.ts';
import { createAnswers } from './answers.ts';
import type { Respond } from './answers.ts';
import { apology, errorMessage } from './blocks/errors.ts';
import { codeOf } from './blocks/text.ts';
import type { Call, Clusters, SlackActor } from './call.ts';
import { runCommand } from './commands/registry.ts';
import { platformError, retryAfterSeconds } from './errors.ts';
import type { Home } from './home.ts';
import { CALLBACKS } from './blocks/views.ts';
import { isTakenUp } from './inbox.ts';
import type { Ack, AnsweringApp } from './receiving.ts';
import { unescape } from './requests.ts';
import { createTurns } from './turns.ts';
import { createUnheard } from './unheard.ts';
import { refreshDestroy } from './commands/destroy.ts';
import { refreshProvision } from './commands/provision.ts';
import { readForm } from './forms.ts';
import { onShortcut, shortcutBody, threadOf } from './shortcuts.ts';
import { reloadForm } from './confirmations.ts';
import { handleSubmit } from './submits.ts';
import type { Submit } from './outcome.ts';

const commandBody = z.looseObject({
  user_id: z.string().min(1),
  user_name: z.string().optional(),
  channel_id: z.string().optional(),
  text: z.string().default(''),
  trigger_id: z.string().default(''),
  response_url: z.string().optional(),
});
const userSchema = z.looseObject({
  id: z.string().min(1),
  username: z.string().optional(),
  name: z.string().optional(),
});
const viewSchema = z.looseObject({
  id: z.string(),
  type: z.string().optional(),
  hash: z.string().optional(),
  callback_id: z.string().optional(),
  private_metadata: z.string().default(''),
  state: z.looseObject({ values: z.unknown() }).optional(),
});
const fieldBody = z.looseObject({
  user: userSchema.optional(),
  view: viewSchema.optional(),
  actions: z.array(z.looseObject({ action_id: z.string() })).optional(),
});
const actionBody = z.looseObject({
  user: userSchema,
  trigger_id: z.string().default(''),
  response_url: z.string().optional(),
  channel: z.looseObject({ id: z.string() }).optional(),
  container: z.looseObject({ is_ephemeral: z.boolean().optional(), message_ts: z.string().optional() }).optional(),
  view: viewSchema.optional(),
  actions: z
    .array(
      z.looseObject({
        action_id: z.string(),
        action_ts: z.string().default(''),
        value: z.string().optional(),
        selected_option: z.looseObject({ value: z.string() }).nullish(),
      }),
    )
    .min(1),
});
const submitBody = z.looseObject({
  user: userSchema,
  view: z.looseObject({
    id: z.string(),
    hash: z.string().default(''),
    callback_id: z.string().default(''),
    private_metadata: z.string().default(''),
    state: z.looseObject({ values: z.unknown() }).optional(),
  }),
});
const actorOf = (id: string, name: string | undefined): SlackActor => ({
  kind: 'slack',
  userId: id,
  ...(name === undefined ? {} : { userName: name }),
});
const homeEvent = z.looseObject({ user: z.string().min(1), tab: z.string().optional() });
/** What is said when a form cannot be opened because the process that was asked ended. */
const TOO_LATE =
  ':hourglass: Burst was restarted when you asked for this, and Slack does not let it open the form any more. Nothing was done.';

type Guarded = {
  readonly what: string;
  readonly reply: Call['reply'];
  /** The command as it was typed. */
  readonly typed?: string;
  /** Another process acknowledged it: its trigger has expired. */
  readonly late: boolean;
};

/** Burst was removed from the workspace of this event, which happened at `atMs`. */
export type Removed = (body: unknown, why: string, atMs: number) => Promise<void>;
const momentOf = ({ event_time: seconds }: { readonly event_time: number }): number => seconds * 1000 + 999;

/** Registers every listener. `track` keeps work in flight known, so that a stop can wait for it. */
export function registerListeners(
  app: AnsweringApp,
  clusters: Clusters,
  home: Home,
  track: <T>(work: Promise<T>) => Promise<T>,
  removed: Removed,
): void {
  // what is read before it is known which cluster is meant is the same for all
  const services = clusters.of(clusters.meant(undefined).name);
  const clicks = createClicks(clusters);
  const { log } = services;
  const answers = createAnswers(services.clients, log);
  const unheard = createUnheard(answers, log);
  app.unheard = (body, ack, error) => track(unheard(body, ack, error));

  const turns = createTurns();
  const guard = async ({ what, reply, typed, late }: Guarded, act: () => Promise<void>): Promise<void> => {
    try {
      await act();
    } catch (error) {
      try {
        if (isBurstError(error)) {
          await reply(errorMessage(error, (suggestion) => suggestion, typed));
          return;
        }
        if (retryAfterSeconds(error) !== undefined) {
          await reply({ text: ':hourglass: Slack is busy and did not open the form. Please try again in a moment.' });
          return;
        }
        if (['expired_trigger_id', 'invalid_trigger_id', 'exchanged_trigger_id'].includes(platformError(error) ?? '')) {
          const again = typed === undefined ? 'Please click again.' : `Please ask again: ${codeOf(typed, 300)}`;
          if (late) return await reply({ text: `${TOO_LATE} ${again}` });
          await reply({ text: ':hourglass: Slack gave too little time to open the form. Please try again.' });
          return;
        }
        const errorId = services.ids.next();
        log.error(
          { errorId, what, error: error instanceof Error ? (error.stack ?? error.message) : String(error) },
          'a Slack request failed',
        );
        await reply(apology(errorId));
      } catch (lost) {
        log.error({ what, error: String(lost) }, 'an answer could not be given');
      }
    }
  };

  app.command('/burst', async ({ ack, body, respond, context }) => {
    await ack();
    const parsed = commandBody.safeParse(body);
    if (!parsed.success) return log.warn({}, 'malformed command ignored');
    const { user_id: userId, channel_id: channelId, text, trigger_id: triggerId, response_url: url } = parsed.data;
    const reply = answers({
      userId,
      channelId,
      respond: url === undefined ? undefined : respond,
      replaceOriginal: false,
    });
    const by = actorOf(userId, parsed.data.user_name);
    const key = `command ${triggerId === '' ? services.ids.next() : triggerId}`;
    const call: Call = { by, channelId, triggerId, key, reply, replace: reply };
    const typed = unescape(text).trim();
    const guarded = { what: 'command', reply, typed: `/burst ${typed}`.trim(), late: isTakenUp(context) };
    await track(guard(guarded, () => turns.run(userId, () => runCommand(typed, call, services))));
  });

  app.action(/^burst:/, async ({ ack, body, respond, context }) => {
    await ack();
    const parsed = actionBody.safeParse(body);
    const action = parsed.data?.actions[0];
    if (!parsed.success || action === undefined) return log.warn({}, 'malformed action ignored');
    const { user, channel, container, response_url: url, trigger_id: triggerId } = parsed.data;
    const where = url === undefined ? undefined : (respond as Respond);
    const to = { userId: user.id, channelId: channel?.id, respond: where, replaceOriginal: false };
    const reply = answers(to);
    // Only what this person alone sees is replaced.
    const theirs =
      container?.is_ephemeral === true || (channel !== undefined && splitId(channel.id).id.startsWith('D'));
    const replace = theirs && where !== undefined ? answers({ ...to, replaceOriginal: true }) : reply;
    if (parsed.data.view?.type === 'home') home.used(user.id);
    const messageKey = `${channel?.id ?? 'view'} ${container?.message_ts ?? parsed.data.view?.id ?? ''}`;
    const by = actorOf(user.id, user.username ?? user.name);
    const key = `action ${messageKey} ${action.action_id} ${action.action_ts === '' ? triggerId : action.action_ts}`;
    const call: Call = { by, channelId: channel?.id, triggerId, key, reply, replace };
    const click = {
      actionId: action.action_id,
      value: action.selected_option?.value ?? action.value ?? '',
      messageKey,
    };
    const serve = action.action_id.startsWith('burst:home:')
      ? () => home.turned(user.id, action.action_id, click.value)
      : () => clicks(click, call);
    await track(guard({ what: 'action', reply, late: isTakenUp(context) }, () => turns.run(user.id, serve)));
  });
  // Changes of form fields arrive as actions too; the provision form adds up what is asked for, the confirmation's button
  // says what it would do.
  app.action(/^(?!burst:)/, async ({ ack, body }) => {
    const { view, user, actions } = fieldBody.safeParse(body).data ?? {};
    if (view === undefined) return track(unheard(body, ack as Ack));
    await ack();
    const { id, hash, private_metadata: metadata, state } = view;
    const refresh = async (): Promise<void> => {
      if (view.callback_id === CALLBACKS.provision)
        await refreshProvision({ viewId: id, hash, metadata, values: state?.values }, services);
      const open = { viewId: id, hash, callbackId: view.callback_id, metadata, values: state?.values };
      const reloads = actions?.[0]?.action_id === 'reload' || view.callback_id === CALLBACKS.extend;
      if (reloads && user !== undefined) await reloadForm(open, actorOf(user.id, user.username ?? user.name), services);
      else if (view.callback_id === CALLBACKS.destroy)
        await refreshDestroy({ id, hash, metadata, values: state?.values }, view, services);
    };
    await track(
      refresh().catch((error: unknown) => log.info({ error: String(error) }, 'a form could not be brought up to date')),
    );
  });

  app.shortcut(/^burst_/, async ({ ack, body, respond, context }) => {
    await ack();
    const parsed = shortcutBody.safeParse(body);
    if (!parsed.success) return log.warn({}, 'malformed shortcut ignored');
    const { user, channel, response_url: url, trigger_id: triggerId } = parsed.data;
    const where = url === undefined ? undefined : (respond as Respond);
    const reply = answers({ userId: user.id, channelId: channel?.id, respond: where, replaceOriginal: false });
    const threadTs = channel === undefined ? undefined : threadOf(parsed.data);
    const call: Call = {
      by: actorOf(user.id, user.username ?? user.name),
      channelId: channel?.id,
      ...(threadTs === undefined ? {} : { threadTs }),
      triggerId,
      key: `shortcut ${triggerId}`,
      reply,
      replace: reply,
    };
    await track(
      guard({ what: 'shortcut', reply, late: isTakenUp(context) }, () =>
        turns.run(user.id, () => onShortcut(call, clusters)),
      ),
    );
  });

  app.view(/.*/, async (args) => {
    const { body } = args;
    if (body.type !== 'view_submission') return args.ack();
    const ack = args.ack as (answer?: unknown) => Promise<void>;
    const parsed = submitBody.safeParse(body);
    if (!parsed.success) {
      log.warn({}, 'malformed submission ignored');
      return ack();
    }
    const { user, view } = parsed.data;
    const values = view.state?.values;
    const channelId = readForm(view.private_metadata, values)?.metadata.channelId;
    const tell = answers({ userId: user.id, channelId, respond: undefined, replaceOriginal: false });
    const submit: Submit = {
      by: actorOf(user.id, user.username ?? user.name),
      callbackId: view.callback_id,
      viewId: view.id,
      hash: view.hash,
      metadata: view.private_metadata,
      values,
      late: isTakenUp(args.context),
      tell,
      inTurn: (work) => turns.run(user.id, work),
      ack: (answer) =>
        ack(
          'errors' in answer
            ? { response_action: 'errors', errors: answer.errors }
            : { response_action: 'update', view: answer.view },
        ),
    };
    await track(guard({ what: 'view', reply: tell, late: submit.late }, () => handleSubmit(submit, services)));
  });

  app.event('app_home_opened', async ({ event }) => {
    const parsed = homeEvent.safeParse(event);
    if (!parsed.success) return log.warn({}, 'malformed event ignored');
    const { user, tab } = parsed.data;
    if (tab !== 'home') return home.closed(user);
    await track(
      home
        .opened(user)
        .catch((error: unknown) => log.warn({ error: String(error) }, 'the home tab could not be shown')),
    );
  });
  app.event('app_uninstalled', async ({ body }) => track(removed(body, 'the app was removed', momentOf(body))));
  app.event('tokens_revoked', async ({ event, body }) => {
    // tokens of single people are none of ours
    if ((event.tokens.bot ?? []).length > 0) await track(removed(body, 'its token was revoked', momentOf(body)));
  });
  app.event(/^(?!app_home_opened$|app_uninstalled$|tokens_revoked$)/, async ({ event }) => {
    log.info({ type: event.type }, 'an event that nothing listens to was left alone');
  });
}
