import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { afterEach, beforeEach, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import {
  type CreateContainerRequest,
  type CriConnection,
  CriError,
  type CriErrorCode,
  connectCri,
  createContainer,
  listContainers,
  listPods,
  type PullImageRequest,
  parseContainerConfig,
  parseCreds,
  parsePodSandboxConfig,
  pullImage,
  type RunContainerOptions,
  removeAllContainers,
  removeAllPods,
  removeContainer,
  removeContainers,
  removePod,
  removePods,
  runContainer,
  runPod,
  startContainers,
  stopContainers,
  stopPods,
  type UpdateContainerResourcesRequest,
  updateContainerResources,
} from "../../src/cri/index.ts";
import { type CriRuntime, defaultImages, startCriRuntime } from "../../src/testing/runtime/index.ts";
import { assertNothingLeft, countResources } from "./leaks.ts";

const IMAGE = defaultImages()[0]?.name ?? "";
const CONFIG = { metadata: { name: "app" }, image: { image: IMAGE }, command: ["sleep", "1000"] };
const POD = { metadata: { name: "web", namespace: "shop", uid: "u1", attempt: 0 } };

let before: ReturnType<typeof countResources>;
let runtime: CriRuntime;
let cri: CriConnection;

beforeEach(async () => {
  before = countResources();
  runtime = await startCriRuntime();
  cri = await connectCri({ endpoint: runtime.endpoint });
});

afterEach(async () => {
  await cri.close();
  await runtime.close();
  await assertNothingLeft(before);
});

const withCode = (code: CriErrorCode) => (error: unknown) =>
  error instanceof CriError && (error.code === code || assert.equal(error.code, code));

/** The calls since the last time, without those that only look. */
function changes(): string[] {
  return runtime.calls
    .map(({ method }) => method.replace(/^\w+\//, ""))
    .filter((method) => !/^(?:List|Stream|Version|Status|ImageFs|ImageStatus)/.test(method));
}

function requests<T>(method: string): T[] {
  return runtime.calls
    .filter((call) => call.method.endsWith(`/${method}`))
    .map(({ request }) => request as T);
}

test("a container runs in a pod of its own", async () => {
  const { podSandboxId, containerId } = await runContainer(cri, CONFIG, POD);
  assert.deepEqual(changes(), ["RunPodSandbox", "PullImage", "CreateContainer", "StartContainer"]);
  const [container] = await listContainers(cri);
  assert.equal(container?.id, containerId);
  assert.equal(container?.podSandboxId, podSandboxId);
});

test("what was pulled is what is created, under the name that was asked for", async () => {
  const mounts = [
    { containerPath: "/v", image: { image: IMAGE } },
    { containerPath: "/w", hostPath: "/tmp" },
  ];
  const config = { ...CONFIG, mounts };
  const copy = structuredClone(config);
  await runContainer(cri, config, POD);
  assert.deepEqual(config, copy);
  const [request] = requests<CreateContainerRequest>("CreateContainer");
  const image = request?.config?.image;
  assert.equal(image?.userSpecifiedImage, IMAGE);
  assert.match(image?.image ?? "", /^sha256:/);
  assert.equal(request?.config?.mounts[0]?.image?.image, image?.image);
  assert.equal(requests("PullImage").length, 1);
});

test("a name of the user's own is kept, and nothing is pulled that need not be", async () => {
  const podSandboxId = await runPod(cri, POD);
  await pullImage(cri, IMAGE);
  const image = { image: IMAGE, userSpecifiedImage: "short" };
  await createContainer(cri, podSandboxId, { ...CONFIG, image }, POD);
  await createContainer(cri, podSandboxId, { ...CONFIG, image, metadata: { name: "b" } }, POD, {
    pull: "missing",
  });
  assert.equal(requests("PullImage").length, 1);
  const created = requests<CreateContainerRequest>("CreateContainer").map(({ config }) => config?.image);
  assert.equal(created[0]?.image, IMAGE);
  assert.equal(created[0]?.userSpecifiedImage, "short");
  assert.match(created[1]?.image ?? "", /^sha256:/);
  assert.equal(created[1]?.userSpecifiedImage, "short");
});

test("an image that is missing is pulled when it is needed", async () => {
  await cri.image.removeImage({ image: { image: IMAGE } });
  const podSandboxId = await runPod(cri, POD);
  await createContainer(cri, podSandboxId, CONFIG, POD, { pull: "missing" });
  assert.equal(requests("PullImage").length, 1);
});

test("a pull carries credentials, annotations and the pod", async () => {
  const asked: string[] = [];
  const credentials = async (image: string) => {
    asked.push(image);
    return parseCreds("alice:secret");
  };
  const image = { image: IMAGE, annotations: { b: "2" } };
  await pullImage(cri, image, { credentials, annotations: { a: "1", b: "1" }, sandboxConfig: POD });
  await pullImage(cri, IMAGE, { credentials: { auth: "YTpi" } });
  await pullImage(cri, IMAGE, { credentials: () => undefined });
  const [first, second, third] = requests<PullImageRequest>("PullImage");
  assert.deepEqual(asked, [IMAGE]);
  assert.equal(first?.auth?.password, "secret");
  assert.deepEqual({ ...first?.image?.annotations }, { a: "1", b: "2" });
  assert.equal(first?.sandboxConfig?.metadata?.name, "web");
  assert.equal(second?.auth?.auth, "YTpi");
  assert.equal(third?.auth, undefined);
  assert.deepEqual(image, { image: IMAGE, annotations: { b: "2" } });
});

test("credentials that cannot be found end the pull", async () => {
  const failure = new Error("no credentials");
  const credentials = () => Promise.reject(failure);
  await assert.rejects(pullImage(cri, IMAGE, { credentials }), failure);
  const signal = AbortSignal.timeout(20);
  const never = () => new Promise<undefined>(() => {});
  await assert.rejects(pullImage(cri, IMAGE, { credentials: never, signal }), { name: "TimeoutError" });
  assert.equal(requests("PullImage").length, 0);
});

test("a configuration that was read can be changed in places", async () => {
  // The types do not admit such a mixture, but JavaScript does.
  const base = parseContainerConfig(JSON.stringify({ ...CONFIG, labels: { __proto__: "x" } }));
  const config = {
    ...base,
    metadata: { name: "other" },
    mounts: [{ hostPath: "/tmp", containerPath: "/x" }],
  };
  const pod = { ...parsePodSandboxConfig("metadata: {name: a, namespace: b}"), metadata: POD.metadata };
  const { containerId } = await runContainer(cri, config as unknown as typeof base, pod as never);
  const [container] = await listContainers(cri);
  assert.equal(container?.id, containerId);
  assert.equal(container?.metadata?.name, "other");
  const [request] = requests<CreateContainerRequest>("CreateContainer");
  assert.equal(request?.config?.mounts[0]?.containerPath, "/x");
  assert.deepEqual(request?.config?.command, CONFIG.command);
  assert.equal(base.metadata?.name, "app");
});

test("a misspelt configuration makes nothing", async () => {
  const wrong = { ...CONFIG, linux: { securityContex: {} } } as typeof CONFIG;
  await assert.rejects(runContainer(cri, wrong, POD), TypeError);
  await assert.rejects(runContainer(cri, { metadata: { name: "a" } }, POD), TypeError);
  await assert.rejects(runPod(cri, { ...POD, hostnam: "" } as typeof POD), TypeError);
  await assert.rejects(createContainer(cri, "x", wrong, POD), TypeError);
  assert.deepEqual(changes(), []);
});

/** Which call fails, and what a clean-up then does. */
const FAILURES: readonly [method: string, after: readonly string[]][] = [
  ["ImageService/PullImage", ["StopPodSandbox", "RemovePodSandbox"]],
  ["RuntimeService/CreateContainer", ["StopPodSandbox", "RemovePodSandbox"]],
  [
    "RuntimeService/StartContainer",
    ["StopContainer", "RemoveContainer", "StopPodSandbox", "RemovePodSandbox"],
  ],
];

for (const [method, after] of FAILURES) {
  test(`a failed ${method} undoes what was made, in reverse, if asked to`, async () => {
    runtime.fail({ method, times: 1, status: { code: "INTERNAL", details: "no" } });
    await assert.rejects(
      runContainer(cri, CONFIG, POD, { cleanUpOnError: true }),
      withCode("ERR_CRI_INTERNAL"),
    );
    const calls = changes();
    const failed = calls.indexOf(method.replace(/^\w+\//, ""));
    assert.deepEqual(calls.slice(failed + 1), after);
    assert.deepEqual(await listPods(cri), []);
    assert.deepEqual(await listContainers(cri, { all: true }), []);
  });

  test(`a failed ${method} undoes nothing otherwise`, async () => {
    runtime.fail({ method, times: 1, status: { code: "INTERNAL", details: "no" } });
    await assert.rejects(runContainer(cri, CONFIG, POD), withCode("ERR_CRI_INTERNAL"));
    assert.equal((await listPods(cri)).length, 1);
    assert.ok(!changes().some((call) => /^(?:Stop|Remove)/.test(call)));
  });
}

test("a clean-up goes on when one of its steps fails, and tells", async () => {
  runtime.fail({ method: "RuntimeService/StartContainer", status: { code: "INTERNAL" } });
  runtime.fail({ method: "RuntimeService/StopContainer", status: { code: "UNAVAILABLE" } });
  runtime.fail({ method: "RuntimeService/StopPodSandbox", status: { code: "UNKNOWN", details: "busy" } });
  const told: unknown[] = [];
  const options = { cleanUpOnError: true, onCleanUpError: (error: unknown) => void told.push(error) };
  await assert.rejects(runContainer(cri, CONFIG, POD, options), (error) => {
    assert.ok(error instanceof CriError);
    assert.equal(error.code, "ERR_CRI_INTERNAL");
    assert.equal(error.method, "RuntimeService/StartContainer");
    assert.deepEqual(
      error.cleanUpErrors?.map((each) => (each as CriError).method),
      ["RuntimeService/StopContainer", "RuntimeService/StopPodSandbox"],
    );
    assert.deepEqual(told, error.cleanUpErrors);
    return true;
  });
  assert.ok(changes().includes("RemoveContainer"));
  assert.ok(changes().includes("RemovePodSandbox"));
});

test("a clean-up that hangs is over after its own deadline", async () => {
  runtime.fail({ method: "RuntimeService/StartContainer", status: { code: "INTERNAL" } });
  runtime.fail({ method: "RuntimeService/StopContainer", never: true });
  const options = { cleanUpOnError: true, cleanUpTimeoutMs: 100 };
  await assert.rejects(runContainer(cri, CONFIG, POD, options), (error) => {
    const [failure] = error instanceof CriError ? (error.cleanUpErrors ?? []) : [];
    return failure instanceof CriError && failure.code === "ERR_CRI_DEADLINE_EXCEEDED";
  });
  assert.deepEqual(await listPods(cri), []);
});

const ABORTED = [
  "RuntimeService/RunPodSandbox",
  "ImageService/PullImage",
  "RuntimeService/CreateContainer",
  "RuntimeService/StartContainer",
];

for (const method of ABORTED) {
  test(`an abort in ${method} leaves nothing and is thrown as it is`, async () => {
    runtime.fail({ method, times: 1, delayMs: 150 });
    const controller = new AbortController();
    const reason = new Error("enough");
    const options: RunContainerOptions = { cleanUpOnError: true, signal: controller.signal };
    const run = runContainer(cri, CONFIG, POD, options);
    const ended = assert.rejects(run, (error) => error === reason);
    while (!runtime.calls.some((call) => call.method === method)) await sleep(5);
    controller.abort(reason);
    await ended;
    assert.deepEqual(await listPods(cri), []);
    assert.deepEqual(await listContainers(cri, { all: true }), []);
  });
}

test("an abort while a call never answers is thrown after the time of the clean-up", async () => {
  runtime.fail({ method: "RuntimeService/RunPodSandbox", never: true });
  const options = { cleanUpOnError: true, cleanUpTimeoutMs: 100, signal: AbortSignal.timeout(50) };
  await assert.rejects(runPod(cri, POD, options), { name: "TimeoutError" });
  assert.deepEqual(await listPods(cri), []);
});

test("an abort before anything makes nothing", async () => {
  const reason = new Error("enough");
  const options = { cleanUpOnError: true, signal: AbortSignal.abort(reason) };
  await assert.rejects(runContainer(cri, CONFIG, POD, options), (error) => error === reason);
  await assert.rejects(runPod(cri, POD, options), (error) => error === reason);
  assert.deepEqual(changes(), []);
});

test("a pod that was there before is not cleaned up", async () => {
  const first = await runPod(cri, POD);
  await assert.rejects(runPod(cri, POD, { cleanUpOnError: true }), CriError);
  assert.deepEqual(
    (await listPods(cri, { state: "ready" })).map(({ id }) => id),
    [first],
  );
});

test("a pod that a failed call has left is found and removed", async () => {
  // The runtime makes the pod, and its answer is lost.
  runtime.fail({ method: "RuntimeService/RunPodSandbox", times: 1, delayMs: 300 });
  const run = runPod(cri, POD, { cleanUpOnError: true, timeoutMs: 100 });
  await assert.rejects(run, withCode("ERR_CRI_DEADLINE_EXCEEDED"));
  const config = parsePodSandboxConfig("metadata: {name: other, namespace: shop}");
  const left = await runPod(cri, config);
  runtime.setNetworkReady(false);
  const next = parsePodSandboxConfig("metadata: {name: third, namespace: shop}");
  await assert.rejects(runPod(cri, next, { cleanUpOnError: true }), CriError);
  assert.deepEqual(
    (await listPods(cri)).map(({ id }) => id),
    [left],
  );
});

test("containers are started and stopped in order, up to the first failure", async () => {
  const podSandboxId = await runPod(cri, POD);
  const make = (name: string) =>
    createContainer(cri, podSandboxId, { ...CONFIG, metadata: { name } }, POD, { pull: "missing" });
  const ids = [await make("a"), await make("b"), await make("c")];
  await assert.rejects(startContainers(cri, [ids[0] ?? "", "nothing", ids[2] ?? ""]), CriError);
  assert.deepEqual(
    (await listContainers(cri)).map(({ id }) => id),
    [ids[0]],
  );
  await startContainers(cri, ids.slice(1));
  await stopContainers(cri, [ids[0] ?? "", "nothing", ids[1] ?? ""], { timeoutMs: 5000 });
  assert.equal((await listContainers(cri)).length, 1);
  await assert.rejects(stopContainers(cri, ids, { graceSeconds: -1 }), RangeError);
  await assert.rejects(stopContainers(cri, ids, { graceSeconds: 0.5 }), RangeError);
});

test("pods are stopped in order, up to the first failure", async () => {
  const ids = [await runPod(cri, POD), await runPod(cri, { metadata: { ...POD.metadata, uid: "u2" } })];
  await stopPods(cri, ["nothing", ...ids]);
  assert.deepEqual(await listPods(cri, { state: "ready" }), []);
  runtime.fail({ method: "RuntimeService/StopPodSandbox", status: { code: "INTERNAL" } });
  const calls = changes().length;
  await assert.rejects(stopPods(cri, ids), withCode("ERR_CRI_INTERNAL"));
  assert.equal(changes().length, calls + 1);
});

test("limits are changed for one system", async () => {
  const { containerId } = await runContainer(cri, CONFIG, POD);
  await updateContainerResources(
    cri,
    containerId,
    { linux: { cpuShares: 512n } },
    { annotations: { a: "b" } },
  );
  const [request] = requests<UpdateContainerResourcesRequest>("UpdateContainerResources");
  assert.equal(request?.linux?.cpuShares, 512n);
  assert.equal(request?.windows, undefined);
  assert.deepEqual({ ...request?.annotations }, { a: "b" });
  const both = { linux: {}, windows: {} } as unknown as { linux: object };
  await assert.rejects(updateContainerResources(cri, containerId, both), TypeError);
  await assert.rejects(updateContainerResources(cri, containerId, {} as { linux: object }), TypeError);
  const wrong = { linux: { cpuShare: 1n } } as { linux: object };
  await assert.rejects(updateContainerResources(cri, containerId, wrong), TypeError);
});

test("a container that runs is only removed by force", async () => {
  const { containerId } = await runContainer(cri, CONFIG, POD);
  await assert.rejects(removeContainer(cri, containerId), withCode("ERR_CRI_STILL_RUNNING"));
  assert.equal((await listContainers(cri)).length, 1);
  assert.deepEqual(await removeContainer(cri, containerId, { force: true }), {
    kind: "removed",
    id: containerId,
    logFiles: [],
  });
  assert.deepEqual(await removeContainer(cri, containerId, { force: true }), {
    kind: "absent",
    id: containerId,
  });
});

test("a pod that is ready is only removed by force", async () => {
  const id = await runPod(cri, POD);
  await assert.rejects(removePod(cri, id), withCode("ERR_CRI_STILL_RUNNING"));
  assert.equal((await listPods(cri)).length, 1);
  assert.equal((await removePod(cri, id, { force: true })).kind, "removed");
  assert.deepEqual(await removePod(cri, id), { kind: "absent", id });
});

test("of several removals one failure is its own", async () => {
  const podSandboxId = await runPod(cri, POD);
  const ids: string[] = [];
  for (const name of ["a", "b", "c"]) {
    ids.push(
      await createContainer(cri, podSandboxId, { ...CONFIG, metadata: { name } }, POD, { pull: "missing" }),
    );
  }
  await startContainers(cri, [ids[1] ?? ""]);
  const outcomes = await removeContainers(cri, [...ids, "nothing"], { parallel: 2 });
  assert.deepEqual(
    outcomes.map(({ kind, id }) => [kind, id]),
    [
      ["removed", ids[0]],
      ["failed", ids[1]],
      ["removed", ids[2]],
      ["absent", "nothing"],
    ],
  );
  const failed = outcomes[1];
  assert.ok(failed?.kind === "failed" && withCode("ERR_CRI_STILL_RUNNING")(failed.error));
  assert.deepEqual(await removeContainers(cri, []), []);
  await assert.rejects(removeContainers(cri, ids, { parallel: 0 }), RangeError);
});

test("everything can be removed", async () => {
  await runContainer(cri, CONFIG, POD);
  await runContainer(cri, CONFIG, { metadata: { ...POD.metadata, uid: "u2" } });
  const kinds = (outcomes: readonly { kind: string }[]) => outcomes.map(({ kind }) => kind);
  assert.deepEqual(kinds(await removeAllContainers(cri)), ["failed", "failed"]);
  assert.deepEqual(kinds(await removeAllContainers(cri, { force: true })), ["removed", "removed"]);
  assert.deepEqual(kinds(await removeAllPods(cri)), ["failed", "failed"]);
  assert.deepEqual(kinds(await removeAllPods(cri, { force: true })), ["removed", "removed"]);
  assert.deepEqual(await removePods(cri, []), []);
});

test("an abort of several removals is thrown, and not an outcome", async () => {
  const ids = [await runPod(cri, POD)];
  runtime.fail({ method: "RuntimeService/PodSandboxStatus", never: true });
  await assert.rejects(removePods(cri, ids, { signal: AbortSignal.timeout(30) }), { name: "TimeoutError" });
});

test("logs go with the container when asked to, the rotated ones too, and nothing else", async () => {
  const logDirectory = join(runtime.folder, "logs", "shop_web_u1");
  await mkdir(join(logDirectory, "app"), { recursive: true });
  const pod = { ...POD, logDirectory };
  const { containerId } = await runContainer(cri, { ...CONFIG, logPath: "app/0.log" }, pod);
  for (const name of ["0.log", "0.log.20240101-120000", "0.logs", "1.log"]) {
    await writeFile(join(logDirectory, "app", name), "x");
  }
  const removal = await removeContainer(cri, containerId, { force: true, removeLogs: true });
  assert.equal(removal.kind === "removed" && removal.logFiles.length, 2);
  assert.ok(!existsSync(join(logDirectory, "app/0.log")));
  assert.ok(existsSync(join(logDirectory, "app/0.logs")));
  assert.ok(existsSync(join(logDirectory, "app/1.log")));
});

test("logs outside of the pod's log directory keep the container from being removed with them", async () => {
  const logDirectory = join(runtime.folder, "logs", "shop_web_u1");
  const elsewhere = join(runtime.folder, "elsewhere");
  await mkdir(logDirectory, { recursive: true });
  await mkdir(elsewhere);
  const { containerId } = await runContainer(
    cri,
    { ...CONFIG, logPath: "app/0.log" },
    { ...POD, logDirectory },
  );
  await writeFile(join(elsewhere, "0.log"), "x");
  const removal = removeContainer(cri, containerId, {
    force: true,
    removeLogs: true,
    logDirectory: elsewhere,
  });
  await assert.rejects(removal, withCode("ERR_CRI_LOG_PATH_REFUSED"));
  assert.ok(existsSync(join(elsewhere, "0.log")));
  assert.ok(existsSync(join(logDirectory, "app/0.log")));
});
