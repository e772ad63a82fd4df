/** Validation of blocks and views. Invariant: what Slack refuses for shape or size is refused here, with a pointer to the place. */
import { createChecks } from './block-checks.ts';
import type { BlockProblem, Checks } from './block-checks.ts';
import { elementChecks, inActions, inContextActions, inInput, inSection } from './block-elements.ts';
import { isRec, rec, str } from './values.ts';
import type { Rec } from './values.ts';

export type { BlockProblem } from './block-checks.ts';
export type Surface = 'message' | 'modal' | 'home';

/** The problem of a message that Slack answers by an error code of its own, instead of `invalid_blocks`. */
export const TOO_LONG = 'msg_blocks_too_long';
/** As TOO_LONG, for a view. */
export const TOO_LARGE = 'view_too_large';
/** Characters of all blocks of a message with their markup; a table has its own limit and is not counted here. */
const MESSAGE_CHARACTERS = 13_000;
/** Bytes of a view. */
const VIEW_BYTES = 250_000;
const tableTypes = ['table', 'data_table'];
const inContainer = [
  'actions',
  'context',
  'divider',
  'header',
  'image',
  'input',
  'rich_text',
  'section',
  'table',
  'video',
];
const levels = ['default', 'info', 'warning', 'error', 'success'];
const cellTypes = ['raw_text', 'raw_number', 'rich_text'];
/** What else a block may say, besides `type` and `block_id`. */
const fields: Readonly<Record<string, readonly string[]>> = {
  section: ['text', 'fields', 'accessory', 'expand'],
  header: ['text'],
  divider: [],
  actions: ['elements'],
  context: ['elements'],
  context_actions: ['elements'],
  input: ['label', 'hint', 'optional', 'element', 'dispatch_action'],
  image: ['alt_text', 'title', 'image_url', 'slack_file'],
  rich_text: ['elements'],
  markdown: ['text'],
  table: ['rows', 'column_settings'],
  data_table: ['rows', 'caption', 'page_size', 'row_header_column_index'],
  plan: ['title', 'tasks'],
  task_card: ['task_id', 'title', 'details', 'output', 'sources', 'status'],
  alert: ['text', 'level'],
  card: ['hero_image', 'icon', 'title', 'subtitle', 'body', 'actions'],
  carousel: ['elements'],
  container: [
    ...['title', 'rich_text_title', 'subtitle', 'child_blocks', 'width', 'icon'],
    ...['is_collapsible', 'default_collapsed', 'has_header_divider'],
  ],
  video: [
    ...['video_url', 'thumbnail_url', 'alt_text', 'title', 'title_url'],
    ...['author_name', 'provider_name', 'provider_icon_url', 'description'],
  ],
};
/** Blocks that stand in messages alone. */
const inMessages = ['plan', 'task_card', 'markdown', 'context_actions'];

type Parts = { c: Checks; surface: Surface };
type CheckBlock = (b: Rec, at: string, ids: Set<string>) => void;

