import { useContext, useEffect, useId, useRef, useState } from 'react';
import type { ReactNode } from 'react';
import type { PageActionRequest } from '../../contract.ts';
import { Card, Container } from './cards.tsx';
import { Dialog } from './dialog.tsx';
import { Element, Picture } from './elements.tsx';
import { plain } from './emoji.tsx';
import { RichText } from './rich-text.tsx';
import { ReaderContext } from './reader.ts';
import type { Edited } from './state.ts';
import { stateOf } from './state.ts';
import { SurfaceContext } from './surface.ts';
import { DataTable, Table } from './tables.tsx';
import { Plan, Task } from './tasks.tsx';
import { Markdown, Text } from './text.tsx';
import { blockKey, isRec, list, rec, str, textOf } from './values.ts';
import type { Rec } from './values.ts';

type Waiting = { action: Rec; confirm: Rec };

/** Blocks with their state, and the way their actions take: asked for confirmation first, then sent. */
export function BlocksSurface(props: {
  user: string;
  container: PageActionRequest['container'];
  blocks: unknown[];
  edited: Edited;
  onEdit: (change: (old: Edited) => Edited) => void;
  errors?: Record<string, string>;
  onError: (error: string) => void;
}) {
  const { user, container, blocks, edited, onEdit, onError } = props;
  const { slack } = useContext(ReaderContext);
  const [waiting, setWaiting] = useState<Waiting>();
  const [busy, setBusy] = useState('');
  const latest = useRef(edited);
  useEffect(() => void (latest.current = edited), [edited]);
  const send = async (action: Rec): Promise<void> => {
    setBusy(`${str(action['block_id'])}/${str(action['action_id'])}`);
    const reply = await slack('/action', { user, container, action, state: stateOf(blocks, latest.current) });
    setBusy('');
    if (!reply.ok) onError(reply.error ?? 'That did not work.');
  };
  return (
    <SurfaceContext
      value={{
        edited,
        busy,
        edit: (blockId, actionId, value) => {
          const change = (old: Edited): Edited => ({ ...old, [blockId]: { ...old[blockId], [actionId]: value } });
          latest.current = change(latest.current);
          onEdit(change);
        },
        act: (action, confirm) => (isRec(confirm) ? setWaiting({ action, confirm }) : void send(action)),
        suggest: async (blockId, actionId, value) =>
          (await slack('/options', { user, container, blockId, actionId, value })).options ?? [],
      }}
    >
      <div className="blocks">
        {blocks.map(rec).map((block, i) => (
          <Block key={blockKey(block, i)} block={block} errors={props.errors ?? {}} />
        ))}
      </div>
      {waiting && (
        <Dialog title={plain(textOf(waiting.confirm['title']))} onClose={() => setWaiting(undefined)} small>
          <div className="dialog-body">
            <Text of={waiting.confirm['text']} />
          </div>
          <div className="dialog-foot">
            <button
              type="button"
              className="button"
              {...(str(waiting.confirm['style']) === 'danger' ? { 'data-autofocus': '' } : {})}
              onClick={() => setWaiting(undefined)}
            >
              {plain(textOf(waiting.confirm['deny']) || 'Cancel')}
            </button>
            <button
              type="button"
              className={`button ${str(waiting.confirm['style']) || 'primary'}`}
              onClick={() => {
                setWaiting(undefined);
                void send(waiting.action);
              }}
            >
              {plain(textOf(waiting.confirm['confirm']) || 'Confirm')}
            </button>
          </div>
        </Dialog>
      )}
    </SurfaceContext>
  );
}

const levels: Record<string, [string, string]> = {
  info: ['ℹ', 'Information'],
  warning: ['⚠', 'Warning'],
  error: ['✕', 'Error'],
  success: ['✓', 'Success'],
  default: ['•', 'Note'],
};

