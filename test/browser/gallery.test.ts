/** Everything that an app can put on a surface, as the page shows it and sends it back; by keyboard and for screen readers too. */
import { readFile } from 'node:fs/promises';
import { crc32, deflateSync } from 'node:zlib';
import { describe, expect, it } from 'vitest';
import { burst } from '../contract/slack-simulator/support.ts';
import type { Json } from '../contract/slack-simulator/support.ts';
import { startGallery } from './support/gallery.ts';
import { openPage, violations, withBrowser } from './support/page.ts';

const browser = withBrowser();
const plain = (text: string) => ({ type: 'plain_text', text });
const mrkdwn = (text: string) => ({ type: 'mrkdwn', text });
const option = (value: string, more: Json = {}) => ({ text: plain(value), value: value.toLowerCase(), ...more });
const options = (...values: string[]) => values.map((value) => option(value));
const section = (text: string, accessory?: Json) => ({
  type: 'section',
  text: mrkdwn(text),
  ...(accessory ? { accessory } : {}),
});
const rich = (...elements: Json[]) => ({ type: 'rich_text', elements: [{ type: 'rich_text_section', elements }] });
const cell = (text: string) => ({ type: 'raw_text', text });
const number = (value: number) => ({ type: 'raw_number', value, text: String(value) });

