import { describe, expect, test } from 'vitest';
import { validateBlocks, validateView } from '../../../../src/sandbox/slack/blocks.ts';
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
const image = (more: object) => ({ type: 'image', alt_text: 'a', image_url: 'https://a.test/a.png', ...more });
const icon = () => ({ type: 'icon_button', icon: 'trash', text: plain('t') });
/** A select with `amount` groups of `options` each. */
const groups = (amount: number, options: number, label = 'g') => ({
  type: 'static_select',
  option_groups: many(amount, () => ({ label: plain(label), options: many(options, (at) => option(at)) })),
});
const modal = (more: object = {}) => ({
  type: 'modal',
  title: plain('t'),
  submit: plain('s'),
  blocks: [input({ type: 'plain_text_input' })],
  ...more,
});

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
  ['context text', 3000, (n) => [{ type: 'context', elements: [mrkdwn(x(n))] }], '/blocks/0/elements/0/text'],
  ['alt_text', 2000, (n) => [image({ alt_text: x(n) })], '/blocks/0/alt_text'],
  ['image_url', 3000, (n) => [image({ image_url: x(n) })], '/blocks/0/image_url'],
  ['image title', 2000, (n) => [image({ title: plain(x(n)) })], '/blocks/0/title/text'],
  ['button url', 3000, (n) => [actions(button({ url: x(n) }))], '/blocks/0/elements/0/url'],
  [
    'button accessibility_label',
    75,
    (n) => [actions(button({ accessibility_label: x(n) }))],
    '/blocks/0/elements/0/accessibility_label',
  ],
  [
    'option description',
    75,
    (n) => [actions(select([option(0, { description: plain(x(n)) })]))],
    '/blocks/0/elements/0/options/0/description/text',
  ],
  ['option groups', 100, (n) => [actions(groups(n, 1))], '/blocks/0/elements/0/option_groups'],
  ['options of a group', 100, (n) => [actions(groups(1, n))], '/blocks/0/elements/0/option_groups/0/options'],
  [
    'an option group label',
    75,
    (n) => [actions(groups(1, 1, x(n)))],
    '/blocks/0/elements/0/option_groups/0/label/text',
  ],
  [
    'options of a multi-select',
    100,
    (n) => [actions({ type: 'multi_static_select', options: many(n, (at) => option(at)) })],
    '/blocks/0/elements/0/options',
  ],
  [
    'confirm button',
    30,
    (n) => [actions(button({ confirm: confirm({ confirm: plain(x(n)) }) }))],
    '/blocks/0/elements/0/confirm/confirm/text',
  ],
  [
    'deny button',
    30,
    (n) => [actions(button({ confirm: confirm({ deny: plain(x(n)) }) }))],
    '/blocks/0/elements/0/confirm/deny/text',
  ],
  [
    'input hint',
    2000,
    (n) => [input({ type: 'plain_text_input' }, { hint: plain(x(n)) })],
    '/blocks/0/hint/text',
    'modal',
  ],
  [
    'initial_value',
    3000,
    (n) => [input({ type: 'plain_text_input', initial_value: x(n) })],
    '/blocks/0/element/initial_value',
    'modal',
  ],
  [
    'max_length',
    3000,
    (n) => [input({ type: 'plain_text_input', max_length: n })],
    '/blocks/0/element/max_length',
    'modal',
  ],
  ['max_files', 10, (n) => [input({ type: 'file_input', max_files: n })], '/blocks/0/element/max_files', 'modal'],
  [
    'column_settings',
    20,
    (n) => [{ ...table(row(1)), column_settings: many(n, () => ({ align: 'right' })) }],
    '/blocks/0/column_settings',
  ],
  ['data_table page_size', 100, (n) => [data([row(1)], { page_size: n })], '/blocks/0/page_size'],
  ['task title', 255, (n) => [{ type: 'task_card', ...task({ title: x(n) }) }], '/blocks/0/title'],
  ['task_id', 255, (n) => [{ type: 'task_card', ...task({ task_id: x(n) }) }], '/blocks/0/task_id'],
  ['plan title', 255, (n) => [{ type: 'plan', title: x(n) }], '/blocks/0/title'],
  ['alert text', 3000, (n) => [{ type: 'alert', text: mrkdwn(x(n)) }], '/blocks/0/text/text'],
  ['card title', 150, (n) => [{ type: 'card', title: mrkdwn(x(n)) }], '/blocks/0/title/text'],
  [
    'card subtitle',
    150,
    (n) => [{ type: 'card', body: mrkdwn('b'), subtitle: mrkdwn(x(n)) }],
    '/blocks/0/subtitle/text',
  ],
  ['cards', 10, (n) => [{ type: 'carousel', elements: many(n, () => ({ body: mrkdwn('b') })) }], '/blocks/0/elements'],
  [
    'container title',
    150,
    (n) => [{ type: 'container', title: plain(x(n)), child_blocks: [divider] }],
    '/blocks/0/title/text',
  ],
  ['context_actions', 5, (n) => [{ type: 'context_actions', elements: many(n, icon) }], '/blocks/0/elements'],
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
    const markup = JSON.stringify(sections(3000, 3000, 3000, 3000, 1)).length - 12_001;
    const most = sections(3000, 3000, 3000, 3000, 1000 - markup);
    expect(JSON.stringify(most)).toHaveLength(13_000);
    expect(validateBlocks(most, 'message')).toEqual([]);
    const tooMuch = sections(3000, 3000, 3000, 3000, 1001 - markup);
    expect(validateBlocks(tooMuch, 'message')).toEqual([
      {
        pointer: '/blocks',
        code: 'failed_constraint',
        message: 'msg_blocks_too_long',
        constraint: { type: 'max_length', expected: ['13000'], got: '13001' },
      },
    ]);
    expect(validateBlocks(tooMuch, 'modal')).toEqual([]);
  });
});

