/**
 * The in-process registry told to behave like docker-registry 2.8, beside that registry itself: both are asked the
 * same, and must answer the same in everything that a client can go by.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { digestOf } from "../../src/core/digest.ts";
import { OCI_CONFIG, OCI_INDEX, OCI_LAYER, OCI_MANIFEST } from "../../src/core/media-types.ts";
import { startRegistry } from "../../src/testing/index.ts";
import { needs } from "./parts.ts";
import { startDockerRegistry, whyNoDockerRegistry } from "./registry.ts";

const content = Buffer.alloc(2048, "0123456789");
const config = Buffer.from("{}");
const blob = digestOf(content);

function manifestOf(more: object = {}): Buffer {
  return Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: OCI_MANIFEST,
      config: { mediaType: OCI_CONFIG, digest: digestOf(config), size: 2 },
      layers: [{ mediaType: OCI_LAYER, digest: blob, size: 2048 }],
      ...more,
    }),
  );
}

interface Seen {
  status: number;
  [header: string]: unknown;
}

/** Asks, and keeps what both registries are to have in common, unless it is to be quiet. */
type Ask = (
  label: string,
  method: string,
  target: string,
  options?: { body?: Uint8Array | undefined; headers?: Record<string, string>; quiet?: boolean },
) => Promise<Response>;

async function story(base: string): Promise<Record<string, Seen>> {
  const told: Record<string, Seen> = {};
  const ask: Ask = async (label, method, target, { body, headers = {}, quiet = false } = {}) => {
    const url = new URL(target, base);
    const response = await fetch(url, {
      method,
      redirect: "manual",
      headers,
      ...(body ? { body: Buffer.from(body) } : {}),
    });
    // A refused range of docker-registry 2.8 has a length that its body does not have.
    const text = await response.text().catch(() => "");
    if (!quiet) told[label] = seen(response, text, base);
    return response;
  };
  const upload = async (label: string): Promise<string> => {
    const started = await ask(`${label}: start`, "POST", "/v2/a/blobs/uploads/");
    return started.headers.get("location") ?? "";
  };
  const withDigest = (location: string, digest: string): string => `${location}&digest=${digest}`;

  await ask("ping", "GET", "/v2/");
  await ask("no page", "GET", "/v2/a/other/x");
  await ask("no repository", "GET", "/v2/a/tags/list");
  await ask("post with digest", "POST", `/v2/a/blobs/uploads/?digest=${blob}`, { body: content });
  const first = await upload("chunks");
  await ask("chunks: status", "GET", first);
  const patched = await ask("chunks: misplaced", "PATCH", first, {
    body: content.subarray(0, 1000),
    headers: { "Content-Range": "7-1006", "Content-Type": "application/octet-stream" },
  });
  const second = patched.headers.get("location") ?? "";
  await ask("chunks: status of the new location", "GET", second);
  await ask("chunks: wrong digest", "PUT", withDigest(second, digestOf("x")), {
    body: content.subarray(1000),
  });
  await ask("monolithic", "PUT", withDigest(await upload("monolithic"), blob), { body: content });
  await ask("sha512", "PUT", withDigest(await upload("sha512"), digestOf(content, "sha512")), {
    body: content,
  });
  await ask("config", "PUT", withDigest(await upload("config"), digestOf(config)), { body: config });
  const missing = await upload("no digest");
  await ask("no digest", "PUT", missing, { body: content });
  const bad = await upload("bad digest");
  await ask("bad digest", "PUT", withDigest(bad, "sha256:bad"), { body: content });
  const cancelled = await upload("cancel");
  await ask("cancel", "DELETE", cancelled);
  await ask("cancel again", "DELETE", cancelled);
  await ask("mount", "POST", `/v2/b/blobs/uploads/?mount=${blob}&from=a`);
  await ask("mount from nowhere", "POST", `/v2/c/blobs/uploads/?mount=${blob}`);
  await ask("mount of nothing", "POST", `/v2/c/blobs/uploads/?mount=${digestOf("y")}&from=a`);

  await ask("blob", "HEAD", `/v2/a/blobs/${blob}`);
  await ask("blob by sha512", "HEAD", `/v2/a/blobs/${digestOf(content, "sha512")}`);
  for (const range of ["500-1499", "500-", "-500", "2000-5000", "-5000", "500-0", "5000-6000"]) {
    await ask(`range ${range}`, "GET", `/v2/a/blobs/${blob}`, { headers: { Range: `bytes=${range}` } });
  }
  await ask("blob known", "GET", `/v2/a/blobs/${blob}`, { headers: { "If-None-Match": `"${blob}"` } });
  await ask("blob missing", "GET", `/v2/a/blobs/${digestOf("nothing")}`);
  await ask("blob of no digest", "GET", "/v2/a/blobs/sha256:bad");

  const type = { "Content-Type": OCI_MANIFEST };
  const accept = { Accept: OCI_MANIFEST };
  const manifest = manifestOf();
  const digest = digestOf(manifest);
  const put = (label: string, name: string, reference: string, body: Buffer, headers = type) =>
    ask(label, "PUT", `/v2/${name}/manifests/${reference}`, { body, headers });
  for (const tag of ["v1", "a", "b", "C"]) await put(`put ${tag}`, "a", tag, manifest);
  await put("put by digest", "a", digest, manifest);
  await put("put by sha512", "a", digestOf(manifest, "sha512"), manifest);
  await put("put by another digest", "a", digestOf("x"), manifest);
  await put("put as json", "a", "v3", manifest, { "Content-Type": "application/json" });
  await put("put as index", "a", "v3", manifest, { "Content-Type": OCI_INDEX });
  await put("put without its blobs", "b", "v3", manifest);
  await put(
    "put with subject",
    "a",
    "s1",
    manifestOf({ subject: { mediaType: OCI_MANIFEST, digest, size: 1 } }),
  );
  await put("put without layers", "a", "s2", manifestOf({ layers: [] }));
  await put("put of five megabytes", "a", "s3", manifestOf({ annotations: { a: "a".repeat(4_400_000) } }));
  await put("put with tags", "a", `${digest}?tag=x&tag=y`, manifest);
  await ask("manifest", "GET", "/v2/a/manifests/v1", { headers: accept });
  await ask("manifest by digest", "HEAD", `/v2/a/manifests/${digest}`, { headers: accept });
  await ask("manifest not accepted", "HEAD", "/v2/a/manifests/v1", {
    headers: { Accept: "application/json" },
  });
  await ask("manifest by digest not accepted", "HEAD", `/v2/a/manifests/${digest}`, {
    headers: { Accept: "application/json" },
  });
  await ask("tag missing", "GET", "/v2/a/manifests/nothing", { headers: accept });
  await ask("digest missing", "GET", `/v2/a/manifests/${digestOf("nothing")}`, { headers: accept });
  await ask("tag of a parameter", "GET", "/v2/a/manifests/x", { headers: accept });
  const tags = await ask("tags", "GET", "/v2/a/tags/list?n=2&last=a", { quiet: true });
  told["tags"] = { status: tags.status };
  for (const n of ["", "?n=1", "?n=0"]) await ask(`catalog${n}`, "GET", `/v2/_catalog${n}`);
  await ask("referrers", "GET", `/v2/a/referrers/${digest}`);

  await ask("delete a tag", "DELETE", "/v2/a/manifests/C");
  await ask("delete nothing", "DELETE", `/v2/a/manifests/${digestOf("nothing")}`);
  await ask("delete a manifest", "DELETE", `/v2/a/manifests/${digest}`);
  await ask("gone", "HEAD", "/v2/a/manifests/v1", { headers: accept });
  await ask("delete a blob", "DELETE", `/v2/a/blobs/${blob}`);
  await ask("delete a blob again", "DELETE", `/v2/a/blobs/${blob}`);
  const write = await ask("write to a blob", "PATCH", `/v2/a/blobs/${blob}`, { quiet: true });
  told["write to a blob"] = { status: write.status };
  return told;
}

