import { createContext, useContext } from 'react';
import type { ReactNode } from 'react';
import type { PageChannel, PageUser } from '../../contract.ts';
import { formatDate, isSafeUrl, parseMarkdown, parseMrkdwn } from './mrkdwn.ts';
import type { Inline, Part } from './mrkdwn.ts';
import { list, rec, str } from './values.ts';

export type Reader = { me: string; users: PageUser[]; channels: PageChannel[]; nowMs: () => number };
export const ReaderContext = createContext<Reader>({ me: '', users: [], channels: [], nowMs: () => Date.now() });

const emojis: Record<string, string> = {
  white_check_mark: '✅',
  heavy_check_mark: '✔️',
  ballot_box_with_check: '☑️',
  x: '❌',
  warning: '⚠️',
  rotating_light: '🚨',
  hourglass: '⌛',
  hourglass_flowing_sand: '⏳',
  stopwatch: '⏱️',
  alarm_clock: '⏰',
  clock1: '🕐',
  timer_clock: '⏲️',
  rocket: '🚀',
  fire: '🔥',
  boom: '💥',
  zap: '⚡',
  tada: '🎉',
  sparkles: '✨',
  wastebasket: '🗑️',
  lock: '🔒',
  unlock: '🔓',
  no_entry: '⛔',
  no_entry_sign: '🚫',
  octagonal_sign: '🛑',
  information_source: 'ℹ️',
  question: '❓',
  exclamation: '❗',
  bulb: '💡',
  bell: '🔔',
  eyes: '👀',
  wave: '👋',
  '+1': '👍',
  thumbsup: '👍',
  '-1': '👎',
  thumbsdown: '👎',
  memo: '📝',
  clipboard: '📋',
  package: '📦',
  gear: '⚙️',
  wrench: '🔧',
  hammer: '🔨',
  hammer_and_wrench: '🛠️',
  desktop_computer: '🖥️',
  computer: '💻',
  floppy_disk: '💾',
  satellite: '📡',
  chart_with_upwards_trend: '📈',
  bar_chart: '📊',
  moneybag: '💰',
  dollar: '💵',
  heavy_dollar_sign: '💲',
  money_with_wings: '💸',
  robot_face: '🤖',
  arrow_right: '➡️',
  arrow_up: '⬆️',
  arrow_down: '⬇️',
  arrows_counterclockwise: '🔄',
  repeat: '🔁',
  large_green_circle: '🟢',
  large_yellow_circle: '🟡',
  large_orange_circle: '🟠',
  red_circle: '🔴',
  large_blue_circle: '🔵',
  white_circle: '⚪',
  black_circle: '⚫',
  house: '🏠',
  calendar: '📅',
  spiral_calendar_pad: '🗓️',
  mag: '🔍',
  link: '🔗',
  key: '🔑',
  broom: '🧹',
  droplet: '💧',
  potable_water: '🚰',
  shield: '🛡️',
  construction: '🚧',
  raised_hand: '✋',
  speech_balloon: '💬',
  pushpin: '📌',
  cloud: '☁️',
  heart: '❤️',
  skull: '💀',
};
const emoji = (name: string): ReactNode =>
  emojis[name] === undefined ? `:${name}:` : <span title={`:${name}:`}>{emojis[name]}</span>;

/** Plain text with emoji names replaced. */
export const plain = (text: string): string =>
  text.replace(/:([a-z0-9_+-]+):/g, (all, name: string) => emojis[name] ?? all);

function Link({ url, children }: { url: string; children: ReactNode }) {
  return isSafeUrl(url) ? (
    <a href={url} target="_blank" rel="noopener noreferrer">
      {children}
    </a>
  ) : (
    children
  );
}

export function DateText(props: { seconds: number; format: string; link: string; fallback: string }) {
  const { nowMs } = useContext(ReaderContext);
  const date = new Date(props.seconds * 1000);
  if (Number.isNaN(date.getTime())) return props.fallback;
  const shown = (
    <time dateTime={date.toISOString()} title={date.toLocaleString()}>
      {formatDate(props.seconds, props.format, nowMs())}
    </time>
  );
  return props.link === '' ? shown : <Link url={props.link}>{shown}</Link>;
}

export function Mention({ kind, id, label }: { kind: 'user' | 'channel' | 'broadcast'; id: string; label: string }) {
  const { me, users, channels } = useContext(ReaderContext);
  const own = kind === 'broadcast' || id === me ? ' mention-me' : '';
  const name =
    kind === 'user'
      ? `@${users.find((u) => u.id === id)?.realName ?? (label || id)}`
      : kind === 'channel'
        ? `#${channels.find((c) => c.id === id)?.name ?? (label || id)}`
        : `@${label.replace(/^@/, '') || id}`;
  return <span className={`mention${own}`}>{name}</span>;
}

export function Inlines({ nodes }: { nodes: Inline[] }): ReactNode {
  return nodes.map((node, i) => {
    switch (node.type) {
      case 'text':
        return <span key={i}>{node.text}</span>;
      case 'code':
        return <code key={i}>{node.text}</code>;
      case 'emoji':
        return <span key={i}>{emoji(node.text)}</span>;
      case 'bold':
        return (
          <strong key={i}>
            <Inlines nodes={node.children} />
          </strong>
        );
      case 'italic':
        return (
          <em key={i}>
            <Inlines nodes={node.children} />
          </em>
        );
      case 'strike':
        return (
          <s key={i}>
            <Inlines nodes={node.children} />
          </s>
        );
      case 'link':
        return (
          <Link key={i} url={node.url}>
            <Inlines nodes={node.children} />
          </Link>
        );
      case 'date':
        return <DateText key={i} {...node} />;
      case 'user':
      case 'channel':
      case 'broadcast':
        return <Mention key={i} kind={node.type} id={node.id} label={node.label} />;
    }
  });
}

