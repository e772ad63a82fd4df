/** Providers as the app makes them: a profile of config/providers before some connection. */
import { readFileSync } from 'node:fs';
import { createVmProvider, readProfile, type VmProviderOptions } from '../../src/vm/index.ts';
import { realClock } from './cluster-setup.ts';

export const quietLog: VmProviderOptions['log'] = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

export const builtInProfile = (name: string) =>
  readProfile(name, () => readFileSync(new URL(`../../config/providers/${name}.yaml`, import.meta.url), 'utf8'));

export const testProvider = (
  profile: string,
  connection: VmProviderOptions['connection'],
  settings: VmProviderOptions['settings'],
  more: Partial<VmProviderOptions> = {},
) =>
  createVmProvider({
    name: 'proxmox',
    profile: builtInProfile(profile),
    connection,
    settings,
    clock: realClock,
    callTimeoutMs: 10_000,
    maxReplyBytes: 1024 * 1024,
    maxCallsAtOnce: 4,
    log: quietLog,
    ...more,
  });
