/** A person before the sandbox's page: types, clicks what is written on a button, fills in forms by their labels, reads. */
import { expect } from 'vitest';
import type { PageMessage, PageSlackState, PageView, ViewStateValues } from '../../../src/sandbox/contract.ts';

type Page = (path: string, body?: unknown) => Promise<unknown>;
type Until = <T>(what: string, look: () => T | Promise<T>, limitMs?: number) => Promise<NonNullable<T>>;
type Option = { text?: { text?: string }; value?: string };
type Element = {
  type: string;
  action_id?: string;
  text?: { text?: string };
  value?: string;
  options?: Option[];
  option_groups?: { options: Option[] }[];
  initial_option?: Option;
  initial_options?: Option[];
  initial_value?: string;
};
type Block = { type: string; block_id?: string; label?: { text?: string }; element?: Element; elements?: Element[] };
export type Reply = { ok: boolean; error?: string; errors?: Record<string, string> };

/** Every string that a message or view shows, in order. */
export function shown(from: Pick<PageMessage, 'blocks'> & { readonly text?: string; readonly title?: string }): string {
  const found: string[] = [from.title ?? '', from.text ?? ''];
  const walk = (value: unknown): void => {
    if (typeof value !== 'object' || value === null) return;
    for (const [key, inner] of Object.entries(value))
      if (['text', 'title', 'url', 'user_id', 'initial_value', 'fallback'].includes(key) && typeof inner === 'string')
        found.push(inner);
      else walk(inner);
  };
  walk(from.blocks);
  return found.filter((text) => text !== '').join('\n');
}
/** What is written on the buttons and in the menus. */
export const buttons = (from: { readonly blocks: readonly unknown[] }): string[] =>
  (from.blocks as Block[])
    .flatMap((block) => block.elements ?? [])
    .filter((element) => element.type === 'button')
    .map((element) => element.text?.text ?? '');

/** How a message tells an operation's end. */
const marks = {
  done: ':white_check_mark: done',
  failed: ':x: failed',
  cancelled: ':no_entry_sign: cancelled',
} as const;

export type Person = {
  readonly id: string;
  state(): Promise<PageSlackState>;
  messages(): Promise<PageMessage[]>;
  /** What stands in the channels for everybody, threads left out. */
  posts(): Promise<PageMessage[]>;
  /** Waits for the message of the operation that says this to tell its end. */
  ends(what: RegExp, how?: keyof typeof marks, limitMs?: number): Promise<PageMessage>;
  /** Types in the channel (`/burst …`). */
  types(text: string, channel?: string): Promise<void>;
  /** Types and waits for the private answer. */
  asks(text: string, channel?: string): Promise<PageMessage>;
  /** Types and waits for the form that opens (not its loading note). */
  opens(text: string): Promise<PageView>;
  /** Waits for a message that shows this. */
  sees(text: RegExp, limitMs?: number): Promise<PageMessage>;
  /** The message as it is now. */
  again(message: PageMessage): Promise<PageMessage>;
  /** Waits for the form on top to show this. */
  form(text: RegExp): Promise<PageView>;
  /** Clicks a button of a message, or chooses in its menu (`choose`: the option's text). */
  clicks(message: PageMessage, label: RegExp, choose?: RegExp): Promise<Reply>;
  /** Clicks and waits for the private answer. */
  clicksAndHears(message: PageMessage, label: RegExp, choose?: RegExp): Promise<PageMessage>;
  /** Submits the form; what is not in `values` (label, or block id, and text) stays as it was shown. */
  submits(view: PageView, values?: Readonly<Record<string, string>>): Promise<Reply>;
  closes(): Promise<void>;
  send(path: string, body: object): Promise<Reply>;
};

