/**
 * `signedIdentity` objects.
 *
 * @module
 */
import { messageOf } from "../core/message-of.ts";
import { isReferenceDomain, parseReferenceName, type Reference } from "../core/reference.ts";
import type { JsonNode } from "../core/strict-json.ts";
import { hintFor } from "./hint.ts";
import { policyError, readStrict, textOf, typeMember } from "./members.ts";
import { quote } from "./quote.ts";
import { LIMIT, parseImageReference } from "./reference.ts";
import type { SignedIdentity } from "./types.ts";

/** What applies where a requirement has no `signedIdentity`, for every transport and signature format. */
export const DEFAULT_IDENTITY: SignedIdentity = { type: "matchRepoDigestOrExact" };

const IDENTITY_TYPES: readonly SignedIdentity["type"][] = [
  "matchExact",
  "matchRepoDigestOrExact",
  "matchRepository",
  "exactReference",
  "exactRepository",
  "remapIdentity",
];

/** Reads an identity object. */
export function readIdentity(node: JsonNode): SignedIdentity {
  const type = typeMember(node);
  switch (type) {
    case "matchExact":
    case "matchRepoDigestOrExact":
    case "matchRepository":
      readTexts(node, []);
      return { type };
    case "exactReference":
      return readExactReference(node);
    case "exactRepository":
      return readExactRepository(node);
    case "remapIdentity":
      return readRemapIdentity(node);
    default:
      throw policyError(
        node,
        "ERR_POLICY_UNKNOWN_IDENTITY_TYPE",
        `Unknown policy reference match type ${quote(type)}`,
        undefined,
        hintFor(type, IDENTITY_TYPES),
      );
  }
}

function readExactReference(node: JsonNode): SignedIdentity {
  const [dockerReference = ""] = readTexts(node, ["dockerReference"]);
  const reference = parse(node, "dockerReference", dockerReference);
  if (reference.tag === undefined && reference.digest === undefined) {
    throw policyError(
      node,
      "ERR_POLICY_INVALID_REFERENCE",
      `dockerReference ${quote(dockerReference)} contains neither a tag nor digest`,
    );
  }
  return { type: "exactReference", dockerReference };
}

function readExactRepository(node: JsonNode): SignedIdentity {
  const [dockerRepository = ""] = readTexts(node, ["dockerRepository"]);
  parse(node, "dockerRepository", dockerRepository);
  return { type: "exactRepository", dockerRepository };
}

function readRemapIdentity(node: JsonNode): SignedIdentity {
  const [prefix = "", signedPrefix = ""] = readTexts(node, ["prefix", "signedPrefix"]);
  for (const text of [prefix, signedPrefix]) {
    if (isRemapPrefix(text)) continue;
    throw policyError(node, "ERR_POLICY_INVALID_PREFIX", `prefix ${quote(text)} is not valid`);
  }
  return { type: "remapIdentity", prefix, signedPrefix };
}

/** Reads an object of exactly `type` and the named texts, and gives these in the order of the names. */
function readTexts(node: JsonNode, names: readonly string[]): string[] {
  const texts = new Map<string, string>();
  const readers: Record<string, (value: JsonNode) => void> = {};
  for (const name of ["type", ...names]) {
    readers[name] = (value) => {
      texts.set(name, textOf(value));
    };
  }
  readStrict(node, readers, { required: ["type", ...names] });
  return names.map((name) => texts.get(name) ?? "");
}

function parse(node: JsonNode, member: string, text: string): Reference {
  try {
    return parseImageReference(text);
  } catch (cause) {
    const message = `Invalid format of ${member} ${quote(text)}: ${messageOf(cause)}`;
    throw policyError(node, "ERR_POLICY_INVALID_REFERENCE", message, cause);
  }
}

/** Whether a text is a domain, or a repository name that begins with one. */
function isRemapPrefix(text: string): boolean {
  if (isReferenceDomain(text)) return true;
  try {
    return parseReferenceName(text, LIMIT).domain !== "";
  } catch {
    return false;
  }
}
