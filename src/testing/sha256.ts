/**
 * SHA-256 as bytes, which is how logs and certificates have it.
 *
 * @module
 */
import { createHash } from "node:crypto";

/** The hash of all parts one behind another. */
export function sha256(...parts: readonly Uint8Array[]): Buffer {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest();
}
