/** Delivery over HTTP. Invariant: a request is signed over the very bytes that are sent. */
import { createHmac } from 'node:crypto';
import { ACK_MS } from './sockets.ts';
import type { Deliver } from './sockets.ts';
import { parsed, rec, str } from './values.ts';

/** Delivers as POSTs to `url`, with Slack's `v0` signature by `signingSecret`. */
export const signedRequests =
  (url: string, signingSecret: string): Deliver =>
  async (kind, payload) => {
    const form = kind === 'slash_commands' ? payload : { payload: JSON.stringify(payload) };
    const json = kind === 'events_api';
    const body = json
      ? JSON.stringify(payload)
      : new URLSearchParams(Object.entries(form).map(([k, v]) => [k, str(v)])).toString();
    const at = String(Math.floor(Date.now() / 1000));
    const signature = `v0=${createHmac('sha256', signingSecret).update(`v0:${at}:${body}`).digest('hex')}`;
    const headers = {
      'content-type': json ? 'application/json' : 'application/x-www-form-urlencoded',
      'x-slack-request-timestamp': at,
      'x-slack-signature': signature,
    };
    const answer = await fetch(url, {
      method: 'POST',
      headers,
      body,
      signal: AbortSignal.timeout(ACK_MS),
    }).catch(() => undefined);
    if (answer?.ok !== true) return undefined;
    const reply = await answer.text();
    const value = parsed(reply);
    return typeof value === 'string' && value !== '' ? { text: value } : rec(value);
  };
