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
