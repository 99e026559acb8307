/**
 * A bundle that is accepted, and then each single value of bundle, root and requirement changed alone: it must be refused.
 *
 * The values are found by walking the documents, so that a new one cannot be forgotten.
 */
import assert from "node:assert/strict";
import { test } from "node:test";
import { digestOf } from "../../src/core/digest.ts";
import { isLadingError } from "../../src/core/errors.ts";
import {
  type EvidenceRequirement,
  FULCIO_EXTENSIONS,
  type KeylessIdentity,
  type ManagedKey,
  parseTrustedRoot,
  type SignerRequirement,
  verifyBundle,
} from "../../src/policy/extended/index.ts";
import {
  createBundleAuthorities,
  DEFAULT_OIDC_ISSUER,
  mintKey,
  publicKeyPem,
  signStatement,
} from "../../src/testing/index.ts";

const NOW = Date.UTC(2026, 5, 1, 12);
const EMAIL = "signer@example.com";
const PREDICATE = "https://example.com/predicate/v1";
const DIGEST = digestOf("an image");
const made = createBundleAuthorities({ now: () => NOW });
const ROOT = JSON.stringify(made.trustedRoot());
const CONTENT = { predicateTypes: [PREDICATE], messageSignature: false };
const ARC = "1.3.6.1.4.1.57264.1.";

const NAMED = FULCIO_EXTENSIONS.filter((name) => name !== "issuer" && name !== "issuerV1");
/** Identifiers 2 to 6 hold the text itself, those from 9 on a UTF8String. */
const who = made.certify(EMAIL, {
  extensions: NAMED.map((name, at) => ({
    oid: `${ARC}${at < 5 ? at + 2 : at + 4}`,
    value: at < 5 ? Buffer.from(name) : Buffer.concat([Buffer.of(0x0c, name.length), Buffer.from(name)]),
  })),
});
const EVERYTHING = {
  content: { statement: signStatement(DIGEST, { predicateType: PREDICATE }) },
  logs: [made.logV1, made.logV2],
  timestampAuthorities: [made.timestampAuthority],
} as const;
const BUNDLE = JSON.stringify(made.sign({ signer: who, ...EVERYTHING }));

const EVIDENCE: Required<EvidenceRequirement> = {
  transparencyLogs: 2,
  timestampAuthorities: 1,
  certificateLogs: 1,
};
const KEYLESS: Required<KeylessIdentity> = {
  kind: "keyless",
  trustedRoot: parseTrustedRoot(ROOT),
  issuer: DEFAULT_OIDC_ISSUER,
  subject: { kind: "email", exact: EMAIL },
  extensions: Object.fromEntries(NAMED.map((name) => [name, { exact: name }])),
  evidence: EVIDENCE,
};

interface Inputs {
  bundle: string;
  root: string;
  signer: Required<KeylessIdentity> | ManagedKey;
  content: unknown;
}

/** `accepted`, or what refused it. An error that is neither lading's nor a caller's mistake fails the test. */
async function outcome({ bundle, root, signer, content }: Inputs): Promise<string> {
  try {
    const trustedRoot = parseTrustedRoot(root);
    const wanted = { ...signer, trustedRoot } as SignerRequirement;
    await verifyBundle(bundle, { artifact: { digest: DIGEST }, signer: wanted, content: content as never });
    return "accepted";
  } catch (error) {
    if (isLadingError(error)) return error.code;
    assert.ok(error instanceof TypeError || error instanceof RangeError, String(error));
    return error.name;
  }
}

const GOOD: Inputs = { bundle: BUNDLE, root: ROOT, signer: KEYLESS, content: CONTENT };

type Json = string | number | boolean | null | Json[] | { [key: string]: Json };

/** Every scalar of a document, with its path. */
function scalars(value: Json, path: readonly (string | number)[] = []): (readonly (string | number)[])[] {
  if (typeof value !== "object" || value === null) return [path];
  if (Array.isArray(value)) return value.flatMap((item, at) => scalars(item, [...path, at]));
  return Object.entries(value).flatMap(([key, item]) => scalars(item, [...path, key]));
}

/** The document with the scalar at a path replaced. */
function replaced(
  document: Json,
  [step, ...rest]: readonly (string | number)[],
  by: (old: Json) => Json,
): Json {
  if (step === undefined) return by(document);
  if (Array.isArray(document)) {
    return document.map((item, at) => (at === step ? replaced(item, rest, by) : item));
  }
  assert.ok(typeof document === "object" && document !== null);
  return Object.fromEntries(
    Object.entries(document).map(([key, item]) => [key, key === step ? replaced(item, rest, by) : item]),
  );
}