function Parts({ parts }: { parts: Part[] }): ReactNode {
  return parts.map((part, i) => {
    switch (part.type) {
      case 'paragraph':
        return (
          <p key={i}>
            <Inlines nodes={part.children} />
          </p>
        );
      case 'quote':
        return (
          <blockquote key={i}>
            <Inlines nodes={part.children} />
          </blockquote>
        );
      case 'pre':
        return (
          <pre key={i} tabIndex={0}>
            {part.text}
          </pre>
        );
      case 'heading':
        return (
          <p key={i} className={`heading heading-${Math.min(part.level, 3)}`}>
            <Inlines nodes={part.children} />
          </p>
        );
      case 'list': {
        const items = part.items.map((item, n) => (
          <li key={n}>
            <Inlines nodes={item} />
          </li>
        ));
        return part.ordered ? <ol key={i}>{items}</ol> : <ul key={i}>{items}</ul>;
      }
      case 'table':
        return (
          <table key={i}>
            <tbody>
              {part.rows.map((row, r) => (
                <tr key={r}>
                  {row.map((cell, c) =>
                    r === 0 ? (
                      <th key={c} scope="col">
                        <Inlines nodes={cell} />
                      </th>
                    ) : (
                      <td key={c}>
                        <Inlines nodes={cell} />
                      </td>
                    ),
                  )}
                </tr>
              ))}
            </tbody>
          </table>
        );
      case 'rule':
        return <hr key={i} />;
    }
  });
}

export const Mrkdwn = ({ text }: { text: string }) => (
  <div className="text">
    <Parts parts={parseMrkdwn(text)} />
  </div>
);
export const Markdown = ({ text }: { text: string }) => (
  <div className="text">
    <Parts parts={parseMarkdown(text)} />
  </div>
);

/** A text object, plain or mrkdwn. */
export function Text({ of }: { of: unknown }) {
  const { type, text } = rec(of);
  return type === 'mrkdwn' ? (
    <Mrkdwn text={str(text)} />
  ) : (
    <div className="text">
      <p>{plain(str(text))}</p>
    </div>
  );
}

function RichElement({ of }: { of: unknown }): ReactNode {
  const e = rec(of);
  const style = rec(e['style']);
  const styled = (shown: ReactNode): ReactNode => {
    if (style['code'] === true) shown = <code>{shown}</code>;
    if (style['bold'] === true) shown = <strong>{shown}</strong>;
    if (style['italic'] === true) shown = <em>{shown}</em>;
    return style['strike'] === true ? <s>{shown}</s> : shown;
  };
  switch (str(e['type'])) {
    case 'text':
      return styled(str(e['text']));
    case 'link':
      return styled(<Link url={str(e['url'])}>{str(e['text']) || str(e['url'])}</Link>);
    case 'emoji':
      return emoji(str(e['name']));
    case 'user':
      return styled(<Mention kind="user" id={str(e['user_id'])} label="" />);
    case 'channel':
      return styled(<Mention kind="channel" id={str(e['channel_id'])} label="" />);
    case 'usergroup':
      return styled(<Mention kind="broadcast" id={str(e['usergroup_id'])} label="" />);
    case 'broadcast':
      return styled(<Mention kind="broadcast" id={str(e['range'])} label="" />);
    case 'date':
      return styled(
        <DateText
          seconds={Number(e['timestamp'])}
          format={str(e['format'])}
          link={str(e['url'])}
          fallback={str(e['fallback'])}
        />,
      );
    default:
      return str(e['text']);
  }
}

const RichElements = ({ of }: { of: unknown }): ReactNode => list(of).map((e, i) => <RichElement key={i} of={e} />);

export function RichText({ of }: { of: unknown }) {
  return (
    <div className="text">
      {list(rec(of)['elements']).map((value, i) => {
        const e = rec(value);
        const inner = e['elements'];
        switch (str(e['type'])) {
          case 'rich_text_list': {
            const items = list(inner).map((item, n) => (
              <li key={n}>
                <RichElements of={rec(item)['elements']} />
              </li>
            ));
            const indent = { marginInlineStart: `${Number(e['indent'] ?? 0) * 24}px` };
            return e['style'] === 'ordered' ? (
              <ol key={i} style={indent} start={Number(e['offset'] ?? 0) + 1}>
                {items}
              </ol>
            ) : (
              <ul key={i} style={indent}>
                {items}
              </ul>
            );
          }
          case 'rich_text_quote':
            return (
              <blockquote key={i}>
                <RichElements of={inner} />
              </blockquote>
            );
          case 'rich_text_preformatted':
            return (
              <pre key={i} tabIndex={0}>
                <RichElements of={inner} />
              </pre>
            );
          default:
            return (
              <p key={i}>
                <RichElements of={inner} />
              </p>
            );
        }
      })}
    </div>
  );
}
