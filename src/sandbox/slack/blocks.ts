/** Validation of blocks. Invariant: what Slack refuses for shape or size is refused here, with a pointer to the place. */
import { isRec, list, rec, str } from './values.ts';
import type { Rec } from './values.ts';

export type Surface = 'message' | 'modal' | 'home';
export type BlockProblem = { pointer: string; message: string };

const selects = ['static_select', 'external_select', 'users_select', 'conversations_select', 'channels_select'];
const multi = selects.map((name) => `multi_${name}`);
const pickers = ['datepicker', 'timepicker', 'radio_buttons', 'checkboxes'];
const inSection = ['button', 'image', 'overflow', ...selects, ...multi, ...pickers];
const inActions = ['button', 'overflow', ...selects, ...multi, ...pickers];
const inInput = ['plain_text_input', 'number_input', ...selects, ...multi, ...pickers];
const inContainer = ['actions', 'context', 'divider', 'header', 'image', 'input', 'rich_text', 'section', 'table'];
const levels = ['default', 'info', 'warning', 'error', 'success'];

/** The problem that Slack answers by an error code of its own, instead of `invalid_blocks`. */
export const TOO_LONG = 'msg_blocks_too_long';
/** Characters of all blocks of a message with their markup; a table has its own limit and is not counted here. */
const MESSAGE_CHARACTERS = 13_000;
const tableTypes = ['table', 'data_table'];

