/**
 * Splits the JSON of a list while it arrives. Invariants: one item at a time is parsed, so that neither memory nor the event
 * loop ever holds a whole page; what is no complete JSON throws.
 */
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const COMMA = 0x2c;

/** Bytes of the longest item, and of all that stands around the items. */
const MAX_ITEM = 32 * 2 ** 20;
const MAX_ENVELOPE = 2 ** 20;
const ITEMS_DEPTH = 2;

/** A text that comes in pieces of bytes. */
class Pieces {
  #parts: Buffer[] = [];
  #size = 0;

  add(part: Buffer, max: number): void {
    if (part.length === 0) return;
    this.#size += part.length;
    if (this.#size > max) throw new Error(`a part of a list is larger than ${max / 2 ** 20} MiB`);
    this.#parts.push(part);
  }

  take(): string {
    const [only] = this.#parts;
    const text = only !== undefined && this.#parts.length === 1 ? only : Buffer.concat(this.#parts);
    this.#parts = [];
    this.#size = 0;
    return text.toString('utf8');
  }

  /** Whether the text that came so far ends with the key `items`. */
  endsWithItems(last: Buffer): boolean {
    const text = Buffer.concat([...this.#parts, last]);
    return /"items"\s*:\s*$/.test(text.subarray(-64).toString('utf8'));
  }
}

export class ItemSplitter {
  readonly #onItem: (raw: unknown) => void;
  readonly #envelope = new Pieces();
  readonly #item = new Pieces();
  #depth = 0;
  #inString = false;
  #escaped = false;
  /** Inside the array `items`; then `#depth` of an item's own braces is above ITEMS_DEPTH. */
  #inItems = false;
  #itemOpen = false;

  constructor(onItem: (raw: unknown) => void) {
    this.#onItem = onItem;
  }

  /** Takes the next bytes and gives out the items that end in them. @throws Error for what is no JSON, or too large. */
  push(chunk: Buffer): void {
    /** Where the part begins that has not been put anywhere yet. */
    let start = 0;
    for (let at = 0; at < chunk.length; at += 1) {
      const byte = chunk[at];
      if (this.#inString) {
        if (this.#escaped) this.#escaped = false;
        else if (byte === BACKSLASH) this.#escaped = true;
        else if (byte === QUOTE) this.#inString = false;
        continue;
      }
      if (byte === QUOTE) this.#inString = true;
      else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
        if (this.#depth === ITEMS_DEPTH && this.#inItems) {
          this.#between(chunk.subarray(start, at));
          this.#itemOpen = true;
          start = at;
        } else if (this.#depth === 1 && byte === OPEN_BRACKET) {
          const before = chunk.subarray(start, at);
          if (this.#envelope.endsWithItems(before)) {
            this.#inItems = true;
            this.#envelope.add(chunk.subarray(start, at + 1), MAX_ENVELOPE);
            start = at + 1;
          }
        }
        this.#depth += 1;
      } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
        this.#depth -= 1;
        if (this.#inItems && this.#itemOpen && this.#depth === ITEMS_DEPTH) {
          this.#item.add(chunk.subarray(start, at + 1), MAX_ITEM);
          start = at + 1;
          this.#itemOpen = false;
          this.#onItem(JSON.parse(this.#item.take()));
        } else if (this.#inItems && this.#depth === 1) {
          this.#between(chunk.subarray(start, at));
          this.#inItems = false;
          start = at;
        }
      }
    }
    const rest = chunk.subarray(start);
    if (this.#inItems && !this.#itemOpen) this.#between(rest);
    // the stream may use the chunk's memory again
    else if (this.#itemOpen) this.#item.add(Buffer.from(rest), MAX_ITEM);
    else this.#envelope.add(Buffer.from(rest), MAX_ENVELOPE);
  }

  /** The list without its items; undefined when what came is no complete JSON. */
  end(): unknown {
    try {
      return JSON.parse(this.#envelope.take()) as unknown;
    } catch {
      return undefined;
    }
  }

  /** Between items stand commas and white space; anything else is kept, so that the envelope shows what it was. */
  #between(part: Buffer): void {
    const odd = part.filter((byte) => byte !== COMMA && byte > 0x20);
    if (odd.length > 0) this.#envelope.add(Buffer.from(odd), MAX_ENVELOPE);
  }
}