/** What a view limits, the limit, and a view at a given size. */
const viewLimits: [string, number, (size: number) => object, string][] = [
  ['title', 24, (n) => modal({ title: plain(x(n)) }), '/title/text'],
  ['submit', 24, (n) => modal({ submit: plain(x(n)) }), '/submit/text'],
  ['close', 24, (n) => modal({ close: plain(x(n)) }), '/close/text'],
  ['private_metadata', 3000, (n) => modal({ private_metadata: x(n) }), '/private_metadata'],
  ['callback_id', 255, (n) => modal({ callback_id: x(n) }), '/callback_id'],
  ['external_id', 255, (n) => modal({ external_id: x(n) }), '/external_id'],
  [
    'private_metadata of a home',
    3000,
    (n) => ({ type: 'home', blocks: [], private_metadata: x(n) }),
    '/private_metadata',
  ],
  ['blocks', 100, (n) => modal({ blocks: many(n, () => divider) }), '/blocks'],
];
describe('views', () => {
  test.each(viewLimits)('%s: %i is taken, one more is not', (_name, limit, view, pointer) => {
    expect(validateView(view(limit))).toEqual([]);
    expect(validateView(view(limit + 1)).map((problem) => problem.pointer)).toEqual([pointer]);
  });
  test('250 kB are taken, one byte more is not', () => {
    const sized = (bytes: number): object => {
      const of = (last: number) =>
        modal({
          blocks: many(84, (at) => ({ type: 'section', text: mrkdwn(x(at === 0 ? last : 2920)) })),
        });
      return of(1 + bytes - JSON.stringify(of(1)).length);
    };
    expect(JSON.stringify(sized(250_000))).toHaveLength(250_000);
    expect(validateView(sized(250_000))).toEqual([]);
    expect(validateView(sized(250_001))).toMatchObject([
      { message: 'view_too_large', constraint: { type: 'max_bytes', expected: ['250000'], got: '250001' } },
    ]);
  });
  test.each([
    ['without a title', modal({ title: undefined }), '/title'],
    ['with inputs and no submit', modal({ submit: undefined }), '/submit'],
    ['of another type', modal({ type: 'dialog' }), '/type'],
    ['without blocks', modal({ blocks: undefined }), '/blocks'],
    ['with a table', modal({ blocks: [table(row(1))] }), '/blocks/0/type'],
  ])('%s a view is refused', (_name, view, pointer) => {
    expect(validateView(view).map((problem) => problem.pointer)).toEqual([pointer]);
  });
});

