import assert from "node:assert/strict";
import { test } from "node:test";
import {
  CriError,
  cgroupDriverOfContainerd,
  connectCri,
  detectCgroupDriver,
} from "../../../../src/cri/index.ts";
import { type FakeRuntimeOptions, startFakeRuntime } from "../../../../src/testing/index.ts";

async function detect(runtime: FakeRuntimeOptions["runtime"]) {
  const fake = await startFakeRuntime({ runtime });
  const cri = await connectCri({ endpoint: fake.endpoint });
  try {
    return await detectCgroupDriver(cri, { timeoutMs: 5000 });
  } finally {
    await cri.close();
    await fake.close();
  }
}

const CONDITIONS = { conditions: [{ type: "RuntimeReady" }, { type: "NetworkReady" }] };

for (const [number, found] of [
  [0, { kind: "detected", driver: "systemd", origin: "runtime-config" }],
  [1, { kind: "detected", driver: "cgroupfs", origin: "runtime-config" }],
  [7, { kind: "unknown", reason: "the runtime names a driver of number 7" }],
] as const) {
  test(`the runtime says ${number}`, async () => {
    const runtime = { runtimeConfig: () => ({ linux: { cgroupDriver: number as 0 } }) };
    assert.deepEqual(await detect(runtime), found);
  });
}

test("a runtime that is not on Linux does not tell", async () => {
  assert.equal((await detect({ runtimeConfig: () => ({}) })).kind, "unknown");
});

test("containerd 1.x is asked for its configuration, and only it", async () => {
  const config = JSON.stringify({
    containerd: {
      defaultRuntimeName: "runc",
      runtimes: { runc: { runtimeType: "io.containerd.runc.v2", options: { SystemdCgroup: true } } },
    },
  });
  const status = (info: Record<string, string>) =>
    detect({ status: ({ verbose }) => ({ status: CONDITIONS, info: verbose ? info : {} }) });
  assert.deepEqual(await status({ config }), {
    kind: "detected",
    driver: "systemd",
    origin: "containerd-config",
    handler: "runc",
  });
  for (const info of [{}, { config: "json: unsupported type" }, { config: '{"sandboxImage":"p"}' }]) {
    assert.equal((await status(info)).kind, "unknown", JSON.stringify(info));
  }
});

test("a call that fails is no unknown driver", async () => {
  const unavailable = () => {
    throw new CriError("ERR_CRI_UNAVAILABLE", "starting");
  };
  await assert.rejects(detect({ runtimeConfig: unavailable }), { code: "ERR_CRI_UNAVAILABLE" });
  await assert.rejects(detect({ status: unavailable }), { code: "ERR_CRI_UNAVAILABLE" });
});

const runc = (SystemdCgroup?: unknown) => ({
  runtimeType: "io.containerd.runc.v2",
  options: SystemdCgroup === undefined ? null : { SystemdCgroup },
});
const kata = { runtimeType: "io.containerd.kata.v2", options: { SystemdCgroup: true } };
const old = { runtimeType: "io.containerd.runtime.v1.linux", options: null };

for (const [name, config, found] of [
  [
    "options of the default handler",
    { default: "b", runtimes: { a: runc(true), b: runc(false) } },
    "cgroupfs b",
  ],
  ["the other way round", { default: "b", runtimes: { a: runc(false), b: runc(true) } }, "systemd b"],
  ["no options", { default: "a", runtimes: { a: runc() } }, "cgroupfs a"],
  ["an option that is no boolean", { default: "a", runtimes: { a: runc("true") } }, "cgroupfs a"],
  [
    "another shim as default",
    { default: "k", runtimes: { z: runc(false), b: runc(true), k: kata } },
    "systemd b",
  ],
  [
    "a default that is not there",
    { default: "x", runtimes: { z: runc(true), b: runc(false) } },
    "cgroupfs b",
  ],
  ["the old shim", { default: "a", runtimes: { a: old }, systemdCgroup: true }, "systemd a"],
  [
    "the option of the old shim for a new one",
    { default: "a", runtimes: { a: runc() }, systemdCgroup: true },
    "cgroupfs a",
  ],
  ["the old shim without it", { default: "a", runtimes: { a: old } }, "cgroupfs a"],
  ["only other shims", { default: "k", runtimes: { k: kata } }, "unknown"],
  ["no handlers", { default: "runc", runtimes: {} }, "unknown"],
  ["handlers that are none", { default: "__proto__", runtimes: { a: null, b: "runc", c: [] } }, "unknown"],
] as const) {
  test(`containerd's configuration: ${name}`, () => {
    const { default: defaultRuntimeName, runtimes, ...rest } = config;
    const read: unknown = JSON.parse(
      JSON.stringify({ ...rest, containerd: { defaultRuntimeName, runtimes } }),
    );
    const detection = cgroupDriverOfContainerd(read as Parameters<typeof cgroupDriverOfContainerd>[0]);
    const text = detection.kind === "unknown" ? detection.kind : `${detection.driver} ${detection.handler}`;
    assert.equal(text, found);
  });
}
