/**
 * Configuration: YAML, environment and secret files in; one checked, read-only object out. Invariant: whatever leaves
 * this folder is complete and consistent; bad input ends in one ConfigError that lists every problem.
 */
export { ConfigError, type Problem } from './error.ts';
export { DEFAULT_PATH, loadConfig, type LoadInput } from './load.ts';
export {
  accessPolicy,
  approvalPolicy,
  costPolicy,
  breakerPolicy,
  drainPolicy,
  enginePolicy,
  floodPolicy,
  joinTemplates,
  healthPolicy,
  provisionRates,
  notifyPolicy,
  reaperPolicy,
  reaperSchedule,
  safetyPolicy,
  tellAfterMs,
  workerPolicy,
} from './policy.ts';
export { placementPolicy } from './placement.ts';
export type { ClusterConfig, Config, OAuthConfig } from './schema.ts';
export { renderJoin, type JoinMethod, type JoinTemplates, type JoinVariables } from './templates.ts';
