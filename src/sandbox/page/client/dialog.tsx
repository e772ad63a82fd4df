import { useEffect, useId, useRef, useState } from 'react';
import type { ReactNode } from 'react';
import { createPortal } from 'react-dom';

const focusable =
  'a[href], button:not([disabled]), input:not([disabled]), select:not([disabled]), textarea:not([disabled]), summary, [tabindex="0"]';

/** A modal dialog: labelled by its title, keeps the focus inside, gives it back when it ends; Esc closes. */
export function Dialog(props: {
  title: string;
  onClose: () => void;
  small?: boolean;
  closeLabel?: string;
  children: ReactNode;
  focusKey?: string;
  hidden?: boolean;
}) {
  const id = useId();
  const box = useRef<HTMLDivElement>(null);
  // asked while rendering: once the page below is inert, nothing of it has the focus any more
  const [before] = useState(() => document.activeElement);
  useEffect(
    () => () => {
      if (before instanceof HTMLElement && before !== document.body && before.isConnected) before.focus();
      else document.querySelector<HTMLElement>('[data-composer]')?.focus();
    },
    [before],
  );
  useEffect(() => {
    const inside = box.current;
    const first =
      inside?.querySelector<HTMLElement>('[data-autofocus]') ??
      inside?.querySelector<HTMLElement>('.dialog-body :is(input, select, textarea, button)') ??
      inside?.querySelector<HTMLElement>('.dialog-foot .button:last-child') ??
      inside;
    first?.focus();
  }, [props.focusKey]);
  const last = useRef<HTMLElement>(undefined);
  useEffect(() => {
    if (props.hidden !== true && box.current?.contains(document.activeElement) === false) last.current?.focus();
  }, [props.hidden]);
  const onKeyDown = (event: React.KeyboardEvent): void => {
    if (event.key === 'Escape') {
      event.stopPropagation();
      event.preventDefault();
      props.onClose();
    }
    if (event.key !== 'Tab') return;
    event.stopPropagation();
    const all = [...(box.current?.querySelectorAll<HTMLElement>(focusable) ?? [])].filter(
      (e) => e.offsetParent !== null,
    );
    const [first, last] = [all[0], all.at(-1)];
    if (!first || !last) return event.preventDefault();
    const active = document.activeElement;
    if (event.shiftKey ? active === first || active === box.current : active === last) {
      event.preventDefault();
      (event.shiftKey ? last : first).focus();
    }
  };
  return createPortal(
    <div className="backdrop" hidden={props.hidden}>
      <div
        ref={box}
        role="dialog"
        aria-modal="true"
        aria-labelledby={id}
        tabIndex={-1}
        className={`dialog ${props.small === true ? 'small-dialog' : ''}`}
        onKeyDown={onKeyDown}
        onFocus={(event) => void (last.current = event.target)}
      >
        <div className="dialog-head">
          <h2 id={id}>{props.title}</h2>
          <button
            type="button"
            className="icon-button"
            aria-label={props.closeLabel ?? 'Dismiss'}
            onClick={props.onClose}
          >
            <span aria-hidden="true">✕</span>
          </button>
        </div>
        {props.children}
      </div>
    </div>,
    document.body,
  );
}
