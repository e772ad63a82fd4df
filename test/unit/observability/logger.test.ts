import { describe, expect, it } from 'vitest';
import { createLogger, createRedactor } from '../../../src/observability/index.ts';

function capture(level: 'debug' | 'info' | 'warn' = 'info', secrets: readonly string[] = []) {
  const lines: string[] = [];
  const logger = createLogger({ level, secrets, destination: { write: (line) => void lines.push(line) } });
  return { logger, lines, records: () => lines.map((line) => JSON.parse(line) as Record<string, unknown>) };
}

const SECRETS = [
  ['bot token', 'xoxb-1234-abcd-XYZ'],
  ['rotated token', 'xoxe.xoxb-1-Mi0yLTEyMzQ'],
  ['app token', 'xapp-1-A0-99-abcdef'],
  ['bearer', 'Bearer abc.def-ghi'],
  ['basic', 'Basic dXNlcjpwYXNz'],
  ['bootstrap token', 'abcdef.0123456789abcdef'],
  ['JWT', 'eyJhbGciOi.eyJzdWIi.sig_nature'],
  ['k3s token', `K10${'a'.repeat(64)}::server:hush`],
  ['Proxmox token', 'PVEAPIToken=root@pam!a=1234-5678'],
  ['URL password', 'https://user:hunter22@host/'],
  ['kubeadm argument', '--token something-odd'],
  ['k3s variable', "K3S_TOKEN='something odd'"],
] as const;
const leak = (secret: string): string =>
  secret.replace(/^(Bearer |Basic |PVEAPIToken=|https:\/\/user:|--token |K3S_TOKEN=')/, '').replace(/@host\/$|'$/g, '');

describe('the logger', () => {
  it('writes JSON lines with level, time, message and fields', () => {
    const { logger, records } = capture();
    logger
      .child({ cluster: 'main', operationId: 'op1' })
      .info({ workerName: 'w', runId: 'r', step: 'clone' }, 'step done');
    const [record] = records();
    expect(record).toMatchObject({
      level: 'info',
      msg: 'step done',
      cluster: 'main',
      operationId: 'op1',
      workerName: 'w',
      runId: 'r',
      step: 'clone',
    });
    expect(record?.['time']).toMatch(/^\d{4}-\d\d-\d\dT.*Z$/);
  });

  it('writes nothing below its level', () => {
    const { logger, lines } = capture('warn');
    logger.info({}, 'quiet');
    logger.debug({}, 'quiet');
    logger.warn({}, 'loud');
    expect(lines).toHaveLength(1);
  });

  it.each(SECRETS)('hides a %s wherever it is', (_name, secret) => {
    const { logger, lines } = capture();
    const error = Object.assign(new Error(`failed with ${secret}`, { cause: new Error(`because of ${secret}`) }), {
      detail: { deep: [`x ${secret} y`] },
    });
    logger
      .child({ note: `from ${secret}` })
      .error(
        { err: error, text: `a ${secret} b`, list: [secret], [`key ${secret}`]: 1, map: new Map([['k', secret]]) },
        `message ${secret}`,
      );
    expect(lines).toHaveLength(1);
    expect(lines.join('')).not.toContain(leak(secret));
    expect(lines.join('')).toContain('[hidden]');
    expect(lines.join('')).toContain('because of');
  });

  it.each([
    'token',
    'botToken',
    'bearer_token',
    'signingSecret',
    'password',
    'Authorization',
    'set-cookie',
    'userData',
    'joinCommand',
    'api-key',
  ])('hides what is named %s', (name) => {
    const { logger, lines } = capture();
    logger.info({ [name]: 'plainvalue', headers: { [name]: ['plainvalue'] } }, 'message');
    expect(lines.join('')).not.toContain('plainvalue');
  });

  it('keeps harmless fields whose names hold such a word', () => {
    const { logger, records } = capture();
    logger.info({ bootstrapTokenId: 'abcdef', token_ttl_minutes: 60, hasToken: true, secretName: 'n' }, 'message');
    expect(records()[0]).toMatchObject({
      bootstrapTokenId: 'abcdef',
      token_ttl_minutes: 60,
      hasToken: true,
      secretName: 'n',
    });
  });

  it('hides values that it was told of', () => {
    const { logger, lines } = capture('info', ['0123456789abcdef0123456789abcdef', 'short']);
    logger.info({ body: 'v0=0123456789abcdef0123456789abcdef, short' }, 'message');
    expect(lines.join('')).not.toContain('0123456789abcdef');
    expect(lines.join('')).toContain('short');
  });

  it('survives cycles, depth, size and odd values', () => {
    const { logger, records } = capture();
    const cycle: Record<string, unknown> = { big: 10n, fn: () => 1, bytes: new Uint8Array(3), date: new Date(NaN) };
    cycle['self'] = cycle;
    let deep: unknown = 1;
    for (let level = 0; level < 50; level += 1) deep = { deep };
    logger.info({ cycle, deep, long: 'x'.repeat(100_000), many: Array.from({ length: 9999 }, () => 1) }, 'message');
    const [record] = records();
    expect(record?.['cycle']).toEqual({ big: '10', bytes: '[3 bytes]', date: 'invalid date', self: '[cycle]' });
    expect(JSON.stringify(record).length).toBeLessThan(12_000);
  });
});

describe('the redactor', () => {
  it('leaves ordinary text alone', () => {
    const text = 'burst-medium-abc23 joined 10.0.0.1:6443 at 2026-01-01T00:00:00.000Z (v1.34.2, sha256:00ff)';
    expect(createRedactor().text(text)).toBe(text);
  });
});
