import { createContext } from 'react';
import type { PageChannel, PageUser } from '../../contract.ts';

/** Who reads, and what names stand for. */
export type Reader = { me: string; users: PageUser[]; channels: PageChannel[]; nowMs: () => number };
export const ReaderContext = createContext<Reader>({ me: '', users: [], channels: [], nowMs: () => Date.now() });
