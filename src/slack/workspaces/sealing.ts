/**
 * Tokens at rest. Invariant: what is stored is sealed with AES-256-GCM under the first key, bound to the row that it stands in;
 * older keys only open.
 */
import { createCipheriv, createDecipheriv, createHash, randomBytes } from 'node:crypto';
import { BurstError } from '../../domain/errors.ts';

const CIPHER = 'aes-256-gcm';
const IV_BYTES = 12;

export type Sealed = {
  /** Which key it was sealed with. */
  readonly keyId: string;
  readonly text: string;
};
export interface Seals {
  /** The key that seals now. */
  readonly keyId: string;
  seal(plain: string, row: string): Sealed;
  /** @throws BurstError `denied` when no key opens it, or it was changed. */
  open(sealed: Sealed, row: string): string;
}

/** A key's name: it tells keys apart and nothing of the key. */
const idOf = (key: Buffer): string =>
  createHash('sha256').update('burst-key-id').update(key).digest('hex').slice(0, 12);

/** @param keys 32 bytes each; the first one seals. */
export function createSeals(keys: readonly Buffer[]): Seals {
  const byId = new Map(keys.map((key) => [idOf(key), key]));
  const [first] = keys;
  if (first === undefined) throw new TypeError('no key');
  const keyId = idOf(first);
  return {
    keyId,
    seal(plain, row) {
      const iv = randomBytes(IV_BYTES);
      const cipher = createCipheriv(CIPHER, first, iv).setAAD(Buffer.from(row, 'utf8'));
      const body = Buffer.concat([cipher.update(plain, 'utf8'), cipher.final()]);
      return { keyId, text: [iv, cipher.getAuthTag(), body].map((part) => part.toString('base64')).join('.') };
    },
    open(sealed, row) {
      const key = byId.get(sealed.keyId);
      const refused = (why: string, cause?: unknown): BurstError =>
        new BurstError('denied', `The tokens of the workspace ${row} cannot be opened: ${why}.`, {
          hint: 'Give the key that they were sealed with after the new one, or install Burst there again.',
          cause,
        });
      if (key === undefined) throw refused(`the key ${sealed.keyId} is not configured`);
      const [iv, tag, body] = sealed.text.split('.').map((part) => Buffer.from(part, 'base64'));
      if (iv === undefined || tag === undefined || body === undefined) throw refused('they are damaged');
      try {
        const decipher = createDecipheriv(CIPHER, key, iv, { authTagLength: 16 });
        decipher.setAAD(Buffer.from(row, 'utf8')).setAuthTag(tag);
        return Buffer.concat([decipher.update(body), decipher.final()]).toString('utf8');
      } catch (cause) {
        throw refused('they were changed', cause);
      }
    },
  };
}
