/** Plain HTTP to a registry, with no client of lading in between, in the terms of the conformance suite. */
import assert from "node:assert/strict";
import { type Digest, type DigestAlgorithm, digestOf } from "../../src/core/digest.ts";
import { OCI_MANIFEST } from "../../src/core/media-types.ts";

export const OCTETS = "application/octet-stream";
export const ALGORITHMS: readonly DigestAlgorithm[] = ["sha256", "sha512"];

/** One request; redirects are not followed. */
export function ask(
  url: string | URL,
  method = "GET",
  init: Omit<RequestInit, "body"> & { body?: Uint8Array | string | ReadableStream | undefined } = {},
): Promise<Response> {
  const { body, ...rest } = init;
  const content =
    typeof body === "string" || body instanceof ReadableStream ? body : body && Buffer.from(body);
  return fetch(url, {
    method,
    redirect: "manual",
    ...rest,
    ...(content === undefined ? {} : { body: content }),
    ...(content instanceof ReadableStream ? { duplex: "half" } : {}),
  } as RequestInit);
}

/** Status and body of an answer. */
export async function bytesOf(response: Response): Promise<Buffer> {
  return Buffer.from(await response.arrayBuffer());
}

/** The `Location` of an answer, resolved, with a digest added to its query where one is given. */
export function locationOf(response: Response, digest?: string): URL {
  const text = response.headers.get("location");
  assert.ok(text, "a location");
  const url = new URL(text, response.url);
  if (digest !== undefined)
    url.search += `${url.search === "" ? "?" : "&"}digest=${encodeURIComponent(digest)}`;
  return url;
}

/** The location of an answer must give back exactly these bytes. */
export async function assertLocation(response: Response, content: Uint8Array): Promise<void> {
  const read = await ask(locationOf(response));
  assert.equal(read.status, 200);
  assert.deepEqual(await bytesOf(read), Buffer.from(content));
}

/** A header that may be absent, but not be another. */
export function assertDigestHeader(response: Response, digest: string): void {
  const said = response.headers.get("docker-content-digest");
  assert.ok(said === null || said === digest, `${said} for ${digest}`);
}

/** Begins an upload. */
export async function startUpload(repository: string, query = ""): Promise<Response> {
  const response = await ask(`${repository}/blobs/uploads/${query}`, "POST", {
    headers: { "Content-Length": "0" },
  });
  assert.equal(response.status, 202);
  return response;
}

/** Sends a chunk; `start` is where it belongs. */
export function sendChunk(at: URL, chunk: Uint8Array, start: number, method = "PATCH"): Promise<Response> {
  return ask(at, method, {
    body: chunk,
    headers: { "Content-Type": OCTETS, "Content-Range": `${start}-${start + chunk.byteLength - 1}` },
  });
}

/** Pushes a blob in two requests. */
export async function pushBlob(
  repository: string,
  content: Uint8Array,
  algorithm: DigestAlgorithm = "sha256",
): Promise<Digest> {
  const digest = digestOf(content, algorithm);
  const target = locationOf(await startUpload(repository), digest);
  const response = await ask(target, "PUT", { body: content, headers: { "Content-Type": OCTETS } });
  assert.equal(response.status, 201);
  return digest;
}

/** Puts a manifest under a tag or digest. */
export function putManifest(
  repository: string,
  reference: string,
  bytes: Uint8Array,
  mediaType: string = OCI_MANIFEST,
): Promise<Response> {
  return ask(`${repository}/manifests/${reference}`, "PUT", {
    body: bytes,
    headers: { "Content-Type": mediaType },
  });
}

/** The first code of an error answer. */
export async function codeOf(response: Response): Promise<string | undefined> {
  const { errors } = (await response.json()) as { errors: { code: string }[] };
  return errors[0]?.code;
}
