import type { ReactNode } from 'react';
import { Element, Picture } from './elements.tsx';
import { plain } from './emoji.tsx';
import { RichText } from './rich-text.tsx';
import { Text } from './text.tsx';
import { isRec, list, rec, textOf } from './values.ts';
import type { Rec } from './values.ts';

/** Blocks under a title, which may fold them away. */
export function Container({ block, children }: { block: Rec; children: ReactNode }) {
  const title = (
    <>
      {isRec(block['icon']) && <Picture image={block['icon']} className="icon" />}
      <strong>
        {isRec(block['rich_text_title']) ? (
          <RichText of={block['rich_text_title']} />
        ) : (
          plain(textOf(block['title']) || 'Details')
        )}
      </strong>
    </>
  );
  const inside = (
    <>
      {block['subtitle'] !== undefined && (
        <div className="muted">
          <Text of={block['subtitle']} />
        </div>
      )}
      {children}
    </>
  );
  if (block['is_collapsible'] !== true)
    return (
      <div className={`block container ${block['has_header_divider'] === true ? 'divided' : ''}`}>
        <div className="container-head">{title}</div>
        {inside}
      </div>
    );
  return (
    <details className="block container" open={block['default_collapsed'] !== true}>
      <summary>{title}</summary>
      {inside}
    </details>
  );
}

/** A card: picture, title, a few words, buttons. */
export function Card({ block, id }: { block: Rec; id: string }) {
  return (
    <div className="block card">
      {isRec(block['hero_image']) && <Picture image={block['hero_image']} className="hero" />}
      <div className="card-head">
        {isRec(block['icon']) && <Picture image={block['icon']} className="icon" />}
        <div>
          {block['title'] !== undefined && (
            <strong>
              <Text of={block['title']} />
            </strong>
          )}
          {block['subtitle'] !== undefined && (
            <span className="muted">
              <Text of={block['subtitle']} />
            </span>
          )}
        </div>
      </div>
      {block['body'] !== undefined && <Text of={block['body']} />}
      {block['actions'] !== undefined && (
        <div className="actions">
          {list(block['actions']).map((e, i) => (
            <Element key={i} element={rec(e)} blockId={id} />
          ))}
        </div>
      )}
    </div>
  );
}
