import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  type WatchChange,
  type WatchedContainer,
  type WatchedPod,
  type WatchItem,
  watchContainers,
} from "../../src/cri/index.ts";
import {
  away,
  createScriptedRuntime,
  type ScriptedRuntime,
  turn,
} from "../unit/cri/observe/scripted-runtime.ts";
import { property } from "./runs.ts";

/** Something that happens to the runtime, or between it and its client. */
type Action =
  | { do: "step"; pod: number; container: number }
  | { do: "break"; clean: boolean }
  | { do: "events"; how: ScriptedRuntime["events"] }
  | { do: "away" | "back" | "off" | "on" }
  | { do: "wait"; turns: number };

const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({ do: fc.constant("step" as const), pod: fc.nat(2), container: fc.nat(3) }),
  },
  { weight: 3, arbitrary: fc.record({ do: fc.constant("wait" as const), turns: fc.nat(12) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant("break" as const), clean: fc.boolean() }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant("events" as const),
      how: fc.constantFrom("send" as const, "lose" as const, "twice" as const, "swap" as const),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom("away", "back", "off", "on") }) },
);

/** The next step in the life of a pod (`container` 3) or of one of its three containers. Ids are not used again. */
function step(world: ScriptedRuntime, lives: Map<string, number>, pod: number, container: number): void {
  const name = container === 3 ? `pod${pod}` : `pod${pod}-c${container}`;
  const life = lives.get(name) ?? 0;
  const id = `${name}-${Math.floor(life / 4)}`;
  const podId = `pod${pod}-${Math.floor((lives.get(`pod${pod}`) ?? 0) / 4)}`;
  if (container === 3) {
    if (life % 4 === 0) world.addPod(id);
    else if (life % 4 === 1) return void lives.set(name, life + 1);
    else if (life % 4 === 2) world.stopPod(id);
    else world.removePod(id);
  } else if (life % 4 === 0) {
    if (!world.pods.has(podId)) return;
    world.addContainer(id, podId);
  } else if (!world.containers.has(id)) {
    // It went with its pod; the next one has another id.
    return void lives.set(name, life + 4 - (life % 4));
  } else if (life % 4 === 1) world.startContainer(id);
  else if (life % 4 === 2) world.stopContainer(id, 1);
  else world.removeContainer(id);
  lives.set(name, life + 1);
}

function act(world: ScriptedRuntime, lives: Map<string, number>, given: Action): void {
  if (given.do === "step") step(world, lives, given.pod, given.container);
  else if (given.do === "break") world.breakOff(given.clean ? undefined : away());
  else if (given.do === "events") world.events = given.how;
  else if (given.do === "away") {
    world.listError = away();
    world.refuse = { error: away() };
    world.breakOff(away());
  } else if (given.do === "back") {
    world.listError = undefined;
    world.refuse = undefined;
  } else if (given.do === "off") {
    world.refuse = {};
    world.breakOff();
  } else if (given.do === "on") world.refuse = undefined;
}

/** What a reader knows who keeps the first view and applies every change to it. */
class Reader {
  readonly pods = new Map<string, WatchedPod>();
  readonly containers = new Map<string, WatchedContainer>();

  take(item: WatchItem): void {
    if (item.kind === "snapshot") {
      for (const [id, pod] of item.view.pods) this.pods.set(id, pod);
      for (const [id, container] of item.view.containers) this.containers.set(id, container);
    }
    if (item.kind === "event" || item.kind === "resynced") for (const each of item.changes) this.apply(each);
    // The changes are enough to know what the view knows.
    assert.deepEqual(states(this), states(item.view));
  }

  apply({ kind, before, after }: WatchChange): void {
    const known: Map<string, { id: string; state: number }> = kind === "pod" ? this.pods : this.containers;
    const id = (after ?? before)?.id ?? "";
    assert.equal(known.get(id)?.state, before?.state, "a change begins where the last one ended");
    assert.notEqual(before?.state, after?.state);
    if (after) known.set(id, after);
    else known.delete(id);
  }
}

function states(of: {
  pods: ReadonlyMap<string, { state: number }>;
  containers: ReadonlyMap<string, { state: number }>;
}): unknown {
  const list = (map: ReadonlyMap<string, { state: number }>) =>
    [...map].map(([id, { state }]) => `${id}:${state}`).sort();
  return { pods: list(of.pods), containers: list(of.containers) };
}

test("whatever is lost, doubled or late, the reader's knowledge ends as the truth", async () => {
  const script = fc.record({
    actions: fc.array(action, { maxLength: 60 }),
    listTurns: fc.nat(4),
    maxEvents: fc.integer({ min: 1, max: 6 }),
    readerTurns: fc.nat(4),
    before: fc.nat(4),
  });
  await fc.assert(
    fc.asyncProperty(script, async ({ actions, listTurns, maxEvents, readerTurns, before }) => {
      const world = createScriptedRuntime();
      const lives = new Map<string, number>();
      world.listTurns = listTurns;
      for (const given of actions.slice(0, before)) act(world, lives, given);
      let now = 0;
      const delay = async (ms: number, { signal }: { signal?: AbortSignal | undefined }) => {
        await turn();
        signal?.throwIfAborted();
        now += ms;
      };
      const resyncMs = Number.POSITIVE_INFINITY;
      const watch = watchContainers(world.cri, { maxEvents, resyncMs, poll: {}, delay, now: () => now });
      const reader = new Reader();
      const reading = (async () => {
        for await (const item of watch) {
          reader.take(item);
          if (item.view.containers.has("last")) return;
          for (let turns = readerTurns; turns > 0; turns--) await turn();
        }
      })();
      // A failure shows where the reading is awaited.
      reading.catch(() => {});
      for (const given of actions.slice(before)) {
        act(world, lives, given);
        for (let turns = given.do === "wait" ? given.turns : 1; turns > 0; turns--) await turn();
      }
      act(world, lives, { do: "back" });
      // The last change is one that only a list can tell, and that list is younger than the rest.
      world.events = "lose";
      world.addContainer("last", "");
      world.breakOff(away());
      await reading;
      assert.deepEqual(states(reader), states(world));
      assert.equal(world.listeners(), 0);
    }),
    { ...property, timeout: 10_000 },
  );
});
