import { createContext, useContext } from 'react';
import { initialValue } from './state.ts';
import type { Edited } from './state.ts';
import { str } from './values.ts';
import type { Rec } from './values.ts';

/** Where elements live: a message or a view. */
export type Surface = {
  edited: Edited;
  edit: (blockId: string, actionId: string, value: Rec) => void;
  /** Sends a block action; `confirm` is the element's confirmation, if it has one. */
  act: (action: Rec, confirm: unknown) => void;
  suggest: (blockId: string, actionId: string, value: string) => Promise<unknown[]>;
  /** The element that waits for the app's answer. */
  busy: string;
};
export const SurfaceContext = createContext<Surface>({
  edited: {},
  edit: () => undefined,
  act: () => undefined,
  suggest: async () => [],
  busy: '',
});

/** How an element is named and described by the block around it. */
export type Labels = {
  id?: string;
  labelledBy?: string;
  describedBy?: string;
  invalid?: boolean;
  required?: boolean;
  input?: Rec;
};
export type Props = { element: Rec; blockId: string; labels?: Labels };

/** The element's value, and a setter that also dispatches where Slack would. */
export function useValue({ element, blockId, labels }: Props): [Rec, (value: Rec, dispatch?: boolean) => void] {
  const surface = useContext(SurfaceContext);
  const actionId = str(element['action_id']);
  const value = surface.edited[blockId]?.[actionId] ?? initialValue(element) ?? {};
  const dispatches = labels?.input === undefined || labels.input['dispatch_action'] === true;
  return [
    value,
    (next, dispatch = true) => {
      surface.edit(blockId, actionId, next);
      if (dispatch && dispatches) surface.act({ ...next, block_id: blockId, action_id: actionId }, element['confirm']);
    },
  ];
}

/** The name and description of a field; `fallback` names it where no block does. */
export const aria = (labels: Labels | undefined, fallback: string) => ({
  ...(labels?.id === undefined ? { 'aria-label': fallback } : { id: labels.id }),
  'aria-describedby': labels?.describedBy,
  'aria-invalid': labels?.invalid === true ? true : undefined,
  'aria-required': labels?.required === true ? true : undefined,
});
