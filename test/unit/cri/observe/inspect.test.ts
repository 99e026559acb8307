import assert from "node:assert/strict";
import { test } from "node:test";
import { create } from "@bufbuild/protobuf";
import {
  ContainerState,
  ContainerStatusResponseSchema,
  formatInspect,
  ImageStatusResponseSchema,
  inspectContainer,
  inspectImage,
  inspectPodSandbox,
  inspectRuntime,
  nsToDate,
  nsToIso,
  PodSandboxStatusResponseSchema,
  readRuntimeFeatures,
  StatusResponseSchema,
  toSafeNumber,
} from "../../../../src/cri/index.ts";

const AT = 1_702_394_193_234_865_000n;

test("a container, with defaults, names of enums, times and the runtime's information", () => {
  const answer = create(ContainerStatusResponseSchema, {
    status: {
      id: "c",
      state: ContainerState.CONTAINER_RUNNING,
      createdAt: AT,
      startedAt: AT + 135_000n,
      finishedAt: 0n,
      image: { image: "busybox" },
      mounts: [{ containerPath: "/data", uidMappings: [{ length: 1 }] }],
    },
    info: { info: '{"pid":1}', note: '"text"' },
  });
  const { status, ...rest } = inspectContainer(answer);
  assert.deepEqual(rest, { info: { pid: 1 }, note: "text" });
  assert.ok(typeof status === "object" && status !== null && !Array.isArray(status));
  assert.equal(status["state"], "CONTAINER_RUNNING");
  assert.equal(status["createdAt"], "2023-12-12T15:16:33.234865Z");
  assert.equal(status["startedAt"], "2023-12-12T15:16:33.235Z");
  assert.equal(status["finishedAt"], "0001-01-01T00:00:00Z");
  assert.equal(status["exitCode"], 0);
  assert.deepEqual(status["labels"], {});
  assert.equal(Object.hasOwn(status, "metadata"), false);
  assert.deepEqual(Object.keys(status).slice(0, 6), [
    "id",
    "state",
    "createdAt",
    "startedAt",
    "finishedAt",
    "exitCode",
  ]);
  const [mount] = status["mounts"] as { [key: string]: unknown }[];
  assert.equal(mount?.["propagation"], "PROPAGATION_PRIVATE");
  assert.deepEqual(mount?.["uidMappings"], [{ hostId: 0, containerId: 0, length: 1 }]);
});

test("times that have not come are in the year 1, whatever the number", () => {
  const times = (state: ContainerState) => {
    const status = { id: "c", state, createdAt: 1n, startedAt: 2n, finishedAt: 3n };
    const { status: shown } = inspectContainer(create(ContainerStatusResponseSchema, { status }));
    const { startedAt, finishedAt } = shown as Record<string, unknown>;
    return [startedAt, finishedAt];
  };
  const never = "0001-01-01T00:00:00Z";
  assert.deepEqual(times(ContainerState.CONTAINER_CREATED), [never, never]);
  assert.deepEqual(times(ContainerState.CONTAINER_RUNNING), ["1970-01-01T00:00:00.000000002Z", never]);
  assert.deepEqual(times(ContainerState.CONTAINER_EXITED), [
    "1970-01-01T00:00:00.000000002Z",
    "1970-01-01T00:00:00.000000003Z",
  ]);
});

test("a state of a newer runtime is its number", () => {
  const answer = create(ContainerStatusResponseSchema, { status: { state: 42 as ContainerState } });
  const { status } = inspectContainer(answer);
  assert.equal((status as Record<string, unknown>)["state"], 42);
});

test("a sandbox, an image and an absent one", () => {
  const pod = inspectPodSandbox(
    create(PodSandboxStatusResponseSchema, { status: { id: "p", createdAt: AT }, info: { info: "{}" } }),
  );
  assert.deepEqual(pod, {
    status: {
      id: "p",
      state: "SANDBOX_READY",
      createdAt: "2023-12-12T15:16:33.234865Z",
      labels: {},
      annotations: {},
      runtimeHandler: "",
    },
    info: {},
  });
  const image = create(ImageStatusResponseSchema, {
    image: { id: "sha256:1", repoTags: ["a:1"], size: 2n ** 63n, uid: { value: 5n } },
  });
  assert.deepEqual(inspectImage(image), {
    status: {
      id: "sha256:1",
      repoTags: ["a:1"],
      repoDigests: [],
      size: "9223372036854775808",
      uid: { value: "5" },
      username: "",
      pinned: false,
    },
  });
  assert.deepEqual(inspectImage(create(ImageStatusResponseSchema, {})), {});
});

