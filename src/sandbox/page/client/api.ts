/** The page's talk with its own server. Invariant: what is shown is the server's state, fetched again upon each change. */
import { useCallback, useEffect, useRef, useState } from 'react';
import type {
  PageSlackRequests,
  PageSlackState,
  PageSubmitReply,
  PageWorkspaces,
  PageWorldRequests,
  WorldState,
} from '../../contract.ts';

export type Reply = PageSubmitReply & { message?: string; options?: unknown[] };

/** POSTs to the server, as `post` and `postSlack` say. */
async function send(path: string, body: object): Promise<Reply> {
  try {
    const answer = await fetch(`/api${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
    return (await answer.json()) as Reply;
  } catch {
    return { ok: false, error: 'The sandbox does not answer. Is it still running?' };
  }
}

/** POSTs to the outside world. Never throws: a failure is a reply that is not ok. */
export const post = <P extends keyof PageWorldRequests>(path: P, body: PageWorldRequests[P]): Promise<Reply> =>
  send(path, body);

/** POSTs to a workspace's Slack (undefined: the first one's). Never throws: a failure is a reply that is not ok. */
export const postSlack = <P extends keyof PageSlackRequests>(
  team: string | undefined,
  path: P,
  body: PageSlackRequests[P],
): Promise<Reply> => send(`/slack${path}`, team === undefined ? body : { ...body, team });

async function get<T>(path: string): Promise<T | undefined> {
  try {
    const answer = await fetch(`/api${path}`);
    const body = (await answer.json()) as T & { error?: string };
    return answer.ok && body.error === undefined ? body : undefined;
  } catch {
    return undefined;
  }
}

export type Sandbox = {
  slack: PageSlackState | undefined;
  workspaces: PageWorkspaces | undefined;
  world: WorldState | undefined;
  connected: boolean;
  /** Milliseconds that the sandbox's clock is ahead of this machine's. */
  skewMs: number;
  refresh: () => void;
};

/**
 * The state that `user` sees in a workspace (undefined: the first one), and the outside world, kept current by the
 * server's events. `onUnknown` is called when there is no such person or workspace.
 */
export function useSandbox(user: string, team: string | undefined, onUnknown: () => void): Sandbox {
  const who = `${team ?? ''}/${user}`;
  const [slack, setSlack] = useState<{ who: string; state: PageSlackState }>();
  const [workspaces, setWorkspaces] = useState<PageWorkspaces>();
  const [world, setWorld] = useState<{ state: WorldState; skewMs: number }>();
  const [connected, setConnected] = useState(true);
  const current = useRef(who);
  const sequence = useRef({ slack: 0, world: 0 });

  const fetchSlack = useCallback(async () => {
    const asked = ++sequence.current.slack;
    const query = new URLSearchParams({ user, ...(team === undefined ? {} : { team }) });
    const [state, all] = await Promise.all([
      get<PageSlackState>(`/slack/state?${query.toString()}`),
      get<PageWorkspaces>('/workspaces'),
    ]);
    if (asked !== sequence.current.slack || current.current !== who) return;
    if (all) setWorkspaces(all);
    if (state) setSlack({ who, state });
    else if ((await get<WorldState>('/world')) !== undefined) onUnknown();
  }, [user, team, who, onUnknown]);
  const fetchWorld = useCallback(async () => {
    const asked = ++sequence.current.world;
    const state = await get<WorldState>('/world');
    if (state && asked === sequence.current.world) setWorld({ state, skewMs: state.nowMs - Date.now() });
  }, []);

  useEffect(() => {
    current.current = who;
    const events = new EventSource('/api/events');
    const both = (): void => {
      void fetchSlack();
      void fetchWorld();
    };
    events.onopen = () => {
      setConnected(true);
      both();
    };
    events.onerror = () => setConnected(false);
    events.onmessage = (event) => {
      const { changed } = JSON.parse(String(event.data)) as { changed: 'slack' | 'world' };
      if (changed === 'slack') void fetchSlack();
      else void fetchWorld();
    };
    both();
    return () => events.close();
  }, [who, fetchSlack, fetchWorld]);

  const refresh = useCallback(() => {
    void fetchSlack();
    void fetchWorld();
  }, [fetchSlack, fetchWorld]);
  return {
    slack: slack?.who === who ? slack.state : undefined,
    workspaces,
    world: world?.state,
    connected,
    skewMs: world?.skewMs ?? 0,
    refresh,
  };
}
