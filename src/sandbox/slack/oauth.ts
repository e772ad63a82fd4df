/**
 * Installing the app by OAuth. Invariants: a code is exchanged once, by the app that it was made for; a workspace accepts the
 * token of its last installation alone, and none after the app was removed.
 */
import { randomBytes } from 'node:crypto';
import express from 'express';
import type { Express } from 'express';
import { fromForm } from './bodies.ts';
import { consentPage } from './consent-page.ts';
import { str } from './values.ts';
import type { Rec } from './values.ts';
import { APP, bot } from './workspace.ts';
import type { Target } from './workspace.ts';

export type App = { clientId: string; clientSecret: string };
/** @param changed is told when the app was installed or removed. */
export function createOAuth(app: App, targets: readonly Target[], changed: () => void) {
  const codes = new Map<string, { target: Target; scope: string; by: string }>();
  const tokens = new Map<string, Target>();
  const router: Express = express();
  router.disable('x-powered-by');
  router.get('/oauth/v2/authorize', (req, res) => {
    const given = new URL(req.url, 'http://slack').searchParams;
    const back = given.get('redirect_uri') ?? '';
    if (given.get('client_id') !== app.clientId || !URL.canParse(back)) {
      res.status(400).send('bad_client_id or redirect_uri');
      return;
    }
    const allow = given.get('allow');
    if (allow === null) {
      const held = new Set([...tokens.values()].map(({ key }) => key));
      res.type('html').send(consentPage(given, targets, held));
      return;
    }
    const url = new URL(back);
    const target = targets.find(({ key }) => key === allow);
    if (target === undefined) url.searchParams.set('error', 'access_denied');
    else {
      const code = randomBytes(12).toString('hex');
      codes.set(code, { target, scope: given.get('scope') ?? '', by: given.get('user') ?? 'U0ADMIN0001' });
      url.searchParams.set('code', code);
    }
    url.searchParams.set('state', given.get('state') ?? '');
    res.redirect(302, url.toString());
  });
  router.post('/api/oauth.v2.access', express.raw({ type: () => true }), (req, res) => {
    const body = Buffer.isBuffer(req.body) ? req.body.toString() : '';
    const given: Rec = fromForm(new URLSearchParams(body));
    const [, basic = ''] = /^Basic (.+)$/.exec(req.headers.authorization ?? '') ?? [];
    const [id, secret] = Buffer.from(basic, 'base64').toString().split(':');
    const found = codes.get(str(given['code']));
    const error =
      (str(given['client_id']) || id) !== app.clientId
        ? 'invalid_client_id'
        : (str(given['client_secret']) || secret) !== app.clientSecret
          ? 'bad_client_secret'
          : found === undefined
            ? 'invalid_code'
            : undefined;
    if (found === undefined || error !== undefined) {
      res.json({ ok: false, error });
      return;
    }
    codes.delete(str(given['code']));
    const { target, scope, by } = found;
    for (const [token, { key }] of tokens) if (key === target.key) tokens.delete(token);
    const token = `xoxb-${target.key}-${randomBytes(12).toString('hex')}`;
    tokens.set(token, target);
    changed();
    res.json({
      ok: true,
      app_id: APP,
      authed_user: { id: by },
      scope,
      token_type: 'bot',
      access_token: token,
      bot_user_id: bot.id,
      team: target.org ? null : { id: target.key, name: target.name },
      enterprise: target.enterprise === undefined ? null : { id: target.enterprise, name: target.name },
      is_enterprise_install: target.org,
    });
  });
  return {
    router,
    tokens,
    /** The installation that requests of this team come through; undefined: it is not installed there. */
    installedIn: (team: string): Target | undefined => [...tokens.values()].find((target) => target.team === team),
    /** Removes the app. @returns the installation that it had there. */
    remove(key: string): Target | undefined {
      const found = [...tokens].find(([, target]) => target.key === key);
      if (found === undefined) return undefined;
      tokens.delete(found[0]);
      changed();
      return found[1];
    },
  };
}
