import { useEffect, useId, useRef } from 'react';
import { aria, useValue } from './surface.ts';
import type { Props } from './surface.ts';
import { Text } from './text.tsx';
import { list, rec, str, textOf } from './values.ts';
import type { Rec } from './values.ts';

/** Radio buttons and checkboxes. */
export function Choices(props: Props) {
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

/** Lines of text and numbers; what was typed is sent at once only where the block dispatches. */
export function TextInput(props: Props) {
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

/** Dates and times. */
export function Picker(props: Props) {
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
