import assert from "node:assert/strict";
import { after, afterEach, before, beforeEach, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import {
  type CriConnection,
  CriError,
  type CriErrorCode,
  connectCri,
  type ExecSyncRequest,
  type ExecSyncResponse,
  execAll,
  execSync,
} from "../../src/cri/index.ts";
import { type FakeRuntime, type ServedCall, startFakeRuntime } from "../../src/testing/cri-runtime.ts";
import { assertNothingLeft, countResources } from "./leaks.ts";

type Answer = Partial<Omit<ExecSyncResponse, "$typeName">>;

let answer: (request: ExecSyncRequest, call: ServedCall) => Answer | Promise<Answer>;
let left: ReturnType<typeof countResources>;
let open = 0;
let most = 0;
let runtime: FakeRuntime;
let cri: CriConnection;

before(async () => {
  runtime = await startFakeRuntime({
    runtime: {
      execSync: async (request, call) => {
        most = Math.max(most, ++open);
        try {
          return await answer(request, call);
        } finally {
          open--;
        }
      },
      listContainers: () => ({
        containers: ["c1", "c2", "c3", "c4"].map((id, at) => ({ id, state: 1, createdAt: BigInt(9 - at) })),
      }),
    },
  });
  cri = await connectCri({ endpoint: runtime.endpoint });
});

after(async () => {
  await cri.close();
  await runtime.close();
});

beforeEach(() => {
  answer = () => ({});
  most = 0;
  left = countResources();
});

afterEach(() => assertNothingLeft(left));

const withCode = (code: CriErrorCode) => (error: unknown) =>
  error instanceof CriError && (error.code === code || assert.equal(error.code, code));
const bytes = (text: string) => new TextEncoder().encode(text);

/** Waits until the client has given a call up. */
function gone({ signal }: ServedCall): Promise<unknown> {
  return new Promise((resolve) => {
    if (signal.aborted) resolve(undefined);
    else signal.addEventListener("abort", resolve);
  });
}

test("a command's output and exit code are its result", async () => {
  answer = () => ({ exitCode: 3, stdout: Uint8Array.of(0, 255), stderr: bytes("größe") });
  assert.deepEqual(await execSync(cri, "c1", ["a", ""]), {
    exitCode: 3,
    stdout: Uint8Array.of(0, 255),
    stderr: bytes("größe"),
  });
  const { request } = runtime.calls.at(-1) ?? {};
  assert.deepEqual((request as ExecSyncRequest).cmd, ["a", ""]);
  assert.equal((request as ExecSyncRequest).timeout, 0n);
});

test("each form of a time-out is one error", async () => {
  const forms: (() => Answer | Promise<Answer>)[] = [
    async () => {
      await sleep(1005);
      throw new CriError("ERR_CRI_DEADLINE_EXCEEDED", "timeout 1s exceeded: context deadline exceeded");
    },
    async () => {
      await sleep(1005);
      return { exitCode: 137 };
    },
    () => ({ exitCode: -1, stderr: bytes("command timed out") }),
    () => ({ exitCode: -1, stderr: bytes("partial output\ncommand timed out\n") }),
  ];
  for (const form of forms) {
    answer = form;
    await assert.rejects(execSync(cri, "c1", ["a"], { timeoutSeconds: 1 }), withCode("ERR_CRI_EXEC_TIMEOUT"));
  }
});

test("a command that is killed before its time is over has a result", async () => {
  answer = () => ({ exitCode: 137 });
  assert.equal((await execSync(cri, "c1", ["a"], { timeoutSeconds: 5 })).exitCode, 137);
  assert.equal((await execSync(cri, "c1", ["a"])).exitCode, 137);
});

test("what looks like a time-out without a limit is a result", async () => {
  answer = () => ({ exitCode: -1, stderr: bytes("command timed out") });
  assert.equal((await execSync(cri, "c1", ["a"])).exitCode, -1);
  answer = () => ({ exitCode: 1, stderr: bytes("command timed out") });
  assert.equal((await execSync(cri, "c1", ["a"], { timeoutSeconds: 5 })).exitCode, 1);
  answer = () => ({ exitCode: -1, stderr: bytes("something else") });
  assert.equal((await execSync(cri, "c1", ["a"], { timeoutSeconds: 5 })).exitCode, -1);
});

test("the deadline of the call is later than that of the command", async () => {
  let signal: AbortSignal | undefined;
  answer = async (_, call) => {
    signal = call.signal;
    await gone(call);
    return {};
  };
  const started = performance.now();
  const run = execSync(cri, "c1", ["a"], { timeoutSeconds: 1, timeoutMs: 100 });
  await assert.rejects(run, withCode("ERR_CRI_EXEC_TIMEOUT"));
  assert.ok(performance.now() - started >= 1000);
  while (!signal?.aborted) await sleep(5);
  // Without a limit for the command, a deadline that is over says nothing of the command.
  const short = execSync(cri, "c1", ["a"], { timeoutMs: 50 });
  await assert.rejects(short, withCode("ERR_CRI_DEADLINE_EXCEEDED"));
});

test("a deadline that the runtime reports early is not the command's", async () => {
  answer = () => {
    throw new CriError("ERR_CRI_DEADLINE_EXCEEDED", "the store is slow");
  };
  const run = execSync(cri, "c1", ["a"], { timeoutSeconds: 5 });
  await assert.rejects(run, withCode("ERR_CRI_DEADLINE_EXCEEDED"));
});

test("too much output is explained", async () => {
  answer = () => ({ stdout: new Uint8Array(17 * 1024 * 1024) });
  await assert.rejects(execSync(cri, "c1", ["a"]), (error) => {
    assert.ok(withCode("ERR_CRI_RESOURCE_EXHAUSTED")(error));
    return /streaming session/.test((error as Error).message);
  });
});

test("an abort ends the wait with its reason", async () => {
  answer = async (_, call) => {
    await gone(call);
    return {};
  };
  const controller = new AbortController();
  const run = execSync(cri, "c1", ["a"], { timeoutSeconds: 5, signal: controller.signal });
  const ended = assert.rejects(run, (error) => error === controller.signal.reason);
  while (open === 0) await sleep(5);
  controller.abort(new Error("enough"));
  await ended;
  while (open > 0) await sleep(5);
});

test("what is no command or no time is refused", async () => {
  const calls = runtime.calls.length;
  await assert.rejects(execSync(cri, "c1", []), TypeError);
  await assert.rejects(execAll(cri, {}, []), TypeError);
  for (const timeoutSeconds of [0, -1, 0.5, Number.NaN, 1e12]) {
    await assert.rejects(execSync(cri, "c1", ["a"], { timeoutSeconds }), RangeError);
  }
  assert.equal(runtime.calls.length, calls);
});

test("a command runs in every container of a query, a few at a time", async () => {
  answer = async ({ containerId }) => {
    await sleep(20);
    if (containerId === "c2") throw new CriError("ERR_CRI_UNKNOWN", "container is not running");
    return { exitCode: Number(containerId.slice(1)) };
  };
  const outcomes = await execAll(cri, { all: true }, ["a"], { ignoreErrors: true, parallel: 2 });
  assert.deepEqual(
    outcomes.map((outcome) => [
      outcome.container.id,
      outcome.kind === "exited" ? outcome.exitCode : outcome.kind,
    ]),
    [
      ["c1", 1],
      ["c2", "failed"],
      ["c3", 3],
      ["c4", 4],
    ],
  );
  assert.equal(most, 2);
});

test("without leave to go on, the first failure ends it", async () => {
  const ran: string[] = [];
  answer = ({ containerId }) => {
    ran.push(containerId);
    if (containerId === "c2") throw new CriError("ERR_CRI_UNKNOWN", "container is not running");
    return {};
  };
  await assert.rejects(execAll(cri, {}, ["a"], { parallel: 1 }), withCode("ERR_CRI_UNKNOWN"));
  assert.deepEqual(ran, ["c1", "c2"]);
  await assert.rejects(execAll(cri, {}, ["a"], { parallel: 0 }), RangeError);
});
