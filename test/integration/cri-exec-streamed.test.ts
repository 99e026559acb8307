import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import {
  type CriConnection,
  CriError,
  type CriErrorCode,
  connectCri,
  execAll,
  execStreamed,
  runContainer,
} from "../../src/cri/index.ts";
import { type CriRuntime, defaultImages, startCriRuntime } from "../../src/testing/runtime/index.ts";
import { assertNothingLeft, countResources } from "./leaks.ts";

const IMAGE = defaultImages()[0]?.name ?? "";

let left: ReturnType<typeof countResources>;
let runtime: CriRuntime;
let cri: CriConnection;
let containerId: string;

before(async () => {
  runtime = await startCriRuntime();
  cri = await connectCri({ endpoint: runtime.endpoint });
  const config = { metadata: { name: "app" }, image: { image: IMAGE }, command: ["sleep", "1000"] };
  const pod = { metadata: { name: "web", namespace: "shop", uid: "u1" } };
  ({ containerId } = await runContainer(cri, config, pod));
});

after(async () => {
  await cri.close();
  await runtime.close();
});

beforeEach(() => {
  left = countResources();
});

afterEach(() => assertNothingLeft(left));

const withCode = (code: CriErrorCode) => (error: unknown) =>
  error instanceof CriError && (error.code === code || assert.equal(error.code, code));
const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);

for (const transport of ["websocket", "spdy"] as const) {
  test(`a command over ${transport} is told as one that is waited for`, async () => {
    const command = ["sh", "-c", "echo größe; echo no >&2; exit 7"];
    const { exitCode, stdout, stderr } = await execStreamed(cri, containerId, command, { transport });
    assert.equal(exitCode, 7);
    assert.equal(text(stdout), "größe\n");
    assert.equal(text(stderr), "no\n");
  });

  test(`a command over ${transport} has its time and its room`, async () => {
    const options = { transport, timeoutSeconds: 1 };
    const slow = execStreamed(cri, containerId, ["sleep", "2"], options);
    await assert.rejects(slow, withCode("ERR_CRI_EXEC_TIMEOUT"));
    const loud = execStreamed(cri, containerId, ["sh", "-c", "echo 12345"], { transport, maxOutputBytes: 5 });
    await assert.rejects(loud, withCode("ERR_CRI_RESOURCE_EXHAUSTED"));
    const fits = await execStreamed(cri, containerId, ["sh", "-c", "echo 12345"], {
      transport,
      maxOutputBytes: 6,
    });
    assert.equal(text(fits.stdout), "12345\n");
  });

  test(`an abort of a command over ${transport} is thrown as it is`, async () => {
    const controller = new AbortController();
    const run = execStreamed(cri, containerId, ["sleep", "2"], { transport, signal: controller.signal });
    const ended = assert.rejects(run, (error) => error === controller.signal.reason);
    await sleep(50);
    controller.abort(new Error("enough"));
    await ended;
  });

  test(`a command runs in all containers over ${transport}`, async () => {
    const [outcome, ...more] = await execAll(cri, {}, ["echo", "a"], { transport });
    assert.equal(more.length, 0);
    assert.ok(outcome?.kind === "exited");
    assert.equal(outcome.container.id, containerId);
    assert.equal(text(outcome.stdout), "a\n");
  });
}

test("what is no command, time or room is refused", async () => {
  const calls = runtime.calls.length;
  await assert.rejects(execStreamed(cri, containerId, []), TypeError);
  await assert.rejects(execStreamed(cri, containerId, ["a"], { timeoutSeconds: 0.5 }), RangeError);
  await assert.rejects(execStreamed(cri, containerId, ["a"], { maxOutputBytes: -1 }), RangeError);
  assert.equal(runtime.calls.length, calls);
});

test("a container that is not there fails, or is an outcome", async () => {
  await assert.rejects(execStreamed(cri, "nothing", ["a"]), withCode("ERR_CRI_NOT_FOUND"));
  runtime.fail({ method: "RuntimeService/Exec", times: 1, status: { code: "UNKNOWN", details: "no" } });
  const [outcome] = await execAll(cri, {}, ["a"], { transport: "websocket", ignoreErrors: true });
  assert.ok(outcome?.kind === "failed" && withCode("ERR_CRI_UNKNOWN")(outcome.error));
});
