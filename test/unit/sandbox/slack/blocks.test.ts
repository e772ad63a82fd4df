import { describe, expect, test } from 'vitest';
import { validateBlocks } from '../../../../src/sandbox/slack/blocks.ts';
import type { Surface } from '../../../../src/sandbox/slack/blocks.ts';

const x = (amount: number): string => 'x'.repeat(amount);
const many = <T>(amount: number, make: (at: number) => T): T[] => Array.from({ length: amount }, (_, at) => make(at));
const plain = (text: string) => ({ type: 'plain_text', text });
const mrkdwn = (text: string) => ({ type: 'mrkdwn', text });
const actions = (...elements: object[]) => ({ type: 'actions', elements });
const input = (element: object, more: object = {}) => ({ type: 'input', label: plain('l'), element, ...more });
const button = (more: object = {}) => ({ type: 'button', text: plain('b'), ...more });
const option = (at: number, more: object = {}) => ({ text: plain(`o${at}`), value: `v${at}`, ...more });
const select = (options: object[]) => ({ type: 'static_select', options });
const confirm = (more: object) => ({ title: plain('t'), text: plain('t'), ...more });
const row = (amount: number, text = 'c') => many(amount, () => ({ type: 'raw_text', text }));
const table = (...rows: object[]) => ({ type: 'table', rows });
const data = (rows: object[], more: object = {}) => ({ type: 'data_table', caption: 'c', rows, ...more });
const task = (more: object = {}) => ({ task_id: 'i', title: 't', status: 'pending', ...more });
const divider = { type: 'divider' };

/** What is limited, the limit, a surface's blocks at a given size, and where Slack points when it is one too many. */
type Limit = [string, number, (size: number) => object[], string, Surface?];
const limits: Limit[] = [
  ['blocks of a message', 50, (n) => many(n, () => divider), '/blocks'],
  ['blocks of a modal', 100, (n) => many(n, () => divider), '/blocks', 'modal'],
  ['blocks of an App Home', 100, (n) => many(n, () => divider), '/blocks', 'home'],
  ['section text', 3000, (n) => [{ type: 'section', text: mrkdwn(x(n)) }], '/blocks/0/text/text'],
  ['section fields', 10, (n) => [{ type: 'section', fields: many(n, () => mrkdwn('f')) }], '/blocks/0/fields'],
  ['a field', 2000, (n) => [{ type: 'section', fields: [mrkdwn(x(n))] }], '/blocks/0/fields/0/text'],
  ['header', 150, (n) => [{ type: 'header', text: plain(x(n)) }], '/blocks/0/text/text'],
  ['actions elements', 25, (n) => [actions(...many(n, () => button()))], '/blocks/0/elements'],
  ['context elements', 10, (n) => [{ type: 'context', elements: many(n, () => plain('c')) }], '/blocks/0/elements'],
  ['button text', 75, (n) => [actions(button({ text: plain(x(n)) }))], '/blocks/0/elements/0/text/text'],
  ['button value', 2000, (n) => [actions(button({ value: x(n) }))], '/blocks/0/elements/0/value'],
  ['options', 100, (n) => [actions(select(many(n, (at) => option(at))))], '/blocks/0/elements/0/options'],
  ['option value', 75, (n) => [actions(select([option(0, { value: x(n) })]))], '/blocks/0/elements/0/options/0/value'],
  [
    'option text',
    75,
    (n) => [actions(select([option(0, { text: plain(x(n)) })]))],
    '/blocks/0/elements/0/options/0/text/text',
  ],
  [
    'radio options',
    10,
    (n) => [input({ type: 'radio_buttons', options: many(n, (at) => option(at)) })],
    '/blocks/0/element/options',
    'modal',
  ],
  [
    'checkbox options',
    10,
    (n) => [input({ type: 'checkboxes', options: many(n, (at) => option(at)) })],
    '/blocks/0/element/options',
    'modal',
  ],
  [
    'overflow options',
    5,
    (n) => [actions({ type: 'overflow', options: many(n, (at) => option(at)) })],
    '/blocks/0/elements/0/options',
  ],
  ['block_id', 255, (n) => [{ type: 'divider', block_id: x(n) }], '/blocks/0/block_id'],
  ['action_id', 255, (n) => [actions(button({ action_id: x(n) }))], '/blocks/0/elements/0/action_id'],
  [
    'input label',
    2000,
    (n) => [input({ type: 'plain_text_input' }, { label: plain(x(n)) })],
    '/blocks/0/label/text',
    'modal',
  ],
  [
    'placeholder',
    150,
    (n) => [input({ type: 'plain_text_input', placeholder: plain(x(n)) })],
    '/blocks/0/element/placeholder/text',
    'modal',
  ],
  [
    'confirm title',
    100,
    (n) => [actions(button({ confirm: confirm({ title: plain(x(n)) }) }))],
    '/blocks/0/elements/0/confirm/title/text',
  ],
  [
    'confirm text',
    300,
    (n) => [actions(button({ confirm: confirm({ text: plain(x(n)) }) }))],
    '/blocks/0/elements/0/confirm/text/text',
  ],
  ['markdown', 12_000, (n) => [{ type: 'markdown', text: x(n) }], '/blocks/0/text'],
  ['table rows', 100, (n) => [table(...many(n, () => row(1)))], '/blocks/0/rows'],
  ['table columns', 20, (n) => [table(row(n))], '/blocks/0/rows/0'],
  ['table characters', 10_000, (n) => [table(row(1, x(n - 5000)), row(1, x(5000)))], '/blocks/0/rows'],
  ['tables of a message', 1, (n) => many(n, () => table(row(1))), '/blocks/1'],
  ['data_table rows', 100, (n) => [data(many(n, () => row(1)))], '/blocks/0/rows'],
  ['data_table characters', 20_000, (n) => [data([row(1, x(n - 9000)), row(1, x(9000))])], '/blocks/0/rows'],
  ['plan tasks', 50, (n) => [{ type: 'plan', title: 'p', tasks: many(n, () => task()) }], '/blocks/0/tasks'],
  ['card body', 200, (n) => [{ type: 'card', body: mrkdwn(x(n)) }], '/blocks/0/body/text'],
  [
    'container blocks',
    10,
    (n) => [{ type: 'container', title: plain('t'), child_blocks: many(n, () => divider) }],
    '/blocks/0/child_blocks',
  ],
];

