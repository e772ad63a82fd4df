import type { ReactNode } from 'react';
import { Emoji } from './emoji.tsx';
import { DateText, Link, Mention } from './text.tsx';
import { list, rec, str } from './values.ts';

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
      return <Emoji name={str(e['name'])} />;
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

/** A rich_text block. */
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