const COMPARED = [
  "content-range",
  "docker-content-digest",
  "docker-distribution-api-version",
  "etag",
  "link",
  "oci-subject",
  "oci-tag",
  "range",
];

function seen(response: Response, text: string, base: string): Seen {
  const headers: Record<string, string> = {};
  for (const name of COMPARED) {
    const value = response.headers.get(name);
    if (value !== null) headers[name] = value;
  }
  const location = response.headers.get("location");
  // Sessions have names of their own.
  const place = location
    ?.replace(base, "BASE")
    .replace(/uploads\/[^?]+/, "uploads/SESSION")
    .replace(/_state=[^&]+/, "_state=STATE");
  const length = response.status === 200 && { length: response.headers.get("content-length"), text };
  const isManifest = response.headers.get("content-type")?.startsWith("application/vnd.");
  return {
    status: response.status,
    ...headers,
    ...(place === undefined ? {} : { location: place }),
    ...(response.status === 200 && response.url.includes("/manifests/") ? { isManifest, ...length } : {}),
    ...(response.status === 206 ? { text } : {}),
    ...(/"errors"/.test(text) ? { code: /"code":"([A-Z_]+)"/.exec(text)?.[1] } : {}),
  };
}

test("docker-registry 2.8 and its double answer the same", {
  ...needs(whyNoDockerRegistry()),
}, async (t) => {
  const real = await startDockerRegistry();
  t.after(() => real.stop());
  const double = await startRegistry({ behaviour: "docker-registry-2.8", deletion: true });
  t.after(() => double.close());
  const expected = await story(`http://${real.host}`);
  const actual = await story(double.url);
  assert.deepEqual(actual, expected);
});
