export { alertOf } from './alert.ts';
export { createEngine } from './loop.ts';
export type { Engine, LoopDeps } from './loop.ts';
export { failureOf } from './runner.ts';
export type { Log, RunnerDeps } from './runner.ts';
export type { RunDefinition, Step, StepContext, StepResult } from './types.ts';
