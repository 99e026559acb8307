/**
 * Keys that verdicts are kept under: a hash of everything that decides.
 *
 * @module
 */
import { hash, randomUUID } from "node:crypto";
import type { Digest } from "../../core/digest.ts";

/** Changed whenever the same evidence is decided differently, or entries are written differently. */
const FORMAT = "lading verdict 1";

/** What every key of one verifier covers. */
export interface KeyBase {
  /** Digest of the whole policy, written out: requirements, signed identities, keys that stand in it. */
  policy: Digest;
  /** Where images are. */
  source: unknown;
  /** Where signatures are looked for, in order. */
  signatureSources: readonly { identity?: string | undefined; name: string; formats: readonly string[] }[];
  /** Every other option that has a say. */
  options: object;
}

/** What is decided on. */
export interface KeySubject {
  /** In full, with tag or digest. */
  reference: string;
  /** Of the manifest or index that the reference names. */
  digest: Digest;
  /** Which image of an index is meant. */
  choice: object;
}

/** Makes the keys of one verifier: 64 hexadecimal digits each. */
export function verdictKeys({
  policy,
  source,
  signatureSources,
  options,
}: KeyBase): (subject: KeySubject) => string {
  const sources = signatureSources.map((each) => [each.name, each.formats, each.identity ?? each]);
  const base = hashOf([FORMAT, policy, source, sources, options]);
  return ({ reference, digest, choice }) => hashOf([base, reference, digest, choice]);
}

/** The key of a verdict that rests on files besides: their names and the digests of their content are in it. */
export function keyWithFiles(
  key: string,
  files: readonly (readonly [path: string, digest: Digest])[],
): string {
  return hashOf([key, files]);
}

function hashOf(parts: readonly unknown[]): string {
  return hash("sha256", textOf(parts), "hex");
}

const processNonce = randomUUID();
const nonces = new WeakMap<object, string>();
let nonceCount = 0;

/**
 * A value as text that no other value has. The order of an object's members does not matter, nor members without a
 * value. What is not plain data stands for itself alone, in this process.
 */
function textOf(value: unknown): string {
  switch (typeof value) {
    case "string":
    case "boolean":
      return JSON.stringify(value);
    case "number":
      return `number:${value}`;
    case "bigint":
      return `bigint:${value}`;
    case "undefined":
      return "undefined";
    case "object":
      return value === null ? "null" : objectText(value);
    case "function":
      return nonceOf(value);
    default:
      throw new TypeError(`no key covers a ${typeof value}`);
  }
}

function objectText(value: object): string {
  if (Array.isArray(value)) return `[${value.map(textOf).join(",")}]`;
  if (value instanceof Uint8Array) return `bytes:${Buffer.from(value).toString("hex")}`;
  const prototype: unknown = Object.getPrototypeOf(value);
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  const isPlain = prototype === Object.prototype || prototype === null;
  if (!isPlain || members.some(([, member]) => typeof member === "function")) return nonceOf(value);
  members.sort(([a], [b]) => (a < b ? -1 : 1));
  return `{${members.map(([name, member]) => `${JSON.stringify(name)}:${textOf(member)}`).join(",")}}`;
}

function nonceOf(value: object): string {
  const known = nonces.get(value);
  if (known !== undefined) return known;
  const nonce = `object:${processNonce}:${nonceCount++}`;
  nonces.set(value, nonce);
  return nonce;
}
