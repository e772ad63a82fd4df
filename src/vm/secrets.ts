/** Keeps secrets out of messages and logs: whatever a server or a library echoes is scrubbed before it is used as text. */

const SHORTEST = 6;

export type Scrub = (text: string) => string;

/** Replaces each of the values, as it is and in base64 and URL encoding. */
export function scrubber(values: readonly string[]): Scrub {
  const forms = values
    .filter((value) => value.length >= SHORTEST)
    .flatMap((value) => [value, Buffer.from(value, 'utf8').toString('base64'), encodeURIComponent(value)])
    .sort((a, b) => b.length - a.length);
  return (text) => forms.reduce((scrubbed, form) => scrubbed.replaceAll(form, '[secret]'), text);
}
