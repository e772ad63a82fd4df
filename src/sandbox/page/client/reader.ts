import { createContext } from 'react';
import { postSlack } from './api.ts';
import type { Reply } from './api.ts';
import type { PageChannel, PageShortcut, PageSlackRequests, PageUser } from '../../contract.ts';

/** Who reads, and what names stand for. */
export type Reader = {
  me: string;
  users: PageUser[];
  channels: PageChannel[];
  shortcuts: PageShortcut[];
  nowMs: () => number;
  /** POSTs to the workspace that is looked at. Never throws. */
  slack: <P extends keyof PageSlackRequests>(path: P, body: PageSlackRequests[P]) => Promise<Reply>;
  /** Where this person's browser gets a shared file. */
  fileUrl: (id: string) => string;
};
export const ReaderContext = createContext<Reader>({
  me: '',
  users: [],
  channels: [],
  shortcuts: [],
  nowMs: () => Date.now(),
  ...inWorkspace(undefined, ''),
});

/** How one workspace's Slack is reached; undefined: the first one's. */
export function inWorkspace(team: string | undefined, user: string): Pick<Reader, 'slack' | 'fileUrl'> {
  const own = team === undefined ? {} : { team };
  return {
    slack: (path, body) => postSlack(team, path, body),
    fileUrl: (id) => `/api/slack/files/${encodeURIComponent(id)}?${new URLSearchParams({ user, ...own }).toString()}`,
  };
}
