import { readFileSync, readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { handsOverJoin, parseProfile, readMachineProfile, readProfile } from '../../../src/vm/index.ts';
import { builtInProfile } from '../../contract/vm-setup.ts';

const call = { tool: 'some_tool' };
const steps = { list: [call], clone: [call], start: [call], stop: [call], delete: [call], task: [call] };

describe('a wrong profile is refused with the path of what is wrong', () => {
  it.each<[string, unknown, RegExp]>([
    ['not an object', 'steps', /\(top\): /],
    ['no steps', {}, /steps: /],
    ['a missing step', { steps: { ...steps, delete: undefined } }, /steps\.delete: /],
    ['a step without a call', { steps: { ...steps, clone: [] } }, /steps\.clone: /],
    ['a call without a tool', { steps: { ...steps, start: [{ args: {} }] } }, /steps\.start\.0\.tool: /],
    ['an unknown key in a call', { steps: { ...steps, stop: [{ ...call, retries: 3 }] } }, /steps\.stop\.0: .*retries/],
    ['an unknown step', { steps: { ...steps, reboot: [call] } }, /steps: .*reboot/],
    ['an unknown key at the top', { steps, colour: 'red' }, /\(top\): .*colour/],
    [
      'a broken condition',
      { steps: { ...steps, list: [{ ...call, ok: 'a = = b' }] } },
      /steps\.list\.0\.ok: .*JSONata/,
    ],
    [
      'a broken argument',
      { steps: { ...steps, list: [{ ...call, args: { node: '=settings.(' } }] } },
      /steps\.list\.0\.args\.node: .*JSONata/,
    ],
    ['a broken failure rule', { fail: '((', steps }, /fail: .*JSONata/],
    ['a broken pattern', { errors: [{ match: '(', class: 'busy' }], steps }, /errors\.0\.match: .*regular expression/],
    ['an unknown error class', { errors: [{ match: 'x', class: 'odd' }], steps }, /errors\.0\.class: /],
    ['a list to complete without a way', { completeList: true, steps }, /completeList: needs steps\.find/],
    ['limits that are no list', { limits: 'none', steps }, /limits: /],
  ])('%s', (_title, data, expected) => {
    expect(() => parseProfile(data, 'mine.yaml')).toThrow(expected);
    expect(() => parseProfile(data, 'mine.yaml')).toThrow(/mine\.yaml/);
  });

  it('a file that is no YAML, or cannot be read', () => {
    expect(() => readProfile('mine.yaml', () => 'steps: [')).toThrow(/mine\.yaml cannot be read/);
    const unreadable = () => {
      throw new Error('ENOENT: no such file');
    };
    expect(() => readProfile('mine.yaml', unreadable)).toThrow(/mine\.yaml cannot be read: ENOENT/);
  });
});

describe('a file', () => {
  it('is told every wrong line at once, and what was expected there', () => {
    const yaml = [
      'colour: red',
      'completeList: true',
      'steps:',
      '  list: [{ tool: a }]',
      '  clone:',
      '    - tool: c',
      '      args: { deep: { list: [1, "=(("] } }',
      '  start: [{ tool: a, ok: "a = = b" }]',
      '  stop: [{ tool: a, from: middle }]',
      '  delete: []',
      '  task:',
      '    - tool: t',
      '    - args: {}',
    ].join('\n');
    const failure = (() => {
      try {
        return readProfile('mine.yaml', () => yaml) && '';
      } catch (error) {
        return String(error);
      }
    })();
    for (const expected of [
      /\(top\): .*colour/,
      /line 2: completeList: needs steps\.find/,
      /line 7: steps\.clone\.0\.args\.deep\.list\.1: .*JSONata/,
      /line 8: steps\.start\.0\.ok: .*JSONata/,
      /line 9: steps\.stop\.0\.from: /,
      /line 10: steps\.delete: /,
      /line 13: steps\.task\.1\.tool: /,
    ])
      expect(failure).toMatch(expected);
  });

  it('that is broken YAML is told where', () => {
    expect(() => readProfile('mine.yaml', () => 'kind: vm\nkind: vm\n  x: ]')).toThrow(
      /cannot be read: line 2: .*line 3: /,
    );
  });

  it('for a server that makes no VMs is refused as one that does, with the reason', () => {
    expect(() => readProfile('m.yaml', () => 'kind: machine\nsteps: {}')).toThrow(/line 1: kind: .*cannot make VMs/);
    expect(() => readMachineProfile('m.yaml', () => 'kind: machine\nsteps: {}')).toThrow(/line 2: steps\.apply: /);
  });
});

it('every built-in profile is valid, and nothing that it deletes with goes unconfirmed', () => {
  const folder = new URL('../../../config/providers/', import.meta.url);
  const names = readdirSync(folder).map((file) => file.replace(/\.yaml$/, ''));
  const wanted = ['example', 'mcp-proxmox', 'proxmox-mcp-plus', 'ry-ops-proxmox'];
  expect(names).toEqual(expect.arrayContaining(wanted));
  for (const name of names) {
    const read = () => readFileSync(new URL(`${name}.yaml`, folder), 'utf8');
    if (/^kind: machine$/m.test(read())) expect(readMachineProfile(name, read).steps.reset).not.toHaveLength(0);
    else expect(builtInProfile(name).steps.delete).toHaveLength(1);
  }
  expect(builtInProfile('mcp-proxmox').steps.delete[0]?.args['confirm']).toBe(true);
});

describe('whether a profile hands over what a VM joins with', () => {
  const cloning = (value: unknown) =>
    parseProfile({ steps: { ...steps, configure: [{ ...call, args: { value } }] } }, 'test');
  it.each<[unknown, boolean]>([
    ['=join.token', true],
    ['="base64," & $base64(join.userData)', true],
    ['=join . joinCommand', true],
    ['=$join(tags, ";")', false],
    ['=$join(tags, ";").x & settings.join.y', false],
    ['join.token', false],
  ])('%j: %s', (value, hands) => {
    expect(handsOverJoin(cloning(value))).toBe(hands);
  });
  it.each([
    ['ry-ops-proxmox', true],
    ['mcp-proxmox', false],
    ['proxmox-mcp-plus', false],
  ])('%s: %s', (name, hands) => {
    expect(handsOverJoin(builtInProfile(name))).toBe(hands);
  });
});
