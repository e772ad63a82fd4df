import { useEffect, useRef, useState } from 'react';
import type { ReactNode } from 'react';

export type MenuItem = { label: string; about?: string; pick: () => void };

/** A button that opens a menu: arrows, Home and End move, Esc closes and gives the focus back. */
export function MenuButton(props: {
  /** The name of button and menu. */
  label: string;
  className: string;
  items: MenuItem[];
  children: ReactNode;
}) {
  const [at, setAt] = useState<{ top: number; right?: number; left?: number }>();
  const opener = useRef<HTMLButtonElement>(null);
  const menu = useRef<HTMLDivElement>(null);
  const { items } = props;
  const close = (): void => {
    setAt(undefined);
    opener.current?.focus();
  };
  useEffect(() => {
    if (!at) return;
    menu.current?.querySelector<HTMLElement>('[role=menuitem]')?.focus();
    const away = (event: Event): void => {
      const inside = (of: HTMLElement | null): boolean =>
        event.target instanceof Node && of?.contains(event.target) === true;
      if (!inside(menu.current) && !inside(opener.current)) setAt(undefined);
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
    const height = items.reduce((sum, item) => sum + (item.about === undefined ? 34 : 54), 14);
    const below = box.bottom + height < window.innerHeight;
    const top = below ? box.bottom + 4 : Math.max(4, box.top - height - 4);
    const across = box.left < window.innerWidth / 2 ? { left: box.left } : { right: window.innerWidth - box.right };
    setAt({ top, ...across });
  };
  const move = (event: React.KeyboardEvent): void => {
    const all = [...(menu.current?.querySelectorAll<HTMLElement>('[role=menuitem]') ?? [])];
    const now = all.findIndex((item) => item === document.activeElement);
    const to = { ArrowDown: now + 1, ArrowUp: now - 1 + all.length, Home: 0, End: all.length - 1 }[event.key];
    if (to !== undefined) all[to % all.length]?.focus();
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
        className={props.className}
        aria-label={props.label}
        aria-haspopup="menu"
        aria-expanded={at !== undefined}
        onClick={() => (at ? close() : open())}
      >
        {props.children}
      </button>
      {at && (
        <div ref={menu} role="menu" aria-label={props.label} className="menu" style={at} onKeyDown={move}>
          {items.map((item, i) => (
            <button
              key={i}
              type="button"
              role="menuitem"
              tabIndex={-1}
              onClick={() => {
                close();
                item.pick();
              }}
            >
              {item.label}
              {item.about !== undefined && <span className="menu-about">{item.about}</span>}
            </button>
          ))}
        </div>
      )}
    </>
  );
}
