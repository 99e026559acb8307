/**
 * A ClusterImagePolicy of sigstore's policy-controller, read strictly; what its parts mean is told elsewhere.
 *
 * @see {@link https://github.com/sigstore/policy-controller/blob/048185e1/pkg/apis/policy/v1beta1/clusterimagepolicy_types.go}
 * @module
 */
import { booleanOf, type JsonNode, stringOf } from "../../core/strict-json.ts";
import { policyError } from "../members.ts";
import { quote } from "../quote.ts";
import { itemsOf, readMembers } from "./objects.ts";
import { isGlob } from "./policy-controller-globs.ts";

/** A value with its place. */
export interface Placed<T> {
  readonly value: T;
  readonly node: JsonNode;
}

/** A policy. */
export interface ControllerPolicy {
  readonly globs: readonly Placed<string>[];
  readonly authorities: readonly Authority[];
  /** A condition in CUE or Rego. */
  readonly condition: JsonNode | undefined;
  readonly mode: Placed<string> | undefined;
  readonly match: JsonNode | undefined;
}

/** Who must have signed. */
export interface Authority {
  readonly node: JsonNode;
  readonly check:
    | { readonly kind: "key"; readonly key: KeyReference }
    | { readonly kind: "keyless"; readonly keyless: Keyless }
    | { readonly kind: "static"; readonly action: "pass" | "fail"; readonly message: JsonNode | undefined };
  readonly sources: JsonNode | undefined;
  readonly log: LogReference | undefined;
  readonly attestations: JsonNode | undefined;
  /** The TrustRoot whose timestamps are demanded. */
  readonly timestamp: JsonNode | undefined;
  readonly signatureFormat: Placed<string> | undefined;
}

/** A key, in one of three ways. */
export interface KeyReference {
  readonly node: JsonNode;
  /** PEM. */
  readonly data?: string;
  readonly secret?: { readonly name: string; readonly namespace: string };
  readonly kms?: string;
  readonly hashAlgorithm: string;
}

/** Certificates of an authority. */
export interface Keyless {
  readonly node: JsonNode;
  readonly identities: readonly Identity[];
  readonly certificates: KeyReference | undefined;
  readonly trustRootRef: string | undefined;
  readonly ignoresSct: boolean;
}

/** Whom a certificate is for. */
export interface Identity {
  readonly node: JsonNode;
  readonly issuer?: string;
  readonly subject?: string;
  readonly issuerRegExp?: string;
  readonly subjectRegExp?: string;
}

/** A transparency log. */
export interface LogReference {
  readonly node: JsonNode;
  readonly url: string | undefined;
  readonly trustRootRef: string | undefined;
}

/** Reads the `spec` of a policy. */
export function readControllerSpec(node: JsonNode): ControllerPolicy {
  const globs: Placed<string>[] = [];
  const authorities: Authority[] = [];
  let condition: JsonNode | undefined;
  let mode: Placed<string> | undefined;
  let match: JsonNode | undefined;
  readMembers(
    node,
    {
      images: (value) => {
        for (const item of itemsOf(value)) globs.push(readImage(item));
      },
      authorities: (value) => {
        for (const item of itemsOf(value)) authorities.push(readAuthority(item));
      },
      policy: (value) => {
        condition = value;
      },
      mode: (value) => {
        mode = placedText(value, ["enforce", "warn", ""]);
      },
      match: (value) => {
        if (itemsOf(value).length > 0) match = value;
      },
    },
    ["images"],
  );
  if (globs.length === 0) throw policyError(node, "ERR_POLICY_IMPORT", "a policy for no images");
  if (authorities.length === 0) throw policyError(node, "ERR_POLICY_IMPORT", "a policy without authorities");
  return { globs, authorities, condition, mode, match };
}

function readImage(node: JsonNode): Placed<string> {
  let glob: Placed<string> | undefined;
  readMembers(
    node,
    {
      glob: (value) => {
        glob = { value: stringOf(value), node: value };
      },
    },
    ["glob"],
  );
  if (glob && isGlob(glob.value)) return glob;
  throw policyError(glob?.node ?? node, "ERR_POLICY_IMPORT", `invalid glob ${quote(glob?.value ?? "")}`);
}

