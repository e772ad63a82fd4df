/** What a session's streams said last, so that a client whose connection broke reads on where it was. Bounded. */
import type { EventStore } from '@modelcontextprotocol/sdk/server/streamableHttp.js';
import type { JSONRPCMessage } from '@modelcontextprotocol/sdk/types.js';

type Said = { readonly id: string; readonly streamId: string; readonly message: JSONRPCMessage };

/** @param limit how many messages are kept; the oldest go first (an operation's state can always be asked for again). */
export function createEventStore(limit = 500): EventStore {
  const said: Said[] = [];
  let next = 0;
  const find = (id: string): number => said.findIndex((event) => event.id === id);
  return {
    storeEvent(streamId, message) {
      next += 1;
      const id = `${streamId}.${next}`;
      said.push({ id, streamId, message });
      if (said.length > limit) said.shift();
      return Promise.resolve(id);
    },
    getStreamIdForEventId: (id) => Promise.resolve(said[find(id)]?.streamId),
    async replayEventsAfter(lastEventId, { send }) {
      const at = find(lastEventId);
      const streamId = said[at]?.streamId;
      if (streamId === undefined) throw new Error('that event is not kept any more');
      for (const event of said.slice(at + 1)) if (event.streamId === streamId) await send(event.id, event.message);
      return streamId;
    },
  };
}
