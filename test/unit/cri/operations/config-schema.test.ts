import assert from "node:assert/strict";
import { test } from "node:test";
import { Ajv2020 } from "ajv/dist/2020.js";
import { containerConfigSchema, podSandboxConfigSchema } from "../../../../src/cri/index.ts";

const ajv = new Ajv2020({ strict: true, strictRequired: false });
const container = ajv.compile(containerConfigSchema());
const pod = ajv.compile(podSandboxConfigSchema());
const CONTAINER = { metadata: { name: "a" }, image: { image: "b" } };
const POD = { metadata: { name: "a", namespace: "b" } };

test("each schema says its draft and is the caller's own", () => {
  const schema = podSandboxConfigSchema();
  assert.equal(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
  schema["$defs"] = {};
  assert.notDeepEqual(podSandboxConfigSchema()["$defs"], {});
});

const TAKEN: readonly object[] = [
  {},
  { log_path: "x", stdinOnce: true, CDI_devices: [{ name: "x" }] },
  { mounts: [{ uidMappings: [{ host_id: 4294967295 }], image: {} }] },
  { linux: { resources: { cpuQuota: "-5", hugepage_limits: [{ limit: "18446744073709551615" }] } } },
  { stop_signal: "SIGTERM" },
  { stopSignal: "SIGNAL_SIGTERM" },
  { stop_signal: 23, tty: null, labels: null, command: null },
];

const REFUSED: readonly object[] = [
  { metadata: {} },
  { metadata: null },
  { image: { image: "" } },
  { image: null },
  { unknown: 1 },
  { linux: { security_contex: {} } },
  { log_path: "x", logPath: "x" },
  { tty: "true" },
  { command: "x" },
  { command: [null] },
  { labels: { a: 1 } },
  { stop_signal: "sigterm" },
  { stop_signal: 66 },
  { mounts: [{ uidMappings: [{ host_id: -1 }] }] },
  { mounts: [{ uidMappings: [{ host_id: "-1" }] }] },
  { mounts: [{ uidMappings: [{ host_id: 4294967296 }] }] },
  { linux: { resources: { cpu_quota: 1.5 } } },
  { linux: { resources: { cpu_quota: "1.5" } } },
  { linux: { resources: { cpu_quota: 1e30 } } },
  { linux: { security_context: { run_as_user: 1000 } } },
];

test("the schema of a container takes what it should and nothing else", () => {
  for (const more of TAKEN) assert.ok(container({ ...CONTAINER, ...more }), JSON.stringify(more));
  for (const more of REFUSED) assert.ok(!container({ ...CONTAINER, ...more }), JSON.stringify(more));
  assert.ok(!container([]));
});

test("the schema of a pod takes what it should and nothing else", () => {
  assert.ok(pod(POD));
  assert.ok(pod({ ...POD, port_mappings: [{ protocol: "UDP", containerPort: 53 }] }));
  for (const metadata of [
    null,
    {},
    { name: "a" },
    { name: "a", namespace: "" },
    { ...POD.metadata, attempt: -1 },
  ]) {
    assert.ok(!pod({ metadata }), JSON.stringify(metadata));
  }
  assert.ok(!pod({ ...POD, image: {} }));
});
