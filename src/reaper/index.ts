export { createReaper } from './reaper.ts';
export type { ReaperDeps } from './deps.ts';
export type { Reaper, ReapSummary } from './reaper.ts';
export { scheduleReaper } from './schedule.ts';
export type { ReaperSchedule } from './schedule.ts';
export { tellOfServer } from './server.ts';
