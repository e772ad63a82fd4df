import { useContext, useEffect, useLayoutEffect, useRef, useState } from 'react';
import type { PageMessage } from '../../contract.ts';
import { BlocksSurface } from './blocks.tsx';
import { Files } from './files.tsx';
import { Icon } from './icons.tsx';
import { MenuButton } from './menu.tsx';
import type { Edited } from './state.ts';
import { ReaderContext } from './reader.ts';
import { Mrkdwn } from './text.tsx';

const atMs = (ts: string): number => Number(ts) * 1000;
const clockTime = (ms: number): string =>
  new Date(ms).toLocaleTimeString('en-US', { hour: 'numeric', minute: '2-digit' });

export function Avatar({ id, name, bot }: { id: string; name: string; bot: boolean }) {
  const hue = [...id].reduce((sum, c) => (sum * 31 + c.charCodeAt(0)) % 360, 7);
  return (
    <span
      className={`avatar ${bot ? 'bot' : ''}`}
      aria-hidden="true"
      style={bot ? undefined : { background: `hsl(${hue} 45% 38%)` }}
    >
      {bot ? '⚡' : name.charAt(0)}
    </span>
  );
}

function Message(props: {
  message: PageMessage;
  compact: boolean;
  onThread?: ((ts: string) => void) | undefined;
  onError: (error: string) => void;
}) {
  const { message, compact, onThread } = props;
  const { me, users, shortcuts, slack } = useContext(ReaderContext);
  const [edited, setEdited] = useState<Edited>({});
  const from = users.find((u) => u.id === message.userId);
  const name = from?.realName ?? (message.userId === 'USLACKBOT' ? 'Slackbot' : message.userId);
  const time = clockTime(atMs(message.ts));
  const head = !compact || message.ephemeral;
  const offered = shortcuts
    .filter((s) => s.type === 'message')
    .map((s) => ({
      label: s.name,
      about: s.description,
      pick: () => {
        const { channel, ts } = message;
        void slack('/shortcut', { user: me, callbackId: s.callbackId, message: { channel, ts } }).then((reply) => {
          if (!reply.ok) props.onError(reply.error ?? 'That did not work.');
        });
      },
    }));
  return (
    <article
      className={`message ${head ? '' : 'compact'} ${message.ephemeral ? 'ephemeral' : ''}`}
      aria-label={`${name} at ${time}`}
      data-ts={message.ts}
    >
      <div className="gutter">
        {head ? (
          <Avatar id={message.userId} name={name} bot={from?.isBot ?? true} />
        ) : (
          <span className="gutter-time" aria-hidden="true">
            {time.replace(/ .*/, '')}
          </span>
        )}
      </div>
      <div className="grow">
        {message.ephemeral && (
          <div className="only-you">
            <Icon name="eye" /> Only visible to you
          </div>
        )}
        {head && (
          <div className="message-head">
            <strong>{name}</strong> {(from?.isBot ?? true) && <span className="badge">APP</span>}
            <time dateTime={new Date(atMs(message.ts)).toISOString()}>{time}</time>
          </div>
        )}
        {message.blocks.length > 0 ? (
          <BlocksSurface
            user={me}
            container={{ type: 'message', channel: message.channel, ts: message.ts }}
            blocks={message.blocks}
            edited={edited}
            onEdit={setEdited}
            onError={props.onError}
          />
        ) : (
          message.text !== '' && <Mrkdwn text={message.text} />
        )}
        {message.files !== undefined && message.files.length > 0 && <Files files={message.files} />}
        {message.edited && from?.isBot !== true && <span className="muted small">(edited)</span>}
        {onThread && message.replyCount > 0 && (
          <button type="button" className="replies" onClick={() => onThread(message.ts)}>
            {message.replyCount === 1 ? '1 reply' : `${message.replyCount} replies`}
          </button>
        )}
      </div>
      {!message.ephemeral && (onThread || offered.length > 0) && (
        <div className="message-tools">
          {onThread && (
            <button
              type="button"
              className="tool"
              aria-label={`Reply in thread to ${name} at ${time}`}
              onClick={() => onThread(message.ts)}
            >
              <Icon name="reply" />
            </button>
          )}
          {offered.length > 0 && (
            <MenuButton label={`More actions for ${name} at ${time}`} className="tool" items={offered}>
              <Icon name="more" />
            </MenuButton>
          )}
        </div>
      )}
    </article>
  );
}

/** The messages of a conversation or thread, oldest first; follows new ones while the end is in sight. */
export function MessageList(props: {
  label: string;
  messages: PageMessage[];
  onThread?: (ts: string) => void;
  onError: (error: string) => void;
  intro?: string;
  /** What came later was not seen before this visit. */
  seenUntil?: string;
}) {
  const { messages } = props;
  const { me, nowMs } = useContext(ReaderContext);
  const box = useRef<HTMLDivElement>(null);
  const inner = useRef<HTMLDivElement>(null);
  const atEnd = useRef(true);
  const last = messages.at(-1)?.ts;
  useLayoutEffect(() => {
    if (box.current && atEnd.current) box.current.scrollTop = box.current.scrollHeight;
  }, [last, messages]);
  useEffect(() => {
    const watch = new ResizeObserver(() => {
      if (box.current && atEnd.current) box.current.scrollTop = box.current.scrollHeight;
    });
    if (inner.current) watch.observe(inner.current);
    return () => watch.disconnect();
  }, []);
  const { seenUntil } = props;
  const firstNew =
    seenUntil === undefined ? undefined : messages.find((m) => m.ts > seenUntil && m.userId !== me && !m.ephemeral)?.ts;
  const day = (ts: string): string => new Date(atMs(ts)).toDateString();
  return (
    <div
      ref={box}
      role="log"
      aria-label={props.label}
      tabIndex={0}
      className="messages"
      onScroll={(event) => {
        const e = event.currentTarget;
        atEnd.current = e.scrollHeight - e.scrollTop - e.clientHeight < 60;
      }}
    >
      <div ref={inner} className="messages-inner">
        {props.intro !== undefined && <p className="intro muted">{props.intro}</p>}
        {messages.map((message, i) => {
          const before = messages[i - 1];
          const newDay = before === undefined || day(before.ts) !== day(message.ts);
          const compact =
            !newDay &&
            !before.ephemeral &&
            before.userId === message.userId &&
            atMs(message.ts) - atMs(before.ts) < 300_000;
          const isNew = message.ts === firstNew;
          const today = new Date(nowMs()).toDateString() === day(message.ts);
          return (
            <div key={`${message.channel}/${message.ts}`}>
              {newDay && (
                <div className="day">
                  <span>
                    {today
                      ? 'Today'
                      : new Date(atMs(message.ts)).toLocaleDateString('en-US', {
                          weekday: 'long',
                          month: 'long',
                          day: 'numeric',
                        })}
                  </span>
                </div>
              )}
              {isNew && (
                <div className="new-mark">
                  <span>New</span>
                </div>
              )}
              <Message
                message={message}
                compact={compact && !isNew}
                onThread={props.onThread}
                onError={props.onError}
              />
            </div>
          );
        })}
      </div>
    </div>
  );
}