const texts = [
  { type: 'header', text: plain('Everything a message can say') },
  section('*Bold*, _italic_, ~struck~, `code`, <https://example.com|a link>, <@U0ADMIN0001> in <#C0GENERAL01>'),
  { type: 'section', fields: [mrkdwn('*Size*\nmedium'), mrkdwn('*Owner*\n<@U0OPERATOR1>'), plain('plain')] },
  section('> quoted\n• one\n• two\n```three\nfour```'),
  { type: 'divider' },
  {
    type: 'rich_text',
    elements: [
      {
        type: 'rich_text_section',
        elements: [
          { type: 'text', text: 'Rich ' },
          { type: 'text', text: 'text', style: { bold: true } },
        ],
      },
      { type: 'rich_text_list', style: 'ordered', elements: [rich({ type: 'text', text: 'first' }).elements[0]] },
      { type: 'rich_text_quote', elements: [{ type: 'text', text: 'as somebody said' }] },
      { type: 'rich_text_preformatted', elements: [{ type: 'text', text: 'kubectl get nodes' }] },
    ],
  },
  { type: 'markdown', text: '## Markdown\n\n1. **bold**\n2. `code`\n\n| a | b |\n|---|---|\n| 1 | 2 |' },
  {
    type: 'context',
    elements: [mrkdwn('context · <!date^1700000000^{date_short} at {time}|then>'), plain('and more')],
  },
];
const boxes = [
  ...['default', 'info', 'warning', 'error', 'success'].map((level) => ({
    type: 'alert',
    level,
    text: mrkdwn(`*${level}*: what an alert says`),
  })),
  {
    type: 'card',
    title: mrkdwn('A card'),
    subtitle: mrkdwn('with a subtitle'),
    body: mrkdwn('and a body of a few words'),
    actions: [{ type: 'button', action_id: 'card', text: plain('Open') }],
  },
  {
    type: 'container',
    title: plain('A container that folds'),
    subtitle: plain('with two blocks'),
    is_collapsible: true,
    default_collapsed: true,
    child_blocks: [section('inside the fold'), { type: 'divider' }],
  },
  { type: 'container', title: plain('A container'), child_blocks: [section('always open')] },
  {
    type: 'plan',
    title: 'Provisioning 2 workers: 1 of 2 ready',
    tasks: [
      {
        task_id: 'a',
        title: 'burst-small-aaaaa',
        status: 'complete',
        output: rich({ type: 'text', text: 'Ready in 41 s' }),
      },
      {
        task_id: 'b',
        title: 'burst-small-bbbbb',
        status: 'in_progress',
        details: rich({ type: 'text', text: 'Waiting for the node to join, 12 s' }),
      },
      { task_id: 'c', title: 'burst-small-ccccc', status: 'pending' },
      { task_id: 'd', title: 'burst-small-ddddd', status: 'error' },
    ],
  },
];
const rows = Array.from({ length: 12 }, (_, i) => [
  cell(`worker-${i + 1}`),
  cell(i % 2 ? 'ready' : 'busy'),
  number((i * 7) % 12),
]);
const table = [
  {
    type: 'table',
    column_settings: [{}, { align: 'center' }],
    rows: [[cell('Worker'), cell('Status'), cell('Pods')], ...rows.slice(0, 3)],
  },
];
const data = [
  {
    type: 'data_table',
    caption: 'All workers',
    page_size: 5,
    rows: [[cell('Worker'), cell('Status'), cell('Pods')], ...rows],
  },
];
const groups = [
  { label: plain('Small ones'), options: options('Small', 'Medium') },
  { label: plain('Large ones'), options: options('Large', 'Xlarge') },
];
const elements = [
  section('A row with a menu', { type: 'overflow', action_id: 'menu', options: options('Details', 'Extend', 'Drain') }),
  {
    type: 'actions',
    block_id: 'choices',
    elements: [
      { type: 'static_select', action_id: 'size', placeholder: plain('Size'), option_groups: groups },
      { type: 'datepicker', action_id: 'day', initial_date: '2026-11-25' },
      { type: 'timepicker', action_id: 'hour', placeholder: plain('Time of day') },
      { type: 'users_select', action_id: 'who', placeholder: plain('Owner') },
      { type: 'radio_buttons', action_id: 'one', options: options('First', 'Second') },
      { type: 'checkboxes', action_id: 'several', options: options('Apples', 'Pears') },
      {
        type: 'button',
        action_id: 'sure',
        style: 'danger',
        text: plain('Destroy'),
        confirm: {
          title: plain('Are you sure?'),
          text: mrkdwn('*It* is gone then.'),
          confirm: plain('Yes'),
          deny: plain('No'),
        },
      },
    ],
  },
  section('Which of them', {
    type: 'multi_static_select',
    action_id: 'many',
    placeholder: plain('Sizes'),
    max_selected_items: 2,
    option_groups: groups,
  }),
];
const input = (id: string, label: string, element: Json, more: Json = {}) => ({
  type: 'input',
  block_id: id,
  label: plain(label),
  element: { action_id: 'value', ...element },
  ...more,
});
const form = {
  type: 'modal',
  callback_id: 'form',
  title: plain('All the inputs'),
  submit: plain('Send'),
  blocks: [
    input('text', 'A line', { type: 'plain_text_input', max_length: 20 }, { hint: plain('up to 20 characters') }),
    input('lines', 'Some lines', { type: 'plain_text_input', multiline: true }, { optional: true }),
    input('number', 'A number', {
      type: 'number_input',
      is_decimal_allowed: false,
      min_value: '1',
      max_value: '9',
      initial_value: '3',
    }),
    input('mail', 'An address', { type: 'email_text_input' }, { optional: true }),
    input('at', 'When', { type: 'datetimepicker' }, { optional: true }),
    input('radio', 'One of', { type: 'radio_buttons', options: options('Yes', 'No') }),
    input('boxes', 'Any of', { type: 'checkboxes', options: options('Red', 'Blue') }, { optional: true }),
    input('users', 'People', { type: 'multi_users_select' }, { optional: true }),
    input('channels', 'Channels', { type: 'multi_conversations_select' }, { optional: true }),
  ],
};

/** A picture of one colour, as PNG. */
function png(width: number, height: number): Buffer {
  const chunk = (type: string, body: Buffer): Buffer => {
    const named = Buffer.concat([Buffer.from(type), body]);
    const crc = Buffer.alloc(4);
    crc.writeUInt32BE(crc32(named));
    const length = Buffer.alloc(4);
    length.writeUInt32BE(body.length);
    return Buffer.concat([length, named, crc]);
  };
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head.set([8, 2], 8);
  const line = Buffer.concat([Buffer.from([0]), Buffer.alloc(width * 3, 0x7a)]);
  const body = deflateSync(Buffer.concat(Array.from({ length: height }, () => line)));
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 13, 10, 26, 10]),
    chunk('IHDR', head),
    chunk('IDAT', body),
    chunk('IEND', Buffer.alloc(0)),
  ]);
}

const csv = `worker,hours,cost\n${Array.from({ length: 9 }, (_, i) => `"burst-small-${i}, a",${i},${i / 2}`).join('\n')}\n`;
const post = (gallery: Awaited<ReturnType<typeof startGallery>>, blocks: Json[], text = 'all of it', more: Json = {}) =>
  gallery.call('chat.postMessage', { channel: burst, text, blocks, ...more });
