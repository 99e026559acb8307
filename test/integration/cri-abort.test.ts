import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type CriConnection, CriError, connectCri } from "../../src/cri/index.ts";
import { type FakeRuntime, type ServedCall, startFakeRuntime } from "../../src/testing/cri-runtime.ts";

/** Waits until something is so, and fails after two seconds. */
async function until(condition: () => boolean): Promise<void> {
  const end = Date.now() + 2000;
  while (!condition()) {
    if (Date.now() > end) throw new Error(`waited in vain for ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

const gone = (signal: AbortSignal) =>
  new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    signal.addEventListener("abort", () => resolve(), { once: true });
  });

/** What the handler of the running stream did. */
let sent = 0;
let left = false;
let served: ServedCall | undefined;

let runtime: FakeRuntime;
let cri: CriConnection;

before(async () => {
  runtime = await startFakeRuntime({
    runtime: {
      // Never answers; ends when the client has gone.
      execSync: async (_, call) => {
        served = call;
        await gone(call.signal);
        left = true;
        return {};
      },
      stopContainer: () => ({}),
      // Events without end.
      async *getContainerEvents(_, call) {
        served = call;
        try {
          for (sent = 0; ; sent++) yield { containerId: `${sent}`.padStart(1000, "0") };
        } finally {
          left = true;
        }
      },
      // One answer, then silence.
      async *streamContainers(_, call) {
        served = call;
        yield { containers: [{ id: "first" }] };
        await gone(call.signal);
        left = true;
      },
      // Three answers, then an error.
      async *streamPodSandboxes() {
        for (let at = 0; at < 3; at++) yield { podSandboxes: [{ id: `${at}` }] };
        throw new CriError("ERR_CRI_INTERNAL", "broke in the middle");
      },
      streamContainerStats: () => [],
    },
  });
  cri = await connectCri({ endpoint: runtime.endpoint });
});

after(async () => {
  await cri.close();
  await runtime.close();
});

function reset(): void {
  left = false;
  served = undefined;
}

const REASONS: [string, unknown][] = [
  ["an error", new Error("mine")],
  ["undefined-like", { plain: true }],
  ["text", "stop"],
];

for (const [name, reason] of REASONS) {
  test(`a unary call aborted before, during and after: ${name}`, async () => {
    reset();
    const calls = runtime.calls.length;
    await assert.rejects(cri.runtime.execSync({}, { signal: AbortSignal.abort(reason) }), is(reason));
    assert.equal(runtime.calls.length, calls);

    const during = new AbortController();
    const call = cri.runtime.execSync({}, { signal: during.signal });
    await until(() => served !== undefined);
    during.abort(reason);
    await assert.rejects(call, is(reason));
    await until(() => left);

    const late = new AbortController();
    await cri.runtime.stopContainer({}, { signal: late.signal });
    late.abort(reason);
  });

  test(`a stream aborted before, while waiting and between answers: ${name}`, async () => {
    reset();
    const before = cri.runtime.streamContainers({}, { signal: AbortSignal.abort(reason) });
    await assert.rejects(before.next(), is(reason));
    assert.equal(served, undefined);

    const waiting = new AbortController();
    const stream = cri.runtime.streamContainers({}, { signal: waiting.signal });
    assert.equal((await stream.next()).value?.containers[0]?.id, "first");
    const second = stream.next();
    setTimeout(() => waiting.abort(reason), 5);
    await assert.rejects(second, is(reason));
    assert.deepEqual(await stream.next(), { done: true, value: undefined });
    await until(() => left);

    reset();
    const between = new AbortController();
    const events = cri.runtime.getContainerEvents({}, { signal: between.signal });
    await events.next();
    // Let messages pile up in the buffer: none of them may be delivered after the abort.
    await new Promise((resolve) => setTimeout(resolve, 20));
    between.abort(reason);
    await assert.rejects(events.next(), is(reason));
    await until(() => left);
  });
}

function is(reason: unknown): (error: unknown) => boolean {
  return (error) => error === reason;
}

test("leaving a loop early cancels the call at the runtime", async () => {
  reset();
  let seen = 0;
  for await (const _ of cri.runtime.getContainerEvents({})) if (++seen === 5) break;
  await until(() => left);
  assert.ok(served?.signal.aborted);
});

test("a throw in the loop cancels the call and is the error that comes out", async () => {
  reset();
  const mine = new Error("mine");
  await assert.rejects(async () => {
    for await (const _ of cri.runtime.getContainerEvents({})) throw mine;
  }, is(mine));
  await until(() => left);
});

test("return() ends a stream also while next() waits", async () => {
  reset();
  const stream = cri.runtime.streamContainers({});
  await stream.next();
  const waiting = stream.next();
  assert.deepEqual(await stream.return?.(), { done: true, value: undefined });
  assert.deepEqual(await waiting, { done: true, value: undefined });
  await until(() => left);
});

test("return() before the first next() opens nothing", async () => {
  const calls = runtime.calls.length;
  const stream = cri.runtime.streamContainers({});
  await stream.return?.();
  assert.deepEqual(await stream.next(), { done: true, value: undefined });
  assert.equal(runtime.calls.length, calls);
});

test("a stream is lazy and single-use", async () => {
  const calls = runtime.calls.length;
  const stream = cri.runtime.streamPodSandboxes({});
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(runtime.calls.length, calls);
  assert.equal(stream[Symbol.asyncIterator](), stream);
});

test("a stream gives what came before an error, then the error, then its end", async () => {
  const ids: string[] = [];
  await assert.rejects(
    async () => {
      for await (const { podSandboxes } of cri.runtime.streamPodSandboxes({})) {
        ids.push(podSandboxes[0]?.id ?? "");
      }
    },
    { code: "ERR_CRI_INTERNAL", details: "broke in the middle", method: "RuntimeService/StreamPodSandboxes" },
  );
  assert.deepEqual(ids, ["0", "1", "2"]);
});

test("a slow reader gets the error behind the answers too", async () => {
  const stream = cri.runtime.streamPodSandboxes({});
  for (let at = 0; at < 3; at++) {
    assert.equal((await stream.next()).value?.podSandboxes[0]?.id, `${at}`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  await assert.rejects(stream.next(), { code: "ERR_CRI_INTERNAL" });
  assert.deepEqual(await stream.next(), { done: true, value: undefined });
});

test("a stream may be empty", async () => {
  assert.deepEqual(await cri.runtime.streamContainerStats({}).next(), { done: true, value: undefined });
});

test("an unknown stream is unimplemented with its first answer", async () => {
  const stream = cri.runtime.streamPodSandboxMetrics({});
  await assert.rejects(stream.next(), { code: "ERR_CRI_UNIMPLEMENTED" });
});

test("a runtime is not read faster than the caller reads", async () => {
  reset();
  const events = cri.runtime.getContainerEvents({});
  try {
    await events.next();
    let held = 0;
    while (held !== sent && held < 5000) {
      held = sent;
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    // The four megabytes that a connection may hold.
    assert.ok(held < 5000, `${held} events of 1000 bytes were sent ahead`);
    // What waits in one stream holds up no other call.
    assert.equal((await cri.runtime.version({}, { timeoutMs: 5000 })).runtimeApiVersion, "v1");
    for (let at = 1; at < held + 50; at++) {
      const { value } = await events.next();
      assert.equal(Number(value?.containerId), at);
    }
  } finally {
    await events.return?.();
  }
  await until(() => left);
});

test("a deadline ends a call and a stream, and reaches the runtime", async () => {
  reset();
  await assert.rejects(cri.runtime.execSync({}, { timeoutMs: 30 }), { code: "ERR_CRI_DEADLINE_EXCEEDED" });
  await until(() => left);
  reset();
  const stream = cri.runtime.streamContainers({}, { timeoutMs: 50 });
  await stream.next();
  await assert.rejects(stream.next(), { code: "ERR_CRI_DEADLINE_EXCEEDED" });
  await until(() => left);
});

test("close() ends open calls and streams, and forbids new ones", async () => {
  reset();
  const client = await connectCri({ endpoint: runtime.endpoint });
  const call = client.runtime.execSync({});
  const waiting = client.runtime.streamContainers({});
  await waiting.next();
  const waited = waiting.next();
  const idle = client.runtime.getContainerEvents({});
  await idle.next();
  const unopened = client.runtime.streamContainers({});
  const closing = client.close();
  const closed = { name: "CriError", code: "ERR_CRI_CLOSED" };
  await assert.rejects(call, closed);
  await assert.rejects(waited, closed);
  await assert.rejects(idle.next(), closed);
  await assert.rejects(unopened.next(), closed);
  await closing;
  await assert.rejects(client.runtime.version({}), closed);
  await assert.rejects(client.image.listImages({}), closed);
  await client.close();
  await client[Symbol.asyncDispose]();
  await until(() => left);
});

test("finished calls leave no listener on the caller's signal", async () => {
  const controller = new AbortController();
  let listeners = 0;
  const { signal } = controller;
  const add = signal.addEventListener.bind(signal);
  const remove = signal.removeEventListener.bind(signal);
  signal.addEventListener = (...args: Parameters<typeof add>) => {
    listeners++;
    add(...args);
  };
  signal.removeEventListener = (...args: Parameters<typeof remove>) => {
    listeners--;
    remove(...args);
  };
  await cri.runtime.version({}, { signal });
  await assert.rejects(cri.runtime.attach({}, { signal }), { code: "ERR_CRI_UNIMPLEMENTED" });
  for await (const _ of cri.runtime.streamContainerStats({}, { signal })) assert.fail("an answer");
  for await (const _ of cri.runtime.getContainerEvents({}, { signal })) break;
  assert.equal(listeners, 0);
});
