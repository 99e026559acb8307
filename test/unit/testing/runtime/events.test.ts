import assert from "node:assert/strict";
import { test } from "node:test";
import { createEventHub, type EventHub } from "../../../../src/testing/runtime/events.ts";

function publish(hub: EventHub, from: number, to: number): void {
  for (let at = from; at < to; at++) hub.publish({ containerId: String(at) });
}

async function idsOf(events: AsyncIterable<{ containerId?: string }>): Promise<string[]> {
  const ids = [];
  for await (const { containerId = "" } of events) ids.push(containerId);
  return ids;
}

test("a subscriber has the events from its subscription on, read or not, until the hub lets it go", async () => {
  const hub = createEventHub();
  const { signal } = new AbortController();
  publish(hub, 0, 1);
  const early = hub.subscribe(signal);
  publish(hub, 1, 2);
  const late = hub.subscribe(signal);
  publish(hub, 2, 4);
  const read = [idsOf(early), idsOf(late)];
  await new Promise((resolve) => setImmediate(resolve));
  publish(hub, 4, 5);
  await new Promise((resolve) => setImmediate(resolve));
  hub.disconnect();
  assert.deepEqual(await Promise.all(read), [
    ["1", "2", "3", "4"],
    ["2", "3", "4"],
  ]);
  assert.deepEqual(await idsOf(hub.subscribe(AbortSignal.abort())), []);
});

test("an abort ends a subscription that waits, and one that was never read", async () => {
  const hub = createEventHub();
  const gone = new AbortController();
  const waiting = idsOf(hub.subscribe(gone.signal));
  const unread = hub.subscribe(gone.signal);
  await new Promise((resolve) => setImmediate(resolve));
  gone.abort();
  assert.deepEqual(await waiting, []);
  publish(hub, 0, 3);
  assert.deepEqual(await idsOf(unread), []);
});

test("a subscriber that is a thousand events behind misses the newest, and no other does", async () => {
  const hub = createEventHub();
  const gone = new AbortController();
  const slow = hub.subscribe(gone.signal);
  publish(hub, 0, 1500);
  const quick = hub.subscribe(gone.signal);
  publish(hub, 1500, 1501);
  const seen = [];
  for await (const { containerId } of slow) if (seen.push(containerId) === 1000) break;
  assert.deepEqual([seen[0], seen[999]], ["0", "999"]);
  for await (const { containerId } of quick) {
    assert.equal(containerId, "1500");
    break;
  }
});
