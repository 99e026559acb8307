import assert from "node:assert/strict";
import { test } from "node:test";
import { displayStreamUrl, parseStreamUrl, withoutToken } from "../../../../src/cri/streaming/stream-url.ts";

test("URLs of this machine, as runtimes and crictl write them", () => {
  for (const [text, secure, host, port, authority] of [
    ["http://127.0.0.1:4321/exec/a_b-C", false, "127.0.0.1", 4321, "127.0.0.1:4321"],
    ["https://localhost:4321/exec/a_b-C", true, "localhost", 4321, "localhost:4321"],
    ["ws://127.255.0.1/exec/a_b-C", false, "127.255.0.1", 80, "127.255.0.1"],
    ["wss://[::1]:1/exec/a_b-C", true, "::1", 1, "[::1]:1"],
    ["HTTP://LOCALHOST:80/exec/a_b-C", false, "localhost", 80, "localhost"],
    ["//127.0.0.1:4321/exec/a_b-C", false, "127.0.0.1", 4321, "127.0.0.1:4321"],
    ["http://:4321/exec/a_b-C", false, "127.0.0.1", 4321, "127.0.0.1:4321"],
    ["/exec/a_b-C", false, "127.0.0.1", 10_250, "127.0.0.1:10250"],
    ["http:///exec/a_b-C", false, "127.0.0.1", 10_250, "127.0.0.1:10250"],
    // Other spellings of 127.0.0.1.
    ["http://0x7f.1:5/exec/a_b-C", false, "127.0.0.1", 5, "127.0.0.1:5"],
  ] as const) {
    assert.deepEqual(parseStreamUrl(text), { secure, host, port, authority, path: "/exec/a_b-C" }, text);
  }
  assert.equal(parseStreamUrl("http://[::1]:1/a/b?c=d").path, "/a/b?c=d");
});

test("what is allowed besides, is compared whole", () => {
  const url = "https://Node.Example:8443/exec/token";
  const allowed = (...allowHosts: string[]) => {
    try {
      return parseStreamUrl(url, { allowHosts }).host;
    } catch {
      return undefined;
    }
  };
  for (const host of ["node.example", "NODE.example", "node.example:8443"]) {
    assert.equal(allowed("other", host), "node.example", host);
  }
  for (const host of [
    "example",
    "*.example",
    ".example",
    "*",
    "",
    "node.example:443",
    "node.example:",
    "node",
  ]) {
    assert.equal(allowed(host), undefined, host);
  }
  assert.equal(parseStreamUrl("https://node.example/a/b", { allowHosts: ["node.example:443"] }).port, 443);
  assert.equal(
    parseStreamUrl("http://[2001:DB8::1]:5/a/b", { allowHosts: ["[2001:db8:0::1]"] }).host,
    "2001:db8::1",
  );
});

test("the host of a TCP endpoint is allowed, and that of no other kind", () => {
  const url = "http://192.0.2.1:5/exec/token";
  assert.equal(parseStreamUrl(url, { endpoint: "tcp://192.0.2.1:1234" }).host, "192.0.2.1");
  for (const endpoint of ["unix:///192.0.2.1", "tcp://192.0.2.10:1234", "192.0.2.1", undefined]) {
    assert.throws(() => parseStreamUrl(url, { endpoint }), { code: "ERR_CRI_STREAM_URL_REFUSED" });
  }
});

test("everything else is refused, without its token", () => {
  for (const url of [
    "",
    "exec/secrettoken",
    "http://",
    "http://127.0.0.1",
    "http:127.0.0.1/exec/secrettoken",
    "gopher://127.0.0.1/exec/secrettoken",
    "http://127.0.0.1/exec/secrettoken#there",
    "http://127.0.0.1/exec/secrettoken#",
    "http://@127.0.0.1/exec/secrettoken",
    "http://u:p@127.0.0.1/exec/secrettoken",
    "http://127.0.0.1:65536/exec/secrettoken",
    "http://127.0.0.1:0/exec/secrettoken",
    "http://127.0.0.1\\@192.0.2.1/exec/secrettoken",
    "http://127.0.0.1 /exec/secrettoken",
    "http://127.0.0.1/exec/secret\r\nHost: x",
    "http://128.0.0.1/exec/secrettoken",
    "http://127.0.0.1.nip.example/exec/secrettoken",
    "http://localhost.example/exec/secrettoken",
    "http://[::2]/exec/secrettoken",
    "http://[::ffff:127.0.0.1]/exec/secrettoken",
    `http://127.0.0.1/exec/${"x".repeat(10_000)}`,
  ]) {
    assert.throws(
      () => parseStreamUrl(url),
      (error: Error & { code?: string }) => {
        assert.equal(error.code, "ERR_CRI_STREAM_URL_REFUSED", url);
        assert.ok(!error.message.includes("secret"));
        return true;
      },
      url,
    );
  }
});

test("a URL as it is shown has no token", () => {
  const url = parseStreamUrl("https://127.0.0.1:5/port-forward/secrettoken?x=y");
  assert.equal(displayStreamUrl(url), "https://127.0.0.1:5/port-forward");
  assert.equal(displayStreamUrl(parseStreamUrl("http://127.0.0.1:5/SecretToken")), "http://127.0.0.1:5/");
  assert.equal(
    withoutToken("no secrettoken, no /port-forward/secrettoken?x=y", url),
    "no [redacted], no [redacted]",
  );
});