function Block({ block, errors }: { block: Rec; errors: Record<string, string> }): ReactNode {
  const id = str(block['block_id']);
  switch (str(block['type'])) {
    case 'section':
      return (
        <div className="block section">
          <div className="grow">
            {block['text'] !== undefined && <Text of={block['text']} />}
            {block['fields'] !== undefined && (
              <div className="fields">
                {list(block['fields']).map((field, i) => (
                  <Text key={i} of={field} />
                ))}
              </div>
            )}
          </div>
          {block['accessory'] !== undefined && (
            <div className="accessory">
              <Element element={rec(block['accessory'])} blockId={id} />
            </div>
          )}
        </div>
      );
    case 'header':
      return <h3 className="block header">{plain(textOf(block['text']))}</h3>;
    case 'divider':
      return <hr className="block" />;
    case 'actions':
      return (
        <div className="block actions">
          {list(block['elements']).map((e, i) => (
            <Element key={str(rec(e)['action_id']) || i} element={rec(e)} blockId={id} />
          ))}
        </div>
      );
    case 'context':
      return (
        <div className="block context">
          {list(block['elements']).map((e, i) =>
            rec(e)['type'] === 'image' ? <Picture key={i} image={rec(e)} className="icon" /> : <Text key={i} of={e} />,
          )}
        </div>
      );
    case 'image':
      return (
        <figure className="block">
          {block['title'] !== undefined && <figcaption>{plain(textOf(block['title']))}</figcaption>}
          <Picture image={block} />
        </figure>
      );
    case 'input':
      return <Input block={block} error={errors[id]} />;
    case 'rich_text':
      return (
        <div className="block">
          <RichText of={block} />
        </div>
      );
    case 'markdown':
      return (
        <div className="block">
          <Markdown text={str(block['text'])} />
        </div>
      );
    case 'table':
      return <Table block={block} />;
    case 'data_table':
      return <DataTable block={block} />;
    case 'plan':
      return <Plan block={block} />;
    case 'task_card':
      return (
        <div className="block plan">
          <Task task={block} />
        </div>
      );
    case 'alert': {
      const level = Object.hasOwn(levels, str(block['level'])) ? str(block['level']) : 'default';
      return (
        <div className={`block alert ${level}`}>
          <span aria-hidden="true" className="alert-icon">
            {levels[level]?.[0]}
          </span>
          <span className="hidden">{levels[level]?.[1]}:</span>
          <Text of={block['text']} />
        </div>
      );
    }
    case 'card':
      return <Card block={block} id={id} />;
    case 'carousel':
      return (
        <div className="block carousel" role="group" aria-label="Cards" tabIndex={0}>
          {list(block['elements']).map((e, i) => (
            <Card key={i} block={rec(e)} id={str(rec(e)['block_id']) || id} />
          ))}
        </div>
      );
    case 'container':
      return (
        <Container block={block}>
          {list(block['child_blocks'])
            .map(rec)
            .map((child, i) => (
              <Block key={blockKey(child, i)} block={child} errors={errors} />
            ))}
        </Container>
      );
    default:
      return <p className="muted small">{`This client cannot show a block of type ${str(block['type'])}.`}</p>;
  }
}

function Input({ block, error }: { block: Rec; error: string | undefined }) {
  const id = useId();
  const element = rec(block['element']);
  const grouped = /^(radio_buttons|checkboxes|multi_.*)$/.test(str(element['type']));
  const hint = textOf(block['hint']);
  const optional = block['optional'] === true;
  const describedBy = [error === undefined ? '' : `${id}-error`, hint === '' ? '' : `${id}-hint`]
    .filter(Boolean)
    .join(' ');
  const label = (
    <>
      {plain(textOf(block['label']))}
      {optional && <span className="muted"> (optional)</span>}
    </>
  );
  return (
    <div className={`block input ${error === undefined ? '' : 'wrong'}`}>
      {grouped ? (
        <div className="label" id={`${id}-label`}>
          {label}
        </div>
      ) : (
        <label className="label" htmlFor={id} id={`${id}-label`}>
          {label}
        </label>
      )}
      <Element
        element={element}
        blockId={str(block['block_id'])}
        labels={{
          id,
          labelledBy: `${id}-label`,
          ...(describedBy === '' ? {} : { describedBy }),
          invalid: error !== undefined,
          required: !optional,
          input: block,
        }}
      />
      {error !== undefined && <div className="field-error" id={`${id}-error`}>{`⚠ ${error}`}</div>}
      {hint !== '' && (
        <div className="muted small" id={`${id}-hint`}>
          {plain(hint)}
        </div>
      )}
    </div>
  );
}
