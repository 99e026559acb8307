/**
 * containers-policy.json: bytes to {@link Policy}, as strictly as the reference implementation reads it.
 *
 * ```text
 * policy       = { "default": requirements, ["transports": { *transport }] }
 * transport    = NAME: { *( SCOPE: requirements ) }
 * requirements = [ 1*requirement ]
 * requirement  = { "type": "insecureAcceptAnything" }
 *              / { "type": "reject" }
 *              / { "type": "signedBy", "keyType": KIND, key, [identity] }
 *              / { "type": "signedBaseLayer", "baseLayerIdentity": match }
 *              / { "type": "sigstoreSigned", ( key / "keyDatas" / fulcio / pki ), [rekor], [identity] }
 * key          = "keyPath" / "keyPaths" / "keyData"
 * rekor        = "rekorPublicKeyPath" / "rekorPublicKeyPaths" / "rekorPublicKeyData" / "rekorPublicKeyDatas"
 * identity     = "signedIdentity": match
 * ```
 *
 * Every object refuses unknown and repeated members, compares names exactly, and ends at its first error.
 *
 * @see {@link https://github.com/podman-container-tools/container-libs/blob/9869b8fd/image/docs/containers-policy.json.5.md}
 * @module
 */
import { type JsonNode, parseJson } from "../core/strict-json.ts";
import { PolicyError } from "./errors.ts";
import { policyError, readStrict, withPolicyErrors } from "./members.ts";
import { readRequirements } from "./parse-requirement.ts";
import { quote } from "./quote.ts";
import { validateScope } from "./scope-validate.ts";
import type { Policy, PolicyRequirement } from "./types.ts";

/** Options of {@link parsePolicy}. */
export interface ParsePolicyOptions {
  /** Longest policy accepted, in bytes. Default 4 MiB (4194304). */
  maxBytes?: number | undefined;
}

/**
 * The policy that a text spells out.
 *
 * Keys and certificates are not opened: a path that leads nowhere shows when an image with a signature is
 * checked. Scopes are validated as far as their transport does so; most notably `docker` accepts any.
 *
 * @throws {PolicyError} With `position` (path, line and column) and, for a name that is not known, `hint`, the
 * message being that of the reference implementation: see `PolicyErrorCode` for the codes.
 * @see {@link https://github.com/podman-container-tools/container-libs/blob/9869b8fd/image/docs/containers-policy.json.5.md}
 */
export function parsePolicy(input: Uint8Array | string, options: ParsePolicyOptions = {}): Policy {
  return withPolicyErrors(() => readPolicy(parseJson(input, { ...options, duplicateKeys: "keep" })));
}

function readPolicy(node: JsonNode): Policy {
  let byDefault: PolicyRequirement[] | undefined;
  let transports: Policy["transports"] = new Map();
  readStrict(node, {
    default: (value) => {
      byDefault = readRequirements(value);
    },
    transports: (value) => {
      transports = readMap(value, readTransport);
    },
  });
  if (!byDefault) throw policyError(node, "ERR_POLICY_MISSING_DEFAULT", "Default policy is missing");
  return { default: byDefault, transports };
}

function readTransport(node: JsonNode, transport: string): ReadonlyMap<string, PolicyRequirement[]> {
  return readMap(node, (value, scope) => {
    if (scope !== "") {
      const reason = validateScope(transport, scope);
      if (reason !== undefined) {
        const cause = new PolicyError("ERR_POLICY_UNKNOWN_KEY", `${transport} scope: ${reason}`);
        const hint = `no scope of the transport ${quote(transport)}: ${reason}`;
        throw policyError(value, "ERR_POLICY_UNKNOWN_KEY", `Unknown key ${quote(scope)}`, cause, hint);
      }
    }
    return readRequirements(value);
  });
}

/** Reads an object of any names, each at most once. */
function readMap<T>(node: JsonNode, read: (value: JsonNode, name: string) => T): Map<string, T> {
  if (node.kind !== "object") {
    throw policyError(node, "ERR_POLICY_NOT_OBJECT", `JSON object expected, got ${node.kind}`);
  }
  const entries = new Map<string, T>();
  for (const { key, value } of node.members) {
    if (entries.has(key)) {
      throw policyError(value, "ERR_POLICY_DUPLICATE_KEY", `Duplicate key ${quote(key)}`);
    }
    entries.set(key, read(value, key));
  }
  return entries;
}
