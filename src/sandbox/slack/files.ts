/** Files. Invariant: a file is seen by nobody before its bytes are there and it was shared. */
import { randomUUID } from 'node:crypto';
import type { PageFile } from '../contract.ts';
import type { Messages } from './messages.ts';
import { list, rec, str } from './values.ts';
import type { Rec } from './values.ts';
import { ApiError, bot } from './workspace.ts';
import type { Workspace } from './workspace.ts';

type Held = { key: string; file: PageFile; data: Buffer | undefined; done: boolean };
const mimetypes: Readonly<Record<string, string>> = {
  csv: 'text/csv',
  txt: 'text/plain',
  json: 'application/json',
  jsonl: 'text/plain',
  png: 'image/png',
  jpg: 'image/jpeg',
  gif: 'image/gif',
  svg: 'image/svg+xml',
};
const mimetypeOf = (name: string): string =>
  mimetypes[name.split('.').at(-1)?.toLowerCase() ?? ''] ?? 'application/octet-stream';

export type Files = ReturnType<typeof createFiles>;

/** The upload in three steps: get a URL, send the bytes there, complete. */
export function createFiles(workspace: Workspace, messages: Messages, base: () => string) {
  const held = new Map<string, Held>();
  const shown = ({ file, key }: Held): Rec => ({
    id: file.id,
    name: file.name,
    title: file.title,
    size: file.size,
    mimetype: file.mimetype,
    filetype: file.name.split('.').at(-1) ?? '',
    user: bot.id,
    url_private: `${base()}/files/${key}`,
    url_private_download: `${base()}/files/${key}`,
  });
  return {
    methods: {
      'files.getUploadURLExternal': (a: Rec): Rec => {
        // Slack's documents say alt_txt, its client for Node alt_text
        const altText = str(a['alt_txt']) || str(a['alt_text']);
        const file: PageFile = {
          id: workspace.id('F'),
          name: str(a['filename']),
          title: str(a['filename']),
          size: Number(a['length']),
          mimetype: mimetypeOf(str(a['filename'])),
          ...(altText === '' ? {} : { altText }),
        };
        const key = randomUUID();
        held.set(key, { key, file, data: undefined, done: false });
        return { upload_url: `${base()}/upload/${key}`, file_id: file.id };
      },
      'files.completeUploadExternal': (a: Rec): Rec => {
        const wanted = list(a['files']).map((f) => {
          const found = [...held.values()].find((h) => h.file.id === rec(f)['id'] && !h.done);
          if (!found?.data) throw new ApiError('file_not_found');
          return { found, title: str(rec(f)['title']) };
        });
        const channels = [str(a['channel_id']), ...str(a['channels']).split(',')].filter((c) => c !== '');
        const where = channels.map((c) => workspace.channel(c).id);
        for (const { found, title } of wanted) {
          found.done = true;
          if (title !== '') found.file = { ...found.file, title };
        }
        const shared = wanted.map(({ found }) => found);
        for (const channel of where)
          messages.post(
            { channel, text: a['initial_comment'], thread_ts: a['thread_ts'] },
            bot.id,
            undefined,
            shared.map(({ file }) => file),
          );
        return { files: shared.map(shown) };
      },
    },
    /** Takes the bytes of an upload. Throws `file_not_found`, and `invalid_size` when there are more or fewer than announced. */
    upload(key: string, data: Buffer): void {
      const h = held.get(key);
      if (!h || h.done) throw new ApiError('file_not_found');
      if (data.length !== h.file.size) throw new ApiError('invalid_size');
      h.data = data;
    },
    /** A file's bytes, if `user` sees a message with it. */
    readAs(user: string, id: string): { mimetype: string; data: Buffer } | undefined {
      const h = [...held.values()].find(({ file, done }) => file.id === id && done);
      const seen = workspace.messages.some(
        (m) => m.files?.some((f) => f.id === id) === true && workspace.sees(user, m),
      );
      return h?.data !== undefined && seen ? { mimetype: mimetypeOf(h.file.name), data: h.data } : undefined;
    },
    /** A shared file's bytes. */
    read: (key: string): Buffer | undefined => (held.get(key)?.done === true ? held.get(key)?.data : undefined),
  };
}
