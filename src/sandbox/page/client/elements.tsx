import { createContext, useContext, useEffect, useId, useRef, useState } from 'react';
import type { ReactNode } from 'react';
import { isSafeUrl } from './mrkdwn.ts';
import { initialValue } from './state.ts';
import type { Edited } from './state.ts';
import { plain, ReaderContext, Text } from './text.tsx';
import { list, rec, str, textOf } from './values.ts';
import type { Rec } from './values.ts';

/** Where elements live: a message or a view. */
export type Surface = {
  edited: Edited;
  edit: (blockId: string, actionId: string, value: Rec) => void;
  /** Sends a block action; `confirm` is the element's confirmation, if it has one. */
  act: (action: Rec, confirm: unknown) => void;
  suggest: (blockId: string, actionId: string, value: string) => Promise<unknown[]>;
  /** The element that waits for the app's answer. */
  busy: string;
};
export const SurfaceContext = createContext<Surface>({
  edited: {},
  edit: () => undefined,
  act: () => undefined,
  suggest: async () => [],
  busy: '',
});

/** How an element is named and described by the block around it. */
export type Labels = {
  id?: string;
  labelledBy?: string;
  describedBy?: string;
  invalid?: boolean;
  required?: boolean;
  input?: Rec;
};
type Props = { element: Rec; blockId: string; labels?: Labels };

export function Element(props: Props): ReactNode {
  switch (str(props.element['type'])) {
    case 'button':
    case 'workflow_button':
      return <Button {...props} />;
    case 'overflow':
      return <Overflow {...props} />;
    case 'image':
      return <Picture image={props.element} />;
    case 'radio_buttons':
    case 'checkboxes':
      return <Choices {...props} />;
    case 'plain_text_input':
    case 'number_input':
    case 'email_text_input':
    case 'url_text_input':
      return <TextInput {...props} />;
    case 'datepicker':
    case 'timepicker':
    case 'datetimepicker':
      return <Picker {...props} />;
    case 'external_select':
    case 'multi_external_select':
      return <External {...props} />;
    default:
      return /_select$/.test(str(props.element['type'])) ? <Select {...props} /> : null;
  }
}

export function Picture({ image, className }: { image: Rec; className?: string }) {
  return <img src={str(image['image_url'])} alt={str(image['alt_text'])} className={className} loading="lazy" />;
}

/** The element's value, and a setter that also dispatches where Slack would. */
function useValue({ element, blockId, labels }: Props): [Rec, (value: Rec, dispatch?: boolean) => void] {
  const surface = useContext(SurfaceContext);
  const actionId = str(element['action_id']);
  const value = surface.edited[blockId]?.[actionId] ?? initialValue(element) ?? {};
  const dispatches = labels?.input === undefined || labels.input['dispatch_action'] === true;
  return [
    value,
    (next, dispatch = true) => {
      surface.edit(blockId, actionId, next);
      if (dispatch && dispatches) surface.act({ ...next, block_id: blockId, action_id: actionId }, element['confirm']);
    },
  ];
}

const aria = (labels: Labels | undefined, fallback: string) => ({
  ...(labels?.id === undefined ? { 'aria-label': fallback } : { id: labels.id }),
  'aria-describedby': labels?.describedBy,
  'aria-invalid': labels?.invalid === true ? true : undefined,
  'aria-required': labels?.required === true ? true : undefined,
});

function Button({ element, blockId }: Props) {
  const { act, busy } = useContext(SurfaceContext);
  const actionId = str(element['action_id']);
  const style = str(element['style']);
  const { text, value, url } = element;
  const label = textOf(text);
  const waits = busy === `${blockId}/${actionId}`;
  return (
    <button
      type="button"
      className={`button ${style}`}
      aria-label={str(element['accessibility_label']) || undefined}
      aria-busy={waits || undefined}
      onClick={() => {
        if (waits) return;
        if (isSafeUrl(str(url))) window.open(str(url), '_blank', 'noopener,noreferrer');
        act(
          {
            type: 'button',
            block_id: blockId,
            action_id: actionId,
            text,
            ...(value === undefined ? {} : { value }),
            ...(style ? { style } : {}),
          },
          element['confirm'],
        );
      }}
    >
      {plain(label)}
      {waits && <span className="spinner" aria-hidden="true" />}
    </button>
  );
}