/** Problems of `blocks` on a surface, empty when Slack would accept them. Limits are Slack's documented ones, in characters. */
export function validateBlocks(blocks: unknown, surface: Surface): BlockProblem[] {
  const problems: BlockProblem[] = [];
  const blockIds = new Set<string>();
  let tables = 0;
  const bad = (pointer: string, message: string): void => void problems.push({ pointer, message });
  const words = (v: unknown, at: string, max: number, min = 1): void => {
    if (typeof v !== 'string') bad(at, 'missing required field');
    else if (v.length < min) bad(at, `must be at least ${String(min)} characters`);
    else if (v.length > max) bad(at, `must be less than ${String(max + 1)} characters`);
  };
  const text = (v: unknown, at: string, max: number, plain = false): void => {
    if (!isRec(v)) return bad(at, 'missing required field');
    if (v['type'] !== 'plain_text' && (plain || v['type'] !== 'mrkdwn')) bad(`${at}/type`, 'unsupported text type');
    words(v['text'], `${at}/text`, max);
  };
  const maybe = (v: unknown, check: () => void): void => {
    if (v !== undefined) check();
  };
  const items = (v: unknown, at: string, max: number, min = 1): unknown[] => {
    if (!Array.isArray(v)) bad(at, 'missing required field');
    else if (v.length < min) bad(at, `must have at least ${String(min)} items`);
    else if (v.length > max) bad(at, `no more than ${String(max)} items allowed`);
    return list(v);
  };
  const oneOf = (v: unknown, at: string, known: string[]): void => {
    if (!known.includes(str(v))) bad(at, `must be one of ${known.join(', ')}`);
  };
  const confirm = (v: unknown, at: string): void => {
    const c = rec(v);
    text(c['title'], `${at}/title`, 100, true);
    text(c['text'], `${at}/text`, 300);
    maybe(c['confirm'], () => text(c['confirm'], `${at}/confirm`, 30, true));
    maybe(c['deny'], () => text(c['deny'], `${at}/deny`, 30, true));
  };
  const options = (v: unknown, at: string, max: number, plain: boolean): void =>
    items(v, at, max).forEach((o, i) => {
      text(rec(o)['text'], `${at}/${String(i)}/text`, 75, plain);
      words(rec(o)['value'], `${at}/${String(i)}/value`, 75);
      maybe(rec(o)['description'], () => text(rec(o)['description'], `${at}/${String(i)}/description`, 75, plain));
    });
  const image = (b: Rec, at: string): void => {
    words(b['alt_text'], `${at}/alt_text`, 2000);
    if (b['image_url'] === undefined && b['slack_file'] === undefined) bad(`${at}/image_url`, 'missing required field');
    maybe(b['image_url'], () => words(b['image_url'], `${at}/image_url`, 3000));
  };
  const element = (v: unknown, at: string, allowed: string[], actionIds: Set<string>): void => {
    const e = rec(v);
    const type = str(e['type']);
    if (!allowed.includes(type)) return bad(`${at}/type`, `unsupported type: ${type}`);
    if (type === 'image') return image(e, at);
    maybe(e['action_id'], () => {
      words(e['action_id'], `${at}/action_id`, 255);
      const id = str(e['action_id']);
      if (actionIds.has(id)) bad(`${at}/action_id`, `\`action_id\` "${id}" already exists`);
      actionIds.add(id);
    });
    maybe(e['confirm'], () => confirm(e['confirm'], `${at}/confirm`));
    maybe(e['placeholder'], () => text(e['placeholder'], `${at}/placeholder`, 150, true));
    if (type === 'button') {
      text(e['text'], `${at}/text`, 75, true);
      maybe(e['value'], () => words(e['value'], `${at}/value`, 2000, 0));
      maybe(e['url'], () => words(e['url'], `${at}/url`, 3000));
      maybe(e['style'], () => oneOf(e['style'], `${at}/style`, ['primary', 'danger']));
    } else if (type.endsWith('static_select')) {
      if (e['option_groups'] === undefined) options(e['options'], `${at}/options`, 100, true);
      else
        items(e['option_groups'], `${at}/option_groups`, 100).forEach((g, i) => {
          text(rec(g)['label'], `${at}/option_groups/${String(i)}/label`, 75, true);
          options(rec(g)['options'], `${at}/option_groups/${String(i)}/options`, 100, true);
        });
    } else if (type === 'overflow') options(e['options'], `${at}/options`, 5, true);
    else if (type === 'radio_buttons' || type === 'checkboxes') options(e['options'], `${at}/options`, 10, false);
    else if (type === 'plain_text_input')
      maybe(e['initial_value'], () => words(e['initial_value'], `${at}/initial_value`, 3000, 0));
    else if (type === 'number_input' && typeof e['is_decimal_allowed'] !== 'boolean')
      bad(`${at}/is_decimal_allowed`, 'missing required field');
    else if (type === 'datepicker')
      maybe(e['initial_date'], () => {
        if (!/^\d{4}-\d\d-\d\d$/.test(str(e['initial_date']))) bad(`${at}/initial_date`, 'must be YYYY-MM-DD');
      });
    else if (type === 'timepicker')
      maybe(e['initial_time'], () => {
        if (!/^\d\d:\d\d$/.test(str(e['initial_time']))) bad(`${at}/initial_time`, 'must be HH:mm');
      });
  };
  const richText = (v: unknown, at: string): void =>
    items(rec(v)['elements'], `${at}/elements`, 1000).forEach((e, i) => {
      const known = ['rich_text_section', 'rich_text_list', 'rich_text_quote', 'rich_text_preformatted'];
      if (!known.includes(str(rec(e)['type']))) bad(`${at}/elements/${String(i)}/type`, 'unsupported type');
      items(rec(e)['elements'], `${at}/elements/${String(i)}/elements`, 1000, 0);
    });
  const cells = (b: Rec, at: string, characters: number, types: string[]): void => {
    if (surface === 'modal') bad(`${at}/type`, `unsupported type: ${str(b['type'])}`);
    if (++tables > 1) bad(at, 'only_one_table_allowed');
    if (JSON.stringify(b['rows'] ?? []).length > characters * 4) bad(`${at}/rows`, 'too many characters');
    let total = 0;
    items(b['rows'], `${at}/rows`, 100).forEach((row, r) =>
      items(row, `${at}/rows/${String(r)}`, 20).forEach((c, i) => {
        const cell = rec(c);
        const where = `${at}/rows/${String(r)}/${String(i)}`;
        if (!types.includes(str(cell['type']))) bad(`${where}/type`, 'unsupported type');
        if (cell['type'] === 'raw_text') words(cell['text'], `${where}/text`, characters);
        if (cell['type'] === 'rich_text') richText(cell, where);
        total += cell['type'] === 'rich_text' ? JSON.stringify(cell).length : str(cell['text']).length;
      }),
    );
    if (total > characters) bad(`${at}/rows`, `no more than ${String(characters)} characters allowed`);
  };
  const task = (b: Rec, at: string): void => {
    words(b['task_id'], `${at}/task_id`, 255);
    words(b['title'], `${at}/title`, 255);
    oneOf(b['status'], `${at}/status`, ['pending', 'in_progress', 'complete', 'error']);
    for (const key of ['details', 'output']) maybe(b[key], () => richText(b[key], `${at}/${key}`));
  };
  const block = (v: unknown, at: string): void => {
    const b = rec(v);
    const type = str(b['type']);
    const ids = new Set<string>();
    maybe(b['block_id'], () => {
      words(b['block_id'], `${at}/block_id`, 255);
      if (blockIds.has(str(b['block_id'])))
        bad(`${at}/block_id`, `\`block_id\` "${str(b['block_id'])}" already exists`);
      blockIds.add(str(b['block_id']));
    });
    const rowType = ['raw_text', 'raw_number', 'rich_text'];
    if (type === 'section') {
      if (b['text'] === undefined && b['fields'] === undefined) bad(at, 'missing required field: text or fields');
      maybe(b['text'], () => text(b['text'], `${at}/text`, 3000));
      maybe(b['fields'], () =>
        items(b['fields'], `${at}/fields`, 10).forEach((f, i) => text(f, `${at}/fields/${String(i)}`, 2000)),
      );
      maybe(b['accessory'], () => element(b['accessory'], `${at}/accessory`, inSection, ids));
    } else if (type === 'header') text(b['text'], `${at}/text`, 150, true);
    else if (type === 'divider') return;
    else if (type === 'actions')
      items(b['elements'], `${at}/elements`, 25).forEach((e, i) =>
        element(e, `${at}/elements/${String(i)}`, inActions, ids),
      );
    else if (type === 'context')
      items(b['elements'], `${at}/elements`, 10).forEach((e, i) =>
        rec(e)['type'] === 'image'
          ? image(rec(e), `${at}/elements/${String(i)}`)
          : text(e, `${at}/elements/${String(i)}`, 3000),
      );
    else if (type === 'input') {
      text(b['label'], `${at}/label`, 2000, true);
      maybe(b['hint'], () => text(b['hint'], `${at}/hint`, 2000, true));
      element(b['element'], `${at}/element`, inInput, ids);
    } else if (type === 'image') image(b, at);
    else if (type === 'rich_text') richText(b, at);
    else if (type === 'markdown') words(b['text'], `${at}/text`, 12_000);
    else if (type === 'table') cells(b, at, 10_000, rowType);
    else if (type === 'data_table') {
      words(b['caption'], `${at}/caption`, 2000);
      cells(b, at, 20_000, rowType);
    } else if ((type === 'plan' || type === 'task_card') && surface !== 'message')
      bad(`${at}/type`, `unsupported type: ${type}`);
    else if (type === 'plan') {
      words(b['title'], `${at}/title`, 255);
      maybe(b['tasks'], () =>
        items(b['tasks'], `${at}/tasks`, 50, 0).forEach((t, i) => task(rec(t), `${at}/tasks/${String(i)}`)),
      );
    } else if (type === 'task_card') task(b, at);
    else if (type === 'alert') {
      text(b['text'], `${at}/text`, 3000);
      maybe(b['level'], () => oneOf(b['level'], `${at}/level`, levels));
    } else if (type === 'card') {
      if (['title', 'body', 'hero_image', 'actions'].every((key) => b[key] === undefined))
        bad(at, 'card has no content');
      maybe(b['title'], () => text(b['title'], `${at}/title`, 150));
      maybe(b['subtitle'], () => text(b['subtitle'], `${at}/subtitle`, 150));
      maybe(b['body'], () => text(b['body'], `${at}/body`, 200));
      maybe(b['actions'], () =>
        items(b['actions'], `${at}/actions`, 25).forEach((e, i) =>
          element(e, `${at}/actions/${String(i)}`, ['button'], ids),
        ),
      );
    } else if (type === 'container') {
      if (b['rich_text_title'] === undefined) text(b['title'], `${at}/title`, 150, true);
      else richText(b['rich_text_title'], `${at}/rich_text_title`);
      maybe(b['subtitle'], () => text(b['subtitle'], `${at}/subtitle`, 150));
      items(b['child_blocks'], `${at}/child_blocks`, 10).forEach((child, i) => {
        const where = `${at}/child_blocks/${String(i)}`;
        if (inContainer.includes(str(rec(child)['type']))) block(child, where);
        else bad(`${where}/type`, 'unsupported type');
      });
    } else bad(`${at}/type`, `unsupported type: ${type}`);
  };
  if (!Array.isArray(blocks)) return [{ pointer: '/blocks', message: 'must be an array' }];
  const max = surface === 'message' ? 50 : 100;
  if (blocks.length > max) bad('/blocks', `no more than ${String(max)} items allowed`);
  blocks.forEach((b, i) => block(b, `/blocks/${String(i)}`));
  const untabled = blocks.filter((b) => !tableTypes.includes(str(rec(b)['type'])));
  if (surface === 'message' && JSON.stringify(untabled).length > MESSAGE_CHARACTERS) bad('/blocks', TOO_LONG);
  return problems;
}