/** Another value of the same type: base64 stays base64, a number a number, a time a time. */
function other(old: Json): Json {
  if (typeof old === "number") return old + 1;
  if (typeof old === "boolean") return !old;
  assert.ok(typeof old === "string");
  if (/^[0-9]+$/.test(old)) return String(Number(old) + 1);
  // After everything that was signed.
  if (/^[0-9]{4}-.*Z$/.test(old)) return "2027-01-01T00:00:00Z";
  const bytes = Buffer.from(old, "base64");
  if (old.length > 20 && bytes.toString("base64") === old) {
    const middle = bytes.length >> 1;
    bytes[middle] = (bytes[middle] ?? 0) ^ 1;
    return bytes.toString("base64");
  }
  // Behind the signature of a checkpoint there is room for others.
  return old.includes("\n") ? `x${old}` : `${old}x`;
}

/** Members that tell people something and bind nothing. */
const FREE_IN_BUNDLE = /rootHash$|treeSize$|keyid$|tlogEntries\.1\.logIndex$/;
const FREE_IN_ROOT = /subject\.|\.uri$/;

test("the unchanged bundle is accepted", async () => {
  assert.equal(await outcome(GOOD), "accepted");
});

test("every value of a bundle counts", async () => {
  const document = JSON.parse(BUNDLE) as Json;
  const paths = scalars(document);
  assert.ok(paths.length > 30);
  for (const path of paths) {
    const name = path.join(".");
    const bundle = JSON.stringify(replaced(document, path, other));
    const result = await outcome({ ...GOOD, bundle });
    assert.equal(result === "accepted", FREE_IN_BUNDLE.test(name), name);
  }
});

test("every value of a bundle is there because something needs it, or may be left out", async () => {
  const document = JSON.parse(BUNDLE) as Json;
  for (const path of scalars(document)) {
    const name = path.join(".");
    const bundle = JSON.stringify(replaced(document, path, () => null));
    const result = await outcome({ ...GOOD, bundle });
    assert.equal(result === "accepted", FREE_IN_BUNDLE.test(name), name);
  }
});

test("every value of a trusted root counts", async () => {
  const document = JSON.parse(ROOT) as Json;
  const paths = scalars(document);
  assert.ok(paths.length > 25);
  for (const path of paths) {
    const name = path.join(".");
    // The URL of a log is compared with the name in its checkpoints, which may be a part of it.
    const change = name.endsWith("baseUrl") ? () => "https://elsewhere.example" : other;
    const root = JSON.stringify(replaced(document, path, change));
    const result = await outcome({ ...GOOD, root });
    const isFree = FREE_IN_ROOT.test(name) || /ctlogs\.[0-9]+\.baseUrl/.test(name);
    assert.equal(result === "accepted", isFree, name);
  }
});

test("every value of a keyless requirement counts", async () => {
  const { trustedRoot: _, ...rest } = KEYLESS;
  const document = rest as unknown as Json;
  const paths = scalars(document);
  assert.equal(paths.length, 1 + 1 + 2 + NAMED.length + 3);
  for (const path of paths) {
    const signer = replaced(document, path, other) as unknown as typeof KEYLESS;
    assert.notEqual(await outcome({ ...GOOD, signer }), "accepted", path.join("."));
  }
});

test("every value of a content requirement counts", async () => {
  assert.notEqual(
    await outcome({ ...GOOD, content: { ...CONTENT, predicateTypes: [`${PREDICATE}x`] } }),
    "accepted",
  );
  const message = { content: { message: Buffer.from("an image") } };
  const bundle = JSON.stringify(made.sign({ signer: who, ...EVERYTHING, ...message }));
  assert.equal(
    await outcome({ ...GOOD, bundle, content: { ...CONTENT, messageSignature: true } }),
    "accepted",
  );
  assert.equal(await outcome({ ...GOOD, bundle }), "ERR_POLICY_REQUIREMENT");
});

test("every value of a requirement for a key counts", async () => {
  const key = mintKey();
  const bundle = JSON.stringify(made.sign({ signer: key, ...EVERYTHING }));
  const signer: Required<Omit<ManagedKey, "trustedRoot">> = {
    kind: "key",
    publicKey: publicKeyPem(key),
    validFor: { start: NOW, end: NOW },
    evidence: { transparencyLogs: 2, timestampAuthorities: 1 },
  };
  const good: Inputs = { ...GOOD, bundle, signer };
  assert.equal(await outcome(good), "accepted");
  const changes: Readonly<Record<keyof typeof signer, readonly object[]>> = {
    kind: [{ kind: "keyless" }, { kind: "keys" }],
    publicKey: [{ publicKey: publicKeyPem(mintKey()) }, { publicKey: "" }],
    validFor: [{ validFor: { start: NOW + 1 } }, { validFor: { end: NOW - 1 } }],
    evidence: [{ evidence: { transparencyLogs: 3 } }, { evidence: { timestampAuthorities: 2 } }],
  };
  for (const change of Object.values(changes).flat()) {
    const changed = { ...signer, ...change } as ManagedKey;
    assert.notEqual(await outcome({ ...good, signer: changed }), "accepted", JSON.stringify(change));
  }
});