describe('what is said', () => {
  test.each([
    [
      'too long',
      [{ type: 'header', text: plain(x(151)) }],
      'failed_constraint',
      'must be less than 151 characters',
      { type: 'max_length', expected: ['150'], got: '151' },
    ],
    [
      'empty',
      [{ type: 'header', text: plain('') }],
      'failed_constraint',
      'must be more than 0 characters',
      { type: 'min_length', expected: ['1'], got: '0' },
    ],
    [
      'too many',
      [{ type: 'section', fields: many(11, () => mrkdwn('f')) }],
      'failed_constraint',
      'no more than 10 items allowed',
      { type: 'max_items', expected: ['10'], got: '11' },
    ],
    ['not there', [{ type: 'header' }], 'missing_required_field', 'missing required field', undefined],
    [
      'another kind',
      [{ type: 'header', text: mrkdwn('h') }],
      'unsupported_type',
      'unsupported type: mrkdwn',
      { type: 'enum', expected: ['plain_text'], got: 'mrkdwn' },
    ],
    [
      'not one of some',
      [actions(button({ style: 'link' }))],
      'failed_constraint',
      'must be one of primary, danger',
      { type: 'enum', expected: ['primary', 'danger'], got: 'link' },
    ],
    [
      'not known',
      [{ ...divider, text: 'x' }],
      'invalid_additional_property',
      'invalid additional property: text',
      { type: 'additional_properties', expected: ['type', 'block_id'], got: 'text' },
    ],
  ])('%s', (_name, blocks, code, message, constraint) => {
    expect(validateBlocks(blocks, 'message')).toMatchObject([{ code, message, ...(constraint ? { constraint } : {}) }]);
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
    [
      'an option that is chosen and not there',
      [actions({ ...select([option(0)]), initial_option: option(1) })],
      '/blocks/0/elements/0/initial_option',
    ],
    [
      'two fields that take the focus',
      many(2, () => input({ type: 'plain_text_input', focus_on_load: true })),
      '/blocks/1/element/focus_on_load',
      'modal',
    ],
    [
      'a time that is none',
      [actions({ type: 'timepicker', initial_time: '24:00' })],
      '/blocks/0/elements/0/initial_time',
    ],
    [
      'a date and time in milliseconds',
      [actions({ type: 'datetimepicker', initial_date_time: 1_700_000_000_000 })],
      '/blocks/0/elements/0/initial_date_time',
    ],
    ['an empty cell', [table(row(1, ''))], '/blocks/0/rows/0/0/text'],
    ['a number cell without number', [table([{ type: 'raw_number', text: '3' }])], '/blocks/0/rows/0/0/value'],
    ['a mrkdwn cell', [table([mrkdwn('c')])], '/blocks/0/rows/0/0/type'],
    ['markdown in a modal', [{ type: 'markdown', text: 'm' }], '/blocks/0/type', 'modal'],
    [
      'a plan in a container',
      [{ type: 'container', title: plain('t'), child_blocks: [{ type: 'plan', title: 'p' }] }],
      '/blocks/0/child_blocks/0/type',
    ],
    [
      'a collapsed container that cannot be collapsed',
      [{ type: 'container', title: plain('t'), child_blocks: [divider], default_collapsed: true }],
      '/blocks/0/default_collapsed',
    ],
    ['an empty card', [{ type: 'card' }], '/blocks/0'],
    [
      'a list in rich text without style',
      [{ type: 'rich_text', elements: [{ type: 'rich_text_list', elements: [] }] }],
      '/blocks/0/elements/0/style',
    ],
    [
      'an unknown element in rich text',
      [{ type: 'rich_text', elements: [{ type: 'rich_text_section', elements: [{ type: 'bold' }] }] }],
      '/blocks/0/elements/0/elements/0/type',
    ],
    ['an image without alt_text', [{ type: 'image', image_url: 'https://a.test/a.png' }], '/blocks/0/alt_text'],
  ];
  test.each(wrong)('%s is refused', (_name, blocks, pointer, surface = 'message') => {
    expect(validateBlocks(blocks, surface).map((problem) => problem.pointer)).toEqual([pointer]);
  });
  test('blocks that are no list are refused', () => {
    expect(validateBlocks({ type: 'divider' }, 'message')).toHaveLength(1);
  });
});
