/**
 * Requirement objects. Members are read in text order and the first error ends the reading; what depends on
 * several members is checked after that, in the order of the reference implementation.
 *
 * @module
 */
import type { JsonNode } from "../core/strict-json.ts";
import { hintFor } from "./hint.ts";
import { bytesListOf, bytesOf, policyError, readStrict, textOf, textsOf, typeMember } from "./members.ts";
import { DEFAULT_IDENTITY, readIdentity } from "./parse-identity.ts";
import { type FulcioMembers, type PkiMembers, readFulcio, readPki } from "./parse-trust.ts";
import { quote } from "./quote.ts";
import type {
  KeySource,
  PolicyRequirement,
  SignedBy,
  SignedByKeyType,
  SignedIdentity,
  SigstoreSigned,
  SigstoreTrust,
} from "./types.ts";

/** Reads a list of requirements, which must not be empty. */
export function readRequirements(node: JsonNode): PolicyRequirement[] {
  if (node.kind !== "array" && node.kind !== "null") {
    throw policyError(node, "ERR_POLICY_NOT_ARRAY", `JSON array expected, got ${node.kind}`);
  }
  if (node.kind === "null" || node.items.length === 0) {
    throw policyError(
      node,
      "ERR_POLICY_EMPTY_REQUIREMENTS",
      "List of verification policy requirements must not be empty",
    );
  }
  return node.items.map(readRequirement);
}

const REQUIREMENT_TYPES: readonly PolicyRequirement["type"][] = [
  "insecureAcceptAnything",
  "reject",
  "signedBy",
  "sigstoreSigned",
];

function readRequirement(node: JsonNode): PolicyRequirement {
  const type = typeMember(node);
  switch (type) {
    case "insecureAcceptAnything":
    case "reject":
      readStrict(node, { type: textOf }, { required: ["type"] });
      return { type };
    case "signedBy":
      return readSignedBy(node);
    case "signedBaseLayer":
      return readSignedBaseLayer(node);
    case "sigstoreSigned":
      return readSigstoreSigned(node);
    default:
      throw policyError(
        node,
        "ERR_POLICY_UNKNOWN_REQUIREMENT_TYPE",
        `Unknown policy requirement type ${quote(type)}`,
        undefined,
        hintFor(type, REQUIREMENT_TYPES),
      );
  }
}

function readSignedBaseLayer(node: JsonNode): PolicyRequirement {
  let identity: JsonNode = node;
  readStrict(
    node,
    {
      type: textOf,
      baseLayerIdentity: (value) => {
        identity = value;
      },
    },
    { required: ["type", "baseLayerIdentity"] },
  );
  return { type: "signedBaseLayer", baseLayerIdentity: readIdentity(identity) };
}

const KEY_TYPES: readonly SignedByKeyType[] = [
  "GPGKeys",
  "signedByGPGKeys",
  "X509Certificates",
  "signedByX509CAs",
];

/** Here a member that is present counts as one way to name the keys, even if it is empty. */
function readSignedBy(node: JsonNode): SignedBy {
  let keyType: SignedByKeyType | undefined;
  const present: string[] = [];
  let source: KeySource | undefined;
  let identity: JsonNode | undefined;
  readStrict(node, {
    type: textOf,
    keyType: (value) => {
      const text = textOf(value);
      keyType = KEY_TYPES.find((known) => known === text);
      if (keyType) return;
      throw policyError(
        value,
        "ERR_POLICY_KEY_TYPE",
        `Unrecognized keyType value ${quote(text)}`,
        undefined,
        hintFor(text, KEY_TYPES),
      );
    },
    keyPath: (value) => {
      present.push("keyPath");
      const path = textOf(value);
      if (path !== "") source = { kind: "path", path };
    },
    keyPaths: (value) => {
      present.push("keyPaths");
      const paths = textsOf(value);
      if (paths) source = { kind: "paths", paths };
    },
    keyData: (value) => {
      present.push("keyData");
      const data = bytesOf(value);
      if (data) source = { kind: "data", data };
    },
    signedIdentity: (value) => {
      identity = value;
    },
  });
  const signedIdentity = identityOrDefault(identity);
  const ways = "keyPath, keyPaths and keyData must be specified";
  if (present.length === 0) {
    throw policyError(node, "ERR_POLICY_KEY_SOURCE_MISSING", `Exactly one of ${ways}, none of them present`);
  }
  if (present.length > 1) {
    throw policyError(
      node,
      "ERR_POLICY_KEY_SOURCE_CONFLICT",
      `Exactly one of ${ways}, more than one present`,
    );
  }
  if (!keyType) throw policyError(node, "ERR_POLICY_KEY_TYPE", 'invalid keyType ""');
  if (!source) throw policyError(node, "ERR_POLICY_KEY_SOURCE_MISSING", `exactly one of ${ways}`);
  return { type: "signedBy", keyType, keys: source, signedIdentity };
}

