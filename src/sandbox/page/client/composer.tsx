import { useContext, useEffect, useId, useRef, useState } from 'react';
import type { PageSlackState } from '../../contract.ts';
import { subCommands } from './hints.ts';
import { Icon } from './icons.tsx';
import { MenuButton } from './menu.tsx';
import { escapeText } from './mrkdwn.ts';
import { ReaderContext } from './reader.ts';

type Suggestion = { insert: string; title: string; usage: string; description: string };

/** Slash commands that the typed text may become; once the command stands, the words that may follow it. */
export function suggestionsFor(text: string, commands: PageSlackState['commands']): Suggestion[] {
  const [, name = '', space = '', word = ''] = /^(\/\S*)(\s*)(\S*)$/.exec(text) ?? [];
  if (name === '') return [];
  if (space === '')
    return commands
      .filter((c) => c.command.startsWith(name))
      .map((c) => ({ insert: `${c.command} `, title: c.command, usage: c.usageHint, description: c.description }));
  if (name !== '/burst' || !commands.some((c) => c.command === name)) return [];
  return subCommands
    .filter(([sub]) => sub.startsWith(word) && sub !== word)
    .map(([sub, usage, description]) => ({ insert: `${name} ${sub} `, title: `${name} ${sub}`, usage, description }));
}

/** Where one writes: Enter sends, Shift+Enter breaks the line, Tab completes. What failed to be sent stays. */
export function Composer(props: {
  user: string;
  channel: string;
  label: string;
  commands: PageSlackState['commands'];
  threadTs?: string;
  onSent: () => void;
}) {
  const { users, shortcuts, slack } = useContext(ReaderContext);
  const id = useId();
  const field = useRef<HTMLTextAreaElement>(null);
  useEffect(() => {
    if (document.activeElement === document.body) field.current?.focus();
  }, []);
  const [text, setText] = useState('');
  const [error, setError] = useState('');
  const [sending, setSending] = useState(false);
  const [closed, setClosed] = useState(false);
  const [chosen, setChosen] = useState(-1);
  const suggestions = closed || props.threadTs !== undefined ? [] : suggestionsFor(text, props.commands);
  const typed = /^\/burst\s+(\S+)/.exec(text)?.[1];
  const usage = props.threadTs === undefined ? subCommands.find(([sub]) => sub === typed) : undefined;
  const mentions = (s: string, form: (id: string, name: string) => string): string =>
    s.replace(/(^|\s)@([a-z0-9._-]+)/gi, (all, before: string, name: string) => {
      const found = users.find((u) => u.name.toLowerCase() === name.toLowerCase());
      return found ? before + form(found.id, found.name) : all;
    });
  const send = async (): Promise<void> => {
    if (text.trim() === '' || sending) return;
    setSending(true);
    setError('');
    const { user, channel, threadTs } = props;
    const command = text.trimStart().startsWith('/') && threadTs === undefined;
    const reply = command
      ? await slack('/command', { user, channel, text: mentions(text.trim(), (u, name) => `<@${u}|${name}>`) })
      : await slack('/message', {
          user,
          channel,
          text: mentions(escapeText(text.trim()), (u) => `<@${u}>`),
          ...(threadTs === undefined ? {} : { threadTs }),
        });
    setSending(false);
    if (reply.ok) setText('');
    else setError(reply.error ?? 'Not sent.');
    setChosen(-1);
    props.onSent();
  };
  const offered = shortcuts
    .filter((s) => s.type === 'global' && props.threadTs === undefined)
    .map((s) => ({
      label: s.name,
      about: s.description,
      pick: () =>
        void slack('/shortcut', { user: props.user, callbackId: s.callbackId }).then((reply) => {
          if (!reply.ok) setError(reply.error ?? 'That did not work.');
          props.onSent();
        }),
    }));
  const take = (suggestion: Suggestion): void => {
    setText(suggestion.insert);
    setChosen(-1);
  };
  return (
    <div className="composer">
      {suggestions.length > 0 && (
        <ul role="listbox" id={`${id}-list`} aria-label="Slash commands" className="suggestions">
          {suggestions.map((s, i) => (
            <li
              key={s.title}
              id={`${id}-${i}`}
              role="option"
              aria-selected={i === chosen}
              ref={(item) => {
                if (i === chosen) item?.scrollIntoView({ block: 'nearest' });
              }}
              onPointerDown={(event) => (event.preventDefault(), take(s))}
            >
              <strong>{s.title}</strong> <code className="usage">{s.usage}</code>
              <span className="muted small suggestion-about">{s.description}</span>
            </li>
          ))}
        </ul>
      )}
      {error !== '' && <div role="alert" className="composer-error">{`⚠ ${error}`}</div>}
      <div className="composer-box">
        {offered.length > 0 && (
          <MenuButton label="Shortcuts" className="composer-plus" items={offered}>
            <Icon name="plus" />
          </MenuButton>
        )}
        <textarea
          ref={field}
          data-composer=""
          aria-label={props.label}
          aria-autocomplete="list"
          aria-controls={suggestions.length > 0 ? `${id}-list` : undefined}
          aria-activedescendant={chosen >= 0 && chosen < suggestions.length ? `${id}-${chosen}` : undefined}
          placeholder={props.label}
          rows={Math.min(8, text.split('\n').length)}
          value={text}
          onChange={(event) => {
            setText(event.target.value);
            setClosed(false);
            setChosen(-1);
            setError('');
          }}
          onKeyDown={(event) => {
            const count = suggestions.length;
            const picked = suggestions[chosen];
            if (event.nativeEvent.isComposing) return;
            if (count > 0 && event.key === 'ArrowDown') setChosen((chosen + 1) % count);
            else if (count > 0 && event.key === 'ArrowUp') setChosen((Math.max(chosen, 0) - 1 + count) % count);
            else if (count > 0 && event.key === 'Escape') setClosed(true);
            else if (count > 0 && event.key === 'Tab' && !event.shiftKey)
              take(picked ?? suggestions[0] ?? { insert: text, title: '', usage: '', description: '' });
            else if (event.key === 'Enter' && !event.shiftKey) {
              if (picked) take(picked);
              else void send();
            } else return;
            event.preventDefault();
          }}
        />
        <button
          type="button"
          className="send"
          aria-label="Send"
          disabled={text.trim() === ''}
          onClick={() => void send()}
        >
          <span aria-hidden="true">➤</span>
        </button>
      </div>
      <div className="composer-hint muted small">
        {usage ? (
          <code className="usage">{`/burst ${usage[0]} ${usage[1]}`}</code>
        ) : props.threadTs !== undefined ? (
          'Slash commands do not work in threads.'
        ) : (
          <>
            <b>/burst</b> starts a command · <b>Enter</b> sends · <b>Shift+Enter</b> new line
          </>
        )}
      </div>
    </div>
  );
}