describe('limits', () => {
  test.each(limits)('%s: %i is taken, one more is not', (_name, limit, blocks, pointer, surface = 'message') => {
    expect(validateBlocks(blocks(limit), surface)).toEqual([]);
    expect(validateBlocks(blocks(limit + 1), surface).map((problem) => problem.pointer)).toContain(pointer);
  });
  test('a message takes about 13,000 characters of blocks, tables apart', () => {
    const sections = (...sizes: number[]) => sizes.map((size) => ({ type: 'section', text: mrkdwn(x(size)) }));
    expect(validateBlocks(sections(3000, 3000, 3000, 3000), 'message')).toEqual([]);
    expect(validateBlocks([...sections(3000, 3000), table(row(1, x(9000)))], 'message')).toEqual([]);
    const tooMuch = sections(3000, 3000, 3000, 3000, 1000);
    expect(validateBlocks(tooMuch, 'message')).toEqual([{ pointer: '/blocks', message: 'msg_blocks_too_long' }]);
    expect(validateBlocks(tooMuch, 'modal')).toEqual([]);
  });
});

describe('shapes', () => {
  const wrong: [string, object[], string, Surface?][] = [
    ['an unknown block', [{ type: 'sektion' }], '/blocks/0/type'],
    ['a section with nothing', [{ type: 'section' }], '/blocks/0'],
    ['empty text', [{ type: 'section', text: plain('') }], '/blocks/0/text/text'],
    ['mrkdwn in a header', [{ type: 'header', text: mrkdwn('h') }], '/blocks/0/text/type'],
    ['mrkdwn on a button', [actions(button({ text: mrkdwn('b') }))], '/blocks/0/elements/0/text/type'],
    ['an unknown style', [actions(button({ style: 'link' }))], '/blocks/0/elements/0/style'],
    ['no elements', [actions()], '/blocks/0/elements'],
    ['an input among actions', [actions({ type: 'plain_text_input' })], '/blocks/0/elements/0/type'],
    ['a select without options', [actions(select([]))], '/blocks/0/elements/0/options'],
    [
      'the same action twice',
      [actions(button({ action_id: 'a' }), button({ action_id: 'a' }))],
      '/blocks/0/elements/1/action_id',
    ],
    ['the same block_id twice', many(2, () => ({ type: 'divider', block_id: 'a' })), '/blocks/1/block_id'],
    [
      'a date that is none',
      [actions({ type: 'datepicker', initial_date: '1.2.2026' })],
      '/blocks/0/elements/0/initial_date',
    ],
    ['a number input without kind', [input({ type: 'number_input' })], '/blocks/0/element/is_decimal_allowed', 'modal'],
    ['a table in a modal', [table(row(1))], '/blocks/0/type', 'modal'],
    ['a data_table without caption', [data([row(1)], { caption: undefined })], '/blocks/0/caption'],
    ['a plan on the App Home', [{ type: 'plan', title: 'p' }], '/blocks/0/type', 'home'],
    ['a task in an unknown status', [{ type: 'task_card', ...task({ status: 'done' }) }], '/blocks/0/status'],
    ['an alert of an unknown level', [{ type: 'alert', text: plain('a'), level: 'red' }], '/blocks/0/level'],
    ['an image without alt_text', [{ type: 'image', image_url: 'https://a.test/a.png' }], '/blocks/0/alt_text'],
  ];
  test.each(wrong)('%s is refused', (_name, blocks, pointer, surface = 'message') => {
    expect(validateBlocks(blocks, surface).map((problem) => problem.pointer)).toEqual([pointer]);
  });
  test('blocks that are no list are refused', () => {
    expect(validateBlocks({ type: 'divider' }, 'message')).toHaveLength(1);
  });
});
