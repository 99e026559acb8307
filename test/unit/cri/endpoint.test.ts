import assert from "node:assert/strict";
import { test } from "node:test";
import { type CriEndpoint, CriError, formatCriEndpoint, parseCriEndpoint } from "../../../src/cri/index.ts";

const VALID: [text: string, platform: "unix" | "windows", protocol: string, address: string][] = [
  ["unix:///run/containerd/containerd.sock", "unix", "unix", "/run/containerd/containerd.sock"],
  ["UNIX:///run/x.sock", "unix", "unix", "/run/x.sock"],
  ["/run/crio/crio.sock", "unix", "unix", "/run/crio/crio.sock"],
  ["unix:////run//x.sock", "unix", "unix", "//run//x.sock"],
  ["unix:///tmp/a%20b%25.sock", "unix", "unix", "/tmp/a b%.sock"],
  ["/tmp/a%20b?.sock", "unix", "unix", "/tmp/a%20b?.sock"],
  ["unix:///tmp/größe-日本.sock", "unix", "unix", "/tmp/größe-日本.sock"],
  [`unix:///${"a".repeat(106)}`, "unix", "unix", `/${"a".repeat(106)}`],
  ["npipe:////./pipe/containerd-containerd", "windows", "npipe", "\\\\.\\pipe\\containerd-containerd"],
  ["npipe://./pipe/cri-dockerd", "windows", "npipe", "\\\\.\\pipe\\cri-dockerd"],
  ["npipe:////./pipe/a%20b", "windows", "npipe", "\\\\.\\pipe\\a b"],
  ["tcp://localhost:15880", "windows", "tcp", "localhost:15880"],
  ["tcp://127.0.0.1:1", "windows", "tcp", "127.0.0.1:1"],
  ["tcp://127.1.2.3:65535", "windows", "tcp", "127.1.2.3:65535"],
  ["tcp://[::1]:3735", "windows", "tcp", "[::1]:3735"],
];

for (const [text, platform, protocol, address] of VALID) {
  test(`endpoint ${text.slice(0, 60)} on ${platform}`, () => {
    const endpoint = parseCriEndpoint(text, { platform });
    assert.equal(endpoint.protocol, protocol);
    assert.equal(endpoint.address, address);
    assert.equal(endpoint.deprecated, text.startsWith("/"));
    const again: CriEndpoint = parseCriEndpoint(formatCriEndpoint(endpoint), { platform });
    assert.deepEqual(again, { ...endpoint, deprecated: false });
  });
}

const INVALID = [
  "",
  " ",
  "run/x.sock",
  "./x.sock",
  "unix:x.sock",
  "unix:/x.sock",
  "unix://host/x.sock",
  "unix://",
  "unix:///",
  "unix:///run/",
  "/run/",
  "unix:///a?b",
  "unix:///a#b",
  "unix:///a%zz",
  "unix:///a%ff",
  "unix:///a%00b",
  "unix:///a%0Ab",
  "/a\0b",
  "/a\nb",
  "/a\u2028b",
  "/a\ud800b",
  `/${"a".repeat(107)}`,
  `/${"é".repeat(54)}`,
];

for (const text of INVALID) {
  test(`no endpoint: ${JSON.stringify(text).slice(0, 60)}`, () => {
    assert.throws(() => parseCriEndpoint(text, { platform: "unix", allowTcp: true }), {
      name: "CriError",
      code: "ERR_CRI_ENDPOINT_INVALID",
    });
  });
}

for (const text of [
  "/run/x.sock",
  "npipe:////./pipe/",
  "npipe:////./pipe/a/b",
  "npipe:////./pipe/a%5Cb",
  "npipe:////./pipe/..%2Fb",
  "npipe:////./pipe/a%00",
  "npipe:////./pipe/a\ud800",
  "npipe:containerd",
]) {
  test(`no endpoint on Windows: ${JSON.stringify(text)}`, () => {
    assert.throws(() => parseCriEndpoint(text, { platform: "windows" }), {
      code: "ERR_CRI_ENDPOINT_INVALID",
    });
  });
}

for (const text of [
  "tcp://127.0.0.1",
  "tcp:127.0.0.1:5",
  "tcp://127.0.0.1:0",
  "tcp://127.0.0.1:65536",
  "tcp://127.0.0.1:5/path",
  "tcp://user:secret@127.0.0.1:5",
  "tcp://::1:5",
  "tcp://[::1",
  "tcp://[127.0.0.1]:5",
]) {
  test(`no TCP endpoint: ${text}`, () => {
    const error = thrown(() => parseCriEndpoint(text, { platform: "unix", allowTcp: true }));
    assert.equal(error.code, "ERR_CRI_ENDPOINT_INVALID");
    assert.ok(!error.message.includes("secret"));
  });
}

const UNSUPPORTED: [text: string, platform: "unix" | "windows", allowTcp: boolean][] = [
  ["npipe:////./pipe/containerd-containerd", "unix", true],
  ["npipe:////server/pipe/x", "windows", true],
  ["tcp://localhost:15880", "unix", false],
  ["tcp://192.0.2.1:5", "unix", true],
  ["tcp://192.0.2.1:5", "windows", false],
  ["tcp://127.0.0.1.example.com:5", "unix", true],
  ["tcp://localhost.example.com:5", "unix", true],
  ["tcp://[::ffff:192.0.2.1]:5", "unix", true],
  ["tcp://[::]:5", "unix", true],
  ["tcp://0.0.0.0:5", "unix", true],
  ["http://localhost:5", "unix", true],
  ["vsock://1:2", "unix", true],
];

for (const [text, platform, allowTcp] of UNSUPPORTED) {
  test(`endpoint refused: ${text} on ${platform}`, () => {
    assert.throws(() => parseCriEndpoint(text, { platform, allowTcp }), {
      name: "CriError",
      code: "ERR_CRI_ENDPOINT_UNSUPPORTED",
    });
  });
}

test("with TLS, TCP goes to any host on every platform, and nothing else goes", () => {
  for (const platform of ["unix", "windows"] as const) {
    for (const address of ["192.0.2.1:5", "node.example:3735", "[2001:db8::1]:1", "127.0.0.1:5"]) {
      const parsed = parseCriEndpoint(`tcp://${address}`, { platform, tls: true });
      assert.deepEqual(parsed, { protocol: "tcp", address, deprecated: false });
    }
  }
  for (const text of ["unix:///run/x.sock", "/run/x.sock", "npipe:////./pipe/x", "https://a:1", "x"]) {
    const error = thrown(() => parseCriEndpoint(text, { platform: "unix", allowTcp: true, tls: true }));
    assert.equal(error.code, "ERR_CRI_ENDPOINT_UNSUPPORTED");
  }
  const error = thrown(() => parseCriEndpoint("tcp://a b:1", { platform: "unix", tls: true }));
  assert.equal(error.code, "ERR_CRI_ENDPOINT_INVALID");
});

function thrown(run: () => unknown): CriError {
  try {
    run();
  } catch (error) {
    if (error instanceof CriError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}
