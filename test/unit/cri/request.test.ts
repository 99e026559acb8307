import assert from "node:assert/strict";
import { test } from "node:test";
import {
  CreateContainerRequestSchema,
  ListPodSandboxRequestSchema,
  PullImageRequestSchema,
  StopContainerRequestSchema,
  UpdateContainerResourcesRequestSchema,
} from "../../../src/cri/index.ts";
import { encodeRequest } from "../../../src/cri/request.ts";

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString("hex");

test("a request has the bytes that the contract says", () => {
  // Field 1 (length-delimited) "ab", field 2 (varint) 300.
  const stop = encodeRequest(StopContainerRequestSchema, { containerId: "ab", timeout: 300n });
  assert.equal(hex(stop.bytes), "0a026162" + "10ac02");
  // CreateContainerRequest 2 config, ContainerConfig 6 envs, KeyValue 1 key and 2 value.
  const create = encodeRequest(CreateContainerRequestSchema, {
    config: { envs: [{ key: "A", value: Uint8Array.of(0xff, 0x00) }] },
  });
  assert.equal(hex(create.bytes), `1209${"3207"}${"0a0141"}${"1202ff00"}`);
  // -1 as int64 takes ten bytes.
  const update = encodeRequest(UpdateContainerResourcesRequestSchema, { linux: { cpuQuota: -1n } });
  assert.equal(hex(update.bytes), `120b10${"ff".repeat(9)}01`);
  assert.equal(encodeRequest(ListPodSandboxRequestSchema, {}).bytes.byteLength, 0);
});

/** What no caller of the typed functions can write, but a program without types can. */
const MISTAKES: [name: string, init: unknown][] = [
  ["no object", "text"],
  ["null", null],
  ["an array", []],
  ["bytes", new Uint8Array()],
  ["unknown field", { podSandboxID: "x" }],
  ["name of the wire", { pod_sandbox_id: "x" }],
  ["inherited name", { toString: "x" }],
  ["misspelt nested field", { config: { linux: { securityContex: { privileged: false } } } }],
  ["misspelt deep field", { config: { linux: { securityContext: { seccomp: { profilType: 2 } } } } }],
  ["misspelt field in a list", { config: { mounts: [{ hostPath: "/a" }, { readOnly: true }] } }],
  ["list that is none", { config: { mounts: { hostPath: "/a" } } }],
  ["hole in a list", { config: { mounts: [null] } }],
  ["map that is an array", { config: { labels: ["a"] } }],
  ["map that is a Map", { config: { labels: new Map([["a", "b"]]) } }],
  ["map value of another type", { config: { labels: { a: 1 } } }],
  ["string for a message", { config: "x" }],
  ["number for a string", { podSandboxId: 5 }],
  ["lone surrogate", { podSandboxId: "\ud800" }],
  [
    "string for an enum",
    { config: { linux: { securityContext: { seccomp: { profileType: "Localhost" } } } } },
  ],
  ["fraction for an enum", { config: { stopSignal: 1.5 } }],
  ["string for a boolean", { config: { linux: { securityContext: { privileged: "no" } } } }],
  ["too large for int64", { config: { linux: { resources: { cpuQuota: 2n ** 63n } } } }],
  ["number for int64", { config: { linux: { resources: { cpuQuota: 5 } } } }],
  ["too small for int64", { config: { linux: { resources: { cpuQuota: -(2n ** 63n) - 1n } } } }],
  [
    "negative uint32",
    {
      config: {
        linux: { securityContext: { namespaceOptions: { usernsOptions: { uids: [{ hostId: -1 }] } } } },
      },
    },
  ],
  ["string for bytes", { config: { envs: [{ key: "A", value: "text" }] } }],
  ["map name with a lone surrogate", { config: { labels: { "\ud800": "a" } } }],
  [
    "an object with a prototype of its own",
    {
      config: new (class Config {
        image = {};
      })(),
    },
  ],
  ["a Map for a message", { config: new Map([["labels", {}]]) }],
  ["another message", { config: { $typeName: "runtime.v1.PodSandboxConfig" } }],
  ["unknown fields from outside", { config: { $unknown: [] } }],
  ["fraction for int64", { config: { linux: { resources: { cpuQuota: 0.5 } } } }],
];

for (const [name, init] of MISTAKES) {
  test(`a mistake in a request is a TypeError: ${name}`, () => {
    assert.throws(() => encodeRequest(CreateContainerRequestSchema, init as never), TypeError);
  });
}

test("the error of a mistake says where it is", () => {
  const init = { config: { mounts: [{}, { readOnly: true }] } };
  assert.throws(
    () => encodeRequest(CreateContainerRequestSchema, init as never),
    /config\.mounts\[1\].*"readOnly"/,
  );
});

test("the error of a mistake does not show a secret", () => {
  const init = { auth: { password: ["hunter2"] } };
  try {
    encodeRequest(PullImageRequestSchema, init as never);
    assert.fail("no error");
  } catch (error) {
    assert.ok(error instanceof TypeError);
    assert.match(error.message, /PullImageRequest\.auth\.password/);
    assert.ok(!`${error.stack}${String(error.cause)}`.includes("hunter2"));
  }
});

test("absent fields may be undefined, and messages may be given as messages", () => {
  const given = { config: { image: undefined, labels: { __proto__: null, a: "b" } } };
  assert.ok(encodeRequest(CreateContainerRequestSchema, given as never).bytes.byteLength > 0);
});

test("every redacted field of the credentials is a secret, in each form it travels in", () => {
  const auth = Buffer.from("bob:from auth").toString("base64");
  const { secrets } = encodeRequest(PullImageRequestSchema, {
    auth: { username: "bob", password: "pass word", auth, identityToken: "idt", registryToken: "rt" },
  });
  for (const form of [
    "pass word",
    "pass%20word",
    Buffer.from("bob:pass word").toString("base64"),
    auth,
    "from auth",
    "idt",
    "rt",
  ]) {
    assert.ok(secrets.includes(form), form);
  }
  assert.ok(!secrets.includes("bob"));
  assert.ok(!secrets.includes(""));
  assert.deepEqual(encodeRequest(PullImageRequestSchema, { auth: { username: "bob" } }).secrets, []);
  assert.deepEqual(encodeRequest(PullImageRequestSchema, {}).secrets, []);
});
