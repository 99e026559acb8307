import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { loadNode } from "../../../src/config/node/load.ts";
import type { NodeConfig } from "../../../src/config/node.ts";
import { type PlainData, REDACTED, redactNode } from "../../../src/config/redact.ts";
import { property } from "../../property/runs.ts";
import { type RootFiles, withRoot } from "./node-root.ts";

const SECRET = "hunter2";

const CONTAINERD: RootFiles = {
  "etc/containerd/config.toml": `version = 2
[proxy_plugins.x]
type = "snapshot"
address = "https://user:hunter2-a@proxy.example/?token=hunter2-b#hunter2-c"
[stream_processors.ocicrypt]
accepts = ["a"]
returns = "b"
path = "/usr/bin/ctd-decoder"
args = ["--decryption-keys-path", "/etc/keys"]
env = ["OCICRYPT_KEYPROVIDER_CONFIG=hunter2-d", "hunter2-e"]
[plugins."io.containerd.grpc.v1.cri".registry.configs."reg.example".auth]
username = "hunter2-f"
password = "hunter2-g"
auth = "hunter2-h"
identitytoken = "hunter2-i"
[plugins."io.containerd.grpc.v1.cri".registry.headers]
X-Meta = ["hunter2-j"]
kind = ["hunter2-k"]
[plugins."io.containerd.grpc.v1.cri".registry.mirrors."docker.io"]
endpoint = ["https://user:hunter2-l@mirror.example/v2?x=hunter2-m"]
[plugins."other.v1.thing"]
api_key = "hunter2-n"
client_secret = 5
db-password = { origin = "hunter2-o", kind = "table", from = "file hunter2-p" }
`,
  "etc/default/kubelet": "KUBELET_EXTRA_ARGS=--manifest-url=https://u:hunter2-q@pods.example/a?t=hunter2-r\n",
};

const CRIO: RootFiles = {
  "etc/crio/crio.conf": `[crio.runtime]
default_env = ["TOKEN=hunter2-a"]
conmon_env = ["PROXY=http://a:hunter2-b@x"]
[crio.runtime.runtimes.kata]
runtime_type = "vm"
runtime_path = "/usr/bin/containerd-shim-kata-v2"
monitor_env = ["A=hunter2-c", "PATH=/bin"]
[crio.image]
global_auth_file = "/etc/auth.json"
`,
  "etc/containers/registries.d/a.yaml":
    "default-docker:\n  lookaside: https://u:hunter2-d@sigs.example/?k=hunter2-e\n",
};

/** Every text in a value, keys of objects and maps included. */
function texts(value: unknown, seen: Set<unknown> = new Set()): string[] {
  if (typeof value === "string") return [value];
  if (typeof value !== "object" || value === null || seen.has(value)) return [];
  seen.add(value);
  if (value instanceof Map) return [...value].flat().flatMap((each) => texts(each, seen));
  return Object.entries(value).flatMap(([key, each]) => [key, ...texts(each, seen)]);
}

/** The texts of a node that hold a secret, and those of what is told of it. */
async function planted(
  inside: RootFiles,
  env: Record<string, string> = {},
): Promise<{ node: NodeConfig; told: PlainData }> {
  let result: { node: NodeConfig; told: PlainData } | undefined;
  await withRoot({ inside }, async (root) => {
    const node = await loadNode({ root, env, kubeletEnv: env });
    result = { node, told: redactNode(node) };
  });
  assert.ok(result);
  return result;
}

