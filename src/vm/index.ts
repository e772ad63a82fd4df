/** VM work over MCP. */
export { createVmProvider, type VmProviderOptions } from './provider.ts';
export { parseProfile, readProfile, type Profile } from './profile.ts';
