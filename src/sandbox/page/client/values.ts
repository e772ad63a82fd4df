/** Reading of blocks, whose shape is the bot's: nothing is taken for granted, a missing field reads as empty. */
export type Rec = Record<string, unknown>;

export const isRec = (v: unknown): v is Rec => typeof v === 'object' && v !== null && !Array.isArray(v);
export const rec = (v: unknown): Rec => (isRec(v) ? v : {});
export const list = (v: unknown): unknown[] => (Array.isArray(v) ? (v as unknown[]) : []);
export const str = (v: unknown): string => (typeof v === 'string' ? v : typeof v === 'number' ? String(v) : '');
/** The text of a text object. */
export const textOf = (v: unknown): string => str(rec(v)['text']);
/** Ids that were made up for unnamed blocks change with each update, so they make no key. */
export const blockKey = (block: Rec, index: number): string => {
  const id = str(block['block_id']);
  return id === '' || /^B\d{10}$/.test(id) ? `#${index}` : id;
};
