/** The Web API over HTTP. Invariant: forms and JSON mean the same, and every call is recorded without its token. */
import express from 'express';
import type { Express } from 'express';
import type { Methods } from './methods.ts';
import type { Responses } from './responses.ts';
import { parsed, rec, str } from './values.ts';
import type { Rec } from './values.ts';
import { ApiError } from './workspace.ts';

export type SlackCall = { method: string; args: Rec };
export type Forced = { error: string } | { retryAfterSeconds: number };
export type WebApiParts = {
  methods: Methods;
  responses: Responses;
  botToken: string;
  appToken: string;
  rateLimits: boolean;
};

const scopes = [
  'commands,chat:write,chat:write.public,users:read,usergroups:read,files:write',
  'channels:history,groups:history,im:history,im:write',
].join(',');

/** The HTTP side: `/api/METHOD` and `/response/KEY`. */
export function createWebApi({ methods, responses, botToken, appToken, rateLimits }: WebApiParts) {
  const calls: SlackCall[] = [];
  const forced = new Map<string, { left: number; answer: Forced }>();
  const posts = new Map<string, number[]>();
  const app: Express = express();
  app.use(express.json({ limit: '5mb' }), express.urlencoded({ extended: false, limit: '5mb' }));
  app.post('/response/:key', (req, res) => {
    try {
      responses.use(req.params.key, rec(req.body));
      res.send('ok');
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      const gone = ['expired_url', 'used_url'].includes(error.message);
      res.status(gone ? 404 : 400).json({ ok: false, error: error.message, ...error.details });
    }
  });
  app.all('/api/:method', (req, res) => {
    const method = req.params.method;
    const args = Object.fromEntries(
      Object.entries({ ...rec(req.query), ...rec(req.body) }).map(([k, v]) => [
        k,
        ['text', 'private_metadata'].includes(k) ? v : parsed(v),
      ]),
    );
    const token = req.headers.authorization?.replace(/^Bearer /i, '') ?? args['token'];
    delete args['token'];
    calls.push({ method, args });
    res.setHeader('x-oauth-scopes', scopes);
    const limited = (seconds: number): void =>
      void res.status(429).set('Retry-After', String(seconds)).json({ ok: false, error: 'ratelimited' });
    try {
      const f = forced.get(method);
      if (f && f.left-- > 0) {
        if ('retryAfterSeconds' in f.answer) return limited(f.answer.retryAfterSeconds);
        throw new ApiError(f.answer.error);
      }
      const run = Object.hasOwn(methods, method) ? methods[method] : undefined;
      if (!run) throw new ApiError('unknown_method');
      if (method !== 'api.test' && token !== (method === 'apps.connections.open' ? appToken : botToken))
        throw new ApiError(token === undefined ? 'not_authed' : 'invalid_auth');
      if (rateLimits && method === 'chat.postMessage') {
        const recent = (posts.get(str(args['channel'])) ?? []).filter((t) => t > Date.now() - 5000);
        if (recent.length >= 5) return limited(1);
        posts.set(str(args['channel']), [...recent, Date.now()]);
      }
      res.json({ ok: true, ...run(args) });
    } catch (error) {
      if (!(error instanceof ApiError)) throw error;
      res.json({ ok: false, error: error.message, ...error.details });
    }
  });
  return {
    app,
    calls,
    force: (method: string, times: number, answer: Forced): void => void forced.set(method, { left: times, answer }),
  };
}
