/**
 * A policy as text.
 *
 * @module
 */
import { PolicyError } from "./errors.ts";
import type { DataSource, KeySource, Policy, PolicyRequirement, SigstoreTrust } from "./types.ts";

type Members = { [name: string]: unknown };

/**
 * The text of a policy, which {@link parsePolicy} reads back as the same policy.
 *
 * Default identities are written out, so the text need not equal the one that the policy was read from.
 *
 * @throws {PolicyError} `ERR_POLICY_KEY_SOURCE_MISSING`, `ERR_POLICY_SUBJECT_MISSING` for an empty path or subject,
 * or keys of no known kind, in a policy made by hand: in a text they would count as absent, and what they demand
 * would be lost.
 */
export function formatPolicy(policy: Policy): string {
  const parts = [`"default": ${JSON.stringify(policy.default.map(membersOf))}`];
  if (policy.transports.size > 0) {
    parts.push(
      `"transports": ${objectText(
        [...policy.transports].map(([transport, scopes]) => [
          transport,
          objectText(
            [...scopes].map(([scope, requirements]) => [scope, JSON.stringify(requirements.map(membersOf))]),
          ),
        ]),
      )}`,
    );
  }
  return `{${parts.join(",")}}`;
}

function membersOf(requirement: PolicyRequirement): Members {
  switch (requirement.type) {
    case "signedBy": {
      const { type, keyType, keys, signedIdentity } = requirement;
      return { type, keyType, ...keyMembers("key", keys), signedIdentity };
    }
    case "sigstoreSigned": {
      const { type, trust, signedIdentity } = requirement;
      return { type, ...trustMembers(trust), signedIdentity };
    }
    default:
      return { ...requirement };
  }
}

function trustMembers(trust: SigstoreTrust): Members {
  switch (trust.kind) {
    case "keys":
      return {
        ...keyMembers("key", trust.keys),
        ...(trust.rekor ? keyMembers("rekorPublicKey", trust.rekor) : {}),
      };
    case "fulcio": {
      const { ca, oidcIssuer, subjectEmail, rekor } = trust;
      return {
        fulcio: { ...keyMembers("ca", ca), oidcIssuer, subjectEmail },
        ...keyMembers("rekorPublicKey", rekor),
      };
    }
    case "pki": {
      const { caRoots, caIntermediates, subjectEmail, subjectHostname } = trust;
      if (subjectEmail === "" || subjectHostname === "") {
        throw new PolicyError("ERR_POLICY_SUBJECT_MISSING", "a subject of pki is the empty text");
      }
      return {
        pki: {
          ...keyMembers("caRoots", caRoots),
          ...(caIntermediates ? keyMembers("caIntermediates", caIntermediates) : {}),
          subjectEmail,
          subjectHostname,
        },
      };
    }
  }
}

function keyMembers(prefix: string, source: KeySource | DataSource): Members {
  switch (source.kind) {
    case "path":
      if (source.path === "") {
        throw new PolicyError("ERR_POLICY_KEY_SOURCE_MISSING", `${prefix}Path is the empty text`);
      }
      return { [`${prefix}Path`]: source.path };
    case "paths":
      return { [`${prefix}Paths`]: source.paths };
    case "data":
      return { [`${prefix}Data`]: base64(source.data) };
    case "datas":
      return { [`${prefix}Datas`]: source.datas.map(base64) };
    default:
      // Outside what the types allow. Left out, it would be a demand less.
      throw new PolicyError(
        "ERR_POLICY_KEY_SOURCE_MISSING",
        `${prefix}: no way to name keys: ${JSON.stringify(source satisfies never)}`,
      );
  }
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString("base64");
}

/** Text of an object of any member names, in order, `__proto__` included. */
function objectText(entries: readonly (readonly [name: string, text: string])[]): string {
  return `{${entries.map(([name, text]) => `${JSON.stringify(name)}:${text}`).join(",")}}`;
}
