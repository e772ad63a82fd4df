export { createReaper } from './reaper.ts';
export type { Reaper, ReaperDeps, ReapSummary } from './reaper.ts';
export { scheduleReaper } from './schedule.ts';
export type { ReaperSchedule } from './schedule.ts';
