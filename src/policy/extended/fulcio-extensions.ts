/**
 * What Fulcio writes into a certificate about who asked for it: the name and the extensions.
 *
 * @see {@link https://github.com/sigstore/fulcio/blob/v1.7.1/docs/oid-info.md}
 * @module
 */
import type { Certificate } from "../certificate.ts";
import { SUBJECT_ALT_NAME } from "../certificate.ts";
import { contextTag, derOid, derReader, onlyElement, TAG } from "../der.ts";
import { invalidSignature } from "../errors.ts";

/** Extensions by name, in the order of their identifiers. `issuerV1` and the `githubWorkflow…` ones are deprecated. */
export type FulcioExtension =
  | "issuerV1"
  | "githubWorkflowTrigger"
  | "githubWorkflowSha"
  | "githubWorkflowName"
  | "githubWorkflowRepository"
  | "githubWorkflowRef"
  | "issuer"
  | "buildSignerUri"
  | "buildSignerDigest"
  | "runnerEnvironment"
  | "sourceRepositoryUri"
  | "sourceRepositoryDigest"
  | "sourceRepositoryRef"
  | "sourceRepositoryIdentifier"
  | "sourceRepositoryOwnerUri"
  | "sourceRepositoryOwnerIdentifier"
  | "buildConfigUri"
  | "buildConfigDigest"
  | "buildTrigger"
  | "runInvocationUri"
  | "sourceRepositoryVisibilityAtSigning";

/** Forms of a name: an e-mail address, a URI such as that of a workflow, a DNS name, or Fulcio's user name. */
export type SubjectKind = "email" | "uri" | "dns" | "otherName";

/** Whom Fulcio certified. */
export interface FulcioSubject {
  readonly kind: SubjectKind;
  readonly value: string;
}

/** What a certificate of Fulcio says. */
export interface FulcioIdentity {
  /** The OIDC issuer. */
  readonly issuer: string;
  readonly subject: FulcioSubject;
  readonly extensions: Readonly<Partial<Record<FulcioExtension, string>>>;
}

const ARC = "1.3.6.1.4.1.57264.1.";
const OTHER_NAME = `${ARC}7`;

/** The last arc of each identifier. Those up to 6 hold the text itself, the others a DER UTF8String. */
const NAMES: Readonly<Record<string, FulcioExtension>> = {
  1: "issuerV1",
  2: "githubWorkflowTrigger",
  3: "githubWorkflowSha",
  4: "githubWorkflowName",
  5: "githubWorkflowRepository",
  6: "githubWorkflowRef",
  8: "issuer",
  9: "buildSignerUri",
  10: "buildSignerDigest",
  11: "runnerEnvironment",
  12: "sourceRepositoryUri",
  13: "sourceRepositoryDigest",
  14: "sourceRepositoryRef",
  15: "sourceRepositoryIdentifier",
  16: "sourceRepositoryOwnerUri",
  17: "sourceRepositoryOwnerIdentifier",
  18: "buildConfigUri",
  19: "buildConfigDigest",
  20: "buildTrigger",
  21: "runInvocationUri",
  22: "sourceRepositoryVisibilityAtSigning",
};
const LAST_RAW = 6;

/** Every extension that can be asked for. */
export const FULCIO_EXTENSIONS: readonly FulcioExtension[] = Object.values(NAMES);

const UTF8_STRING = 0x0c;

/**
 * Who a certificate is for.
 *
 * @throws {PolicyError} `ERR_POLICY_INVALID_SIGNATURE` for a certificate without issuer, with two issuers that
 * differ, with no name or several, or with a text that is not what its type must be.
 */
export function fulcioIdentity({ extensions }: Certificate): FulcioIdentity {
  const found: Partial<Record<FulcioExtension, string>> = {};
  let subject: FulcioSubject | undefined;
  for (const { oid, value } of extensions) {
    if (oid === SUBJECT_ALT_NAME) subject = readSubject(value);
    const arc = oid.startsWith(ARC) ? oid.slice(ARC.length) : "";
    const name = Object.hasOwn(NAMES, arc) ? NAMES[arc] : undefined;
    if (name) found[name] = readText(value, Number(arc) <= LAST_RAW, name);
  }
  if (!subject) throw invalidSignature("the certificate names no subject");
  const { issuer = found.issuerV1, issuerV1 = issuer } = found;
  if (issuer === undefined) throw invalidSignature("the certificate names no OIDC issuer");
  if (issuer !== issuerV1) throw invalidSignature("the certificate names two OIDC issuers that differ");
  return { issuer, subject, extensions: found };
}

/** The one name. With several it would be open which of them somebody was certified for. */
function readSubject(value: Uint8Array): FulcioSubject {
  const what = "subject alternative name";
  const names = derReader(onlyElement(value, TAG.SEQUENCE, what).content, what);
  const { tag, content } = names.next();
  if (!names.done) throw invalidSignature("the certificate has several names");
  switch (tag) {
    case contextTag(0, true):
      return { kind: "otherName", value: readOtherName(content) };
    case contextTag(1, false):
      return { kind: "email", value: printable(content) };
    case contextTag(2, false):
      return { kind: "dns", value: printable(content) };
    case contextTag(6, false):
      return { kind: "uri", value: printable(content) };
    default:
      throw invalidSignature("the certificate has a name of a form that Fulcio does not write");
  }
}

function readOtherName(content: Uint8Array): string {
  const what = "other name";
  const reader = derReader(content, what);
  const oid = derOid(reader.next(TAG.OID), what);
  const wrapped = reader.next(contextTag(0, true));
  reader.end();
  if (oid !== OTHER_NAME) throw invalidSignature(`the certificate has a name of the unknown form ${oid}`);
  return readText(wrapped.content, false, what);
}

/** An IA5String without control characters. Eight-bit characters are refused, never cut to seven. */
function printable(content: Buffer): string {
  if (content.length > 0 && content.every((octet) => octet >= 0x20 && octet <= 0x7e)) {
    return content.toString("latin1");
  }
  throw invalidSignature("the certificate has a name with characters that no name has");
}

function readText(value: Uint8Array, raw: boolean, what: string): string {
  const content = raw ? Buffer.from(value) : onlyElement(value, UTF8_STRING, what).content;
  const text = content.toString("utf8");
  if (!Buffer.from(text, "utf8").equals(content)) throw invalidSignature(`${what} is not UTF-8`);
  return text;
}
