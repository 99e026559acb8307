import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { originLimit } from "../../../src/oci/origin-limit.ts";

test("so many go at a time, the others in their order", async () => {
  const limit = originLimit(2, 10_000);
  const order: number[] = [];
  let most = 0;
  let active = 0;
  await Promise.all(
    Array.from({ length: 20 }, async (_, n) => {
      const release = await limit.acquire("a", undefined);
      order.push(n);
      most = Math.max(most, ++active);
      await sleep(1);
      active--;
      release();
      release();
    }),
  );
  assert.equal(most, 2);
  assert.deepEqual(
    order,
    Array.from({ length: 20 }, (_, n) => n),
  );
});

test("origins do not wait for each other", async () => {
  const limit = originLimit(1, 10_000);
  await limit.acquire("a", undefined);
  await limit.acquire("b", undefined);
});

test("where nothing ends, one after the other is let through", async () => {
  const limit = originLimit(2, 30);
  const releases: (() => void)[] = [];
  const started = performance.now();
  for (let n = 0; n < 4; n++) releases.push(await limit.acquire("a", undefined));
  assert.ok(performance.now() - started >= 50);
  for (const release of releases) release();
  // Once that is over the limit is what it was.
  await limit.acquire("a", undefined);
  await limit.acquire("a", undefined);
  const third = limit.acquire("a", undefined);
  assert.equal(await Promise.race([third.then(() => "through"), sleep(5, "waits")]), "waits");
  await third;
});

test("a turn that is handed on keeps the extra one from growing", async () => {
  const limit = originLimit(1, 200);
  const held = await limit.acquire("a", undefined);
  let most = 0;
  let active = 0;
  await Promise.all(
    Array.from({ length: 10 }, async () => {
      const release = await limit.acquire("a", undefined);
      most = Math.max(most, ++active);
      await sleep(2);
      active--;
      release();
    }),
  );
  assert.equal(most, 1);
  held();
});

test("who gives up waiting is passed over, and rejects with its reason", async () => {
  const limit = originLimit(1, 10_000);
  const release = await limit.acquire("a", undefined);
  const controller = new AbortController();
  const reason = new Error("enough");
  const given = limit.acquire("a", controller.signal);
  const next = limit.acquire("a", undefined);
  controller.abort(reason);
  await assert.rejects(given, reason);
  release();
  (await next)();
  await assert.rejects(limit.acquire("a", controller.signal), reason);
  // A turn that came together with the abort is not lost.
  const held = await limit.acquire("a", undefined);
  const late = new AbortController();
  const both = limit.acquire("a", late.signal);
  held();
  late.abort(reason);
  await Promise.allSettled([both.then((end) => end())]);
  (await limit.acquire("a", undefined))();
});
