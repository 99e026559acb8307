/**
 * In-toto statements: what is claimed about which content.
 *
 * @see {@link https://github.com/in-toto/attestation/blob/v1.1.0/spec/v1/statement.md}
 * @module
 */
import { type Digest, digestAlgorithm, digestHex } from "../../core/digest.ts";
import { isLadingError } from "../../core/errors.ts";
import {
  type JsonNode,
  type JsonValue,
  members,
  parseJson,
  readObject,
  stringOf,
  toPlain,
} from "../../core/strict-json.ts";
import { invalidSignature, PolicyError } from "../errors.ts";
import { listOf, unfit } from "./protobuf-json.ts";

/** What `cosign sign` claims about an image since version 3: that it was signed, no more. */
export const COSIGN_SIGN_PREDICATE = "https://sigstore.dev/cosign/sign/v1";

/** A statement about the content that it was verified for. */
export interface VerifiedStatement {
  /** Such as `https://in-toto.io/Statement/v1`. */
  readonly type: string;
  /** Which of its subjects the content is. */
  readonly subject: { readonly name: string; readonly digest: Digest };
  /** How many subjects it has. */
  readonly subjects: number;
  /** What kind of claim it is. */
  readonly predicateType: string;
  /** The claim itself, as the signer wrote it; nothing about its form is checked. Absent where there is none. */
  readonly predicate?: JsonValue;
  /** The signed text. */
  readonly payload: Uint8Array;
}

const TYPES: readonly string[] = ["https://in-toto.io/Statement/v1", "https://in-toto.io/Statement/v0.1"];
const MAX_SUBJECTS = 10_000;
const MAX_DEPTH = 200;

/**
 * Reads a statement, and finds the subject that has the digest.
 *
 * The digest must stand under its own algorithm, in full and in lower case. Subjects without that algorithm are
 * passed over; a name is no evidence of anything.
 *
 * @throws {PolicyError} `ERR_POLICY_INVALID_SIGNATURE` for anything that is not a statement with subjects and a type
 * of predicate; `ERR_POLICY_REQUIREMENT` where none of its subjects has the digest.
 */
export function readStatement(payload: Uint8Array, digest: Digest): VerifiedStatement {
  let statement: ReturnType<typeof readMembers>;
  try {
    const maxBytes = payload.byteLength;
    statement = readMembers(parseJson(payload, { maxBytes, maxDepth: MAX_DEPTH }));
  } catch (cause) {
    if (!isLadingError(cause)) throw cause;
    throw invalidSignature(`invalid in-toto statement: ${cause.message}`, cause);
  }
  const { type, predicateType, subjects, predicate } = statement;
  const algorithm = digestAlgorithm(digest);
  const found = subjects.find((subject) => subject.digests.get(algorithm) === digestHex(digest));
  if (!found) {
    throw new PolicyError("ERR_POLICY_REQUIREMENT", `the statement is about other content than ${digest}`);
  }
  return {
    type,
    subject: { name: found.name, digest },
    subjects: subjects.length,
    predicateType,
    ...(predicate === undefined ? {} : { predicate }),
    payload,
  };
}

interface Subject {
  name: string;
  digests: ReadonlyMap<string, string>;
}

interface Statement {
  type: string;
  predicateType: string;
  subjects: Subject[];
  predicate: JsonValue | undefined;
}

function readMembers(root: JsonNode): Statement {
  let type = "";
  let predicateType = "";
  let subjects: Subject[] = [];
  let predicate: JsonValue | undefined;
  readObject(
    root,
    {
      _type: (node) => {
        type = stringOf(node);
        if (!TYPES.includes(type)) throw unfit(node, "a statement of no known version");
      },
      predicateType: (node) => {
        predicateType = stringOf(node);
        if (predicateType === "") throw unfit(node, "no type of predicate");
      },
      subject: (node) => {
        subjects = listOf(MAX_SUBJECTS, readSubject)(node);
        if (subjects.length === 0) throw unfit(node, "a statement about nothing");
      },
      predicate: (node) => {
        predicate = toPlain(node);
      },
    },
    // The specification tells readers to pass over what they do not know.
    { required: ["_type", "subject", "predicateType"], unknownKeys: "ignore" },
  );
  return { type, predicateType, subjects, predicate };
}

function readSubject(node: JsonNode): Subject {
  let name = "";
  const digests = new Map<string, string>();
  readObject(
    node,
    {
      name: (value) => {
        if (value.kind !== "null") name = stringOf(value);
      },
      digest: (value) => {
        for (const { key, value: digest } of members(value)) digests.set(key, stringOf(digest));
      },
    },
    { unknownKeys: "ignore" },
  );
  return { name, digests };
}
