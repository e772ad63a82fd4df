/** What Burst makes of talos-mcp-server's answers, as version 0.4.1 gives them. */
import { readFileSync } from 'node:fs';
import type { CallToolResult } from '@modelcontextprotocol/sdk/types.js';
import { afterEach, describe, expect, it } from 'vitest';
import type { MachineServer } from '../../../src/ports/machine-server.ts';
import { createMachineServer, readMachineProfile } from '../../../src/vm/index.ts';
import { realClock } from '../../contract/cluster-setup.ts';
import { quietLog } from '../../contract/vm-setup.ts';
import { startTestServer, type Answer } from './server.ts';

const endings: (() => Promise<void>)[] = [];
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end();
});
const MACHINE = { address: '10.0.0.9', name: 'burst-small-abcde', size: 'small' };
const answered = (outcome: 'accepted' | 'complete', stdout: string): CallToolResult => {
  const content: CallToolResult['content'] = [{ type: 'text', text: `\`\`\`\n${stdout}\n\`\`\`` }];
  const structuredContent = { code: 'OK', outcome, exit_code: 0, complete: true, truncated: false, content };
  return { content, structuredContent, isError: false };
};
const failed = (code: string, outcome = 'failed'): CallToolResult => {
  const structuredContent = {
    code,
    outcome,
    exit_code: outcome === 'unknown' ? 1 : null,
    complete: false,
    truncated: false,
    stderr_excerpt: '',
  };
  return { content: [{ type: 'text', text: JSON.stringify(structuredContent) }], structuredContent, isError: true };
};
const status = (created: string): CallToolResult =>
  answered('complete', JSON.stringify({ metadata: { created, id: 'machine' }, spec: { stage: 'running' } }, null, 4));

async function before(
  answers: Readonly<Record<string, Answer>>,
  settings: Readonly<Record<string, unknown>> = { file: 'worker.yaml' },
): Promise<{
  machines: MachineServer;
  calls: Awaited<ReturnType<typeof startTestServer>>['calls'];
  down: () => Promise<void>;
}> {
  const server = await startTestServer({
    talos_get: () => status('2026-01-01T00:00:00Z'),
    talos_apply_config: () => answered('accepted', ''),
    talos_reset: () => answered('accepted', ''),
    ...answers,
  });
  const machines = createMachineServer({
    name: 'talos',
    profile: readMachineProfile('talos-mcp-server', () =>
      readFileSync(new URL('../../../config/providers/talos-mcp-server.yaml', import.meta.url), 'utf8'),
    ),
    connection: { kind: 'http', url: server.url, headers: {} },
    settings,
    clock: realClock,
    callTimeoutMs: 1000,
    maxReplyBytes: 65_536,
    maxCallsAtOnce: 4,
    log: quietLog,
  });
  endings.push(
    () => server.down().catch(() => undefined),
    () => machines.close(),
  );
  return { machines, calls: server.calls, down: () => server.down() };
}

describe('a machine', () => {
  it.each([
    ['runs', status('2026-01-01T00:00:00Z'), { state: 'up', boot: '2026-01-01T00:00:00Z' }],
    ['does not know the certificates any more', failed('TLS_ERROR'), { state: 'reset' }],
    ['cannot be reached', failed('CONNECTION_ERROR'), { state: 'away' }],
    ['fails', failed('COMMAND_FAILED'), { state: 'away' }],
    ['is slow', failed('TIMEOUT'), { state: 'away' }],
  ])('%s', async (_, answer, expected) => {
    const { machines, calls } = await before({ talos_get: () => answer });
    expect(await machines.look(MACHINE)).toEqual(expected);
    expect(calls[0]?.args).toEqual({ nodes: '10.0.0.9', resource: 'runtime/machinestatus', output: 'json' });
  });

  it.each([
    ['prose', answered('complete', 'all is well'), 'unavailable'],
    ['a refusal', failed('CONFIG_REQUIRED'), 'denied'],
    ['another version', failed('UNSUPPORTED_VERSION'), 'provider_failed'],
  ])('of which the server says %s is not known', async (_, answer, code) => {
    const { machines } = await before({ talos_get: () => answer });
    await expect(machines.look(MACHINE)).rejects.toMatchObject({ code });
  });
});

describe.each(['apply', 'reset'] as const)('%s', (what) => {
  const tool = what === 'apply' ? 'talos_apply_config' : 'talos_reset';
  it.each([
    [failed('OUTCOME_UNKNOWN', 'unknown'), 'unknown_outcome'],
    [failed('OUTPUT_LIMIT', 'unknown'), 'unknown_outcome'],
    [failed('CONNECTION_ERROR'), 'busy'],
    [failed('TLS_ERROR'), 'busy'],
    [failed('TIMEOUT'), 'busy'],
    [failed('CONFIG_REQUIRED'), 'denied'],
    [failed('TOOL_NOT_ENABLED'), 'denied'],
    [failed('INVALID_ARGUMENT'), 'provider_failed'],
    [answered('complete', 'done'), 'unknown_outcome'],
    ['All fine, the machine is well!', 'unknown_outcome'],
  ] as const)('%j is %s', async (answer, code) => {
    const { machines } = await before({ [tool]: () => answer });
    await expect(machines[what](MACHINE)).rejects.toMatchObject({ code });
  });

  it('that is not answered may have happened; a server that is away was asked for nothing', async () => {
    const { machines, down } = await before({ [tool]: () => new Promise<never>(() => undefined) });
    await expect(machines[what](MACHINE)).rejects.toMatchObject({ code: 'unknown_outcome' });
    await machines.close();
    await down();
    const { machines: other, down: off } = await before({});
    await off();
    await expect(other[what](MACHINE)).rejects.toMatchObject({ code: 'unavailable' });
  });
});

it('asks with a file by size, and wipes what holds secrets', async () => {
  const { machines, calls } = await before({}, { file: 'worker.yaml', files: { large: 'large.yaml' } });
  await machines.apply(MACHINE);
  await machines.apply({ ...MACHINE, size: 'large' });
  await machines.reset(MACHINE);
  expect(calls.map(({ args }) => args)).toEqual([
    { node: '10.0.0.9', file: 'worker.yaml', mode: 'auto' },
    { node: '10.0.0.9', file: 'large.yaml', mode: 'auto' },
    { node: '10.0.0.9', wipe_labels: ['STATE', 'EPHEMERAL'] },
  ]);
});

it('a server without a tool is unfit, and says which', async () => {
  const { machines } = await before({});
  expect(await machines.health()).toMatchObject({
    ok: false,
    text: expect.stringContaining('does not know') as string,
  });
});
