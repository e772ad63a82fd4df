/** Workspaces that Burst was installed to, on record. Invariant: no token is stored that is not sealed. */
import type { NewAudit } from './store.ts';

export type InstallationRecord = {
  /** The workspace (T…), or the organisation (E…) when it was installed to all of one. */
  readonly key: string;
  readonly name: string;
  /** Who installed it, as Slack names them. */
  readonly installedBy: string;
  readonly installedAtMs: number;
  readonly keyId: string;
  /** Tokens and scopes, sealed. */
  readonly sealed: string;
};
export interface InstallationStore {
  /** Writes it, in place of an earlier one, with its audit row. */
  saveInstallation(installation: InstallationRecord, audit: readonly NewAudit[]): Promise<void>;
  getInstallation(key: string): Promise<InstallationRecord | undefined>;
  listInstallations(): Promise<readonly InstallationRecord[]>;
  /** Forgets it, unless it was installed after `beforeMs`. @returns whether it was there. */
  removeInstallation(key: string, beforeMs: number, audit: readonly NewAudit[]): Promise<boolean>;
}
