/**
 * What is wrong with a document of the image specification.
 *
 * Reading a document never needs this: readers take what is safe to take. It tells an author everything that breaks the
 * specification, whether or not somebody reads the document all the same.
 *
 * @module
 */
import type { ErrorObject, ValidateFunction } from "ajv";
import { assertLimit } from "../../core/bytes.ts";
import { classifyDigest, digestOf, isDigest } from "../../core/digest.ts";
import { CoreError, isLadingError } from "../../core/errors.ts";
import { nearestNode, parseJsonPointer } from "../../core/json-pointer.ts";
import { OCI_INDEX, OCI_MANIFEST } from "../../core/media-types.ts";
import { type JsonNode, type JsonValue, parseJson, positionOf, toPlain } from "../../core/strict-json.ts";
import { readDescriptor } from "../descriptor.ts";
import { foldName } from "../json-names.ts";
import { nodeAt, ROOT, toReading, UnfitValue } from "../json-value.ts";
import { readManifest } from "../manifest.ts";
import { descriptorProblems } from "./descriptor-rules.ts";
import { readImageConfig } from "./image-config.ts";
import type { DocumentProblem, FoundProblem } from "./problem.ts";
import { configProblems, indexProblems, manifestProblems } from "./rules.ts";
import { DOCUMENT_SCHEMAS } from "./schemas.ts";

/** Kinds of documents; `layout` is the file `oci-layout`. */
export type DocumentKind = "manifest" | "index" | "config" | "descriptor" | "layout";

/** What {@link validateDocument} found. */
export type DocumentVerdict =
  /** No rule is broken; the problems are warnings. */
  | { kind: "valid"; problems: readonly DocumentProblem[] }
  /** At least one of the problems is an error. */
  | { kind: "invalid"; problems: readonly DocumentProblem[] };

/** Options of {@link validateDocument}. */
export interface ValidateDocumentOptions {
  /** Largest document accepted, in bytes. Default 4 MiB (4194304). */
  maxBytes?: number | undefined;
  /** Most problems reported; errors come before warnings when there are more. Default 100. */
  maxProblems?: number | undefined;
}

/** What the validator finds after that is dropped: looking up its place takes time. */
const MAX_FOUND = 1000;

type Rules = (root: JsonNode) => Iterable<FoundProblem>;

const RULES: Readonly<Record<DocumentKind, Rules>> = {
  manifest: manifestProblems,
  index: indexProblems,
  config: configProblems,
  descriptor: descriptorProblems,
  layout: () => [],
};

const READERS: Readonly<Record<DocumentKind, (value: unknown) => unknown>> = {
  manifest: (value) => readManifest(value, OCI_MANIFEST, { mediaTypes: "kind" }),
  index: (value) => readManifest(value, OCI_INDEX, { mediaTypes: "kind" }),
  config: readImageConfig,
  descriptor: (value) => readDescriptor(value, ROOT),
  // Its schema says all of it.
  layout: () => undefined,
};

let validators: Promise<(kind: DocumentKind) => ValidateFunction> | undefined;

/** Compiled at first use, so that importing this module does not load the validator. */
async function compile(): Promise<(kind: DocumentKind) => ValidateFunction> {
  const { Ajv2020 } = await import("ajv/dist/2020.js");
  const ajv = new Ajv2020({ allErrors: true, strict: false });
  for (const [name, schema] of Object.entries(DOCUMENT_SCHEMAS)) ajv.addSchema(schema, name);
  return (kind) => {
    const validate = ajv.getSchema(kind);
    if (!validate) throw new TypeError(`unknown kind of document ${JSON.stringify(kind)}`);
    return validate as ValidateFunction;
  };
}

/**
 * What breaks the image specification in a document, in the order of its text.
 *
 * Checked are the structure, digests, base64 and times, the content of `data`, annotations that the specification
 * defines, and that every reader takes the document for the same. Digests of algorithms that lading does not compute
 * are valid. What a descriptor names is not looked at. A text that is no JSON is one problem.
 *
 * @throws {CoreError} `ERR_TOO_LARGE`.
 * @throws {TypeError} for an unknown kind.
 * @see {@link https://github.com/opencontainers/image-spec/blob/v1.1.1/spec.md}
 */
