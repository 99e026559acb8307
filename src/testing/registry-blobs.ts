/**
 * Blobs of the in-process registry: reading with ranges, deleting.
 *
 * @module
 */
import { type Digest, digestAlgorithm, digestOf, isDigest } from "../core/digest.ts";
import type { RegistryTraits } from "./registry-behaviour.ts";
import { entityTag, notModified, rangeHolds } from "./registry-conditions.ts";
import type { RegistryContent } from "./registry-content.ts";
import { errorReply, type RegistryReply, type RegistryRequest } from "./registry-reply.ts";

/** Answers a request for `/v2/NAME/blobs/DIGEST`. */
export function answerBlob(
  content: RegistryContent,
  request: RegistryRequest,
  repository: string,
  digestText: string,
  { deletion, sha256Only, brokenRangeRefusal }: RegistryTraits,
): RegistryReply {
  if (!["GET", "HEAD", "DELETE"].includes(request.method)) {
    return errorReply(405, "UNSUPPORTED", `${request.method} of a blob`, { Allow: "DELETE, GET, HEAD" });
  }
  if (request.method === "DELETE" && !deletion) {
    return errorReply(405, "UNSUPPORTED", "nothing is deleted here");
  }
  if (!isDigest(digestText)) return errorReply(400, "DIGEST_INVALID", "the digest is malformed");
  const blobs = content.repositories.get(repository)?.blobs;
  const blob = blobs?.get(digestText);
  if (!blobs || !blob) return errorReply(404, "BLOB_UNKNOWN", "the blob is not known to the registry");
  if (request.method === "DELETE") {
    blobs.delete(digestText);
    content.storedBytes -= blob.byteLength;
    return { status: 202 };
  }
  const known = sha256Only && digestAlgorithm(digestText) !== "sha256" ? digestOf(blob) : digestText;
  return notModified(request.headers, known) ?? readBlob(blob, known, request, brokenRangeRefusal);
}

function readBlob(
  blob: Uint8Array,
  digest: Digest,
  { headers: asked }: Pick<RegistryRequest, "headers">,
  brokenRefusal: boolean,
): RegistryReply {
  const headers = {
    "Content-Type": "application/octet-stream",
    "Docker-Content-Digest": digest,
    "Accept-Ranges": "bytes",
    ETag: entityTag(digest),
  };
  const range = rangeHolds(asked, digest) ? asked.range : undefined;
  const match = range === undefined ? null : /^bytes=([0-9]*)-([0-9]*)$/.exec(range);
  if (!match || (match[1] === "" && match[2] === "")) return { status: 200, headers, body: blob };
  const size = blob.byteLength;
  const suffix = match[1] === "";
  const first = suffix ? Math.max(0, size - Number(match[2])) : Number(match[1]);
  const last = suffix || match[2] === "" ? size - 1 : Math.min(Number(match[2]), size - 1);
  if (first > last || first >= size) {
    const total = { "Content-Range": `bytes */${size}` };
    if (!brokenRefusal) return errorReply(416, "SIZE_INVALID", "range not satisfiable", total);
    const body = "invalid range\n";
    const inverted = !suffix && match[2] !== "" && Number(match[1]) > Number(match[2]);
    return {
      status: 416,
      headers: { ...headers, ...(inverted ? {} : total), "Content-Length": String(size) },
      body,
      breakAfterBytes: body.length,
    };
  }
  return {
    status: 206,
    headers: { ...headers, "Content-Range": `bytes ${first}-${last}/${size}` },
    body: blob.subarray(first, last + 1),
  };
}
