/** Who asks, and what they may do. Invariant: without a known token nothing but health, version and cluster-info is answered. */
import type { SandboxClock } from '../contract.ts';
import { isObject } from './objects.ts';
import { leases, nodes, secrets, type Resource } from './resources.ts';
import { forbidden, unauthorized } from './status.ts';
import type { Store } from './store.ts';

export type User = { readonly name: string; readonly groups: readonly string[]; readonly admin: boolean };
export type Ask = {
  readonly verb: string;
  readonly of: Resource;
  readonly namespace: string | undefined;
  readonly name: string;
};

export class Auth {
  readonly #store: Store;
  readonly #clock: SandboxClock;
  #adminToken: string;
  /** Node names that a bootstrap user has made: it may look after these. */
  readonly #made = new Map<string, Set<string>>();

  constructor(store: Store, clock: SandboxClock, adminToken: string) {
    this.#store = store;
    this.#clock = clock;
    this.#adminToken = adminToken;
  }

  /** From now on the administrator has this token, and no other. */
  setAdminToken(token: string): void {
    this.#adminToken = token;
  }

  /** The user of an Authorization header. @throws ApiError 401. */
  user(authorization: string | undefined): User {
    const token = /^Bearer\s+(\S+)$/i.exec(authorization ?? '')?.[1];
    if (token === this.#adminToken) {
      return { name: 'kubernetes-admin', groups: ['system:masters', 'system:authenticated'], admin: true };
    }
    const user = token === undefined ? undefined : this.#bootstrapUser(token);
    if (!user) throw unauthorized();
    return user;
  }

  #bootstrapUser(token: string): User | undefined {
    const [, id, secret] = /^([a-z0-9]{6})\.([a-z0-9]{16})$/.exec(token) ?? [];
    const stored = this.#store.get(secrets, `kube-system/bootstrap-token-${id ?? ''}`);
    if (
      !stored ||
      stored['type'] !== 'bootstrap.kubernetes.io/token' ||
      stored.metadata.deletionTimestamp !== undefined
    )
      return undefined;
    const data = isObject(stored['data']) ? stored['data'] : {};
    const read = (key: string) => Buffer.from(typeof data[key] === 'string' ? data[key] : '', 'base64').toString();
    const expiration = read('expiration');
    const alive = expiration === '' || Date.parse(expiration) > this.#clock.now();
    const valid =
      read('token-id') === id && read('token-secret') === secret && read('usage-bootstrap-authentication') === 'true';
    if (!alive || !valid) return undefined;
    const extra = read('auth-extra-groups')
      .split(',')
      .map((one) => one.trim())
      .filter((one) => one !== '');
    return {
      name: `system:bootstrap:${id ?? ''}`,
      groups: ['system:bootstrappers', ...extra, 'system:authenticated'],
      admin: false,
    };
  }

  allowed(user: User, ask: Ask): boolean {
    if (user.admin) return true;
    if (ask.verb === 'create' && ask.of === nodes) return true;
    if (ask.of === nodes)
      return ['get', 'patch', 'update'].includes(ask.verb) && (this.#made.get(user.name)?.has(ask.name) ?? false);
    if (ask.of === leases)
      return ask.namespace === 'kube-node-lease' && ['get', 'create', 'update', 'patch'].includes(ask.verb);
    if (ask.of.plural === 'configmaps') {
      return (
        ask.verb === 'get' &&
        (ask.name === 'cluster-info' || ask.name === 'kubeadm-config' || ask.name === 'kubelet-config')
      );
    }
    return ask.of.plural.startsWith('selfsubject');
  }
  /** @throws ApiError 403. */
  check(user: User, ask: Ask): void {
    if (!this.allowed(user, ask)) throw forbidden(ask.of, ask.name, user.name, ask.verb, ask.namespace);
  }
  /** Remembers who made a node. */
  made(user: User, nodeName: string): void {
    this.#made.set(user.name, (this.#made.get(user.name) ?? new Set()).add(nodeName));
  }
}