const action = { type: 'block_actions' };

describe.each(['light', 'dark'] as const)('in %s', (colorScheme) => {
  it.each([
    ['texts', texts],
    ['boxes', boxes],
    ['elements', elements],
    ['table', [...table, section('After a table')]],
    ['data-table', data],
  ] as const)('%s are shown, and axe finds nothing', async (name, blocks) => {
    const gallery = await startGallery();
    await post(gallery, [...blocks]);
    const opened = await openPage(browser(), gallery.url, { colorScheme, width: 1150, height: 1000 });
    await opened.message().waitFor();
    expect(await opened.page.getByText(/cannot show a block/).count()).toBe(0);
    if (name === 'texts') expect(await opened.page.locator('pre').first().innerText()).toBe('three\nfour');
    for (const fold of await opened.page.locator('details:not([open]) > summary').all()) await fold.click();
    expect(await violations(opened.page)).toEqual([]);
    await opened.shoot(`gallery-${name}-${colorScheme}`);
  });

  it('a form with every input, files, an ephemeral message and a home are shown, and axe finds nothing', async () => {
    const gallery = await startGallery();
    await gallery.upload(burst, 'cost.png', png(480, 200), { alt_txt: 'Cost by size: small most' });
    await gallery.upload(burst, 'cost.csv', csv);
    await gallery.upload(burst, 'audit.jsonl', '{"a":1}\n{"a":2}\n');
    const view = { type: 'home', blocks: [...texts.slice(0, 3), ...elements.slice(0, 1)] };
    await gallery.call('views.publish', { user_id: gallery.user, view });
    await gallery.call('chat.postEphemeral', { channel: burst, user: gallery.user, text: 'Only for Olga' });
    const opened = await openPage(browser(), gallery.url, { colorScheme, width: 1150, height: 1100 });
    const { page } = opened;
    await opened.message('Only visible to you', 'Only for Olga').waitFor();
    const picture = page.getByRole('img', { name: 'Cost by size: small most' });
    await expect
      .poll(() => picture.evaluate((img) => (img as unknown as { naturalWidth: number }).naturalWidth))
      .toBe(480);
    const preview = page.getByRole('region', { name: 'Beginning of cost.csv' });
    await preview.getByRole('cell', { name: 'burst-small-0, a' }).waitFor();
    await preview.getByText('3 more rows in the file').waitFor();
    await page.getByText('{"a":2}').waitFor();
    const saved = page.waitForEvent('download');
    await page.getByRole('link', { name: 'Download cost.csv' }).click();
    const download = await saved;
    expect(download.suggestedFilename()).toBe('cost.csv');
    expect(await readFile(await download.path(), 'utf8')).toBe(csv);
    expect(await violations(page)).toEqual([]);
    await opened.shoot(`gallery-files-${colorScheme}`);

    await page.getByRole('button', { name: 'Shortcuts' }).click();
    await opened.shoot(`gallery-shortcuts-${colorScheme}`);
    await page.getByRole('menuitem', { name: /Ask for workers/ }).click();
    await expect.poll(() => gallery.payloads().at(-1)).toMatchObject({ type: 'shortcut', callback_id: 'ask' });
    await gallery.call('views.open', { trigger_id: gallery.payloads().at(-1)?.['trigger_id'], view: form });
    const dialog = opened.dialog('All the inputs');
    await dialog.getByLabel('A line').waitFor();
    expect(await violations(page)).toEqual([]);
    await opened.shoot(`gallery-form-${colorScheme}`);
    await dialog.getByRole('button', { name: 'Send' }).click();
    await dialog.getByText('Please complete this required field.').first().waitFor();
    expect(await violations(page)).toEqual([]);
    await page.keyboard.press('Escape');
    await page.getByRole('button', { name: 'Burst', exact: true }).click();
    await page.getByRole('region', { name: 'Burst home' }).getByText('A row with a menu').waitFor();
    expect(await violations(page)).toEqual([]);
    await opened.shoot(`gallery-home-${colorScheme}`);
  });
});

