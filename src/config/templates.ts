/**
 * Join templates: the cloud-init user data and the command by which a new VM becomes a node. Invariant: a template that
 * names an unknown variable, filter or file is found when the configuration is loaded, not when a VM boots.
 */
import { messageOf } from '../domain/errors.ts';
import { Liquid } from 'liquidjs';

/** What a join template may name. `labels` is `key=value,key=value`; `token` is a secret. */
export type JoinVariables = {
  readonly cluster: string;
  readonly worker: string;
  readonly size: string;
  readonly labels: string;
  /** kubeadm: `host:port` of the API server; k3s: the server's URL. */
  readonly endpoint: string;
  readonly token: string;
  /** `sha256:…` of the cluster CA's public key. */
  readonly ca_cert_hash: string;
};
export type JoinTemplates = { readonly userData: string; readonly joinCommand: string };
export type JoinMethod = 'kubeadm' | 'k3s' | 'talos' | 'none';

const SAMPLE: JoinVariables = {
  cluster: 'main',
  worker: 'burst-medium-abc23',
  size: 'medium',
  labels: 'worker-type=burst',
  endpoint: '10.0.0.1:6443',
  token: 'abcdef.0123456789abcdef',
  ca_cert_hash: `sha256:${'0'.repeat(64)}`,
};
/** Names in the order in which they are documented. */
export const JOIN_VARIABLES: readonly string[] = Object.keys(SAMPLE);

// `templates: {}` leaves include, render and layout nothing to read: a template is one text, never a file.
const liquid = new Liquid({
  strictVariables: true,
  strictFilters: true,
  ownPropertyOnly: true,
  templates: {},
  parseLimit: 100_000,
  renderLimit: 500,
  memoryLimit: 5_000_000,
});

const KUBEADM_COMMAND =
  'kubeadm join {{ endpoint }} --token {{ token }} --discovery-token-ca-cert-hash {{ ca_cert_hash }} --node-name {{ worker }}';
const K3S_COMMAND =
  "curl -sfL https://get.k3s.io | K3S_URL='{{ endpoint }}' K3S_TOKEN='{{ token }}' sh -s - agent --node-name {{ worker }} --node-label '{{ labels }}'";
const userData = (command: string): string => `#cloud-config
hostname: {{ worker }}
preserve_hostname: false
runcmd:
  - |
    ${command}
`;

/**
 * The templates that a method uses where the configuration has none; `none`: the VM's template joins by itself; `talos`: it
 * joins with the machine configuration that a Talos server gives it.
 */
export const BUILT_IN_TEMPLATES: Readonly<Record<JoinMethod, JoinTemplates>> = {
  kubeadm: { userData: userData(KUBEADM_COMMAND), joinCommand: KUBEADM_COMMAND },
  k3s: { userData: userData(K3S_COMMAND), joinCommand: K3S_COMMAND },
  talos: { userData: '', joinCommand: '' },
  none: { userData: '', joinCommand: '' },
};

/** @returns what is wrong with a join template, or undefined. */
export function validTemplate(template: string): string | undefined {
  try {
    const unknown = liquid.globalVariablesSync(template).filter((name) => !JOIN_VARIABLES.includes(name));
    if (unknown.length > 0)
      return `a Liquid template; unknown variable ${unknown.join(', ')} (there are ${JOIN_VARIABLES.join(', ')})`;
    liquid.parseAndRenderSync(template, SAMPLE);
    return undefined;
  } catch (error) {
    const message = messageOf(error).split('\n')[0] ?? '';
    return `a Liquid template (${message.replaceAll(SAMPLE.token, '…')})`;
  }
}

/**
 * Fills in both templates; pure. The result holds the join token.
 * @throws Error when a template is not valid (see `validTemplate`).
 */
export function renderJoin(templates: JoinTemplates, variables: JoinVariables): JoinTemplates {
  const render = (template: string): string => String(liquid.parseAndRenderSync(template, variables));
  return { userData: render(templates.userData), joinCommand: render(templates.joinCommand) };
}
