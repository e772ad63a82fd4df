import { expect, test } from 'vitest';
import { burst, client, simulator } from './support.ts';

const command = { channel: burst, text: '/burst list' };

test('an event that is not acknowledged is sent again with a count, four times in all', async () => {
  const sim = await simulator({ ackMs: 60 });
  const app = await client(sim);
  await sim.page('/message', { channel: burst, text: 'hello' });
  await app.at(3);
  expect(app.envelopes().map((item) => item.retry_attempt)).toEqual([0, 1, 2, 3]);
  expect(new Set(app.envelopes().map((item) => item.envelope_id)).size).toBe(1);
});

test('what is acknowledged is not sent again', async () => {
  const sim = await simulator({ ackMs: 400 });
  const app = await client(sim);
  await sim.page('/message', { channel: burst, text: 'taken' });
  app.ack(await app.at(0));
  await sim.page('/message', { channel: burst, text: 'left' });
  await app.at(2);
  const texts = app.envelopes().map((item) => (item.payload['event'] as { text: string }).text);
  expect(texts).toEqual(['taken', 'left', 'left']);
});

test('what the app had and did not acknowledge when its socket broke comes to the next socket', async () => {
  const sim = await simulator();
  const app = await client(sim);
  const said = sim.page('/command', command);
  const first = await app.at(0);
  app.socket.terminate();
  const again = await client(sim);
  const second = await again.at(0);
  expect(second.envelope_id).toBe(first.envelope_id);
  expect(second.retry_attempt).toBe(1);
  again.ack(second, { text: 'here it is' });
  expect(await said).toEqual({ ok: true });
  expect(await sim.messages()).toMatchObject([{ text: 'here it is', ephemeral: true }]);
});

test('a client that was told to reconnect gets nothing over its old socket; the new one gets what waited', async () => {
  const sim = await simulator({ ackMs: 1000 });
  const old = await client(sim);
  sim.slack.refreshConnections();
  await expect.poll(() => old.all.at(-1)).toMatchObject({ type: 'disconnect', reason: 'refresh_requested' });
  const said = sim.page('/command', command);
  await sim.page('/message', { channel: burst, text: 'hello' });
  const fresh = await client(sim);
  expect((await fresh.at(1)).type).toBe('events_api');
  for (const envelope of fresh.envelopes()) fresh.ack(envelope);
  expect(await said).toEqual({ ok: true });
  expect(old.envelopes()).toEqual([]);
  expect((await sim.messages()).map((message) => message.text)).toEqual(['hello']);
});

test('an ack over the old socket still counts', async () => {
  const sim = await simulator();
  const app = await client(sim);
  const said = sim.page('/command', command);
  const envelope = await app.at(0);
  sim.slack.refreshConnections();
  app.ack(envelope, { text: 'just in time' });
  await said;
  expect(await sim.messages()).toMatchObject([{ text: 'just in time' }]);
});

test('of two connections each envelope goes to one', async () => {
  const sim = await simulator();
  const [one, two] = [await client(sim), await client(sim)];
  expect(two.all[0]).toMatchObject({ type: 'hello', num_connections: 2 });
  for (const text of ['a', 'b', 'c', 'd']) await sim.page('/message', { channel: burst, text });
  await expect.poll(() => one.envelopes().length + two.envelopes().length).toBe(4);
  expect([one.envelopes().length, two.envelopes().length]).toEqual([2, 2]);
});

test('an eleventh connection is turned away', async () => {
  const sim = await simulator();
  for (let at = 0; at < 10; at++) await client(sim);
  await expect(client(sim)).rejects.toThrow();
});

test('a command that nobody takes is said to have failed, and is not carried out later', async () => {
  const sim = await simulator({ ackMs: 50 });
  await sim.page('/command', command);
  expect((await sim.messages()).map((message) => message.text)).toEqual([
    '/burst failed because the app did not respond (operation_timeout)',
  ]);
  const late = await client(sim);
  await sim.page('/message', { channel: burst, text: 'hello' });
  expect((await late.at(0)).type).toBe('events_api');
});

test('frames that are no acks are ignored', async () => {
  const sim = await simulator();
  const app = await client(sim);
  for (const frame of ['', 'null', '[]', '{"envelope_id":7}', '{"envelope_id":"unknown"}']) app.socket.send(frame);
  const said = sim.page('/command', command);
  app.ack(await app.at(0));
  expect(await said).toEqual({ ok: true });
});
