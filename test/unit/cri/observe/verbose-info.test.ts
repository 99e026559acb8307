import assert from "node:assert/strict";
import { test } from "node:test";
import {
  mergeVerboseInfo,
  readContainerInfo,
  readImageInfo,
  readPodSandboxInfo,
  readRuntimeInfo,
} from "../../../../src/cri/index.ts";

const info = (value: unknown) => ({ info: { info: JSON.stringify(value) } });

test("a container of containerd", () => {
  const given = {
    sandboxID: "s",
    pid: 4246,
    removing: false,
    snapshotKey: "k",
    snapshotter: "overlayfs",
    runtimeType: "io.containerd.runc.v2",
    runtimeOptions: { SystemdCgroup: true },
    config: { linux: { security_context: { privileged: true } } },
    runtimeSpec: { ociVersion: "1.0.2-dev" },
  };
  const { sandboxID, ...rest } = given;
  assert.deepEqual(readContainerInfo(info(given)), {
    raw: given,
    ...rest,
    sandboxId: sandboxID,
    privileged: true,
  });
});

test("whether a container is privileged", () => {
  const privileged = (value: unknown) => readContainerInfo(info(value)).privileged;
  assert.equal(privileged({ privileged: true }), true);
  assert.equal(privileged({ privileged: false }), false);
  // CRI-O's own word counts before a configuration.
  assert.equal(
    privileged({ privileged: false, config: { linux: { security_context: { privileged: true } } } }),
    false,
  );
  assert.equal(privileged({ config: { linux: {} } }), false);
  assert.equal(privileged({ config: { linux: { security_context: { privileged: "true" } } } }), false);
  // Nobody says it.
  for (const silent of [{}, { config: {} }, { config: { linux: null } }, { config: { windows: {} } }]) {
    assert.equal(privileged(silent), undefined, JSON.stringify(silent));
  }
});

test("a sandbox of containerd, and one of CRI-O without an infra container", () => {
  const given = {
    pid: 4217,
    processStatus: "running",
    netNamespaceClosed: false,
    image: "pause:1",
    snapshotKey: "k",
    snapshotter: "native",
    runtimeHandler: "kata",
    runtimeType: "io.containerd.kata.v2",
    runtimeOptions: null,
    config: { metadata: { name: "pod" } },
    runtimeSpec: { linux: { namespaces: [] } },
    cniResult: { Interfaces: {} },
  };
  const { runtimeOptions, ...typed } = given;
  assert.deepEqual(readPodSandboxInfo(info(given)), { ...typed, raw: given });
  assert.equal(runtimeOptions, null);
  assert.deepEqual(readPodSandboxInfo(info({ runtimeSpec: {} })), {
    raw: { runtimeSpec: {} },
    runtimeSpec: {},
  });
});

test("an image of containerd and of CRI-O", () => {
  assert.deepEqual(readImageInfo(info({ chainID: "sha256:1", imageSpec: { os: "linux" } })), {
    chainId: "sha256:1",
    imageSpec: { os: "linux" },
    raw: { chainID: "sha256:1", imageSpec: { os: "linux" } },
  });
  const { labels } = readImageInfo(info({ labels: { a: "b", __proto__x: "c" }, imageSpec: {} }));
  assert.deepEqual(labels, { a: "b", __proto__x: "c" });
});

for (const [name, read, text] of [
  ["container", readContainerInfo, '{"removing":1}'],
  ["container", readContainerInfo, '{"privileged":"yes"}'],
  ["container", readContainerInfo, '{"config":[]}'],
  ["sandbox", readPodSandboxInfo, '{"cniResult":"none"}'],
  ["sandbox", readPodSandboxInfo, '{"netNamespaceClosed":0}'],
  ["sandbox", readPodSandboxInfo, "failed to marshal"],
  ["image", readImageInfo, '{"labels":{"a":1}}'],
  ["image", readImageInfo, '{"chainID":{}}'],
] as const) {
  test(`verbose information of a ${name} is refused: ${text}`, () => {
    assert.throws(() => read({ info: { info: text } }), { code: "ERR_CRI_INFO_INVALID" });
  });
}

test("what is not there is no information", () => {
  for (const read of [readContainerInfo, readPodSandboxInfo, readImageInfo, readRuntimeInfo]) {
    assert.throws(() => read({ info: {} }), { code: "ERR_CRI_INFO_INVALID" });
  }
});

test("a runtime: containerd", () => {
  const texts = {
    config: '{"sandboxImage":"pause:1","statsCollectPeriod":10}',
    golang: '"go1.19.8"',
    cniconfig: '{"PluginMaxConfNum":1}',
    lastCNILoadStatus: "OK",
    "lastCNILoadStatus.default": "cni config load failed: no network config found",
  };
  assert.deepEqual(readRuntimeInfo({ info: texts }), {
    sandboxImage: "pause:1",
    config: { sandboxImage: "pause:1", statsCollectPeriod: 10 },
    cniConfig: { PluginMaxConfNum: 1 },
    goVersion: "go1.19.8",
    lastCniLoadStatus: "OK",
    lastCniLoadStatuses: { default: "cni config load failed: no network config found" },
    raw: texts,
  });
});

test("a runtime: CRI-O, and one that says something else", () => {
  const crio = { config: '{"sandboxImage":"registry.k8s.io/pause:3.10"}' };
  assert.equal(readRuntimeInfo({ info: crio }).sandboxImage, "registry.k8s.io/pause:3.10");
  assert.deepEqual(readRuntimeInfo({ info: { other: "x" } }), {
    lastCniLoadStatuses: {},
    raw: { other: "x" },
  });
  assert.equal(readRuntimeInfo({ info: { config: '{"sandboxImage":""}' } }).sandboxImage, undefined);
});

test("a text of a runtime that should be JSON and is not is refused, with its name", () => {
  for (const [key, text] of [
    ["config", "json: unsupported type"],
    ["cniconfig", "[]"],
    ["golang", "go1.19"],
  ] as const) {
    assert.throws(() => readRuntimeInfo({ info: { [key]: text } }), {
      code: "ERR_CRI_INFO_INVALID",
      message: new RegExp(`"${key}"`),
    });
  }
  const options = { maxBytes: 4 };
  assert.throws(() => readRuntimeInfo({ info: { config: "{   }" } }, options), {
    code: "ERR_CRI_INFO_INVALID",
  });
});

test("information is merged as crictl does: objects are parsed, other texts lose their quotes", () => {
  assert.deepEqual(
    mergeVerboseInfo({
      status: "OK",
      golang: '"go1.19"',
      quotes: '""a"b""',
      only: '"""',
      list: "[1]",
      number: "12",
      empty: "",
      config: '{"a":9007199254740993}',
    }),
    {
      config: { a: 9007199254740993n },
      empty: "",
      golang: "go1.19",
      list: "[1]",
      number: "12",
      only: "",
      quotes: 'a"b',
      status: "OK",
    },
  );
  assert.throws(() => mergeVerboseInfo({ config: "{" }), { code: "ERR_CRI_INFO_INVALID" });
  assert.throws(() => mergeVerboseInfo({ config: '{"a":1}' }, { maxBytes: 6 }), {
    code: "ERR_CRI_INFO_INVALID",
  });
  assert.equal(Object.getPrototypeOf(mergeVerboseInfo({ ["__proto__"]: '{"a":1}' })), Object.prototype);
});
