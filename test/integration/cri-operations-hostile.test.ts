/** Verbs and queries against runtimes that answer with garbage, break off, send too much or never answer. */
import assert from "node:assert/strict";
import { afterEach, beforeEach, test } from "node:test";
import {
  type CriCallOptions,
  type CriConnection,
  CriError,
  connectCri,
  execSync,
  listContainers,
  listImages,
  listPods,
  pruneImages,
  pullImage,
  removeAllContainers,
  removeContainer,
  removeImage,
  runContainer,
} from "../../src/cri/index.ts";
import {
  type CriRuntime,
  defaultImages,
  type RuntimeFailure,
  startCriRuntime,
} from "../../src/testing/runtime/index.ts";
import { assertNothingLeft, countResources } from "./leaks.ts";

const IMAGE = defaultImages()[0]?.name ?? "";
const CONFIG = { metadata: { name: "app" }, image: { image: IMAGE }, command: ["sleep", "1000"] };
const POD = { metadata: { name: "web", namespace: "shop", uid: "u1" } };

let before: ReturnType<typeof countResources>;
let runtime: CriRuntime;
let cri: CriConnection;

beforeEach(async () => {
  before = countResources();
  runtime = await startCriRuntime({ maxMessageBytes: 64 * 1024 * 1024 });
  cri = await connectCri({ endpoint: runtime.endpoint });
});

afterEach(async () => {
  await cri.close();
  await runtime.close();
  await assertNothingLeft(before);
});

const FAILURES: readonly [name: string, failure: RuntimeFailure, codes: RegExp][] = [
  ["garbage", { garbage: true }, /^ERR_CRI_(?:INVALID_RESPONSE|INTERNAL)$/],
  ["an end in mid-message", { disconnect: "during" }, /^ERR_CRI_(?:UNAVAILABLE|INTERNAL|CANCELLED|UNKNOWN)$/],
  ["20 MiB", { oversizeBytes: 20 * 1024 * 1024 }, /^ERR_CRI_RESOURCE_EXHAUSTED$/],
  ["no answer", { never: true }, /^ERR_CRI_DEADLINE_EXCEEDED$/],
];

/** What is asked, and the RPC that goes wrong in it. */
const ASKED: readonly [name: string, method: string, ask: (options: CriCallOptions) => Promise<unknown>][] = [
  ["listPods", "RuntimeService/StreamPodSandboxes", (options) => listPods(cri, {}, options)],
  ["listContainers", "RuntimeService/StreamContainers", (options) => listContainers(cri, {}, options)],
  ["listImages", "ImageService/StreamImages", (options) => listImages(cri, {}, options)],
  [
    "containers of an image",
    "ImageService/ImageStatus",
    (options) => listContainers(cri, { image: IMAGE }, options),
  ],
  ["pruneImages", "ImageService/StreamImages", (options) => pruneImages(cri, options)],
  ["pruneImages by containers", "RuntimeService/StreamContainers", (options) => pruneImages(cri, options)],
  ["pullImage", "ImageService/PullImage", (options) => pullImage(cri, IMAGE, options)],
  ["removeImage", "ImageService/ImageStatus", (options) => removeImage(cri, IMAGE, options)],
  ["removeContainer", "RuntimeService/ContainerStatus", (options) => removeContainer(cri, "c1", options)],
  ["removeAllContainers", "RuntimeService/StreamContainers", (options) => removeAllContainers(cri, options)],
  ["execSync", "RuntimeService/ExecSync", (options) => execSync(cri, "c1", ["a"], options)],
];

for (const [name, failure, codes] of FAILURES) {
  const timeoutMs = failure.never ? 300 : 20_000;
  for (const [what, method, ask] of ASKED) {
    test(`${what} fails for ${name}, and nothing is removed`, async () => {
      runtime.fail({ method, ...failure });
      await assert.rejects(ask({ timeoutMs }), (error) => {
        assert.ok(error instanceof CriError, String(error));
        assert.match(error.code, codes);
        return true;
      });
      assert.ok(!runtime.calls.some((call) => /\/Remove/.test(call.method)));
    });
  }

  test(`a run that meets ${name} at its start is undone`, async () => {
    runtime.fail({ method: "RuntimeService/StartContainer", times: 1, ...failure });
    // The runtime may be away for a moment after it has cut the connection.
    const options = { cleanUpOnError: true, cleanUpTimeoutMs: 20_000, timeoutMs };
    await assert.rejects(runContainer(cri, CONFIG, POD, options), (error) => {
      assert.ok(error instanceof CriError);
      assert.match(error.code, codes);
      assert.equal(error.method, "RuntimeService/StartContainer");
      assert.equal(error.cleanUpErrors, undefined, String(error.cleanUpErrors));
      return true;
    });
    assert.deepEqual(await listPods(cri), []);
    assert.deepEqual(await listContainers(cri, { all: true }), []);
  });
}
