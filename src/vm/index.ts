/** VM work over MCP. */
export { probeServer, type Probe } from './check.ts';
export { createVmProvider, type VmProviderOptions } from './provider.ts';
export { handsOverJoin, parseProfile, readProfile, type Profile } from './profile.ts';
