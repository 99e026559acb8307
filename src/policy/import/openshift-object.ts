/**
 * OpenShift's ClusterImagePolicy and ImagePolicy: one object to its scopes and its requirement, with the checks that
 * the API server makes.
 *
 * @see {@link https://github.com/openshift/api/blob/5886a58a/config/v1/types_image_policy.go}
 * @module
 */
import { type JsonNode, stringOf } from "../../core/strict-json.ts";
import { hintFor } from "../hint.ts";
import { policyError } from "../members.ts";
import { quote } from "../quote.ts";
import type { PkiTrust, SignedIdentity, SigstoreSigned, SigstoreTrust } from "../types.ts";
import { bytesUpTo, itemsOf, readMembers, textUpTo } from "./objects.ts";
import { openShiftScopeProblem, repositoryProblem } from "./openshift-scopes.ts";

/** What a policy object says. */
export interface OpenShiftPolicy {
  readonly scopes: readonly { readonly scope: string; readonly node: JsonNode }[];
  readonly requirement: SigstoreSigned;
}

const MAX_SCOPES = 256;
/** Longest data in base64, in characters. */
const MAX_DATA = 8192;
const MAX_ISSUER = 2048;
const MAX_EMAIL = 320;
const MAX_HOSTNAME = 253;

/** Reads the `spec` of a policy object. */
export function readOpenShiftSpec(node: JsonNode): OpenShiftPolicy {
  let scopes: OpenShiftPolicy["scopes"] = [];
  let requirement: SigstoreSigned | undefined;
  readMembers(
    node,
    {
      scopes: (value) => {
        scopes = readScopes(value);
      },
      policy: (value) => {
        requirement = readPolicy(value);
      },
    },
    ["scopes", "policy"],
  );
  if (!requirement) throw new TypeError("a policy that is required and not there");
  return { scopes, requirement };
}

function readScopes(node: JsonNode): OpenShiftPolicy["scopes"] {
  const items = itemsOf(node);
  if (items.length > MAX_SCOPES) {
    throw policyError(node, "ERR_POLICY_IMPORT", `more than ${MAX_SCOPES} scopes`);
  }
  const seen = new Set<string>();
  return items.map((item) => {
    const scope = stringOf(item);
    const problem = openShiftScopeProblem(scope);
    if (problem !== undefined) {
      throw policyError(item, "ERR_POLICY_IMPORT", `the scope ${quote(scope)} is refused: ${problem}`);
    }
    if (seen.has(scope))
      throw policyError(item, "ERR_POLICY_DUPLICATE_KEY", `the scope ${quote(scope)} twice`);
    seen.add(scope);
    return { scope, node: item };
  });
}

function readPolicy(node: JsonNode): SigstoreSigned {
  let trust: SigstoreTrust | undefined;
  let signedIdentity: SignedIdentity = { type: "matchRepoDigestOrExact" };
  readMembers(
    node,
    {
      rootOfTrust: (value) => {
        trust = readRootOfTrust(value);
      },
      signedIdentity: (value) => {
        signedIdentity = readIdentity(value);
      },
    },
    ["rootOfTrust"],
  );
  if (!trust) throw new TypeError("a root of trust that is required and not there");
  return { type: "sigstoreSigned", trust, signedIdentity };
}

const POLICY_TYPES = { PublicKey: "publicKey", FulcioCAWithRekor: "fulcioCAWithRekor", PKI: "pki" } as const;

/** Exactly the member that the type names is there. */
function readRootOfTrust(node: JsonNode): SigstoreTrust {
  let type = "";
  const trusts = new Map<string, SigstoreTrust>();
  const keep = (name: string, read: (value: JsonNode) => SigstoreTrust) => (value: JsonNode) => {
    trusts.set(name, read(value));
  };
  readMembers(
    node,
    {
      policyType: (value) => {
        type = oneOf(value, Object.keys(POLICY_TYPES));
      },
      publicKey: keep("publicKey", readPublicKey),
      fulcioCAWithRekor: keep("fulcioCAWithRekor", readFulcio),
      pki: keep("pki", readPki),
    },
    ["policyType"],
  );
  const member = POLICY_TYPES[type as keyof typeof POLICY_TYPES];
  const trust = trusts.get(member);
  if (trust && trusts.size === 1) return trust;
  const message = `${member}, and nothing else, must be there with the policyType ${type}`;
  throw policyError(node, "ERR_POLICY_IMPORT", message);
}

function readPublicKey(node: JsonNode): SigstoreTrust {
  const { keyData, rekorKeyData } = readData(node, ["keyData"], ["rekorKeyData"]);
  return {
    kind: "keys",
    keys: dataOf(keyData),
    // An empty value is no value to the operator.
    ...(rekorKeyData?.byteLength ? { rekor: dataOf(rekorKeyData) } : {}),
  };
}

function readFulcio(node: JsonNode): SigstoreTrust {
  let oidcIssuer = "";
  let subjectEmail = "";
  const { fulcioCAData, rekorKeyData } = readData(node, ["fulcioCAData", "rekorKeyData"], [], {
    fulcioSubject: (value) => {
      readMembers(
        value,
        {
          oidcIssuer: (text) => {
            oidcIssuer = textUpTo(text, MAX_ISSUER);
            if (!URL.canParse(oidcIssuer))
              throw policyError(text, "ERR_POLICY_IMPORT", "the issuer is no URL");
          },
          signedEmail: (text) => {
            subjectEmail = readEmail(text);
          },
        },
        ["oidcIssuer", "signedEmail"],
      );
    },
  });
  const [ca, rekor] = [dataOf(fulcioCAData), dataOf(rekorKeyData)];
  return { kind: "fulcio", ca, oidcIssuer, subjectEmail, rekor };
}

