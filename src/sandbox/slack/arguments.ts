/** What the Web API's methods take. Invariant: a method sees only arguments of the right type, however they were sent. */
import { z } from 'zod';
import type { Rec } from './values.ts';
import { ApiError } from './workspace.ts';

const id = z.string().min(1).max(255);
const ts = z.string().regex(/^\d+\.\d+$/, 'not a timestamp');
const bool = z.union([z.boolean(), z.stringbool()]);
const limit = z.coerce.number().int().min(1).max(1000);
const rec = z.record(z.string(), z.unknown());
const blocks = z.array(rec, 'not a list of blocks');
const metadata = z.looseObject({ event_type: z.string().min(1), event_payload: rec });

const content = { text: z.string().optional(), blocks: blocks.optional(), metadata: metadata.optional() };
const post = { channel: id, thread_ts: ts.optional(), ...content };
const page = { limit: limit.optional(), cursor: z.string().optional() };
const past = { channel: id, oldest: z.string().optional(), include_all_metadata: bool.optional(), ...page };
const viewTarget = { view_id: id.optional(), external_id: id.optional(), hash: z.string().optional(), view: rec };
const opening = z.looseObject({ trigger_id: id, view: rec });
const none = z.looseObject({});

const schemas: Readonly<Record<string, z.ZodType<Rec>>> = {
  'api.test': none,
  'auth.test': none,
  'apps.connections.open': none,
  'chat.postMessage': z.looseObject(post),
  'chat.postEphemeral': z.looseObject({ ...post, user: id }),
  'chat.update': z.looseObject({ channel: id, ts, ...content }),
  'chat.delete': z.looseObject({ channel: id, ts }),
  'chat.getPermalink': z.looseObject({ channel: id, message_ts: ts }),
  'blocks.validate': z
    .looseObject({ blocks: z.array(z.unknown()).optional(), message: rec.optional(), view: rec.optional() })
    .refine((a) => [a.blocks, a.message, a.view].filter((given) => given !== undefined).length === 1, {
      message: 'provide exactly one of blocks, view, or message',
    }),
  'views.open': opening,
  'views.push': opening,
  'views.update': z.looseObject(viewTarget),
  'views.publish': z.looseObject({ user_id: id, view: rec, hash: z.string().optional() }),
  'conversations.list': z.looseObject(page),
  'conversations.info': z.looseObject({ channel: id }),
  'conversations.open': z.looseObject({ users: id }),
  'conversations.members': z.looseObject({ channel: id, ...page }),
  'conversations.history': z.looseObject(past),
  'conversations.replies': z.looseObject({ ...past, ts }),
  'users.list': z.looseObject(page),
  'users.info': z.looseObject({ user: id }),
  'usergroups.list': none,
  'usergroups.users.list': z.looseObject({ usergroup: id }),
  'files.getUploadURLExternal': z.looseObject({
    filename: id,
    length: z.coerce.number().int().min(1),
    alt_txt: z.string().max(1000).optional(),
    alt_text: z.string().max(1000).optional(),
  }),
  'files.completeUploadExternal': z.looseObject({
    files: z.array(z.looseObject({ id, title: z.string().optional() })).min(1),
    channel_id: id.optional(),
    channels: id.optional(),
    thread_ts: ts.optional(),
    initial_comment: z.string().optional(),
  }),
};

/** What is posted to a response_url. */
export const responseSchema = z.looseObject({
  text: z.string().optional(),
  blocks: blocks.optional(),
  thread_ts: ts.optional(),
  response_type: z.enum(['ephemeral', 'in_channel']).optional(),
  replace_original: bool.optional(),
  delete_original: bool.optional(),
});

/** `value` by `schema`. Throws `invalid_arguments` with what is wrong and where. */
export function checkedBy(schema: z.ZodType<Rec>, value: Rec): Rec {
  const read = schema.safeParse(value);
  if (read.success) return read.data;
  throw new ApiError('invalid_arguments', {
    response_metadata: {
      messages: read.error.issues.map((i) => `[ERROR] ${i.message} [json-pointer:/${i.path.join('/')}]`),
    },
  });
}

/** The arguments of `method` by its schema. Throws `unknown_method` and `invalid_arguments`. */
export function checkedArguments(method: string, args: Rec): Rec {
  const schema = Object.hasOwn(schemas, method) ? schemas[method] : undefined;
  if (!schema) throw new ApiError('unknown_method');
  const given = Object.entries(args).filter(([, v]) => v !== null && v !== undefined);
  return checkedBy(schema, Object.fromEntries(given));
}