function Overflow({ element, blockId }: Props) {
  const { act } = useContext(SurfaceContext);
  const [at, setAt] = useState<{ top: number; right: number }>();
  const opener = useRef<HTMLButtonElement>(null);
  const menu = useRef<HTMLDivElement>(null);
  const options = list(element['options']).map(rec);
  const close = (): void => {
    setAt(undefined);
    opener.current?.focus();
  };
  useEffect(() => {
    if (!at) return;
    menu.current?.querySelector<HTMLElement>('[role=menuitem]')?.focus();
    const away = (event: Event): void => {
      if (!(
        event.target instanceof Node &&
        (menu.current?.contains(event.target) || opener.current?.contains(event.target))
      ))
        setAt(undefined);
    };
    document.addEventListener('pointerdown', away);
    document.addEventListener('scroll', away, true);
    return () => {
      document.removeEventListener('pointerdown', away);
      document.removeEventListener('scroll', away, true);
    };
  }, [at]);
  const open = (): void => {
    const box = opener.current?.getBoundingClientRect();
    if (!box) return;
    const height = options.length * 34 + 14;
    const below = box.bottom + height < window.innerHeight;
    setAt({ top: below ? box.bottom + 4 : Math.max(4, box.top - height - 4), right: window.innerWidth - box.right });
  };
  const move = (event: React.KeyboardEvent): void => {
    const items = [...(menu.current?.querySelectorAll<HTMLElement>('[role=menuitem]') ?? [])];
    const now = items.findIndex((item) => item === document.activeElement);
    const to = { ArrowDown: now + 1, ArrowUp: now - 1 + items.length, Home: 0, End: items.length - 1 }[event.key];
    if (to !== undefined) items[to % items.length]?.focus();
    else if (event.key === 'Escape' || event.key === 'Tab') close();
    else return;
    event.preventDefault();
    event.stopPropagation();
  };
  return (
    <>
      <button
        ref={opener}
        type="button"
        className="button overflow"
        aria-label="More actions"
        aria-haspopup="menu"
        aria-expanded={at !== undefined}
        onClick={() => (at ? close() : open())}
      >
        <span aria-hidden="true">⋯</span>
      </button>
      {at && (
        <div ref={menu} role="menu" aria-label="More actions" className="menu" style={at} onKeyDown={move}>
          {options.map((option, i) => (
            <button
              key={i}
              type="button"
              role="menuitem"
              tabIndex={-1}
              onClick={() => {
                close();
                if (isSafeUrl(str(option['url']))) window.open(str(option['url']), '_blank', 'noopener,noreferrer');
                act(
                  { type: 'overflow', block_id: blockId, action_id: element['action_id'], selected_option: option },
                  element['confirm'],
                );
              }}
            >
              {plain(textOf(option['text']))}
            </button>
          ))}
        </div>
      )}
    </>
  );
}

function Choices(props: Props) {
  const { element, labels } = props;
  const [value, set] = useValue(props);
  const name = useId();
  const type = str(element['type']);
  const single = type === 'radio_buttons';
  const chosen = (single ? [value['selected_option']] : list(value['selected_options'])).map((option) =>
    str(rec(option)['value']),
  );
  const options = list(element['options']).map(rec);
  return (
    <div
      role={single ? 'radiogroup' : 'group'}
      className="choices"
      aria-labelledby={labels?.labelledBy}
      aria-label={labels?.labelledBy === undefined ? 'Choices' : undefined}
      aria-describedby={labels?.describedBy}
      id={labels?.id}
    >
      {options.map((option, i) => {
        const own = str(option['value']);
        return (
          <label key={i} className="choice">
            <input
              type={single ? 'radio' : 'checkbox'}
              name={name}
              checked={chosen.includes(own)}
              aria-invalid={labels?.invalid === true ? true : undefined}
              onChange={(event) => {
                if (single) return set({ type, selected_option: option });
                const now = options.filter((o) =>
                  str(o['value']) === own ? event.target.checked : chosen.includes(str(o['value'])),
                );
                set({ type, selected_options: now });
              }}
            />
            <span>
              <Text of={option['text']} />
              {option['description'] !== undefined && (
                <span className="muted small">
                  <Text of={option['description']} />
                </span>
              )}
            </span>
          </label>
        );
      })}
    </div>
  );
}

