import assert from "node:assert/strict";
import { test } from "node:test";
import {
  certificateFiles,
  defaultHost,
  hostDirectoryNames,
  parseHostsToml,
  parseHostUrl,
  resolveHosts,
} from "../../../../src/oci/mirrors/index.ts";

const INVALID = { code: "ERR_OCI_CONFIG_INVALID" };

function hostsOf(toml: string, lenient = false): string[] {
  return parseHostsToml(toml, { lenient }).hosts.map(({ host }) => host);
}

test("hosts keep the order of the file, also where names are numbers or tables are nested", () => {
  assert.deepEqual(hostsOf('[host."9"]\n[host."1"]\n[host."a.example"]\n[host."5"]\n'), [
    "9",
    "1",
    "a.example",
    "5",
  ]);
  const nested = '[host."b.example".header]\nx = "1"\n[host."a.example"]\n[host."b.example"]\nca = "c"\n';
  assert.deepEqual(hostsOf(nested), ["b.example", "a.example"]);
});

test("a host without a table of its own is refused, and by containerd not seen", () => {
  for (const text of [
    'host = { "https://a.example" = { skip_verify = true } }',
    '[host]\n"https://a.example" = { skip_verify = true }',
    'host."https://a.example".skip_verify = true',
  ]) {
    assert.throws(() => hostsOf(text), INVALID, text);
    assert.deepEqual(hostsOf(text, true), []);
  }
  assert.deepEqual(parseHostsToml('what = 1\n[host."a.example"]\nwhy = 2', { lenient: true }).ignored, [
    "what",
    'host."a.example".why',
  ]);
});

test("URLs: scheme, port, IPv6, paths, and what no URL of a host may hold", () => {
  const parse = (text: string, overridePath = false): string => {
    const { scheme, host, path } = parseHostUrl(text, "server", { overridePath });
    return `${scheme} ${host} ${path}`;
  };
  assert.equal(parse("a.example:443"), "https a.example:443 /v2");
  assert.equal(parse("http://[::1]:5000"), "http [::1]:5000 /v2");
  assert.equal(parse("https://a.example/b//c/../d/"), "https a.example /b/d/v2");
  assert.equal(parse("https://a.example/v2/"), "https a.example /v2");
  assert.equal(parse("https://a.example/"), "https a.example //v2");
  assert.equal(parse("https://a.example/p/", true), "https a.example /p");
  for (const text of [
    "",
    "http",
    "https://",
    "httpd.example",
    "ftp://a.example",
    "https://a.example:70000",
    "https://a example",
    "https://a.example\\b",
    "https://u:p@a.example",
    "https://a.example?x=1",
    "https://a.example#x",
    "https://[::1",
  ]) {
    assert.throws(() => parse(text), INVALID, text);
  }
  const lenient = parseHostUrl("https://u:p@a.example/b?x#y", "server", {
    overridePath: false,
    lenient: true,
  });
  assert.deepEqual(lenient, { scheme: "https", host: "a.example", path: "/b/v2" });
});

test("an address of this machine by its text alone counts as local, not a name that only begins so", () => {
  assert.deepEqual(
    ["localhost:5000", "127.0.0.2:5000", "[::1]:5000", "localhost.example:5000", "10.0.0.1:5000"].map(
      (host) => defaultHost(host).scheme,
    ),
    ["http", "http", "http", "https", "https"],
  );
  assert.deepEqual(
    [defaultHost("localhost:80").skipVerify, defaultHost("localhost").skipVerify],
    [undefined, true],
  );
});

test("plain HTTP with TLS settings is asked with TLS first, but on port 80", () => {
  const first = (toml: string): unknown[] => {
    const [host] = resolveHosts("r.example", parseHostsToml(toml));
    return [host?.scheme, host?.httpFallback];
  };
  assert.deepEqual(first('[host."http://m.example:5000"]\n'), ["http", false]);
  assert.deepEqual(first('[host."http://m.example:5000"]\nskip_verify = false\n'), ["https", true]);
  assert.deepEqual(first('[host."http://m.example:80"]\nskip_verify = true\n'), ["http", false]);
  assert.deepEqual(first('[host."https://m.example"]\nskip_verify = true\n'), ["https", false]);
});

test("CVE-2024-3727: a namespace that is a path has no folder", () => {
  for (const namespace of ["../../etc", "a/b", "a\\b", "..", ".", "", "a\0b"]) {
    assert.deepEqual(hostDirectoryNames(namespace), ["_default"]);
  }
});

test("certificates go by their endings, and half a pair is an error to containers alone", () => {
  const names = ["b.crt", "a.crt", "u.cert", "u.key", "readme", "v.key"];
  assert.deepEqual(certificateFiles(names, { rules: "containerd" }), {
    ca: ["a.crt", "b.crt"],
    client: [["u.cert", "u.key"]],
  });
  assert.throws(() => certificateFiles(names, { rules: "containers" }), INVALID);
  assert.throws(() => certificateFiles(["u.cert"], { rules: "containers" }), INVALID);
});