/** Checks of the blocks that hold rows or tasks. */
function tabular({ c, surface }: Parts): Record<string, CheckBlock> {
  let tables = 0;
  const cells = (b: Rec, at: string, characters: number): void => {
    if (surface === 'modal') return c.unsupported(`${at}/type`, str(b['type']), []);
    if (++tables > 1) c.fail(at, 'only_one_table_allowed', 'max_items', [1], tables);
    let total = 0;
    c.items(b['rows'], `${at}/rows`, 100).forEach((row, r) =>
      c.items(row, `${at}/rows/${String(r)}`, 20).forEach((v, i) => {
        const cell = rec(v);
        const where = `${at}/rows/${String(r)}/${String(i)}`;
        if (!cellTypes.includes(str(cell['type']))) return c.unsupported(`${where}/type`, str(cell['type']), cellTypes);
        if (cell['type'] === 'rich_text') c.richText(cell, where);
        else c.words(cell['text'], `${where}/text`, characters);
        if (cell['type'] === 'raw_number' && typeof cell['value'] !== 'number')
          c.fail(`${where}/value`, 'must be a number', 'type', ['number'], typeof cell['value']);
        total += cell['type'] === 'rich_text' ? JSON.stringify(cell).length : str(cell['text']).length;
      }),
    );
    if (total > characters)
      c.fail(`${at}/rows`, `no more than ${String(characters)} characters allowed`, 'max_length', [characters], total);
  };
  const task: CheckBlock = (b, at) => {
    c.words(b['task_id'], `${at}/task_id`, 255);
    c.words(b['title'], `${at}/title`, 255);
    c.oneOf(b['status'], `${at}/status`, ['pending', 'in_progress', 'complete', 'error']);
    for (const key of ['details', 'output']) c.maybe(b[key], () => c.richText(b[key], `${at}/${key}`));
    c.maybe(b['sources'], () =>
      c.items(b['sources'], `${at}/sources`, 100, 0).forEach((s, i) => {
        c.words(rec(s)['url'], `${at}/sources/${String(i)}/url`, 3000);
        c.words(rec(s)['text'], `${at}/sources/${String(i)}/text`, 255);
      }),
    );
  };
  return {
    table(b, at) {
      cells(b, at, 10_000);
      c.maybe(b['column_settings'], () =>
        c.items(b['column_settings'], `${at}/column_settings`, 20, 0).forEach((s, i) => {
          const align = rec(s)['align'];
          c.maybe(align, () => c.oneOf(align, `${at}/column_settings/${String(i)}/align`, ['left', 'center', 'right']));
        }),
      );
    },
    data_table(b, at) {
      c.words(b['caption'], `${at}/caption`, 2000);
      c.maybe(b['page_size'], () => c.number(b['page_size'], `${at}/page_size`, 1, 100));
      c.maybe(b['row_header_column_index'], () =>
        c.number(b['row_header_column_index'], `${at}/row_header_column_index`, 0, 19),
      );
      cells(b, at, 20_000);
    },
    task_card: task,
    plan(b, at, ids) {
      c.words(b['title'], `${at}/title`, 255);
      c.maybe(b['tasks'], () =>
        c.items(b['tasks'], `${at}/tasks`, 50, 0).forEach((t, i) => {
          c.only(rec(t), `${at}/tasks/${String(i)}`, ['type', 'block_id', ...(fields['task_card'] ?? [])]);
          task(rec(t), `${at}/tasks/${String(i)}`, ids);
        }),
      );
    },
  };
}

/** A check of one block, whatever its type. */
function blockChecks({ c, surface }: Parts): (v: unknown, at: string, allowed?: readonly string[]) => void {
  const blockIds = new Set<string>();
  const element = elementChecks(c);
  const each = (b: Rec, at: string, max: number, allowed: readonly string[], ids: Set<string>): void =>
    c
      .items(b['elements'], `${at}/elements`, max)
      .forEach((e, i) => element(e, `${at}/elements/${String(i)}`, allowed, ids));
  const card: CheckBlock = (b, at, ids) => {
    if (['title', 'body', 'hero_image', 'actions'].every((key) => b[key] === undefined))
      c.missing(at, 'title, body, hero_image or actions');
    for (const [key, max] of [
      ['title', 150],
      ['subtitle', 150],
      ['body', 200],
    ] as const)
      c.maybe(b[key], () => c.text(b[key], `${at}/${key}`, max));
    for (const key of ['hero_image', 'icon']) c.maybe(b[key], () => c.image(rec(b[key]), `${at}/${key}`));
    c.maybe(b['actions'], () =>
      c
        .items(b['actions'], `${at}/actions`, 25)
        .forEach((e, i) => element(e, `${at}/actions/${String(i)}`, ['button'], ids)),
    );
  };
  const kinds: Readonly<Record<string, CheckBlock>> = {
    ...tabular({ c, surface }),
    section(b, at, ids) {
      if (b['text'] === undefined && b['fields'] === undefined) c.missing(at, 'text or fields');
      c.maybe(b['text'], () => c.text(b['text'], `${at}/text`, 3000));
      c.maybe(b['fields'], () =>
        c.items(b['fields'], `${at}/fields`, 10).forEach((f, i) => c.text(f, `${at}/fields/${String(i)}`, 2000)),
      );
      c.maybe(b['accessory'], () => element(b['accessory'], `${at}/accessory`, inSection, ids));
    },
    header: (b, at) => c.text(b['text'], `${at}/text`, 150, true),
    divider: () => undefined,
    actions: (b, at, ids) => each(b, at, 25, inActions, ids),
    context_actions: (b, at, ids) => each(b, at, 5, inContextActions, ids),
    context: (b, at) =>
      c.items(b['elements'], `${at}/elements`, 10).forEach((e, i) => {
        const where = `${at}/elements/${String(i)}`;
        if (rec(e)['type'] === 'image') c.image(rec(e), where);
        else c.text(e, where, 3000);
      }),
    input(b, at, ids) {
      c.text(b['label'], `${at}/label`, 2000, true);
      c.maybe(b['hint'], () => c.text(b['hint'], `${at}/hint`, 2000, true));
      element(b['element'], `${at}/element`, inInput, ids);
    },
    image(b, at) {
      c.image(b, at);
      c.maybe(b['title'], () => c.text(b['title'], `${at}/title`, 2000, true));
    },
    rich_text: (b, at) => c.richText(b, at),
    markdown: (b, at) => c.words(b['text'], `${at}/text`, 12_000),
    alert(b, at) {
      c.text(b['text'], `${at}/text`, 3000);
      c.maybe(b['level'], () => c.oneOf(b['level'], `${at}/level`, levels));
    },
    card,
    carousel: (b, at, ids) =>
      c.items(b['elements'], `${at}/elements`, 10).forEach((e, i) => card(rec(e), `${at}/elements/${String(i)}`, ids)),
    container(b, at) {
      if (b['rich_text_title'] === undefined) c.text(b['title'], `${at}/title`, 150, true);
      else c.richText(b['rich_text_title'], `${at}/rich_text_title`);
      c.maybe(b['subtitle'], () => c.text(b['subtitle'], `${at}/subtitle`, 150));
      c.maybe(b['width'], () => c.oneOf(b['width'], `${at}/width`, ['narrow', 'standard', 'wide', 'full']));
      if (b['default_collapsed'] === true && b['is_collapsible'] !== true)
        c.fail(`${at}/default_collapsed`, 'requires is_collapsible', 'requires', ['is_collapsible'], 'true');
      c.items(b['child_blocks'], `${at}/child_blocks`, 10).forEach((child, i) =>
        block(child, `${at}/child_blocks/${String(i)}`, inContainer),
      );
    },
    video(b, at) {
      c.text(b['title'], `${at}/title`, 199, true);
      for (const key of ['video_url', 'thumbnail_url', 'alt_text']) c.words(b[key], `${at}/${key}`, 3000);
      c.maybe(b['author_name'], () => c.words(b['author_name'], `${at}/author_name`, 49));
    },
  };
  const known = Object.keys(kinds).filter((type) => surface === 'message' || !inMessages.includes(type));
  const block = (v: unknown, at: string, allowed: readonly string[] = known): void => {
    const b = rec(v);
    const type = str(b['type']);
    if (!allowed.includes(type)) return c.unsupported(`${at}/type`, type, allowed);
    c.only(b, at, ['type', 'block_id', ...(fields[type] ?? [])]);
    c.maybe(b['block_id'], () => {
      c.words(b['block_id'], `${at}/block_id`, 255);
      c.unique(blockIds, b['block_id'], `${at}/block_id`, 'block_id');
    });
    kinds[type]?.(b, at, new Set());
  };
  return block;
}