function readAuthority(node: JsonNode): Authority {
  const checks: Authority["check"][] = [];
  let sources: JsonNode | undefined;
  let log: LogReference | undefined;
  let attestations: JsonNode | undefined;
  let timestamp: JsonNode | undefined;
  let signatureFormat: Placed<string> | undefined;
  readMembers(node, {
    name: stringOf,
    key: (value) => {
      checks.push({ kind: "key", key: readKey(value) });
    },
    keyless: (value) => {
      checks.push({ kind: "keyless", keyless: readKeyless(value) });
    },
    static: (value) => {
      checks.push(readStatic(value));
    },
    source: (value) => {
      for (const item of itemsOf(value)) readSource(item);
      if (itemsOf(value).length > 0) sources = value;
    },
    ctlog: (value) => {
      log = readLog(value);
    },
    attestations: (value) => {
      if (itemsOf(value).length > 0) attestations = value;
    },
    rfc3161timestamp: (value) => {
      readMembers(value, {
        trustRootRef: (text) => {
          if (stringOf(text) !== "") timestamp = text;
        },
      });
    },
    signatureFormat: (value) => {
      signatureFormat = placedText(value, ["legacy", "bundle", ""]);
    },
  });
  const [check] = checks;
  if (!check || checks.length > 1) {
    throw policyError(node, "ERR_POLICY_IMPORT", "exactly one of key, keyless and static must be there");
  }
  if (check.kind === "static" && (sources || log || attestations)) {
    throw policyError(node, "ERR_POLICY_IMPORT", "static goes with no source, ctlog and attestations");
  }
  return { node, check, sources, log, attestations, timestamp, signatureFormat };
}

function readKey(node: JsonNode): KeyReference {
  const key: { -readonly [K in keyof KeyReference]: KeyReference[K] } = { node, hashAlgorithm: "" };
  readMembers(node, {
    data: (value) => {
      if (stringOf(value) !== "") key.data = stringOf(value);
    },
    kms: (value) => {
      if (stringOf(value) !== "") key.kms = stringOf(value);
    },
    hashAlgorithm: (value) => {
      key.hashAlgorithm = stringOf(value);
    },
    secretRef: (value) => {
      let name = "";
      let namespace = "";
      readMembers(value, {
        name: (text) => {
          name = stringOf(text);
        },
        namespace: (text) => {
          namespace = stringOf(text);
        },
      });
      key.secret = { name, namespace };
    },
  });
  const ways = [key.data, key.kms, key.secret].filter((way) => way !== undefined).length;
  if (ways === 1) return key;
  throw policyError(node, "ERR_POLICY_IMPORT", "exactly one of data, kms and secretRef must be there");
}

function readKeyless(node: JsonNode): Keyless {
  const identities: Identity[] = [];
  let hasUrl = false;
  let certificates: KeyReference | undefined;
  let trustRootRef: string | undefined;
  let ignoresSct = false;
  readMembers(node, {
    url: (value) => {
      hasUrl = stringOf(value) !== "";
    },
    identities: (value) => {
      for (const item of itemsOf(value)) identities.push(readIdentity(item));
    },
    "ca-cert": (value) => {
      certificates = readKey(value);
    },
    trustRootRef: (value) => {
      trustRootRef = stringOf(value) || undefined;
    },
    insecureIgnoreSCT: (value) => {
      ignoresSct = booleanOf(value);
    },
  });
  if (hasUrl && certificates) {
    throw policyError(node, "ERR_POLICY_IMPORT", "only one of url and ca-cert may be there");
  }
  return { node, identities, certificates, trustRootRef, ignoresSct };
}

const IDENTITY_MEMBERS = ["issuer", "subject", "issuerRegExp", "subjectRegExp"] as const;

function readIdentity(node: JsonNode): Identity {
  const identity: { -readonly [K in keyof Identity]: Identity[K] } = { node };
  const readers: Record<string, (value: JsonNode) => void> = {};
  for (const name of IDENTITY_MEMBERS) {
    readers[name] = (value) => {
      if (stringOf(value) !== "") identity[name] = stringOf(value);
    };
  }
  readMembers(node, readers);
  return identity;
}

function readStatic(node: JsonNode): Authority["check"] {
  let action = "";
  let message: JsonNode | undefined;
  readMembers(
    node,
    {
      action: (value) => {
        action = placedText(value, ["pass", "fail"]).value;
      },
      message: (value) => {
        if (stringOf(value) !== "") message = value;
      },
    },
    ["action"],
  );
  return { kind: "static", action: action === "pass" ? "pass" : "fail", message };
}

function readSource(node: JsonNode): void {
  readMembers(node, {
    oci: stringOf,
    tagPrefix: stringOf,
    signaturePullSecrets: (value) => {
      for (const item of itemsOf(value)) readMembers(item, { name: stringOf });
    },
  });
}

function readLog(node: JsonNode): LogReference {
  let url: string | undefined;
  let trustRootRef: string | undefined;
  readMembers(node, {
    url: (value) => {
      url = stringOf(value) || undefined;
    },
    trustRootRef: (value) => {
      trustRootRef = stringOf(value) || undefined;
    },
  });
  return { node, url, trustRootRef };
}

function placedText(node: JsonNode, known: readonly string[]): Placed<string> {
  const value = stringOf(node);
  if (known.includes(value)) return { value, node };
  throw policyError(node, "ERR_POLICY_IMPORT", `unknown value ${quote(value)}`);
}
