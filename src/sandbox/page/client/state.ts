/** Values of a surface's elements. Invariant: what is sent as state is what is shown, untouched elements included. */
import type { ViewStateValues } from '../../contract.ts';
import { isRec, list, rec, str } from './values.ts';
import type { Rec } from './values.ts';

/** Values the person has set, by block_id and action_id. */
export type Edited = Record<string, Record<string, Rec>>;

/** The value object of an element that nobody has touched, as Slack sends it; undefined for elements without state. */
export function initialValue(element: Rec): Rec | undefined {
  const type = str(element['type']);
  const of = (key: string, initial: string, empty: unknown = null): Rec => ({ type, [key]: element[initial] ?? empty });
  switch (type) {
    case 'plain_text_input':
    case 'email_text_input':
    case 'url_text_input':
    case 'number_input': {
      const value = str(element['initial_value']);
      return { type, value: value === '' ? null : value };
    }
    case 'static_select':
    case 'external_select':
    case 'radio_buttons':
      return of('selected_option', 'initial_option');
    case 'multi_static_select':
    case 'multi_external_select':
    case 'checkboxes':
      return of('selected_options', 'initial_options', []);
    case 'users_select':
      return of('selected_user', 'initial_user');
    case 'multi_users_select':
      return of('selected_users', 'initial_users', []);
    case 'multi_channels_select':
      return of('selected_channels', 'initial_channels', []);
    case 'multi_conversations_select':
      return of('selected_conversations', 'initial_conversations', []);
    case 'channels_select':
      return of('selected_channel', 'initial_channel');
    case 'conversations_select':
      return of('selected_conversation', 'initial_conversation');
    case 'datepicker':
      return of('selected_date', 'initial_date');
    case 'timepicker':
      return of('selected_time', 'initial_time');
    case 'datetimepicker':
      return of('selected_date_time', 'initial_date_time');
    default:
      return undefined;
  }
}

/** Everything that a submit or an action sends as `state.values`. */
export function stateOf(blocks: unknown[], edited: Edited): ViewStateValues {
  const values: ViewStateValues = {};
  for (const block of blocks.map(rec)) {
    const id = str(block['block_id']);
    const elements = [block['element'], block['accessory'], ...list(block['elements'])].filter(isRec);
    for (const element of elements) {
      const action = str(element['action_id']);
      const initial = initialValue(element);
      if (initial) values[id] = { ...values[id], [action]: edited[id]?.[action] ?? initial };
    }
    Object.assign(values, stateOf(list(block['child_blocks']), edited));
  }
  return values;
}
