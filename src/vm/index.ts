/** VM work over MCP. */
export { dryRun } from './check.ts';
export { connectionSecrets, type Traced } from './connection.ts';
export { createMachineServer } from './machines.ts';
export { createVmProvider, type VmProviderOptions } from './provider.ts';
export {
  cannotPlace,
  handsOverJoin,
  parseProfile,
  readMachineProfile,
  readProfile,
  type MachineProfile,
  type Profile,
} from './profile.ts';
export { watchServer, type Watch } from './watched.ts';