test("no text of a node with containerd that holds a secret is told", async () => {
  const { node, told } = await planted(CONTAINERD, {
    HTTP_PROXY: "http://x:hunter2-s@proxy",
    AWS_KEY: "hunter2-t",
  });
  const held = texts(node).filter((text) => text.includes(SECRET));
  for (const letter of "abcdefghijklmnopqrst") {
    // What is not in the node cannot be hidden from it.
    assert.ok(
      held.some((text) => text.includes(`${SECRET}-${letter}`)),
      letter,
    );
  }
  assert.deepEqual(
    texts(told).filter((text) => text.includes(SECRET)),
    [],
  );
  assert.equal(JSON.stringify(told).includes('"client_secret":{"kind":"scalar"'), true);
  assert.ok(texts(told).includes("https://mirror.example/v2"));
  assert.ok(texts(told).includes(`OCICRYPT_KEYPROVIDER_CONFIG=${REDACTED}`));
  assert.ok(texts(told).includes("--decryption-keys-path"));
  assert.ok(texts(told).includes("HTTP_PROXY"));
});

test("no text of a node with CRI-O that holds a secret is told, and paths of credentials are", async () => {
  const { node, told } = await planted(CRIO, { HTTP_PROXY: "http://x:hunter2-s@proxy" });
  const held = texts(node).filter((text) => text.includes(SECRET));
  for (const letter of "abcdes") {
    assert.ok(
      held.some((text) => text.includes(`${SECRET}-${letter}`)),
      letter,
    );
  }
  assert.deepEqual(
    texts(told).filter((text) => text.includes(SECRET)),
    [],
  );
  assert.ok(texts(told).includes("/etc/auth.json"));
  assert.ok(texts(told).includes(`TOKEN=${REDACTED}`));
  assert.ok(texts(told).includes("https://sigs.example/"));
});

test("the same node gives the same text, whatever the order of its parts", async () => {
  const { node, told } = await planted(CONTAINERD);
  const turned = Object.fromEntries(Object.entries(node).reverse()) as unknown as NodeConfig;
  assert.equal(JSON.stringify(redactNode(turned)), JSON.stringify(told));
  assert.equal(JSON.stringify(JSON.parse(JSON.stringify(told))), JSON.stringify(told));
});

test("a value below a key of secrets is never told, whatever it is", async () => {
  const { node } = await planted(CONTAINERD);
  const secret = fc.string({ minLength: 8 }).map((text) => `${text}~secret~`);
  const key = fc.constantFrom(
    "password",
    "Pass-Word",
    "auth",
    "identity_token",
    "Authorization",
    "header",
    "env",
    "x_secret",
  );
  const shape = fc.constantFrom("text", "list", "map", "deep", "origin");
  fc.assert(
    fc.property(key, secret, shape, (name, value, kind) => {
      const held =
        kind === "text"
          ? value
          : kind === "list"
            ? [value]
            : kind === "map"
              ? new Map([["kind", value]])
              : kind === "deep"
                ? { kind: "scalar", value, origin: { file: "/f", line: 1, column: 1 } }
                : { origin: value, kind: value, from: value };
      const more = { ...node, extra: { [name]: held } } as NodeConfig;
      assert.deepEqual(
        texts(redactNode(more)).filter((text) => text.includes("~secret~")),
        [],
      );
    }),
    property,
  );
});

test("values of each kind become plain data", async () => {
  const { node } = await planted({ "etc/crio/crio.conf": "" });
  const self: unknown[] = [];
  self.push(self);
  const more = {
    ...node,
    extra: {
      big: 2n ** 60n,
      small: 5n,
      none: undefined,
      nothing: null,
      when: new Date(0),
      bytes: new Uint8Array(3),
      set: new Set(["a"]),
      not: Number.NaN,
      error: new TypeError("at https://u:p@h/?q"),
      self,
      ["__proto__"]: "own",
    },
  } as unknown as NodeConfig;
  const { extra } = JSON.parse(JSON.stringify(redactNode(more)));
  const { self: circle, ...rest } = extra;
  assert.ok(JSON.stringify(circle).includes(REDACTED));
  assert.deepEqual(rest, {
    big: String(2n ** 60n),
    small: 5,
    nothing: null,
    when: "1970-01-01T00:00:00.000Z",
    bytes: "<3 bytes>",
    set: ["a"],
    not: "NaN",
    error: { message: "at https://h/", name: "TypeError" },
    ["__proto__"]: "own",
  });
});