it('what is clicked and chosen is sent as Slack sends it', async () => {
  const gallery = await startGallery();
  await post(gallery, elements);
  const opened = await openPage(browser(), gallery.url);
  const { page } = opened;
  const last = () => expect.poll(() => gallery.actions().at(-1));
  await page.getByRole('button', { name: 'More actions', exact: true }).click();
  await page.getByRole('menuitem', { name: 'Extend' }).click();
  await last().toMatchObject({ type: 'overflow', action_id: 'menu', selected_option: { value: 'extend' } });
  await page.getByLabel('Size', { exact: true }).selectOption('Large');
  await last().toMatchObject({ type: 'static_select', action_id: 'size', selected_option: { value: 'large' } });
  await page.getByLabel('Date').fill('2026-12-01');
  await last().toMatchObject({ action_id: 'day', selected_date: '2026-12-01' });
  await page.getByLabel('Time of day').fill('07:30');
  await last().toMatchObject({ action_id: 'hour', selected_time: '07:30' });
  await page.getByLabel('Owner').selectOption({ label: 'Ada Admin' });
  await last().toMatchObject({ action_id: 'who', selected_user: 'U0ADMIN0001' });
  await page.getByRole('radio', { name: 'Second' }).check();
  await last().toMatchObject({ action_id: 'one', selected_option: { value: 'second' } });
  await page.getByRole('checkbox', { name: 'Pears' }).check();
  await last().toMatchObject({ action_id: 'several', selected_options: [{ value: 'pears' }] });
  const sizes = page.getByRole('group', { name: 'Sizes' });
  await sizes.getByRole('checkbox', { name: 'Small' }).check();
  await sizes.getByRole('checkbox', { name: 'Xlarge' }).check();
  await last().toMatchObject({ action_id: 'many', selected_options: [{ value: 'small' }, { value: 'xlarge' }] });
  expect(await sizes.getByRole('checkbox', { name: 'Medium' }).isDisabled()).toBe(true);

  await page.getByRole('button', { name: 'Destroy' }).click();
  const sure = opened.dialog('Are you sure?');
  await sure.getByText('It is gone then.').waitFor();
  await sure.getByRole('button', { name: 'No' }).click();
  await sure.waitFor({ state: 'detached' });
  expect(gallery.actions().at(-1)).toMatchObject({ action_id: 'many' });
  await page.getByRole('button', { name: 'Destroy' }).click();
  await sure.getByRole('button', { name: 'Yes' }).click();
  await last().toMatchObject({ type: 'button', action_id: 'sure' });
  expect(gallery.payloads().at(-1)).toMatchObject({
    ...action,
    state: { values: { choices: { hour: { selected_time: '07:30' } } } },
  });
});

it('a form sends what is in it, and says what is missing', async () => {
  const gallery = await startGallery();
  const opened = await openPage(browser(), gallery.url);
  const { page } = opened;
  await page.getByRole('button', { name: 'Shortcuts' }).click();
  await page.getByRole('menuitem', { name: /Ask for workers/ }).click();
  await expect.poll(() => gallery.payloads().length).toBe(1);
  await gallery.call('views.open', { trigger_id: gallery.payloads()[0]?.['trigger_id'], view: form });
  const dialog = opened.dialog('All the inputs');
  await dialog.getByLabel('A line').fill('hello');
  await dialog.getByLabel('A number').press('ArrowUp');
  await dialog.getByRole('button', { name: 'Send' }).click();
  await dialog.getByText('Please complete this required field.').waitFor();
  await dialog.getByRole('radio', { name: 'No', exact: true }).check();
  await dialog
    .getByRole('group', { name: /People/ })
    .getByRole('checkbox', { name: 'Vera Viewer' })
    .check();
  await dialog
    .getByRole('group', { name: /Channels/ })
    .getByRole('checkbox', { name: '#general' })
    .check();
  await dialog.getByRole('button', { name: 'Send' }).click();
  await dialog.waitFor({ state: 'detached' });
  expect(gallery.payloads().at(-1)).toMatchObject({
    type: 'view_submission',
    view: {
      state: {
        values: {
          text: { value: { value: 'hello' } },
          number: { value: { value: '4' } },
          radio: { value: { selected_option: { value: 'no' } } },
          boxes: { value: { selected_options: [] } },
          users: { value: { selected_users: ['U0VIEWER001'] } },
          channels: { value: { selected_conversations: ['C0GENERAL01'] } },
        },
      },
    },
  });
});

