/** The `state` of an installation under way. Invariant: only what was given here is taken, within its time, and once. */
import { createHmac, timingSafeEqual } from 'node:crypto';
import type { StateStore } from '@slack/bolt';
import type { Clock } from '../../ports/clock.ts';
import type { Ids } from '../../ports/ids.ts';
import type { Store } from '../../ports/store.ts';

const LIFE_MS = 10 * 60_000;

export function createStates(options: {
  readonly secret: string;
  readonly store: Pick<Store, 'claimAction'>;
  readonly clock: Clock;
  readonly ids: Ids;
}): StateStore {
  const { secret, store, clock, ids } = options;
  const mac = (body: string): string =>
    createHmac('sha256', secret).update(`burst-oauth-state.${body}`).digest('base64url');
  return {
    generateStateParam(installOptions) {
      const options64 = Buffer.from(JSON.stringify(installOptions)).toString('base64url');
      const body = `${(clock.now() + LIFE_MS).toString(36)}.${ids.base32(32)}.${options64}`;
      return Promise.resolve(`${body}.${mac(body)}`);
    },
    async verifyStateParam(_now, state) {
      const at = state.lastIndexOf('.');
      const [body, given] = [state.slice(0, Math.max(0, at)), Buffer.from(state.slice(at + 1))];
      const wanted = Buffer.from(mac(body));
      if (given.length !== wanted.length || !timingSafeEqual(given, wanted)) throw new Error('The state is not ours');
      const [until = '', nonce = '', options64 = ''] = body.split('.');
      if (clock.now() > Number.parseInt(until, 36)) throw new Error('The state is too old');
      const before = await store.claimAction(`oauth state ${nonce}`, { kind: 'system', name: 'slack' }, clock.now());
      if (before !== undefined) throw new Error('The state was used before');
      return JSON.parse(Buffer.from(options64, 'base64url').toString('utf8')) as Awaited<
        ReturnType<StateStore['verifyStateParam']>
      >;
    },
  };
}