export function person(id: string, page: Page, until: Until): Person {
  const state = async (): Promise<PageSlackState> => (await page(`/slack/state?user=${id}`)) as PageSlackState;
  const send = async (path: string, body: object): Promise<Reply> =>
    (await page(`/slack${path}`, { user: id, ...body })) as Reply;
  const messages = async (): Promise<PageMessage[]> => (await state()).messages;
  const posts = async (): Promise<PageMessage[]> =>
    (await messages()).filter((item) => !item.ephemeral && item.threadTs === undefined);
  const types: Person['types'] = async (text, channel = 'C0BURST0001') => {
    expect(await send('/command', { channel, text })).toEqual({ ok: true });
  };
  const heardAfter = async (act: () => Promise<unknown>, what: string): Promise<PageMessage> => {
    const before = new Set((await messages()).filter((item) => item.ephemeral).map((item) => item.ts));
    await act();
    return until(`a private answer to ${what}`, async () =>
      (await messages()).find((item) => item.ephemeral && !before.has(item.ts)),
    );
  };
  const loading = (view: PageView): boolean => shown(view).includes(':hourglass:');
  const clicks: Person['clicks'] = (message, label, choose) => {
    const blocks = message.blocks as Block[];
    for (const block of blocks)
      for (const element of block.elements ?? []) {
        const options = [
          ...(element.options ?? []),
          ...(element.option_groups ?? []).flatMap((group) => group.options),
        ];
        const chosen = options.find((option) => choose?.test(`${option.text?.text ?? ''} ${option.value ?? ''}`));
        if (chosen === undefined && !(element.type === 'button' && label.test(element.text?.text ?? ''))) continue;
        return send('/action', {
          container: { type: 'message', channel: message.channel, ts: message.ts },
          action: {
            type: element.type,
            action_id: element.action_id,
            block_id: block.block_id,
            ...(chosen === undefined ? { value: element.value } : { selected_option: chosen }),
          },
        });
      }
    throw new Error(`there is no ${String(label)}, only ${buttons(message).join(', ')} on: ${message.text}`);
  };
  return {
    id,
    state,
    messages,
    types,
    send,
    clicks,
    posts,
    ends: (what, how = 'done', limitMs = 40_000) =>
      until(
        `${marks[how]}: ${String(what)}`,
        async () => (await posts()).findLast(({ text }) => what.test(text) && text.includes(marks[how])),
        limitMs,
      ),
    asks: (text, channel) => heardAfter(() => types(text, channel), text),
    clicksAndHears: (message, label, choose) => heardAfter(() => clicks(message, label, choose), String(label)),
    async opens(text) {
      const before = new Set((await state()).modals.map((view) => view.id));
      await types(text);
      return until(`a form after ${text}`, async () =>
        (await state()).modals.findLast((view) => !before.has(view.id) && !loading(view)),
      );
    },
    sees: (text, limitMs) =>
      until(
        `a message with ${String(text)}`,
        async () => (await messages()).findLast((item) => text.test(shown(item))),
        limitMs,
      ),
    async again(message) {
      const found = (await messages()).find((item) => item.ts === message.ts && item.channel === message.channel);
      if (found === undefined) throw new Error(`the message is gone: ${message.text}`);
      return found;
    },
    form: (text) =>
      until(`a form with ${String(text)}`, async () => {
        const top = (await state()).modals.at(-1);
        return top !== undefined && text.test(shown(top)) ? top : undefined;
      }),
    async submits(view, values = {}) {
      const wanted = new Map(Object.entries(values));
      const filled: ViewStateValues = {};
      for (const { type, block_id: block = '', label, element } of view.blocks as Block[]) {
        if (type !== 'input' || element?.action_id === undefined) continue;
        const key = [...wanted.keys()].find((name) => name === block || label?.text?.includes(name) === true);
        const given = key === undefined ? undefined : wanted.get(key);
        if (key !== undefined) wanted.delete(key);
        filled[block] = { [element.action_id]: valueOf(element, given) };
      }
      if (wanted.size > 0) throw new Error(`the form has no ${[...wanted.keys()].join(', ')}: ${shown(view)}`);
      return send('/view/submit', { viewId: view.id, state: filled });
    },
    async closes() {
      for (const view of (await state()).modals.reverse()) await send('/view/close', { viewId: view.id });
    },
  };
}

/** An input's value as Slack sends it; `given` is typed text or (a part of) an option's text or its value. */
function valueOf(element: Element, given: string | undefined): Record<string, unknown> {
  const { type, options = [] } = element;
  const chosen =
    options.find((option) => option.value === given) ??
    options.find((option) => given !== undefined && option.text?.text?.includes(given) === true);
  const invented = given === undefined ? undefined : { text: { type: 'plain_text', text: given }, value: given };
  if (type === 'checkboxes' || type.startsWith('multi_')) {
    const selected = given === undefined ? (element.initial_options ?? []) : given === '' ? [] : [chosen ?? invented];
    return { type, selected_options: selected };
  }
  if (type === 'static_select' || type === 'radio_buttons')
    return { type, selected_option: given === undefined ? (element.initial_option ?? null) : (chosen ?? invented) };
  return { type, value: given ?? element.initial_value ?? null };
}
