import { useContext, useEffect, useRef, useState } from 'react';
import { plain } from './emoji.tsx';
import { ReaderContext } from './reader.ts';
import { aria, SurfaceContext, useValue } from './surface.ts';
import type { Props } from './surface.ts';
import { list, rec, str, textOf } from './values.ts';

type Option = { value: string; label: string; source: unknown; group: string };

/** Menus of given options, people or channels. */
export function Select(props: Props) {
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
        ? channels.map((c) => ({
            value: c.id,
            label: c.kind === 'im' ? 'Burst (direct message)' : `#${c.name}`,
            source: c.id,
            group: '',
          }))
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
  if (multiple) {
    const most = Number(element['max_selected_items'] ?? 100);
    const toggle = (o: Option, on: boolean): void => {
      const picked = options.filter((x) => (x === o ? on : chosen.includes(x.value)));
      set({ type, [`${key}s`]: picked.map((x) => x.source) });
    };
    return (
      <div
        role="group"
        className="choices many"
        aria-labelledby={labels?.labelledBy}
        aria-label={labels?.labelledBy === undefined ? placeholder : undefined}
        aria-describedby={labels?.describedBy}
        id={labels?.id}
      >
        {groups.map((group) => (
          <div key={group} role={group === '' ? undefined : 'group'} aria-label={group === '' ? undefined : group}>
            {group !== '' && (
              <div className="group-label" aria-hidden="true">
                {group}
              </div>
            )}
            {options
              .filter((o) => o.group === group)
              .map((o) => {
                const on = chosen.includes(o.value);
                return (
                  <label key={o.value} className="choice">
                    <input
                      type="checkbox"
                      checked={on}
                      disabled={!on && chosen.length >= most}
                      aria-invalid={labels?.invalid === true ? true : undefined}
                      onChange={(event) => toggle(o, event.target.checked)}
                    />
                    <span>{o.label}</span>
                  </label>
                );
              })}
          </div>
        ))}
        {options.length === 0 && <span className="muted small">Nothing to choose from yet</span>}
      </div>
    );
  }
  return (
    <select
      {...aria(labels, placeholder)}
      data-autofocus={element['focus_on_load'] === true ? '' : undefined}
      value={chosen[0] ?? ''}
      onChange={(event) => {
        set({ type, [key]: options.find((o) => o.value === event.target.value)?.source ?? null });
      }}
    >
      <option value="">{placeholder}</option>
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

/** A menu whose options the app suggests. */
export function External(props: Props) {
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
  const kept = [...list(value['selected_options']), value['selected_option']].filter(
    (o) => o !== null && o !== undefined,
  );
  const same = (a: unknown, b: unknown): boolean => rec(a)['value'] === rec(b)['value'];
  const shown = [...options, ...kept.filter((o) => !options.some((other) => same(o, other)))];
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
        hidden={kept.length === 0}
        onClick={() =>
          set({ ...value, ...('selected_options' in value ? { selected_options: [] } : { selected_option: null }) })
        }
      >
        Clear
      </button>
    </span>
  );
}
