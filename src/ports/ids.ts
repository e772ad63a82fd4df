/** Randomness, kept at the edge so that tests and simulations can repeat themselves. */
export interface Ids {
  /** A new unique identifier that sorts by creation time, e.g. of an operation: 8 to 26 characters of [0-9a-z]. */
  next(): string;
  /** `length` random characters of the base32 alphabet `a-z2-7` (a DNS label may end with any of them). */
  base32(length: number): string;
}
