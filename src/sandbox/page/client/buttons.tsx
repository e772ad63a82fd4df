import { useContext, useEffect, useRef, useState } from 'react';
import { Emojied, plain } from './emoji.tsx';
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

/** A menu behind three dots: arrows move, Esc closes. */
export function Overflow({ element, blockId }: Props) {
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
