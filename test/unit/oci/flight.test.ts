import assert from "node:assert/strict";
import { test } from "node:test";
import { singleFlight } from "../../../src/oci/flight.ts";

function deferred<T>() {
  let resolve: (value: T) => void = () => {};
  let reject: (error: unknown) => void = () => {};
  const promise = new Promise<T>((yes, no) => {
    resolve = yes;
    reject = no;
  });
  return { promise, resolve, reject };
}

test("one run serves all who ask while it lasts, a key at a time", async () => {
  const flights = singleFlight<number>();
  const work = deferred<number>();
  let runs = 0;
  const run = () =>
    flights.run("a", () => {
      runs++;
      return work.promise;
    });
  const both = [run(), run()];
  const other = flights.run("b", async () => 7);
  work.resolve(5);
  assert.deepEqual(await Promise.all([...both, other]), [5, 5, 7]);
  assert.equal(runs, 1);
  assert.equal(await flights.run("a", async () => 6), 6);
});

test("a failure reaches all, and is not kept", async () => {
  const flights = singleFlight<number>();
  const failure = new Error("no");
  const both = [0, 1].map(() => flights.run("a", () => Promise.reject(failure)));
  for (const { status } of await Promise.allSettled(both)) assert.equal(status, "rejected");
  assert.equal(await flights.run("a", async () => 1), 1);
});

test("the run is aborted when the last who waits has gone, and a newcomer starts anew", async () => {
  const flights = singleFlight<string>();
  const [first, second] = [new AbortController(), new AbortController()];
  const signals: AbortSignal[] = [];
  const work = (signal: AbortSignal): Promise<string> => {
    signals.push(signal);
    return new Promise((_, reject) =>
      signal.addEventListener("abort", () => setTimeout(reject, 5, new Error("late"))),
    );
  };
  const waits = [first, second].map(({ signal }) => flights.run("a", work, signal));
  first.abort("one");
  await assert.rejects(waits[0] ?? Promise.resolve(), (reason: unknown) => reason === "one");
  assert.equal(signals[0]?.aborted, false);
  second.abort("two");
  await assert.rejects(waits[1] ?? Promise.resolve(), (reason: unknown) => reason === "two");
  assert.equal(signals[0]?.aborted, true);
  assert.equal(await flights.run("a", async () => "new"), "new");
  assert.equal(signals.length, 1);
});

test("an aborted signal starts nothing", async () => {
  const flights = singleFlight<number>();
  let runs = 0;
  await assert.rejects(
    flights.run("a", async () => ++runs, AbortSignal.abort("no")),
    (reason: unknown) => reason === "no",
  );
  assert.equal(runs, 0);
});
