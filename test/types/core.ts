/** Compile only: what the types of lading admit and refuse. */
import {
  type Digest,
  formatReference,
  isDigest,
  type JsonValue,
  onlyPlatform,
  type Platform,
  parseDigest,
  parsePlatform,
  parseReference,
  type Reference,
  verifyBytes,
  withDefaultTag,
  withDigest,
} from "../../src/index.ts";

export function digests(text: string, content: Uint8Array): Digest[] {
  // @ts-expect-error a text that nobody parsed
  const plain: Digest = text;
  // @ts-expect-error a text that only looks like a digest
  const literal: Digest = "sha256:00";
  // @ts-expect-error a digest to verify against is parsed before
  verifyBytes(content, { digest: text });
  // @ts-expect-error of an algorithm that is not computed
  const algorithm: `md5:${string}` = parseDigest(text);
  verifyBytes(content, { digest: parseDigest(text), size: 1 });
  return isDigest(text) ? [text, plain, literal] : [parseDigest(text), parseDigest(algorithm)];
}

export function references(text: string): Reference[] {
  const reference = parseReference(text);
  const { domain, path }: { domain: string; path: string } = reference;
  const tag: string | undefined = withDefaultTag(reference).tag;
  // @ts-expect-error whether there is a digest shows at run time
  const missing: Digest = reference.digest;
  const pinned: Digest = withDigest(reference, parseDigest(text)).digest;
  // @ts-expect-error a digest that nobody parsed makes no Reference
  const loose: Reference = withDigest(reference, text);
  // @ts-expect-error a reference is no text
  parseReference(reference);
  return [reference, loose, { domain, path, ...(tag ? { tag } : {}), digest: pinned ?? missing }];
}

export function platforms(host: Platform): string[] {
  // @ts-expect-error the host is an argument: it is never taken from the process
  parsePlatform("arm64");
  // @ts-expect-error a platform has an architecture
  onlyPlatform({ os: "linux" });
  return [parsePlatform("arm64", host).architecture, formatReference({ domain: "a.example", path: "b" })];
}

export function json(value: JsonValue): bigint | undefined {
  // @ts-expect-error no JSON value
  const never: JsonValue = undefined;
  return typeof value === "bigint" ? value : typeof never === "bigint" ? never : undefined;
}
