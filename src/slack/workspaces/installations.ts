/**
 * The workspaces that Burst is installed to, for Bolt and for what Burst says by itself. Invariants: tokens are sealed before
 * they are stored and opened only to be used; the home workspace's token is the configured one; what was removed stays removed.
 */
import type { Installation, InstallationQuery, InstallationStore as BoltStore } from '@slack/bolt';
import { z } from 'zod';
import { BurstError, messageOf } from '../../domain/errors.ts';
import { joinId } from '../../domain/workspace-ids.ts';
import type { Clock } from '../../ports/clock.ts';
import type { InstallationRecord, InstallationStore } from '../../ports/installations.ts';
import type { NewAudit, Store } from '../../ports/store.ts';
import type { Log } from '../basics.ts';
import { WorkspaceGone } from './router.ts';
import { createSeals } from './sealing.ts';

export type InstallationsOptions = {
  readonly store: InstallationStore & Pick<Store, 'appendAudit'>;
  readonly clock: Clock;
  readonly log: Log;
  /** The first seals. */
  readonly keys: readonly Buffer[];
  /** Workspaces and organisations that may install it; empty: any. */
  readonly allowed: readonly string[];
  /** Refusals and installations are audited for it. */
  readonly cluster: string;
  /** The workspace of the configured token, if there is one; known once Slack was asked. */
  readonly home: () => { readonly team: string; readonly botToken: string } | undefined;
};
export interface Installations {
  readonly bolt: BoltStore;
  list(): Promise<readonly InstallationRecord[]>;
  /** @throws BurstError `denied` when its tokens cannot be opened. */
  open(record: InstallationRecord): Installation;
  /** Burst was removed there: forgets its tokens. Events from before it was installed again are left alone. */
  removed(key: string, why: string, atMs: number): Promise<void>;
  /** Seals with the first key what an older one had sealed. */
  reseal(): Promise<void>;
}

/** What is needed of what was sealed; the rest is Bolt's. */
const stored = z.looseObject({ bot: z.looseObject({ token: z.string().min(1) }).optional() });

export function createInstallations(options: InstallationsOptions): Installations {
  const { store, clock, log, allowed, cluster, home } = options;
  const seals = createSeals(options.keys);
  const row = (action: string, outcome: NewAudit['outcome'], userId: string | undefined, text: string): NewAudit => ({
    atMs: clock.now(),
    cluster,
    actor: userId === undefined ? { kind: 'system', name: 'slack' } : { kind: 'slack', userId },
    action,
    outcome,
    text,
  });
  const sealed = (key: string, installation: Installation): Pick<InstallationRecord, 'keyId' | 'sealed'> => {
    const { keyId, text } = seals.seal(JSON.stringify(installation), key);
    return { keyId, sealed: text };
  };
  const open = (record: InstallationRecord): Installation =>
    stored.parse(
      JSON.parse(seals.open({ keyId: record.keyId, text: record.sealed }, record.key)),
    ) as unknown as Installation;
  const nameOf = ({ team, enterprise }: Installation): string => team?.name ?? enterprise?.name ?? '';
  const keyOf = (installation: Installation): string => {
    const { team, enterprise, isEnterpriseInstall } = installation;
    const key = isEnterpriseInstall === true ? enterprise?.id : team?.id;
    if (key === undefined)
      throw new BurstError('invalid_input', 'Slack named no workspace that Burst was installed to.');
    return key;
  };

  const bolt: BoltStore = {
    async storeInstallation(installation) {
      const key = keyOf(installation);
      const by = joinId(key, installation.user.id);
      const names = [key, ...(installation.enterprise === undefined ? [] : [installation.enterprise.id])];
      if (key === home()?.team)
        throw new BurstError(
          'conflict',
          'This workspace has the token of the configuration; it needs no installation.',
        );
      if (allowed.length > 0 && !names.some((name) => allowed.includes(name))) {
        await store.appendAudit([row('install', 'refused', by, `${key} is not among slack.oauth.teams`)]);
        log.warn({ workspace: key }, 'an installation was refused: the workspace is not allowed');
        throw new BurstError('forbidden', `The workspace ${key} is not among those that may install Burst.`);
      }
      const again = (await store.getInstallation(key)) !== undefined;
      const record = { key, name: nameOf(installation), installedBy: installation.user.id, installedAtMs: clock.now() };
      const text = `Burst was installed${again ? ' again' : ''} to ${key} (${record.name})`;
      await store.saveInstallation({ ...record, ...sealed(key, installation) }, [row('install', 'done', by, text)]);
      log.info({ workspace: key, again }, 'Burst was installed to a workspace');
    },
    async fetchInstallation({ teamId, enterpriseId, isEnterpriseInstall }: InstallationQuery<boolean>) {
      const own = home();
      if (own !== undefined && teamId === own.team && !isEnterpriseInstall) return atHome(own);
      const keys = isEnterpriseInstall ? [enterpriseId] : [teamId, enterpriseId];
      for (const key of keys) {
        const record = key === undefined ? undefined : await store.getInstallation(key);
        if (record !== undefined) return open(record);
      }
      throw new WorkspaceGone(keys[0]);
    },
  };
  return {
    bolt,
    list: () => store.listInstallations(),
    open,
    async removed(key, why, atMs) {
      const gone = await store.removeInstallation(key, atMs, [
        row('uninstall', 'noticed', undefined, `Burst was removed from ${key} (${why}); its tokens are forgotten`),
      ]);
      if (gone) log.warn({ workspace: key, why }, 'Burst was removed from a workspace');
    },
    async reseal() {
      for (const record of await store.listInstallations()) {
        if (record.keyId === seals.keyId) continue;
        try {
          await store.saveInstallation({ ...record, ...sealed(record.key, open(record)) }, []);
          log.info({ workspace: record.key }, 'tokens were sealed with the new key');
        } catch (error) {
          log.error({ workspace: record.key, error: messageOf(error) }, 'the tokens of a workspace cannot be opened');
        }
      }
    },
  };
}

/** The configured token, as an installation. */
const atHome = ({ team, botToken }: { readonly team: string; readonly botToken: string }): Installation => ({
  team: { id: team },
  enterprise: undefined,
  user: { id: '', token: undefined, scopes: undefined },
  bot: { token: botToken, scopes: [], id: '', userId: '' },
  isEnterpriseInstall: false,
  authVersion: 'v2',
});
