import assert from "node:assert/strict";
import { test } from "node:test";
import { parse } from "smol-toml";
import { resolveCriMirrors } from "../../../../src/oci/mirrors/index.ts";

const registry = parse(`
[mirrors."docker.io"]
endpoint = ["https://m.example", "http://n.example:5000/proxy/v2"]
[mirrors."*"]
endpoint = ["https://all.example"]
[mirrors."own.example"]
endpoint = ["https://m.example", "https://own.example"]
[configs."m.example".tls]
ca_file = "/ca"
cert_file = "/cert"
key_file = "/key"
[configs."n.example:5000".tls]
insecure_skip_verify = true
`);

function urls(namespace: string): string[] {
  return resolveCriMirrors(namespace, registry).map(({ scheme, host, path }) => `${scheme}://${host}${path}`);
}

test("endpoints of a namespace come before its own host, or those of * do", () => {
  assert.deepEqual(urls("docker.io"), [
    "https://m.example/v2",
    "https://n.example:5000/proxy/v2",
    "https://registry-1.docker.io/v2",
  ]);
  assert.deepEqual(urls("quay.io"), ["https://all.example/v2", "https://quay.io/v2"]);
  assert.deepEqual(urls("own.example"), ["https://m.example/v2", "https://own.example/v2"]);
  assert.deepEqual(
    resolveCriMirrors("quay.io", {}).map(({ host }) => host),
    ["quay.io"],
  );
});

test("TLS settings are those of the host", () => {
  const [first, second, last] = resolveCriMirrors("docker.io", registry);
  assert.deepEqual([first?.ca, first?.client, first?.skipVerify], [["/ca"], [["/cert", "/key"]], false]);
  assert.deepEqual([second?.skipVerify, second?.httpFallback], [true, true]);
  assert.deepEqual([last?.ca, last?.client, last?.skipVerify], [undefined, undefined, undefined]);
});

test("nobody pushes, or lists referrers, through these hosts", () => {
  for (const { capabilities } of resolveCriMirrors("docker.io", registry)) {
    assert.deepEqual(capabilities, ["pull", "resolve"]);
  }
});

test("what the table cannot hold is an error", () => {
  const tls = (settings: object): object => ({ configs: { "quay.io": { tls: settings } } });
  for (const table of [
    { config_path: "/etc/containerd/certs.d" },
    { mirrors: [] },
    { mirrors: { "quay.io": { endpoint: "https://m.example" } } },
    { mirrors: { "quay.io": { endpoint: ["https://"] } } },
    tls({ insecure_skip_verify: "true" }),
    tls({ ca_file: 1 }),
    tls({ cert_file: "/cert" }),
  ]) {
    assert.throws(() => resolveCriMirrors("quay.io", table as Record<string, unknown>), {
      code: "ERR_OCI_CONFIG_INVALID",
    });
  }
});