function readPki(node: JsonNode): SigstoreTrust {
  const subject: { -readonly [K in "subjectEmail" | "subjectHostname"]?: NonNullable<PkiTrust[K]> } = {};
  const { caRootsData, caIntermediatesData } = readData(node, ["caRootsData"], ["caIntermediatesData"], {
    pkiCertificateSubject: (value) => {
      readMembers(value, {
        email: (text) => {
          subject.subjectEmail = readEmail(text);
        },
        hostname: (text) => {
          subject.subjectHostname = readHostname(text);
        },
      });
      if (subject.subjectEmail === undefined && subject.subjectHostname === undefined) {
        throw policyError(
          value,
          "ERR_POLICY_SUBJECT_MISSING",
          "at least one of email and hostname must be set",
        );
      }
    },
  });
  for (const pem of [caRootsData, caIntermediatesData]) {
    if (pem && !isCertificateList(pem)) {
      throw policyError(node, "ERR_POLICY_IMPORT", "certificates begin and end with the lines of PEM");
    }
  }
  return {
    kind: "pki",
    caRoots: dataOf(caRootsData),
    ...(caIntermediatesData ? { caIntermediates: dataOf(caIntermediatesData) } : {}),
    ...subject,
  };
}

const BEGIN = "-----BEGIN CERTIFICATE-----";
const END = "-----END CERTIFICATE-----";

function isCertificateList(pem: Uint8Array): boolean {
  const text = Buffer.from(pem).toString("latin1");
  const balanced = text.split(BEGIN).length === text.split(END).length;
  return balanced && text.startsWith(BEGIN) && (text.endsWith(END) || text.endsWith(`${END}\n`));
}

/** Reads an object of data in base64 and what else it holds, all of which is required but the optional data. */
function readData<R extends string, O extends string>(
  node: JsonNode,
  required: readonly R[],
  optional: readonly O[],
  others: Readonly<Record<string, (value: JsonNode) => void>> = {},
): Record<R, Uint8Array> & Partial<Record<O, Uint8Array>> {
  const data: Record<string, Uint8Array> = {};
  const readers: Record<string, (value: JsonNode) => void> = { ...others };
  for (const name of [...required, ...optional]) {
    readers[name] = (value) => {
      data[name] = bytesUpTo(value, MAX_DATA);
    };
  }
  readMembers(node, readers, [...required, ...Object.keys(others)]);
  return data as Record<R, Uint8Array> & Partial<Record<O, Uint8Array>>;
}

function dataOf(data: Uint8Array): { readonly kind: "data"; readonly data: Uint8Array } {
  return { kind: "data", data };
}

function readEmail(node: JsonNode): string {
  const email = textUpTo(node, MAX_EMAIL);
  const at = email.indexOf("@", 1);
  if (at > 0 && at < email.length - 1 && !/\s/.test(email)) return email;
  throw policyError(node, "ERR_POLICY_IMPORT", `${quote(email)} is no e-mail address`);
}

function readHostname(node: JsonNode): string {
  const hostname = textUpTo(node, MAX_HOSTNAME);
  const labels = (hostname.startsWith("*.") ? hostname.slice(2) : hostname).split(".");
  if (labels.every((label) => /^[a-z0-9](?:[a-z0-9-]*[a-z0-9])?$/.test(label))) return hostname;
  throw policyError(node, "ERR_POLICY_IMPORT", `${quote(hostname)} is no host name`);
}

/** The identity, with exactly the member that its policy calls for. */
function readIdentity(node: JsonNode): SignedIdentity {
  let matchPolicy = "";
  let exact: SignedIdentity | undefined;
  let remap: SignedIdentity | undefined;
  readMembers(
    node,
    {
      matchPolicy: (value) => {
        matchPolicy = oneOf(value, [
          "MatchRepoDigestOrExact",
          "MatchRepository",
          "ExactRepository",
          "RemapIdentity",
        ]);
      },
      exactRepository: (value) => {
        const [dockerRepository = ""] = readRepositories(value, ["repository"]);
        exact = { type: "exactRepository", dockerRepository };
      },
      remapIdentity: (value) => {
        const [prefix = "", signedPrefix = ""] = readRepositories(value, ["prefix", "signedPrefix"]);
        remap = { type: "remapIdentity", prefix, signedPrefix };
      },
    },
    ["matchPolicy"],
  );
  if (!!exact !== (matchPolicy === "ExactRepository") || !!remap !== (matchPolicy === "RemapIdentity")) {
    const message = `exactRepository and remapIdentity must be there exactly where the matchPolicy, ${matchPolicy}, is theirs`;
    throw policyError(node, "ERR_POLICY_IMPORT", message);
  }
  if (exact ?? remap) return (exact ?? remap) as SignedIdentity;
  return { type: matchPolicy === "MatchRepository" ? "matchRepository" : "matchRepoDigestOrExact" };
}

function readRepositories(node: JsonNode, names: readonly string[]): string[] {
  const texts = new Map<string, string>();
  const readers: Record<string, (value: JsonNode) => void> = {};
  for (const name of names) {
    readers[name] = (value) => {
      const text = stringOf(value);
      const problem = repositoryProblem(text);
      if (problem !== undefined) throw policyError(value, "ERR_POLICY_IMPORT", `${quote(text)}: ${problem}`);
      texts.set(name, text);
    };
  }
  readMembers(node, readers, names);
  return names.map((name) => texts.get(name) ?? "");
}

function oneOf(node: JsonNode, known: readonly string[]): string {
  const text = stringOf(node);
  if (known.includes(text)) return text;
  throw policyError(
    node,
    "ERR_POLICY_IMPORT",
    `unknown value ${quote(text)}`,
    undefined,
    hintFor(text, known),
  );
}
