/** Modals and App Homes. Invariant: a person has at most three modals, and a view changes its hash whenever it changes. */
import { rec, str } from './values.ts';
import type { Rec } from './values.ts';
import { APP, ApiError, BOT } from './workspace.ts';
import type { View, Workspace } from './workspace.ts';

/** How long a trigger can open a modal, in real ms. */
const TRIGGER_MS = 3000;

export type Views = ReturnType<typeof createViews>;

/** Opening, replacing and finding views of the workspace. Each throws the ApiError that Slack answers. */
export function createViews(workspace: Workspace) {
  const stacks = new Map<string, View[]>();
  const homes = new Map<string, View>();
  const triggers = new Map<string, { user: string; untilMs: number; used: boolean }>();
  const changed = (): void => workspace.changed();
  const { id } = workspace;

  const made = (v: unknown, userId: string, previous?: View): View => {
    const r = rec(v);
    const blocks = workspace.checkedView(r);
    return {
      callback_id: '',
      private_metadata: '',
      external_id: '',
      submit: null,
      close: null,
      clear_on_close: false,
      notify_on_close: false,
      ...r,
      blocks,
      id: previous?.id ?? id('V'),
      hash: `${workspace.ts()}.h`,
      user: userId,
      team_id: workspace.identity.team,
      app_installed_team_id: workspace.identity.team,
      app_id: APP,
      bot_id: BOT,
      state: { values: {} },
      root_view_id: previous?.['root_view_id'] ?? null,
      previous_view_id: previous?.['previous_view_id'] ?? null,
    };
  };
  const stack = (userId: string): View[] => stacks.get(userId) ?? [];
  return {
    stack,
    home: (userId: string): View | undefined => homes.get(userId),
    /** The view among a person's modals and home. */
    seen: (userId: string, viewId: unknown): View | undefined =>
      [...stack(userId), homes.get(userId)].find((v) => v?.id === viewId),
    /** A trigger with which the app may open one modal for this person. */
    grant(userId: string): string {
      const t = id('trigger.');
      triggers.set(t, { user: userId, untilMs: Date.now() + TRIGGER_MS, used: false });
      return t;
    },
    /** The person who pulled the trigger, once. */
    trigger(v: unknown): string {
      const t = triggers.get(str(v));
      if (!t) throw new ApiError('invalid_trigger_id');
      if (Date.now() > t.untilMs) throw new ApiError('expired_trigger_id');
      if (t.used) throw new ApiError('exchanged_trigger_id');
      t.used = true;
      return t.user;
    },
    /** Puts a modal on top of `below`. */
    push(v: unknown, userId: string, below: View[]): View {
      if (below.length >= 3) throw new ApiError('push_limit_reached');
      const view = made(v, userId);
      Object.assign(view, { root_view_id: below[0]?.id ?? view.id, previous_view_id: below.at(-1)?.id ?? null });
      stacks.set(userId, [...below, view]);
      changed();
      return view;
    },
    setStack(userId: string, views: View[]): void {
      stacks.set(userId, views);
      changed();
    },
    /** The view by id or external id, anyone's. */
    find(a: Rec): View {
      const found = [...[...stacks.values()].flat(), ...homes.values()].find(
        (v) => v.id === a['view_id'] || (a['external_id'] !== undefined && v['external_id'] === a['external_id']),
      );
      if (!found) throw new ApiError('not_found');
      return found;
    },
    replace(old: View, v: unknown): View {
      const view = made(v, old.user, old);
      stacks.set(
        old.user,
        stack(old.user).map((x) => (x.id === old.id ? view : x)),
      );
      if (homes.get(old.user)?.id === old.id) homes.set(old.user, view);
      changed();
      return view;
    },
    publish(v: unknown, userId: string): View {
      const view = made(v, userId, homes.get(userId));
      homes.set(userId, view);
      changed();
      return view;
    },
  };
}
