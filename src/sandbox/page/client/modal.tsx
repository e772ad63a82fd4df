import { useContext, useEffect, useRef, useState } from 'react';
import type { PageView } from '../../contract.ts';
import { BlocksSurface } from './blocks.tsx';
import { Dialog } from './dialog.tsx';
import { Icon } from './icons.tsx';
import { ReaderContext } from './reader.ts';
import type { Edited } from './state.ts';
import { stateOf } from './state.ts';
import { rec } from './values.ts';
import { plain } from './emoji.tsx';

/** The view on top of the person's stack. Typed values outlive updates of the view, errors stand at their fields. */
export function Modal({
  user,
  view,
  top,
  depth,
  onChanged,
}: {
  user: string;
  view: PageView;
  /** Those below stay mounted, so that what was entered in them is there on the way back. */
  top: boolean;
  depth: number;
  onChanged: () => void;
}) {
  const { slack } = useContext(ReaderContext);
  const [edited, setEdited] = useState<Edited>({});
  const [errors, setErrors] = useState<Record<string, string>>({});
  const [failure, setFailure] = useState('');
  const [sending, setSending] = useState(false);
  const form = useRef<HTMLFormElement>(null);
  useEffect(() => {
    if (Object.keys(errors).length > 0) form.current?.querySelector<HTMLElement>('[aria-invalid=true]')?.focus();
  }, [errors]);
  const close = async (all: boolean): Promise<void> => {
    const reply = await slack('/view/close', { user, viewId: view.id, ...(all ? { all } : {}) });
    if (!reply.ok) setFailure(reply.error ?? 'The window did not close.');
    onChanged();
  };
  const submit = async (): Promise<void> => {
    if (sending) return;
    setSending(true);
    setErrors({});
    setFailure('');
    const reply = await slack('/view/submit', { user, viewId: view.id, state: stateOf(view.blocks, edited) });
    setSending(false);
    if (reply.errors) setErrors(reply.errors);
    else if (!reply.ok) setFailure(reply.error ?? 'That did not work.');
    onChanged();
  };
  const asks = view.blocks.some((block) => rec(block)['type'] === 'input');
  return (
    <Dialog
      title={plain(view.title)}
      closeLabel="Close window"
      onClose={() => void close(false)}
      focusKey={`${view.id}/${asks}`}
      hidden={!top}
    >
      <form
        ref={form}
        noValidate
        className="dialog-form"
        onSubmit={(event) => {
          event.preventDefault();
          if (view.submit !== undefined) void submit();
        }}
      >
        <div className="dialog-body">
          {failure !== '' && (
            <div role="alert" className="alert error">
              <Icon name="stop" /> {failure}
            </div>
          )}
          <BlocksSurface
            user={user}
            container={{ type: 'view', viewId: view.id }}
            blocks={view.blocks}
            edited={edited}
            onEdit={setEdited}
            errors={errors}
            onError={setFailure}
          />
        </div>
        <div className="dialog-foot">
          {depth > 1 && (
            <button type="button" className="button" onClick={() => void close(true)}>
              Close all
            </button>
          )}
          <button
            type="button"
            className="button"
            {...(asks ? {} : { 'data-autofocus': '' })}
            onClick={() => void close(false)}
          >
            {plain(view.close ?? (view.submit === undefined ? 'Close' : 'Cancel'))}
          </button>
          {view.submit !== undefined && (
            <button type="submit" className="button primary" aria-busy={sending || undefined}>
              {plain(view.submit)}
              {sending && <span className="spinner" aria-hidden="true" />}
            </button>
          )}
        </div>
      </form>
    </Dialog>
  );
}
