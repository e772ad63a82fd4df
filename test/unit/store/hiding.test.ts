import { expect, it } from 'vitest';
import { createHider } from '../../../src/observability/index.ts';
import { hiding } from '../../../src/store/hiding.ts';

it('gives the methods of a store no secret, at any depth, in any of its forms, and changes nothing else', () => {
  const secret = 'hunter2/hunter2';
  const base64 = Buffer.from(secret).toString('base64');
  const given: unknown[] = [];
  const when = new Date(0);
  const store = hiding(
    {
      name: 'store',
      keep(...args: unknown[]) {
        given.push(...args);
        return this.name;
      },
    },
    createHider([secret, 'short']),
  );
  const said = {
    text: `no: ${secret}`,
    list: [`Basic ${base64}`, 7, null, when],
    deep: { url: encodeURIComponent(secret) },
  };
  expect(store.keep('short', said, undefined)).toBe('store');
  expect(given).toEqual([
    'short',
    { text: 'no: [hidden]', list: ['Basic [hidden]', 7, null, when], deep: { url: '[hidden]' } },
    undefined,
  ]);
  expect(said.text, 'what the caller holds is not changed').toContain(secret);
});
