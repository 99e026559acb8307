/**
 * A transparency log for tests: a Merkle tree in memory that signs its checkpoints, as Rekor of version 1 (which also
 * promises inclusion, with a time) or of version 2 (which does neither).
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc6962#section-2}
 * @see {@link https://github.com/C2SP/C2SP/blob/main/tlog-checkpoint.md}
 * @module
 */
import { createPublicKey, generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { mintKey } from "./certificates.ts";
import { sha256 } from "./sha256.ts";

/** Options of {@link createTransparencyLog}. */
export interface TransparencyLogOptions {
  /** Which Rekor it acts as. */
  version: 1 | 2;
  /** Its host name, which stands in checkpoints. */
  origin: string;
  /** The present time in milliseconds since 1970. Default `Date.now`. */
  now?: (() => number) | undefined;
}

/** An entry in the JSON form of bundles. */
export interface LogEntryJson {
  logIndex: string;
  logId: { keyId: string };
  kindVersion: { kind: string; version: string };
  integratedTime?: string;
  inclusionPromise?: { signedEntryTimestamp: string };
  inclusionProof?: {
    logIndex: string;
    rootHash: string;
    treeSize: string;
    hashes: string[];
    checkpoint?: { envelope: string };
  };
  canonicalizedBody: string;
}

/** A log that holds its own key and its tree; what verifies or signs against a log knows neither. */
export interface TestTransparencyLog {
  readonly baseUrl: string;
  readonly keyId: Buffer;
  /** DER of the public key. */
  readonly publicKey: Buffer;
  readonly keyDetails: "PKIX_ECDSA_P256_SHA_256" | "PKIX_ED25519";
  /**
   * Adds an entry, and gives it with its proof in the tree as it is then.
   *
   * @param body Its members must stand in the order of the canonical form.
   * @param at The time that version 1 signs, in milliseconds since 1970. Default: now.
   */
  append(body: { kind: string; apiVersion: string; spec: unknown }, at?: number): LogEntryJson;
}

/** A new log with a key of its own, and some entries that nobody asks for. */
export function createTransparencyLog(options: TransparencyLogOptions): TestTransparencyLog {
  const { version, origin, now = Date.now } = options;
  const key = version === 1 ? mintKey() : generateKeyPairSync("ed25519").privateKey;
  const publicKey = createPublicKey(key).export({ format: "der", type: "spki" });
  const keyId =
    version === 1
      ? sha256(publicKey)
      : sha256(Buffer.from(`${origin}\n`), Buffer.of(1), publicKey.subarray(-32));
  const leaves = [0, 1, 2, 3, 4].map((number) => leafHash(Buffer.from(`other entry ${number}`)));
  return {
    baseUrl: `https://${origin}`,
    keyId,
    publicKey,
    keyDetails: version === 1 ? "PKIX_ECDSA_P256_SHA_256" : "PKIX_ED25519",
    append(body, at = now()) {
      const index = leaves.length;
      const { apiVersion, kind, spec } = body;
      const canonical = Buffer.from(JSON.stringify({ apiVersion, kind, spec }));
      leaves.push(leafHash(canonical));
      // One more, so that the proof goes up on both sides.
      leaves.push(leafHash(Buffer.from(`entry after ${index}`)));
      const rootHash = treeHash(leaves).toString("base64");
      const envelope = checkpoint({ origin, key, keyId, size: leaves.length, rootHash });
      const proof = {
        logIndex: String(index),
        rootHash,
        treeSize: String(leaves.length),
        hashes: inclusionPath(index, leaves).map((hash) => hash.toString("base64")),
        checkpoint: { envelope },
      };
      const entry: LogEntryJson = {
        logIndex: String(index),
        logId: { keyId: keyId.toString("base64") },
        kindVersion: { kind, version: apiVersion },
        inclusionProof: proof,
        canonicalizedBody: canonical.toString("base64"),
      };
      if (version === 2) return entry;
      const integratedTime = Math.floor(at / 1000);
      const promised = {
        body: entry.canonicalizedBody,
        integratedTime,
        logID: keyId.toString("hex"),
        logIndex: index,
      };
      const signedEntryTimestamp = sign("sha256", Buffer.from(JSON.stringify(promised)), key);
      return {
        ...entry,
        integratedTime: String(integratedTime),
        inclusionPromise: { signedEntryTimestamp: signedEntryTimestamp.toString("base64") },
      };
    },
  };
}

interface Checkpoint {
  origin: string;
  key: KeyObject;
  keyId: Buffer;
  size: number;
  rootHash: string;
}

function checkpoint({ origin, key, keyId, size, rootHash }: Checkpoint): string {
  const note = `${origin}\n${size}\n${rootHash}\n`;
  const algorithm = key.asymmetricKeyType === "ed25519" ? null : "sha256";
  const signature = Buffer.concat([keyId.subarray(0, 4), sign(algorithm, Buffer.from(note), key)]);
  return `${note}\n\u2014 ${origin} ${signature.toString("base64")}\n`;
}

function leafHash(bytes: Uint8Array): Buffer {
  return sha256(Buffer.of(0), bytes);
}

function treeHash(leaves: readonly Buffer[]): Buffer {
  const [only] = leaves;
  if (only && leaves.length === 1) return only;
  const split = splitOf(leaves.length);
  return sha256(Buffer.of(1), treeHash(leaves.slice(0, split)), treeHash(leaves.slice(split)));
}

function inclusionPath(index: number, leaves: readonly Buffer[]): Buffer[] {
  if (leaves.length === 1) return [];
  const split = splitOf(leaves.length);
  const [left, right] = [leaves.slice(0, split), leaves.slice(split)];
  return index < split
    ? [...inclusionPath(index, left), treeHash(right)]
    : [...inclusionPath(index - split, right), treeHash(left)];
}

/** The largest power of two below a number. */
function splitOf(size: number): number {
  let split = 1;
  while (split * 2 < size) split *= 2;
  return split;
}
