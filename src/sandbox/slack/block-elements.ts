/** Elements of blocks. Invariant: an element is accepted only with the fields, sizes and values that Slack documents for it. */
import type { Checks } from './block-checks.ts';
import { isRec, list, rec, str } from './values.ts';
import type { Rec } from './values.ts';

const selects = ['static_select', 'external_select', 'users_select', 'conversations_select', 'channels_select'];
const multi = selects.map((name) => `multi_${name}`);
const pickers = ['datepicker', 'timepicker', 'radio_buttons', 'checkboxes'];
const buttons = ['button', 'workflow_button', 'overflow'];
/** Which elements each place takes. */
export const inSection: readonly string[] = [...buttons, 'image', ...selects, ...multi, ...pickers];
export const inActions: readonly string[] = [
  ...buttons,
  ...selects,
  ...multi,
  ...pickers,
  'datetimepicker',
  'rich_text_input',
];
export const inInput: readonly string[] = [
  ...['plain_text_input', 'number_input', 'email_text_input', 'url_text_input', 'file_input', 'rich_text_input'],
  ...selects,
  ...multi,
  ...pickers,
  'datetimepicker',
];
export const inContextActions: readonly string[] = ['feedback_buttons', 'icon_button'];

const chosen = ['placeholder', 'confirm', 'focus_on_load'];
const typed = ['placeholder', 'focus_on_load', 'dispatch_action_config', 'initial_value'];
const conversations = ['default_to_current_conversation', 'filter', 'response_url_enabled'];
/** What else an element may say, besides `type` and `action_id`. */
const fields: Readonly<Record<string, readonly string[]>> = {
  button: ['text', 'value', 'url', 'style', 'accessibility_label', 'confirm'],
  workflow_button: ['text', 'workflow', 'style', 'accessibility_label', 'confirm'],
  overflow: ['options', 'confirm'],
  image: ['alt_text', 'image_url', 'slack_file'],
  static_select: ['options', 'option_groups', 'initial_option', ...chosen],
  external_select: ['initial_option', 'min_query_length', ...chosen],
  users_select: ['initial_user', ...chosen],
  conversations_select: ['initial_conversation', ...conversations, ...chosen],
  channels_select: ['initial_channel', 'response_url_enabled', ...chosen],
  multi_static_select: ['options', 'option_groups', 'initial_options', 'max_selected_items', ...chosen],
  multi_external_select: ['initial_options', 'min_query_length', 'max_selected_items', ...chosen],
  multi_users_select: ['initial_users', 'max_selected_items', ...chosen],
  multi_conversations_select: ['initial_conversations', 'max_selected_items', ...conversations, ...chosen],
  multi_channels_select: ['initial_channels', 'max_selected_items', ...chosen],
  datepicker: ['initial_date', ...chosen],
  timepicker: ['initial_time', 'timezone', ...chosen],
  datetimepicker: ['initial_date_time', 'confirm', 'focus_on_load'],
  radio_buttons: ['options', 'initial_option', 'confirm', 'focus_on_load'],
  checkboxes: ['options', 'initial_options', 'confirm', 'focus_on_load'],
  plain_text_input: ['multiline', 'min_length', 'max_length', ...typed],
  number_input: ['is_decimal_allowed', 'min_value', 'max_value', ...typed],
  email_text_input: typed,
  url_text_input: typed,
  rich_text_input: ['min_lines', 'max_lines', ...typed],
  file_input: ['filetypes', 'max_files'],
  feedback_buttons: ['positive_button', 'negative_button'],
  icon_button: ['icon', 'text', 'value', 'accessibility_label', 'visible_to_user_ids', 'confirm'],
};

export type CheckElement = (v: unknown, at: string, allowed: readonly string[], actionIds: Set<string>) => void;

