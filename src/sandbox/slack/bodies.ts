/** Bodies of requests. Invariant: a form, a multipart form and JSON with the same content are read as the same. */
import { parsed, rec } from './values.ts';
import type { Rec } from './values.ts';
import { ApiError } from './workspace.ts';

/** Arguments that stay text even when they look like JSON. */
const textual = new Set(['text', 'private_metadata', 'initial_comment', 'filename']);
/** Arguments from a form's or a query's pairs; nested values are JSON there. */
export const fromForm = (pairs: Iterable<[string, string]>): Rec =>
  Object.fromEntries([...pairs].map(([key, value]) => [key, textual.has(key) ? value : parsed(value)]));

const multipart = async (type: string, body: Buffer): Promise<FormData> => {
  try {
    return await new Response(new Uint8Array(body), { headers: { 'content-type': type } }).formData();
  } catch {
    throw new ApiError('invalid_form_data');
  }
};

/** The arguments in `body`. Throws Slack's code for a body that cannot be read. */
export async function readArguments(type: string, body: Buffer): Promise<Rec> {
  if (body.length === 0) return {};
  if (/^application\/json\b/i.test(type)) {
    let value: unknown;
    try {
      value = JSON.parse(body.toString());
    } catch {
      throw new ApiError('invalid_json');
    }
    if (typeof value !== 'object' || value === null || Array.isArray(value)) throw new ApiError('json_not_object');
    return Object.fromEntries(Object.entries(rec(value)).map(([k, v]) => [k, textual.has(k) ? v : parsed(v)]));
  }
  if (/^application\/x-www-form-urlencoded\b/i.test(type)) return fromForm(new URLSearchParams(body.toString()));
  if (!/^multipart\/form-data\b/i.test(type))
    throw new ApiError(type === '' ? 'missing_post_type' : 'invalid_post_type');
  const pairs = [...(await multipart(type, body))];
  return fromForm(pairs.filter((pair): pair is [string, string] => typeof pair[1] === 'string'));
}

/** The file in an upload: the only file of a multipart form, or the body as it is. */
export async function readUpload(type: string, body: Buffer): Promise<Buffer> {
  if (!/^multipart\/form-data\b/i.test(type)) return body;
  for (const [, value] of await multipart(type, body))
    if (typeof value !== 'string') return Buffer.from(await value.arrayBuffer());
  throw new ApiError('no_file_data');
}
