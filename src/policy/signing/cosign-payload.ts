/**
 * What cosign signs, byte for byte: the JSON that says "the manifest with this digest goes by this name".
 *
 * The text is the one that Go's encoder writes: members of maps sorted by their UTF-8, no white space, and `<`, `>`,
 * `&`, U+2028 and U+2029 as escapes.
 *
 * @see {@link https://github.com/sigstore/cosign/blob/v2.6.1/specs/SIGNATURE_SPEC.md#payload}
 * @module
 */
import { parseDigest } from "../../core/digest.ts";

/** A JSON value. */
export type AnnotationValue =
  | string
  | number
  | boolean
  | null
  | readonly AnnotationValue[]
  | { readonly [name: string]: AnnotationValue };

/** What the signer adds to the payload, by the signer's own account: nothing of it decides about acceptance. */
export interface PayloadClaims {
  /** The program that signs. Default: not said, as in cosign. */
  creator?: string | undefined;
  /** When it signs, in whole seconds since 1970. Default: not said, as in cosign. */
  timestamp?: number | bigint | undefined;
  /** Whatever else is to be said: what `cosign sign -a` takes. */
  annotations?: Readonly<Record<string, AnnotationValue>> | undefined;
}

/** What {@link formatCosignPayload} puts together. */
export interface CosignPayload extends PayloadClaims {
  /** The name that is claimed for the image, with or without tag. Taken as it is. */
  dockerReference: string;
  /** Digest of the manifest. */
  digest: string;
}

const MAX_DEPTH = 32;

/**
 * The payload of a signature.
 *
 * @throws {TypeError} for an empty name, a creator that is no text, an annotation that is no JSON, or one called
 * `creator` or `timestamp`, which verifiers would read as those.
 * @throws {RangeError} for a timestamp that is no whole number, or beyond 2^53-1.
 * @throws {CoreError} `ERR_DIGEST_INVALID`, `ERR_DIGEST_UNSUPPORTED`.
 */
export function formatCosignPayload({ dockerReference, digest, ...claims }: CosignPayload): Uint8Array {
  if (typeof dockerReference !== "string" || dockerReference === "") {
    throw new TypeError("a signature must claim a name for the image");
  }
  return Buffer.from(
    goJson({
      critical: {
        identity: { "docker-reference": dockerReference },
        image: { "docker-manifest-digest": parseDigest(digest) },
        type: "cosign container image signature",
      },
      optional: optionalOf(claims),
    }),
  );
}

type GoValue = AnnotationValue | bigint | { readonly [name: string]: GoValue };

function optionalOf({ creator, timestamp, annotations }: PayloadClaims): GoValue {
  for (const name of ["creator", "timestamp"]) {
    if (annotations && Object.hasOwn(annotations, name)) {
      throw new TypeError(`${name} is an option of its own, not an annotation`);
    }
  }
  const optional: [string, GoValue][] = Object.entries(annotations ?? {});
  if (creator !== undefined) {
    if (typeof creator !== "string") throw new TypeError("creator must be a text");
    optional.push(["creator", creator]);
  }
  if (timestamp !== undefined) optional.push(["timestamp", wholeSeconds(timestamp)]);
  return optional.length === 0 ? null : Object.fromEntries(optional);
}

function wholeSeconds(timestamp: number | bigint): bigint {
  // Verifiers read it by way of a double.
  if (Number.isSafeInteger(Number(timestamp))) return BigInt(timestamp);
  throw new RangeError(`timestamp must be a whole number of seconds, got ${timestamp}`);
}

function goJson(value: GoValue, depth = 0): string {
  if (depth > MAX_DEPTH) throw new TypeError(`annotations nested deeper than ${MAX_DEPTH}`);
  switch (typeof value) {
    case "string":
      return goString(value);
    case "bigint":
    case "boolean":
      return String(value);
    case "number":
      // Both languages write the shortest form, and an exponent from 1e21 and below 1e-6.
      if (Number.isFinite(value)) return Object.is(value, -0) ? "-0" : JSON.stringify(value);
      break;
    case "object": {
      if (value === null) return "null";
      if (Array.isArray(value)) return `[${value.map((item) => goJson(item, depth + 1)).join(",")}]`;
      const members = Object.entries(value).map(
        ([name, member]) => [Buffer.from(name), name, member] as const,
      );
      members.sort(([a], [b]) => Buffer.compare(a, b));
      return `{${members.map(([, name, member]) => `${goString(name)}:${goJson(member, depth + 1)}`).join(",")}}`;
    }
  }
  throw new TypeError(`annotations must be JSON, got ${String(value)}`);
}

function goString(text: string): string {
  if (/\p{Surrogate}/u.test(text)) throw new TypeError("half a surrogate pair cannot be signed");
  return JSON.stringify(text).replaceAll(
    /[<>&\u2028\u2029]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}
