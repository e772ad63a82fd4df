/** Keeps secrets out of messages and logs: whatever a server or a library echoes is scrubbed before it is used as text. */
import type { ConnectionOptions } from './connection.ts';

const SECRET_NAME = /secret|token|passw|key|auth|credential/i;
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

/** What of a connection's options nobody may read: header values, secret-looking variables, what a URL carries. */
export function connectionSecrets(connection: ConnectionOptions): readonly string[] {
  if (connection.kind === 'stdio')
    return Object.entries(connection.env).flatMap(([name, value]) => (SECRET_NAME.test(name) ? [value] : []));
  const headers = Object.values(connection.headers).flatMap((value) => [value, value.replace(/^\w+ /, '')]);
  const url = URL.parse(connection.url);
  return url === null ? headers : [...headers, url.password, ...url.searchParams.values()];
}
