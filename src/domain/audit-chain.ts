/**
 * The audit's chain. Each row carries the hash of its own content together with the hash of the row before it, so that
 * whoever changes, removes, adds or moves one breaks what follows. Pure; how a text is hashed (SHA-256, in hex) is given.
 */

/** A row as the database holds it: `actor` and `details` are the JSON text itself. */
export type ChainedContent = {
  readonly id: number;
  readonly at_ms: number;
  readonly cluster: string;
  readonly actor: string;
  readonly actor_id: string;
  readonly action: string;
  readonly outcome: string;
  readonly worker_name: string | null;
  readonly operation_id: string | null;
  readonly run_id: string | null;
  readonly text: string;
  readonly details: string | null;
};
export type Chained = ChainedContent & { readonly prev_hash: string; readonly hash: string };
/** The last row's id and hash: with these kept elsewhere, a chain that was cut short or made anew is found out. */
export type ChainHead = { readonly id: number; readonly hash: string };

/** What the first row follows. */
export const CHAIN_START = '0'.repeat(64);
const VERSION = 'burst-audit-1';

/**
 * What is hashed: the version of this form, the hash of the row before, and the row's columns as a JSON array without
 * white space, each on a line of its own. Texts are as they are stored, numbers are whole, what is absent is null.
 */
export function canonical(row: ChainedContent, prevHash: string): string {
  const columns = [
    row.id,
    row.at_ms,
    row.cluster,
    row.actor,
    row.actor_id,
    row.action,
    row.outcome,
    row.worker_name,
    row.operation_id,
    row.run_id,
    row.text,
    row.details,
  ];
  return `${VERSION}\n${prevHash}\n${JSON.stringify(columns)}`;
}

export type ChainFault = {
  /** Of the first row that is not as it was written, or that is missing. */
  readonly id: number;
  readonly kind: 'changed' | 'unlinked' | 'missing' | 'inserted' | 'cut' | 'other_head';
  readonly text: string;
};
export type ChainReport = { readonly rows: number; readonly head: ChainHead | undefined; readonly fault?: ChainFault };

export interface ChainCheck {
  /** Takes the next row, by id. @returns false once something is wrong: no further row matters. */
  add(row: Chained): boolean;
  /** @param lastId the highest id that was ever given, if it is known. */
  end(lastId?: number): ChainReport;
}

/**
 * Checks a chain row by row.
 * @param kept heads that were seen before and have to be in the chain.
 */
export function createChainCheck(digest: (text: string) => string, kept: readonly ChainHead[] = []): ChainCheck {
  let rows = 0;
  let head: ChainHead = { id: 0, hash: CHAIN_START };
  let fault: ChainFault | undefined;
  const wanted = new Map(kept.map(({ id, hash }) => [id, hash.toLowerCase()]));
  const find = (row: Chained): ChainFault | undefined => {
    const { id } = row;
    if (id < head.id + 1) return { id, kind: 'inserted', text: 'it stands where no row can be' };
    if (id > head.id + 1) {
      const last = id - 1;
      const which = last === head.id + 1 ? 'this row was' : `rows ${head.id + 1} to ${last} were`;
      return { id: head.id + 1, kind: 'missing', text: `${which} removed` };
    }
    if (digest(canonical(row, row.prev_hash)) !== row.hash)
      return { id, kind: 'changed', text: 'its content is not what was hashed when it was written' };
    if (row.prev_hash !== head.hash)
      return {
        id,
        kind: 'unlinked',
        text: id === 1 ? 'it is not the first row that was written' : `it does not follow row ${head.id} as it is now`,
      };
    const known = wanted.get(id);
    if (known !== undefined && known !== row.hash)
      return {
        id,
        kind: 'other_head',
        text: 'its hash is not the one that was kept: this row, or one before, is another',
      };
    return undefined;
  };
  return {
    add(row) {
      fault ??= find(row);
      if (fault !== undefined) return false;
      rows += 1;
      head = { id: row.id, hash: row.hash };
      return true;
    },
    end(lastId = 0) {
      const report = { rows, head: rows === 0 ? undefined : head };
      if (fault !== undefined) return { ...report, fault };
      const known = Math.max(lastId, ...wanted.keys());
      if (known <= head.id) return report;
      const which = known === head.id + 1 ? `row ${known} was` : `rows ${head.id + 1} to ${known} were`;
      return { ...report, fault: { id: head.id + 1, kind: 'cut', text: `${which} removed from the end` } };
    },
  };
}

/** `HASH:ID`, as it is logged and printed. */
export const headText = ({ id, hash }: ChainHead): string => `${hash}:${id}`;
/** Reads `HASH:ID`. @returns undefined when the text is something else. */
export function readHead(text: string): ChainHead | undefined {
  const [, hash = '', id = ''] = /^([0-9a-f]{64}):([1-9]\d{0,14})$/i.exec(text.trim()) ?? [];
  return hash === '' ? undefined : { id: Number(id), hash: hash.toLowerCase() };
}