/** A check of an element at a place that takes the `allowed` ones; action_ids are unique within a block. */
export function elementChecks(c: Checks): CheckElement {
  let focused = 0;
  const confirm = (v: unknown, at: string): void => {
    const dialog = rec(v);
    c.only(dialog, at, ['title', 'text', 'confirm', 'deny', 'style']);
    c.text(dialog['title'], `${at}/title`, 100, true);
    c.text(dialog['text'], `${at}/text`, 300);
    c.maybe(dialog['confirm'], () => c.text(dialog['confirm'], `${at}/confirm`, 30, true));
    c.maybe(dialog['deny'], () => c.text(dialog['deny'], `${at}/deny`, 30, true));
    c.maybe(dialog['style'], () => c.oneOf(dialog['style'], `${at}/style`, ['primary', 'danger']));
  };
  const options = (v: unknown, at: string, max: number, plain: boolean): unknown[] =>
    c.items(v, at, max).map((o, i) => {
      const where = `${at}/${String(i)}`;
      c.only(rec(o), where, ['text', 'value', 'description', 'url']);
      c.text(rec(o)['text'], `${where}/text`, 75, plain);
      c.words(rec(o)['value'], `${where}/value`, 75);
      c.maybe(rec(o)['description'], () => c.text(rec(o)['description'], `${where}/description`, 75, plain));
      return o;
    });
  /** What is chosen at first has to be one of the options, letter by letter. */
  const initial = (e: Rec, at: string, given: unknown[]): void => {
    const same = (a: unknown, b: unknown): boolean =>
      rec(a)['value'] === rec(b)['value'] && rec(rec(a)['text'])['text'] === rec(rec(b)['text'])['text'];
    const wrong = (v: unknown): boolean => isRec(v) && !given.some((o) => same(o, v));
    if (wrong(e['initial_option']))
      c.fail(
        `${at}/initial_option`,
        'must be one of the options',
        'enum',
        ['an option'],
        rec(e['initial_option'])['value'],
      );
    list(e['initial_options']).forEach((v, i) => {
      if (wrong(v))
        c.fail(
          `${at}/initial_options/${String(i)}`,
          'must be one of the options',
          'enum',
          ['an option'],
          rec(v)['value'],
        );
    });
  };
  const menu = (e: Rec, at: string): void => {
    if (e['option_groups'] === undefined) return initial(e, at, options(e['options'], `${at}/options`, 100, true));
    const given = c.items(e['option_groups'], `${at}/option_groups`, 100).flatMap((g, i) => {
      const where = `${at}/option_groups/${String(i)}`;
      c.text(rec(g)['label'], `${where}/label`, 75, true);
      return options(rec(g)['options'], `${where}/options`, 100, true);
    });
    initial(e, at, given);
  };
  const typedIn = (e: Rec, at: string): void => {
    c.maybe(e['initial_value'], () => c.words(e['initial_value'], `${at}/initial_value`, 3000, 0));
    c.maybe(e['min_length'], () => c.number(e['min_length'], `${at}/min_length`, 0, 3000));
    c.maybe(e['max_length'], () => c.number(e['max_length'], `${at}/max_length`, 1, 3000));
  };
  const kinds: Readonly<Record<string, (e: Rec, at: string) => void>> = {
    button(e, at) {
      c.text(e['text'], `${at}/text`, 75, true);
      c.maybe(e['value'], () => c.words(e['value'], `${at}/value`, 2000, 0));
      c.maybe(e['url'], () => c.words(e['url'], `${at}/url`, 3000));
      c.maybe(e['style'], () => c.oneOf(e['style'], `${at}/style`, ['primary', 'danger']));
      c.maybe(e['accessibility_label'], () => c.words(e['accessibility_label'], `${at}/accessibility_label`, 75));
    },
    workflow_button: (e, at) => c.text(e['text'], `${at}/text`, 75, true),
    icon_button(e, at) {
      c.oneOf(e['icon'], `${at}/icon`, ['trash']);
      c.text(e['text'], `${at}/text`, 75, true);
      c.maybe(e['value'], () => c.words(e['value'], `${at}/value`, 2000, 0));
    },
    feedback_buttons(e, at) {
      for (const side of ['positive_button', 'negative_button']) {
        c.text(rec(e[side])['text'], `${at}/${side}/text`, 75, true);
        c.words(rec(e[side])['value'], `${at}/${side}/value`, 2000);
      }
    },
    static_select: menu,
    multi_static_select: menu,
    overflow: (e, at) => void options(e['options'], `${at}/options`, 5, true),
    radio_buttons: (e, at) => initial(e, at, options(e['options'], `${at}/options`, 10, false)),
    checkboxes: (e, at) => initial(e, at, options(e['options'], `${at}/options`, 10, false)),
    plain_text_input: typedIn,
    email_text_input: typedIn,
    url_text_input: typedIn,
    number_input(e, at) {
      typedIn(e, at);
      if (typeof e['is_decimal_allowed'] !== 'boolean') c.missing(`${at}/is_decimal_allowed`);
    },
    rich_text_input: (e, at) =>
      c.maybe(e['initial_value'], () => c.richText(e['initial_value'], `${at}/initial_value`)),
    file_input: (e, at) => c.maybe(e['max_files'], () => c.number(e['max_files'], `${at}/max_files`, 1, 10)),
    datepicker: (e, at) =>
      c.maybe(e['initial_date'], () =>
        c.matches(e['initial_date'], `${at}/initial_date`, /^\d{4}-\d\d-\d\d$/, 'YYYY-MM-DD'),
      ),
    timepicker: (e, at) =>
      c.maybe(e['initial_time'], () =>
        c.matches(e['initial_time'], `${at}/initial_time`, /^([01]\d|2[0-3]):[0-5]\d$/, 'HH:mm'),
      ),
    datetimepicker: (e, at) =>
      c.maybe(e['initial_date_time'], () =>
        c.number(e['initial_date_time'], `${at}/initial_date_time`, 1_000_000_000, 9_999_999_999),
      ),
  };
  return (v, at, allowed, actionIds) => {
    const e = rec(v);
    const type = str(e['type']);
    if (!allowed.includes(type)) return c.unsupported(`${at}/type`, type, allowed);
    c.only(e, at, ['type', ...(type === 'image' ? [] : ['action_id']), ...(fields[type] ?? [])]);
    if (type === 'image') return c.image(e, at);
    c.maybe(e['action_id'], () => {
      c.words(e['action_id'], `${at}/action_id`, 255);
      c.unique(actionIds, e['action_id'], `${at}/action_id`, 'action_id');
    });
    c.maybe(e['confirm'], () => confirm(e['confirm'], `${at}/confirm`));
    c.maybe(e['placeholder'], () => c.text(e['placeholder'], `${at}/placeholder`, 150, true));
    c.maybe(e['max_selected_items'], () => c.number(e['max_selected_items'], `${at}/max_selected_items`, 1, 100));
    if (e['focus_on_load'] === true && ++focused > 1)
      c.fail(`${at}/focus_on_load`, 'only one element may be focused', 'unique', ['false'], true);
    if (Object.hasOwn(kinds, type)) kinds[type]?.(e, at);
  };
}
