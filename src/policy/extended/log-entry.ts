/**
 * What a log entry records, compared with the bundle that brings it along.
 *
 * @sigstore/verify compares digest and signature. Here the third part is compared as well: the key or certificate that
 * the log saw is the one that signed. And the log's key must count at the time of signing also where the entry itself
 * tells no time.
 *
 * @see {@link https://github.com/sigstore/rekor/tree/v1.4.2/pkg/types}
 * @see {@link https://github.com/sigstore/rekor-tiles/blob/v2.0.1/api/proto/rekor/v2}
 * @module
 */
import type { TransparencyLogEntry } from "@sigstore/bundle";
import { equalBytes } from "../../core/bytes.ts";
import { isLadingError } from "../../core/errors.ts";
import { items, type JsonNode, members, parseJson, stringOf } from "../../core/strict-json.ts";
import { decodeBase64 } from "../base64.ts";
import { invalidSignature } from "../errors.ts";
import { nextPemBlock, pemText } from "../pem.ts";
import type { TrustedRoot } from "./trusted-root.ts";

/** Where a kind of entry keeps what verified the signature. */
interface Place {
  path: readonly (string | number)[];
  form: "pem" | "der";
}

const PLACES: Readonly<Record<string, Place>> = {
  "hashedrekord 0.0.1": { path: ["spec", "signature", "publicKey", "content"], form: "pem" },
  "dsse 0.0.1": { path: ["spec", "signatures", 0, "verifier"], form: "pem" },
  "intoto 0.0.2": { path: ["spec", "content", "envelope", "signatures", 0, "publicKey"], form: "pem" },
  "hashedrekord 0.0.2": { path: ["spec", "hashedRekordV002", "signature", "verifier"], form: "der" },
  "dsse 0.0.2": { path: ["spec", "dsseV002", "signatures", 0, "verifier"], form: "der" },
};

/**
 * Fails unless an entry was made for a certificate or key.
 *
 * @param expected DER of the certificate, or of the public key where no certificate was used.
 * @throws {PolicyError} `ERR_POLICY_INVALID_SIGNATURE`.
 */
export function assertEntryVerifier(entry: TransparencyLogEntry, expected: Uint8Array): void {
  const { kind, version } = entry.kindVersion;
  const place = PLACES[`${kind} ${version}`];
  if (!place) throw invalidSignature(`log entries of kind ${kind} ${version} are not supported`);
  let found: Uint8Array | undefined;
  try {
    const { canonicalizedBody } = entry;
    const body = parseJson(canonicalizedBody, { maxBytes: canonicalizedBody.byteLength, maxDepth: 64 });
    found = verifierOf(body, place);
  } catch (cause) {
    if (!isLadingError(cause)) throw cause;
    throw invalidSignature(`invalid log entry: ${cause.message}`, cause);
  }
  if (!found || !equalBytes(found, expected)) {
    throw invalidSignature("the log entry was made for another certificate or key");
  }
}

function verifierOf(body: JsonNode, { path, form }: Place): Uint8Array | undefined {
  let node: JsonNode | undefined = body;
  for (const step of path) node = node && below(node, step);
  if (!node) return undefined;
  if (form === "pem") {
    const pem = decodeBase64(stringOf(node));
    return pem && nextPemBlock(pemText(pem))?.bytes;
  }
  const holder = below(node, "x509Certificate") ?? below(node, "publicKey");
  const bytes = holder && below(holder, "rawBytes");
  return bytes && decodeBase64(stringOf(bytes));
}

function below(node: JsonNode, step: string | number): JsonNode | undefined {
  if (typeof step === "string") return members(node).find(({ key }) => key === step)?.value;
  const list = items(node);
  // Several signatures in one entry: which of them is meant would be open.
  return list.length === 1 ? list[step] : undefined;
}

/**
 * Fails for an entry that tells no time of its own, unless the key of its log counted at every observed time.
 *
 * @param times Observed times in milliseconds since 1970.
 * @throws {PolicyError} `ERR_POLICY_INVALID_SIGNATURE`.
 */
export function assertLogWindow(
  { logId, inclusionPromise, integratedTime }: TransparencyLogEntry,
  { message: { tlogs } }: TrustedRoot,
  times: readonly number[],
): void {
  // The library compares the time of an entry whose time the log signed.
  if (inclusionPromise && integratedTime !== "0") return;
  const counted = tlogs.some(({ checkpointKeyId, logId: ownId, publicKey }) => {
    const { validFor } = publicKey ?? {};
    const id = (checkpointKeyId ?? ownId)?.keyId;
    const start = validFor?.start?.getTime();
    const end = validFor?.end?.getTime() ?? Number.POSITIVE_INFINITY;
    if (id === undefined || start === undefined || !equalBytes(id, logId.keyId)) return false;
    return times.length > 0 && times.every((time) => start <= time && time <= end);
  });
  if (!counted) throw invalidSignature("the key of the log did not count when the signature was made");
}
