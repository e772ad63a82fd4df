export { createOperations } from './service.ts';
export type { Upkeep } from './service.ts';
export type { ServiceDeps } from './submission.ts';
export { runDefinitions } from './definitions.ts';
export { BURST_TAG } from './deps.ts';
export type { RenderJoin, StepDeps } from './deps.ts';
export { resolveName } from './names.ts';
export type { Accepted, DestroyPreview, Fleet, Operations, Request } from './types.ts';
