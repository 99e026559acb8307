import assert from "node:assert/strict";
import { test } from "node:test";
import { resolveEndpoint } from "../../../src/oci/endpoint.ts";
import { repositoryUrl } from "../../../src/oci/pull.ts";

const registry = new URL("https://registry.example/");

test("a root that begins with two slashes names no other host", () => {
  const endpoint = resolveEndpoint({ url: "https://mirror.example//v2" });
  const url = repositoryUrl({ registry: endpoint.root, endpoint, path: "a/b" }, "manifests/1");
  assert.equal(url.host, "mirror.example");
  assert.ok(url.pathname.endsWith("/v2/a/b/manifests/1"), url.href);
});

test("a root without a path makes no host of the repository", () => {
  const endpoint = resolveEndpoint({ url: "https://mirror.example/" });
  const url = repositoryUrl({ registry: endpoint.root, endpoint, path: "a/b" }, "blobs/x");
  assert.equal(url.href, "https://mirror.example/a/b/blobs/x");
});

test("a query stays one, and the namespace joins it", () => {
  assert.equal(
    repositoryUrl({ registry, endpoint: undefined, path: "a/b" }, "tags/list?n=5").href,
    "https://registry.example/v2/a/b/tags/list?n=5",
  );
  const endpoint = resolveEndpoint({ url: "https://mirror.example/v2", namespace: "docker.io" });
  assert.equal(
    repositoryUrl({ registry: endpoint.root, endpoint, path: "a" }, "tags/list?n=5").search,
    "?n=5&ns=docker.io",
  );
});