function TextInput(props: Props) {
  const { element, labels } = props;
  const [value, set] = useValue(props);
  const timer = useRef<number>(undefined);
  useEffect(() => () => window.clearTimeout(timer.current), []);
  const type = str(element['type']);
  const triggers = list(rec(element['dispatch_action_config'])['trigger_actions_on']);
  const onCharacter = triggers.includes('on_character_entered');
  const onEnter = triggers.length === 0 || triggers.includes('on_enter_pressed');
  const text = str(value['value']);
  const number = type === 'number_input';
  const next = (now: string): Rec => ({ type, value: now === '' ? null : now });
  const common = {
    ...aria(labels, textOf(element['placeholder']) || 'Text'),
    value: text,
    placeholder: textOf(element['placeholder']) || undefined,
    maxLength: typeof element['max_length'] === 'number' ? element['max_length'] : undefined,
    autoComplete: 'off',
    'data-autofocus': element['focus_on_load'] === true ? '' : undefined,
    onChange: (event: { target: { value: string } }) => {
      const now = event.target.value;
      set(next(now), false);
      window.clearTimeout(timer.current);
      if (onCharacter) timer.current = window.setTimeout(() => set(next(now)), 250);
    },
  };
  if (element['multiline'] === true) return <textarea {...common} rows={3} />;
  return (
    <input
      {...common}
      type={type === 'email_text_input' ? 'email' : type === 'url_text_input' ? 'url' : 'text'}
      inputMode={number ? (element['is_decimal_allowed'] === true ? 'decimal' : 'numeric') : undefined}
      onKeyDown={(event) => {
        if (event.key === 'Enter' && onEnter && labels?.input?.['dispatch_action'] === true) {
          event.preventDefault();
          set(next(text));
        }
        const step = { ArrowUp: 1, ArrowDown: -1 }[event.key];
        if (!number || step === undefined || !/^-?\d*$/.test(text)) return;
        event.preventDefault();
        const bounded = Math.min(
          Number(element['max_value'] ?? Infinity),
          Math.max(Number(element['min_value'] ?? -Infinity), Number(text) + step),
        );
        set(next(String(bounded)), onCharacter);
      }}
    />
  );
}

function Picker(props: Props) {
  const { element, labels } = props;
  const [value, set] = useValue(props);
  const type = str(element['type']);
  if (type === 'datetimepicker') {
    const seconds = Number(value['selected_date_time'] ?? 0);
    const local =
      seconds > 0
        ? new Date(seconds * 1000 - new Date(seconds * 1000).getTimezoneOffset() * 60_000).toISOString().slice(0, 16)
        : '';
    return (
      <input
        {...aria(labels, 'Date and time')}
        type="datetime-local"
        value={local}
        onChange={(e) =>
          set({
            type,
            selected_date_time: e.target.value === '' ? null : Math.floor(new Date(e.target.value).getTime() / 1000),
          })
        }
      />
    );
  }
  const [key, kind, label] =
    type === 'datepicker' ? ['selected_date', 'date', 'Date'] : ['selected_time', 'time', 'Time'];
  return (
    <input
      {...aria(labels, textOf(element['placeholder']) || label)}
      type={kind}
      value={str(value[key])}
      onChange={(e) => set({ type, [key]: e.target.value === '' ? null : e.target.value })}
    />
  );
}