/** Problems of `blocks` on a surface, empty when Slack would accept them. Limits are Slack's documented ones, in characters. */
export function validateBlocks(blocks: unknown, surface: Surface): BlockProblem[] {
  const problems: BlockProblem[] = [];
  const c = createChecks(problems);
  if (!Array.isArray(blocks)) {
    c.fail('/blocks', 'must be an array', 'type', ['array'], typeof blocks);
    return problems;
  }
  c.items(blocks, '/blocks', surface === 'message' ? 50 : 100, 0);
  const block = blockChecks({ c, surface });
  blocks.forEach((b, i) => block(b, `/blocks/${String(i)}`));
  const untabled = JSON.stringify(blocks.filter((b) => !tableTypes.includes(str(rec(b)['type'])))).length;
  if (surface === 'message' && untabled > MESSAGE_CHARACTERS)
    c.fail('/blocks', TOO_LONG, 'max_length', [MESSAGE_CHARACTERS], untabled);
  return problems;
}

/** Problems of a modal or App Home, its blocks included. */
export function validateView(view: unknown): BlockProblem[] {
  const v = rec(view);
  const problems: BlockProblem[] = [];
  const c = createChecks(problems);
  const modal = v['type'] === 'modal';
  c.oneOf(v['type'], '/type', ['modal', 'home']);
  if (modal) c.text(v['title'], '/title', 24, true);
  for (const key of modal ? ['submit', 'close'] : []) {
    const given = v[key];
    if (given !== undefined && given !== null) c.text(given, `/${key}`, 24, true);
  }
  for (const [key, max] of [
    ['private_metadata', 3000],
    ['callback_id', 255],
    ['external_id', 255],
  ] as const)
    c.maybe(v[key], () => c.words(v[key], `/${key}`, max, 0));
  const asks = Array.isArray(v['blocks']) && v['blocks'].some((b) => rec(b)['type'] === 'input');
  if (modal && asks && !isRec(v['submit'])) c.missing('/submit', 'submit');
  const bytes = Buffer.byteLength(JSON.stringify(v));
  if (bytes > VIEW_BYTES) c.fail('', TOO_LARGE, 'max_bytes', [VIEW_BYTES], bytes);
  return [...problems, ...validateBlocks(v['blocks'], modal ? 'modal' : 'home')];
}
