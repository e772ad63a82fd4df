/** The Web API over HTTP. Invariant: every call is recorded without its token, and answers as Slack does. */
import express from 'express';
import type { Express, Request, Response } from 'express';
import { checkedArguments, checkedBy, responseSchema } from './arguments.ts';
import { fromForm, readArguments, readUpload } from './bodies.ts';
import type { Files } from './files.ts';
import type { Methods } from './methods.ts';
import { createRateLimits } from './rate-limits.ts';
import type { Responses } from './responses.ts';
import { parsed, rec, str } from './values.ts';
import type { Rec } from './values.ts';
import { ALL_SCOPES, neededScope } from './scopes.ts';
import { ApiError } from './workspace.ts';
import type { Workspace } from './workspace.ts';

export type SlackCall = { method: string; args: Rec };
export type Forced = { error: string } | { retryAfterSeconds: number };
export type WebApiParts = {
  workspace: Workspace;
  methods: Methods;
  responses: Responses;
  files: Files;
  /** Whether this token is one of the app's in this workspace. */
  accepts: (token: string) => boolean;
  appToken: string;
  rateLimits: boolean;
};

const gone = ['expired_url', 'used_url', 'file_not_found'];

const typeOf = (req: Request): string => req.headers['content-type'] ?? '';
const bodyOf = (req: Request): Buffer => (Buffer.isBuffer(req.body) ? req.body : Buffer.alloc(0));
const sameChannel =
  (v: unknown) =>
  ({ id, user }: { id: string; user: string }): boolean =>
    id === v || (user !== '' && user === v);
/** The token of a request, when it is in its header. */
export const bearerOf = (req: Request): string => req.headers.authorization?.replace(/^Bearer /i, '') ?? '';
/** Runs; what is thrown as ApiError is answered with `status`. */
const answering = async (res: Response, status: (code: string) => number, run: () => Promise<void>): Promise<void> => {
  try {
    await run();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    res.status(status(error.message)).json({ ok: false, error: error.message, ...error.details });
  }
};

/** The HTTP side: `/api/METHOD`, `/response/KEY`, `/upload/KEY` and `/files/KEY`. */
export function createWebApi({ workspace, methods, responses, files, accepts, appToken, rateLimits }: WebApiParts) {
  const calls: SlackCall[] = [];
  const scopes = workspace.declared?.scopes ?? ALL_SCOPES;
  const forced = new Map<string, { left: number; answer: Forced }>();
  const wait = rateLimits ? createRateLimits() : () => undefined;
  const app: Express = express();
  app.disable('x-powered-by');
  app.use(express.raw({ type: () => true, limit: '20mb' }));
  const status = (code: string): number => (gone.includes(code) ? 404 : 400);
  app.post('/response/:key', (req, res) =>
    answering(res, status, async () => {
      const body = await readArguments(typeOf(req), bodyOf(req));
      responses.use(req.params.key, checkedBy(responseSchema, { ...body, ...rec(parsed(body['payload'])) }));
      res.send('ok');
    }),
  );
  app.post('/upload/:key', (req, res) =>
    answering(res, status, async () => {
      const data = await readUpload(typeOf(req), bodyOf(req));
      files.upload(req.params.key, data);
      res.send(`OK - ${String(data.length)}`);
    }),
  );
  app.get('/files/:key', (req, res) => {
    const data = accepts(bearerOf(req)) ? files.read(req.params.key) : undefined;
    if (data === undefined) res.status(404).json({ ok: false, error: 'file_not_found' });
    else res.type('application/octet-stream').send(data);
  });
  const limited = (res: Response, seconds: number): void =>
    void res.status(429).set('Retry-After', String(seconds)).json({ ok: false, error: 'ratelimited' });
  app.all('/api/:method', (req, res) => {
    const method = req.params.method;
    return answering(
      res,
      () => 200,
      async () => {
        res.setHeader('x-oauth-scopes', scopes.join(','));
        const query = fromForm(new URLSearchParams(req.url.split('?')[1] ?? ''));
        const given: Rec = { ...query, ...(await readArguments(typeOf(req), bodyOf(req))) };
        const token = req.headers.authorization?.replace(/^Bearer /i, '') ?? given['token'];
        delete given['token'];
        calls.push({ method, args: given });
        const f = forced.get(method);
        if (f && f.left-- > 0) {
          if ('retryAfterSeconds' in f.answer) return limited(res, f.answer.retryAfterSeconds);
          throw new ApiError(f.answer.error);
        }
        const run = Object.hasOwn(methods, method) ? methods[method] : undefined;
        if (!run) throw new ApiError('unknown_method');
        if (method !== 'api.test' && !(method === 'apps.connections.open' ? token === appToken : accepts(str(token))))
          throw new ApiError(token === undefined ? 'not_authed' : 'invalid_auth');
        const needed = neededScope(method, workspace.channels.find(sameChannel(given['channel'])));
        if (needed !== undefined && !scopes.includes(needed))
          throw new ApiError('missing_scope', { needed, provided: scopes.join(',') });
        const seconds = wait(method, str(given['channel']));
        if (seconds !== undefined) return limited(res, seconds);
        res.json({ ok: true, ...run(checkedArguments(method, given)) });
      },
    );
  });
  return {
    app,
    calls,
    force: (method: string, times: number, answer: Forced): void => void forced.set(method, { left: times, answer }),
  };
}