type Option = { value: string; label: string; source: unknown; group: string };

function Select(props: Props) {
  const { element, labels } = props;
  const { users, channels } = useContext(ReaderContext);
  const [value, set] = useValue(props);
  const type = str(element['type']);
  const multiple = type.startsWith('multi_');
  const kind = type.replace('multi_', '').replace('_select', '');
  const given = (options: unknown, group: string): Option[] =>
    list(options).map((o) => ({ value: str(rec(o)['value']), label: plain(textOf(rec(o)['text'])), source: o, group }));
  const options: Option[] =
    kind === 'users'
      ? users.filter((u) => !u.isBot).map((u) => ({ value: u.id, label: u.realName, source: u.id, group: '' }))
      : kind === 'channels' || kind === 'conversations'
        ? channels.map((c) => ({ value: c.id, label: `#${c.name}`, source: c.id, group: '' }))
        : element['option_groups'] === undefined
          ? given(element['options'], '')
          : list(element['option_groups']).flatMap((g) => given(rec(g)['options'], textOf(rec(g)['label'])));
  const key =
    { users: 'selected_user', channels: 'selected_channel', conversations: 'selected_conversation' }[kind] ??
    'selected_option';
  const idOf = (v: unknown): string => str(v) || str(rec(v)['value']);
  const chosen = multiple ? list(value[`${key}s`]).map(idOf) : [idOf(value[key])];
  const placeholder = textOf(element['placeholder']) || 'Choose an option';
  const option = (o: Option) => (
    <option key={o.value} value={o.value}>
      {o.label}
    </option>
  );
  const groups = [...new Set(options.map((o) => o.group))];
  return (
    <select
      {...aria(labels, placeholder)}
      multiple={multiple}
      data-autofocus={element['focus_on_load'] === true ? '' : undefined}
      value={multiple ? chosen : (chosen[0] ?? '')}
      onChange={(event) => {
        const values = [...event.target.selectedOptions].map((o) => o.value);
        const picked = options.filter((o) => values.includes(o.value)).map((o) => o.source);
        set({ type, [multiple ? `${key}s` : key]: multiple ? picked : (picked[0] ?? null) });
      }}
    >
      {!multiple && <option value="">{placeholder}</option>}
      {groups.map((group) =>
        group === '' ? (
          options.filter((o) => o.group === '').map(option)
        ) : (
          <optgroup key={group} label={group}>
            {options.filter((o) => o.group === group).map(option)}
          </optgroup>
        ),
      )}
    </select>
  );
}

function External(props: Props) {
  const { element, blockId, labels } = props;
  const { suggest } = useContext(SurfaceContext);
  const [value, set] = useValue(props);
  const [query, setQuery] = useState('');
  const [options, setOptions] = useState<unknown[]>([]);
  const timer = useRef<number>(undefined);
  const min = Number(element['min_query_length'] ?? 3);
  const actionId = str(element['action_id']);
  useEffect(() => () => window.clearTimeout(timer.current), []);
  const look = (text: string): void => {
    setQuery(text);
    window.clearTimeout(timer.current);
    if (text.length >= min)
      timer.current = window.setTimeout(() => void suggest(blockId, actionId, text).then(setOptions), 200);
  };
  const shown = options.length > 0 ? options : value['selected_option'] ? [value['selected_option']] : [];
  return (
    <span className="external">
      <input
        type="search"
        aria-label="Search"
        placeholder={`Search, at least ${min} letters`}
        value={query}
        onFocus={() => look(query)}
        onChange={(e) => look(e.target.value)}
      />
      <Select element={{ ...element, options: shown }} blockId={blockId} labels={{ ...labels }} />
      {options.length === 0 && query.length >= min && <span className="muted small">No results</span>}
      <button
        type="button"
        className="button"
        hidden={value['selected_option'] === null}
        onClick={() => set({ ...value, selected_option: null })}
      >
        Clear
      </button>
    </span>
  );
}
