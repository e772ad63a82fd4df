import { useContext } from 'react';
import { Emojied, plain } from './emoji.tsx';
import { MenuButton } from './menu.tsx';
import { isSafeUrl } from './mrkdwn.ts';
import { SurfaceContext } from './surface.ts';
import type { Props } from './surface.ts';
import { list, rec, str, textOf } from './values.ts';

export function Button({ element, blockId }: Props) {
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
      <Emojied text={label} />
      {waits && <span className="spinner" aria-hidden="true" />}
    </button>
  );
}

/** A menu behind three dots. */
export function Overflow({ element, blockId }: Props) {
  const { act } = useContext(SurfaceContext);
  const items = list(element['options'])
    .map(rec)
    .map((option) => ({
      label: plain(textOf(option['text'])),
      ...(option['description'] === undefined ? {} : { about: plain(textOf(option['description'])) }),
      pick: () => {
        if (isSafeUrl(str(option['url']))) window.open(str(option['url']), '_blank', 'noopener,noreferrer');
        act(
          { type: 'overflow', block_id: blockId, action_id: element['action_id'], selected_option: option },
          element['confirm'],
        );
      },
    }));
  return (
    <MenuButton label="More actions" className="button overflow" items={items}>
      <span aria-hidden="true">⋯</span>
    </MenuButton>
  );
}