const REKOR_WAYS = "rekorPublickeyPath, rekorPublicKeyPaths, rekorPublickeyData and rekorPublicKeyDatas";

/** Here a way to name keys counts by its value: an empty path and a `null` are the same as no member. */
function readSigstoreSigned(node: JsonNode): SigstoreSigned {
  const keys = keyReaders("keyPath", "keyPaths", "keyData", "keyDatas");
  const rekor = keyReaders(
    "rekorPublicKeyPath",
    "rekorPublicKeyPaths",
    "rekorPublicKeyData",
    "rekorPublicKeyDatas",
  );
  let fulcio: FulcioMembers | undefined;
  let pki: PkiMembers | undefined;
  let identity: JsonNode | undefined;
  readStrict(node, {
    type: textOf,
    ...keys.readers,
    ...rekor.readers,
    fulcio: (value) => {
      fulcio = readFulcio(value);
    },
    pki: (value) => {
      pki = readPki(value);
    },
    signedIdentity: (value) => {
      identity = value;
    },
  });
  const signedIdentity = identityOrDefault(identity);
  for (const [list, name] of [
    [keys.emptyLists[0], "keyPaths"],
    [keys.emptyLists[1], "keyDatas"],
    [rekor.emptyLists[0], "rekorPublickeyPaths"],
    [rekor.emptyLists[1], "rekorPublickeyDatas"],
  ] as const) {
    if (list) throw policyError(list, "ERR_POLICY_EMPTY_KEY_LIST", `${quote(name)} contains no entries`);
  }
  const trust = sigstoreTrust(node, keys.sources, rekor.sources, fulcio, pki);
  return { type: "sigstoreSigned", trust, signedIdentity };
}

function sigstoreTrust(
  node: JsonNode,
  keys: readonly KeySource[],
  rekor: readonly KeySource[],
  fulcio: FulcioMembers | undefined,
  pki: PkiMembers | undefined,
): SigstoreTrust {
  const ways = keys.length + (fulcio ? 1 : 0) + (pki ? 1 : 0);
  if (ways !== 1) {
    throw policyError(
      node,
      ways === 0 ? "ERR_POLICY_KEY_SOURCE_MISSING" : "ERR_POLICY_KEY_SOURCE_CONFLICT",
      "exactly one of keyPath, keyPaths, keyData, keyDatas, fulcio, and pki must be specified",
    );
  }
  const [rekorSource] = rekor;
  if (rekor.length > 1) {
    throw policyError(
      node,
      "ERR_POLICY_REKOR_CONFLICT",
      `at most one of ${REKOR_WAYS} can be used simultaneously`,
    );
  }
  if (fulcio) {
    if (rekorSource) return { kind: "fulcio", ...fulcio, rekor: rekorSource };
    throw policyError(
      node,
      "ERR_POLICY_REKOR_REQUIRED",
      `At least one of ${REKOR_WAYS} must be specified if fulcio is used`,
    );
  }
  if (pki) {
    if (!rekorSource) return { kind: "pki", ...pki };
    throw policyError(node, "ERR_POLICY_REKOR_FORBIDDEN", `${REKOR_WAYS} are not supported for pki`);
  }
  const [keySource] = keys;
  if (!keySource) throw new TypeError("no key source where there is exactly one");
  return { kind: "keys", keys: keySource, ...(rekorSource ? { rekor: rekorSource } : {}) };
}

interface KeyReaders {
  readers: Record<string, (value: JsonNode) => void>;
  /** Every way that has a value. */
  sources: KeySource[];
  /** The list of paths and the list of data, where they are there without entries. */
  emptyLists: [JsonNode | undefined, JsonNode | undefined];
}

function keyReaders(path: string, paths: string, data: string, datas: string): KeyReaders {
  const sources: KeySource[] = [];
  const emptyLists: KeyReaders["emptyLists"] = [undefined, undefined];
  const readers: Record<string, (value: JsonNode) => void> = {
    [path]: (value) => {
      const text = textOf(value);
      if (text !== "") sources.push({ kind: "path", path: text });
    },
    [paths]: (value) => {
      const texts = textsOf(value);
      if (texts?.length) sources.push({ kind: "paths", paths: texts });
      else emptyLists[0] = value;
    },
    [data]: (value) => {
      const bytes = bytesOf(value);
      if (bytes) sources.push({ kind: "data", data: bytes });
    },
    [datas]: (value) => {
      const list = bytesListOf(value);
      if (list?.length) sources.push({ kind: "datas", datas: list });
      else emptyLists[1] = value;
    },
  };
  return { readers, sources, emptyLists };
}

function identityOrDefault(node: JsonNode | undefined): SignedIdentity {
  return node ? readIdentity(node) : DEFAULT_IDENTITY;
}
