import { createContext } from 'react';
import type { PageChannel, PageShortcut, PageUser } from '../../contract.ts';

/** Who reads, and what names stand for. */
export type Reader = {
  me: string;
  users: PageUser[];
  channels: PageChannel[];
  shortcuts: PageShortcut[];
  nowMs: () => number;
};
export const ReaderContext = createContext<Reader>({
  me: '',
  users: [],
  channels: [],
  shortcuts: [],
  nowMs: () => Date.now(),
});