test("a runtime: conditions, handlers and features, which its own information cannot replace", () => {
  const answer = create(StatusResponseSchema, {
    status: { conditions: [{ type: "RuntimeReady", status: false, reason: "r", message: "m" }] },
    runtimeHandlers: [{ name: "runc", features: { userNamespaces: true } }],
    features: { supplementalGroupsPolicy: true },
    info: { status: '{"conditions":[]}', features: "{}", runtimeHandlers: "{}", golang: '"go1"' },
  });
  assert.deepEqual(inspectRuntime(answer), {
    status: { conditions: [{ type: "RuntimeReady", status: false, reason: "r", message: "m" }] },
    runtimeHandlers: [{ name: "runc", features: { recursiveReadOnlyMounts: false, userNamespaces: true } }],
    features: { supplementalGroupsPolicy: true, userNamespacesHostNetwork: false, mountOptions: false },
    golang: "go1",
  });
  assert.deepEqual(inspectRuntime(create(StatusResponseSchema, { info: { features: "{}" } })), {});
});

test("text of plain data is JSON, with whole numbers of any size", () => {
  const value = {
    a: [1, -0.5, 2n ** 63n, "grüße \u2028\n", null, true],
    empty: {},
    none: [],
    "a b": { c: {} },
  };
  assert.equal(
    formatInspect({ a: [1, 9223372036854775808n], b: {}, c: [], d: { e: null } }),
    '{\n  "a": [\n    1,\n    9223372036854775808\n  ],\n  "b": {},\n  "c": [],\n  "d": {\n    "e": null\n  }\n}',
  );
  assert.deepEqual(JSON.parse(formatInspect(value)), { ...value, a: value.a.with(2, 2 ** 63) });
});

test("times and numbers", () => {
  assert.equal(nsToIso(0n), "1970-01-01T00:00:00.000000000Z");
  assert.equal(nsToIso(AT + 1n), "2023-12-12T15:16:33.234865001Z");
  assert.equal(nsToIso(-1n), "1969-12-31T23:59:59.999999999Z");
  assert.equal(nsToIso(2n ** 63n - 1n), "2262-04-11T23:47:16.854775807Z");
  assert.equal(nsToIso(-(2n ** 63n)), "1677-09-21T00:12:43.145224192Z");
  assert.equal(nsToDate(AT).getTime(), 1_702_394_193_234);
  assert.equal(nsToDate(-1n).getTime(), -1);
  for (const beyond of [2n ** 63n, -(2n ** 63n) - 1n]) {
    assert.throws(() => nsToIso(beyond), RangeError);
    assert.throws(() => nsToDate(beyond), RangeError);
  }
  assert.equal(toSafeNumber(2n ** 53n - 1n), 2 ** 53 - 1);
  assert.equal(toSafeNumber(-5n), -5);
  for (const beyond of [2n ** 53n, -(2n ** 53n), 2n ** 2000n]) {
    assert.throws(() => toSafeNumber(beyond), RangeError);
  }
});

test("features: the default handler apart, absent ones absent, unknown ones kept", () => {
  const answer = create(StatusResponseSchema, {
    runtimeHandlers: [
      { name: "runc", features: { recursiveReadOnlyMounts: true } },
      { name: "", features: { recursiveReadOnlyMounts: true } },
      { name: "old" },
    ],
    features: { userNamespacesHostNetwork: true },
  });
  const data = new Uint8Array([1]);
  if (answer.features) answer.features.$unknown = [{ no: 9, wireType: 0, data }];
  const [runc] = answer.runtimeHandlers;
  if (runc?.features) runc.features.$unknown = [{ no: 7, wireType: 0, data }];
  const both = { recursiveReadOnlyMounts: true, userNamespaces: false };
  assert.deepEqual(readRuntimeFeatures(answer), {
    handlers: new Map([
      ["runc", { name: "runc", ...both, unknown: [7] }],
      ["old", { name: "old", unknown: [] }],
    ]),
    defaultHandler: { name: "", ...both, unknown: [] },
    supplementalGroupsPolicy: false,
    userNamespacesHostNetwork: true,
    mountOptions: false,
    unknown: [9],
  });
  assert.deepEqual(readRuntimeFeatures(create(StatusResponseSchema, {})), {
    handlers: new Map(),
    unknown: [],
  });
});