export async function validateDocument(
  kind: DocumentKind,
  bytes: Uint8Array,
  { maxBytes, maxProblems = 100 }: ValidateDocumentOptions = {},
): Promise<DocumentVerdict> {
  assertLimit(maxProblems, "maxProblems");
  if (!Object.hasOwn(RULES, kind)) throw new TypeError(`unknown kind of document ${JSON.stringify(kind)}`);
  validators ??= compile();
  const validate = (await validators)(kind);
  let root: JsonNode;
  try {
    root = parseJson(bytes, { maxBytes, duplicateKeys: "keep" });
  } catch (error) {
    if (!(error instanceof CoreError) || !error.position) throw error;
    const { message, position } = error;
    return { kind: "invalid", problems: [{ level: "error", rule: "syntax", message, position }] };
  }
  const found = [...repeatedNames(root), ...schemaProblems(validate, root), ...RULES[kind](root)];
  found.sort((a, b) => levelOf(a) - levelOf(b) || a.node.offset - b.node.offset);
  // Line and column are counted for the reported ones only: each count goes through the text.
  const kept = found.slice(0, maxProblems);
  const problems = kept.map(
    ({ node, ...rest }): DocumentProblem => ({ ...rest, position: positionOf(node) }),
  );
  if (!kept.some(({ level }) => level === "error")) problems.push(...readerProblem(kind, root));
  const isValid = ![...found, ...problems].some(({ level }) => level === "error");
  problems.sort((a, b) => a.position.offset - b.position.offset);
  return { kind: isValid ? "valid" : "invalid", problems };
}

function levelOf({ level }: FoundProblem): number {
  return level === "error" ? 0 : 1;
}

/** Members that stand twice, in any letter case: programs disagree on which of them counts. */
function repeatedNames(root: JsonNode): FoundProblem[] {
  const found: FoundProblem[] = [];
  const open = [root];
  for (let node = open.pop(); node; node = open.pop()) {
    if (node.kind === "array") open.push(...node.items);
    if (node.kind !== "object") continue;
    // Keys of annotations and labels are data, which no program folds.
    const isData = typeof node.key === "string" && /^(?:annotations|Labels)$/.test(node.key);
    const seen = new Set<string>();
    for (const { key, value } of node.members) {
      const name = isData ? key : foldName(key);
      if (seen.has(name)) {
        const message = `${JSON.stringify(key)} stands twice`;
        found.push({ level: "error", rule: "duplicate-key", message, node: value });
      }
      seen.add(name);
      open.push(value);
    }
  }
  return found;
}

function schemaProblems(validate: ValidateFunction, root: JsonNode): FoundProblem[] {
  if (validate(toDoubles(toPlain(root)))) return [];
  const errors = (validate.errors ?? []).filter(({ keyword }) => keyword !== "anyOf");
  const own = errors.filter(({ schemaPath }) => !/\/anyOf\/0\//.test(schemaPath)).slice(0, MAX_FOUND);
  return own.map((error) => foundBy(root, error));
}

/** Whole numbers as doubles, which is enough to compare them with the bounds of the schemas. */
function toDoubles(value: JsonValue): unknown {
  if (typeof value === "bigint") return Number(value);
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(toDoubles);
  const entries = Object.entries(value).map(([key, member]): [string, unknown] => [key, toDoubles(member)]);
  // The validator looks for members without asking whether they are the object's own.
  return Object.assign(Object.create(null), Object.fromEntries(entries));
}

function foundBy(
  root: JsonNode,
  { keyword, instancePath, message, propertyName }: ErrorObject,
): FoundProblem {
  const path = parseJsonPointer(instancePath);
  const node = nearestNode(root, propertyName === undefined ? path : [...path, propertyName]);
  return { level: "error", rule: keyword, message: message ?? keyword, node };
}

/** What the reader refuses and no rule above says: another spelling of a name, a document of two kinds. */
function readerProblem(kind: DocumentKind, root: JsonNode): DocumentProblem[] {
  try {
    READERS[kind](withKnownDigests(toReading(root), ""));
    return [];
  } catch (thrown) {
    const node = thrown instanceof UnfitValue ? nodeAt(root, thrown.at) : root;
    const error = thrown instanceof UnfitValue ? thrown.toError(node) : thrown;
    if (!isLadingError(error)) throw error;
    const isAmbiguous = /AMBIGUOUS|MISMATCH|SCHEMA1/.test(error.code);
    const rule = isAmbiguous ? "ambiguous" : "unreadable";
    return [{ level: "error", rule, message: error.message, position: positionOf(node) }];
  }
}

const ANY_DIGEST = digestOf("");

/** The document with digests that are valid but not computed by lading replaced, so that its reader goes on. */
function withKnownDigests(value: unknown, key: string): unknown {
  if (Array.isArray(value)) return value.map((item) => withKnownDigests(item, key));
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(
      Object.entries(value).map(([name, member]) => [name, withKnownDigests(member, name)]),
    );
  }
  const isDigestPlace = key === "digest" || key === "diff_ids";
  if (!isDigestPlace || typeof value !== "string" || isDigest(value)) return value;
  return classifyDigest(value).kind === "invalid" ? value : ANY_DIGEST;
}
