/**
 * Who may import whom. Folders under src form layers: what decides (domain, engine, operations, reaper) knows the
 * outside world only as ports; what talks to the outside world (adapters) knows no other adapter.
 */

/** Folder of src -> folders of src it may import, besides itself, and why. */
const LAYERS = {
  domain: [[], 'Decisions are pure: they depend on nothing, so that a table can test them.'],
  ports: [['domain'], 'A port speaks of the domain and of nothing that implements it.'],
  engine: [['domain', 'ports'], 'The engine carries out steps; it does not know which there are.'],
  operations: [
    ['domain', 'ports', 'engine'],
    'Steps reach the outside world through ports, so that a simulation can stand there.',
  ],
  reaper: [
    ['domain', 'ports', 'engine', 'operations'],
    'The reaper submits operations; it does none of their work itself.',
  ],
  notifications: [
    ['domain', 'ports'],
    "What is said is decided from facts; how it is delivered is the Slack folder's matter.",
  ],
  slack: [['domain', 'ports', 'operations', 'notifications'], 'Slack changes the world only through Operations.'],
  kubernetes: [['domain', 'ports'], 'An adapter knows its port and its library, never another adapter.'],
  vm: [['domain', 'ports'], 'An adapter knows its port and its library, never another adapter.'],
  store: [['domain', 'ports'], 'An adapter knows its port and its library, never another adapter.'],
  config: [['domain', 'ports'], 'Configuration becomes policies of the domain; it knows no one who uses them.'],
  observability: [['domain', 'ports'], 'Logs, metrics and health are told what happened; they ask no one.'],
  mcp: [['domain', 'ports', 'operations'], 'Like Slack, another door to Operations.'],
  sandbox: [[], 'Simulators stand at the network: what they simulate must not lean on the code under test.'],
};

/** Library -> where it may be imported, and why there. zod is for every boundary and is not listed. */
const LIBRARIES = [
  ['@kubernetes/client-node', ['src/kubernetes'], 'the Kubernetes adapter hides it behind the Cluster port'],
  [
    '@modelcontextprotocol/sdk',
    ['src/vm', 'src/mcp', 'src/sandbox/proxmox'],
    "MCP is spoken by the VM provider, and served by the simulator and Burst's own server",
  ],
  ['(kysely|better-sqlite3)', ['src/store'], 'SQL stays behind the Store port'],
  ['@slack/', ['src/slack'], "Slack's client and types stay in the Slack folder; the simulator must not share them"],
  ['(@resvg|dejavu-fonts-ttf)', ['src/slack'], 'pictures are drawn where they are uploaded'],
  ['undici', ['src/slack'], "it is the peer of Slack's socket client"],
  ['(express|ws)', ['src/sandbox'], 'only the simulators serve HTTP and sockets with these'],
  [
    'yaml',
    ['src/config', 'src/vm', 'src/sandbox'],
    "configuration, server profiles and the simulator's kubeconfig are the YAML there is",
  ],
  ['re2js', ['src/config'], 'patterns are compiled once, where they are checked; others get Matchers'],
  [
    'fastest-levenshtein',
    ['src/config', 'src/operations', 'src/slack'],
    '"did you mean" is for words that people typed',
  ],
  ['liquidjs', ['src/config', 'src/vm'], 'templates are part of the configuration and of server profiles'],
  ['(jsonata|p-queue)', ['src/vm'], 'profiles read replies with JSONata; the calls to one server form a queue'],
  ['node-cron', ['src/reaper'], "the reaper's schedule is the only cron"],
  ['(pino|prom-client)', ['src/observability'], 'others log and count through its interfaces'],
  ['commander', ['src/main\\.ts', 'src/main/'], 'the command line is read at the entry'],
  ['(react|react-dom)', ['src/sandbox/page'], "only the sandbox's page is drawn with it"],
];

const within = (folders) => `^(${folders.join('|')})`;

module.exports = {
  forbidden: [
    {
      name: 'no-circular',
      comment: 'A cycle has no order in which it can be understood, tested or loaded.',
      severity: 'error',
      from: {},
      to: { circular: true },
    },
    {
      name: 'no-orphans',
      comment: 'A module that nothing imports and that imports nothing is left over, or was never wired.',
      severity: 'error',
      from: { orphan: true, pathNot: '(^test/|\\.d\\.ts$|(^|/)tsconfig\\.json$)' },
      to: {},
    },
    {
      name: 'not-to-unresolvable',
      comment: 'An import that cannot be resolved fails at start.',
      severity: 'error',
      from: {},
      to: { couldNotResolve: true },
    },
    {
      name: 'no-undeclared-package',
      comment: 'A package that package.json does not name is there by accident and may be gone tomorrow.',
      severity: 'error',
      from: {},
      to: { dependencyTypes: ['npm-no-pkg', 'npm-unknown'] },
    },
    {
      name: 'no-dev-package-in-production',
      comment: 'Development packages are not installed in production; the page is bundled before.',
      severity: 'error',
      from: { path: '^src/', pathNot: '^src/sandbox/page/' },
      to: { dependencyTypes: ['npm-dev'], dependencyTypesNot: ['type-only'] },
    },
    {
      name: 'src-not-to-test',
      comment: 'What ships does not depend on what tests or measures it.',
      severity: 'error',
      from: { path: '^src/' },
      to: { path: '^(test|bench)/' },
    },
    {
      name: 'domain-without-libraries',
      comment: 'Decisions and ports are plain TypeScript: no library, no Node module can make them impure.',
      severity: 'error',
      from: { path: '^src/(domain|ports)/' },
      to: { dependencyTypes: ['npm', 'npm-dev', 'core'], pathNot: '(^|/)zod(/|$)' },
    },
    {
      name: 'app-is-the-only-composition',
      comment: 'app.ts wires everything; only the entry and the command line may start it.',
      severity: 'error',
      from: { path: '^src/[^/]+/', pathNot: '^src/main/' },
      to: { path: '^src/[^/]+\\.ts$' },
    },
    {
      name: 'main-through-app',
      comment: 'The command line starts the app or the sandbox; it reaches no adapter past them.',
      severity: 'error',
      from: { path: '^src/main(\\.ts$|/)' },
      to: {
        path: '^src/(kubernetes|vm|store|slack|engine|operations|reaper|notifications|mcp)/',
        // a program of its own, which only passes messages on
        pathNot: '^src/mcp/bridge\\.ts$',
      },
    },
    ...Object.entries(LAYERS).map(([folder, [allowed, why]]) => ({
      name: `${folder}-imports`,
      comment: why,
      severity: 'error',
      from: { path: `^src/${folder}/` },
      to: { path: '^src/', pathNot: `^src/(${[folder, ...allowed].join('|')})/` },
    })),
    ...LIBRARIES.map(([library, folders, why]) => ({
      name: `library-${library.replace(/[^a-z0-9]+/gi, '-').replace(/^-|-$/g, '')}`,
      comment: `In one place: ${why}.`,
      severity: 'error',
      from: { path: '^src/', pathNot: within(folders) },
      to: { path: `(^|/)node_modules/(@types/)?${library}${library.endsWith('/') ? '' : '(/|$)'}` },
    })),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: 'tsconfig.json' },
    enhancedResolveOptions: {
      exportsFields: ['exports'],
      conditionNames: ['import', 'node', 'default', 'types'],
      extensions: ['.ts', '.tsx', '.js', '.json'],
    },
  },
};
