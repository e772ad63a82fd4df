import { useContext } from 'react';
import type { ReactNode } from 'react';
import { Emoji, Emojied } from './emoji.tsx';
import { formatDate, isSafeUrl, parseMarkdown, parseMrkdwn } from './mrkdwn.ts';
import type { Inline, Part } from './mrkdwn.ts';
import { ReaderContext } from './reader.ts';
import { rec, str } from './values.ts';

export function Link({ url, children }: { url: string; children: ReactNode }) {
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
        return <Emoji key={i} name={node.text} />;
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
      <p>
        <Emojied text={str(text)} />
      </p>
    </div>
  );
}