it('a data table is sorted and paged, by keyboard too', async () => {
  const gallery = await startGallery();
  await post(gallery, data);
  const { page } = await openPage(browser(), gallery.url);
  const grid = page.getByRole('region', { name: 'All workers' });
  const names = async (): Promise<string[]> => grid.getByRole('rowheader').allInnerTexts();
  await grid.getByRole('rowheader', { name: 'worker-5' }).waitFor();
  expect(await names()).toEqual(['worker-1', 'worker-2', 'worker-3', 'worker-4', 'worker-5']);
  await grid.getByRole('button', { name: 'Next' }).press('Enter');
  expect(await names()).toEqual(['worker-6', 'worker-7', 'worker-8', 'worker-9', 'worker-10']);
  await grid.getByText('Page 2 of 3').waitFor();
  await grid.getByRole('button', { name: 'Previous' }).press('Enter');
  await grid.getByRole('button', { name: 'Pods' }).press('Enter');
  const pods = async (): Promise<string[]> => grid.locator('td.number').allInnerTexts();
  expect(await pods()).toEqual(['0', '1', '2', '3', '4']);
  await grid.getByRole('button', { name: 'Pods' }).press('Space');
  expect(await pods()).toEqual(['11', '10', '9', '8', '7']);
  expect(await grid.getByRole('columnheader', { name: 'Pods' }).getAttribute('aria-sort')).toBe('descending');
});

it('a message has a menu of its shortcuts, reached and used by keyboard alone; ephemeral ones have none', async () => {
  const gallery = await startGallery();
  await gallery.call('chat.postEphemeral', { channel: burst, user: gallery.user, text: 'psst' });
  const { ts } = await gallery.call('chat.postMessage', { channel: burst, text: 'we need room' });
  const opened = await openPage(browser(), gallery.url);
  const { page } = opened;
  const about = opened.message('we need room').getByRole('button', { name: /^More actions for/ });
  await opened.composer.focus();
  for (let presses = 0; presses < 10 && !(await about.and(page.locator(':focus')).count()); presses++)
    await page.keyboard.press('Shift+Tab');
  await page.keyboard.press('Enter');
  await page
    .getByRole('menuitem', { name: /Ask about this/ })
    .and(page.locator(':focus'))
    .waitFor();
  await page.keyboard.press('Escape');
  await about.and(page.locator(':focus')).waitFor();
  await page.keyboard.press('Enter');
  await page.keyboard.press('Enter');
  await expect
    .poll(() => gallery.payloads().at(-1))
    .toMatchObject({
      type: 'message_action',
      callback_id: 'about',
      message_ts: ts,
    });
  expect(
    await opened
      .message('psst')
      .getByRole('button', { name: /^More actions for/ })
      .count(),
  ).toBe(0);
});

it('what was not seen is counted and marked, in channels and direct messages, for each person', async () => {
  const gallery = await startGallery();
  const opened = await openPage(browser(), gallery.url);
  const { page } = opened;
  const general = page.getByRole('button', { name: /general/ });
  const say = (channel: string, text: string) => gallery.call('chat.postMessage', { channel, text });
  await say('C0GENERAL01', 'old news');
  await general.click();
  await opened.message('old news').waitFor();
  await page.getByRole('button', { name: /^burst/ }).click();
  await say('C0GENERAL01', 'good news');
  await say('C0GENERAL01', 'bad news');
  await say(gallery.user, 'for you alone');
  await page.getByRole('button', { name: 'general 2 unread' }).waitFor();
  await page.getByRole('button', { name: 'Burst 1 unread' }).waitFor();
  await opened.shoot('unread');
  await general.click();
  const texts = await opened.log.locator('.new-mark, article').allInnerTexts();
  expect(texts.map((text) => /New|old|good|bad/.exec(text)?.[0])).toEqual(['old', 'New', 'good', 'bad']);
  await opened.shoot('new-mark');
  await page.getByRole('button', { name: 'Burst 1 unread' }).click();
  await page.getByRole('button', { name: 'Messages 1 unread' }).click();
  await opened.message('for you alone').waitFor();
  await opened.switchUser('Ada');
  expect(await opened.message('for you alone').count()).toBe(0);
  await page.getByRole('button', { name: 'general 3 unread' }).waitFor();
});
