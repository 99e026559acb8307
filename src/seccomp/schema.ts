/**
 * JSON Schemas of the two profile formats, and a check of a file against them.
 *
 * Running a profile never needs this: engines are more lenient. It finds what they overlook, such as a
 * misspelt action or a member in the wrong place.
 *
 * @see {@link https://github.com/opencontainers/runtime-spec/blob/v1.2.1/schema/config-linux.json}
 * @module
 */
import type { ErrorObject, ValidateFunction } from "ajv";
import { CoreError, type JsonPosition } from "../core/errors.ts";
import { nearestNode, parseJsonPointer } from "../core/json-pointer.ts";
import { type JsonNode, parseJson, positionOf } from "../core/strict-json.ts";
import { SECCOMP_ARCHES } from "./arch.ts";
import { ERRNO_NUMBERS } from "./errno.ts";
import { SeccompError } from "./errors.ts";
import { profileOf } from "./parse.ts";

/** The form a profile is written in. */
export type ProfileFormat =
  /** The `linux.seccomp` object: what containerd takes as a Localhost profile. */
  | "runtime-spec"
  /** What CRI-O and Podman take, with `archMap`, `includes` and names of errno values. */
  | "containers-common"
  /** What Docker takes, with `archMap`, `includes` and `minKernel`. */
  | "moby";

/** Something wrong with a profile. */
export interface ProfileProblem {
  /** Stable identifier: `duplicate-key`, `type`, `out-of-range`, or a keyword of JSON Schema such as `enum`. */
  kind: string;
  message: string;
  /** Where it stands. */
  position: JsonPosition;
}

/** Options of {@link validateProfile}. */
export interface ValidateProfileOptions {
  /** Default `"containers-common"`. */
  format?: ProfileFormat | undefined;
  /** Longest profile accepted, in bytes. Default 4 MiB (4194304). */
  maxBytes?: number | undefined;
  /** Most problems reported. Default 100. */
  maxProblems?: number | undefined;
}

/** A JSON Schema as plain data. */
export type JsonSchema = { readonly [keyword: string]: unknown };

const ACTIONS = ["KILL", "KILL_PROCESS", "KILL_THREAD", "TRAP", "ERRNO", "TRACE", "ALLOW", "LOG", "NOTIFY"];
const OPERATORS = ["NE", "LT", "LE", "EQ", "GE", "GT", "MASKED_EQ"];
const FLAGS = ["TSYNC", "LOG", "SPEC_ALLOW", "WAIT_KILLABLE_RECV"];

const text: JsonSchema = { type: "string" };
const texts: JsonSchema = { type: "array", items: text };
const number: JsonSchema = { type: "integer", minimum: 0 };
const action: JsonSchema = { enum: ACTIONS.map((name) => `SCMP_ACT_${name}`) };
const architecture: JsonSchema = { enum: SECCOMP_ARCHES.map(({ scmp }) => scmp) };
const architectures: JsonSchema = { type: "array", items: architecture };
const names: JsonSchema = { type: "array", minItems: 1, items: { type: "string", minLength: 1 } };
const errnoName: JsonSchema = {
  anyOf: [{ enum: [...ERRNO_NUMBERS.keys()] }, { type: "string", pattern: "^[0-9]+$" }],
};

const args: JsonSchema = {
  type: "array",
  items: object(
    {
      index: { ...number, maximum: 5 },
      value: number,
      valueTwo: number,
      op: { enum: OPERATORS.map((name) => `SCMP_CMP_${name}`) },
    },
    ["index", "value", "op"],
  ),
};

const profileFields = {
  defaultAction: action,
  defaultErrnoRet: number,
  architectures,
  flags: { type: "array", items: { enum: FLAGS.map((name) => `SECCOMP_FILTER_FLAG_${name}`) } },
  listenerPath: text,
  listenerMetadata: text,
};
const ruleFields = { names, action, errnoRet: number, args };
const archMap: JsonSchema = {
  type: "array",
  items: object({ architecture, subArchitectures: { ...architectures, type: ["array", "null"] } }, [
    "architecture",
  ]),
};

/** The schema of a format. Members that no engine of the format reads are errors. */
export function profileSchema(format: ProfileFormat): JsonSchema {
  const fields = {
    "runtime-spec": {},
    "containers-common": { archMap, defaultErrno: errnoName },
    moby: { archMap },
  }[format];
  if (fields === undefined) throw new TypeError(`unknown format ${JSON.stringify(format)}`);
  return {
    ...object(
      { ...profileFields, ...fields, syscalls: { type: ["array", "null"], items: ruleSchema(format) } },
      ["defaultAction"],
    ),
    dependentRequired: { listenerMetadata: ["listenerPath"] },
  };
}

function ruleSchema(format: ProfileFormat): JsonSchema {
  if (format === "runtime-spec") return object(ruleFields, ["names", "action"]);
  const condition = object({
    caps: texts,
    arches: texts,
    ...(format === "moby" ? { minKernel: { type: "string", pattern: "^[0-9]+\\.[0-9]+$" } } : {}),
  });
  const own = format === "containers-common" ? { errno: errnoName } : {};
  return {
    ...object(
      {
        ...ruleFields,
        args: { ...args, type: ["array", "null"] },
        name: { type: "string", minLength: 1 },
        comment: text,
        includes: condition,
        excludes: condition,
        ...own,
      },
      ["action"],
    ),
    oneOf: [{ required: ["name"] }, { required: ["names"] }],
  };
}

function object(properties: Record<string, JsonSchema>, required: string[] = []): JsonSchema {
  return { type: "object", properties, required, additionalProperties: false };
}

const validators = new Map<ProfileFormat, Promise<ValidateFunction>>();

function validatorFor(format: ProfileFormat): Promise<ValidateFunction> {
  let validator = validators.get(format);
  if (!validator) {
    validator = compile(format);
    validators.set(format, validator);
  }
  return validator;
}

/** Compiled at first use, so that importing this module does not load the validator. */
async function compile(format: ProfileFormat): Promise<ValidateFunction> {
  const schema = profileSchema(format);
  const { Ajv2019 } = await import("ajv/dist/2019.js");
  return new Ajv2019({ allErrors: true, strict: false }).compile(schema);
}

/**
 * What is wrong with a profile file, in the order of its text; nothing for a good one.
 *
 * A profile without problems may still do something else than its author wants: convert and evaluate it.
 * Whether names of system calls exist is not checked.
 *
 * @throws {SeccompError} `ERR_SECCOMP_SYNTAX` for a text that is not JSON, `ERR_SECCOMP_TOO_LARGE`.
 */
export async function validateProfile(
  input: Uint8Array | string,
  options: ValidateProfileOptions = {},
): Promise<ProfileProblem[]> {
  const { format = "containers-common", maxBytes, maxProblems = 100 } = options;
  await validatorFor(format);
  return problemsIn(rootOf(input, maxBytes), { format, maxProblems });
}

/** As {@link validateProfile}, of a text that was read already; its limits are the ones it was read with. */
export async function problemsIn(
  root: JsonNode,
  { format, maxProblems }: { format: ProfileFormat; maxProblems: number },
): Promise<ProfileProblem[]> {
  const validate = await validatorFor(format);
  const found = duplicates(root);
  if (!validate(plain(root))) {
    const own = (validate.errors ?? []).filter(isOwn).slice(0, MAX_FOUND);
    found.push(...own.map((error) => foundBy(root, error)));
  }
  // Line and column are counted for the reported ones only: each count goes through the text.
  found.sort((a, b) => a.node.offset - b.node.offset);
  const problems = found
    .slice(0, maxProblems)
    .map(({ kind, message, node }) => ({ kind, message, position: positionOf(node) }));
  problems.push(...engineProblem(root, format, found));
  problems.sort((a, b) => a.position.offset - b.position.offset);
  return problems.slice(0, maxProblems);
}

/** What the validator finds after that is dropped: looking up its place takes time. */
const MAX_FOUND = 1000;

interface Found {
  kind: string;
  message: string;
  node: JsonNode;
}

/** The tree of a profile's text. Throws as {@link validateProfile} does. */
export function rootOf(
  input: Uint8Array | string,
  maxBytes: number | undefined,
  maxDepth?: number | undefined,
): JsonNode {
  try {
    return parseJson(input, { maxBytes, maxDepth, duplicateKeys: "keep" });
  } catch (error) {
    if (!(error instanceof CoreError)) throw error;
    const code = error.code === "ERR_TOO_LARGE" ? "ERR_SECCOMP_TOO_LARGE" : "ERR_SECCOMP_SYNTAX";
    throw new SeccompError(code, error.message, { cause: error, position: error.position });
  }
}

/** Members that stand twice, in any letter case: programs disagree on which of them counts. */
function duplicates(root: JsonNode): Found[] {
  const found: Found[] = [];
  const open = [root];
  for (let node = open.pop(); node; node = open.pop()) {
    // One by one: a list can have more items than a call takes arguments.
    if (node.kind === "array") for (const item of node.items) open.push(item);
    if (node.kind !== "object") continue;
    const seen = new Set<string>();
    for (const { key, value } of node.members) {
      const folded = key.toLowerCase();
      if (seen.has(folded)) {
        found.push({ kind: "duplicate-key", message: `${JSON.stringify(key)} stands twice`, node: value });
      }
      seen.add(folded);
      open.push(value);
    }
  }
  return found;
}

/** What the engine itself refuses and a schema cannot say: numbers above 64 bits, a kernel of 0.0. */
function engineProblem(root: JsonNode, format: ProfileFormat, known: readonly Found[]): ProfileProblem[] {
  try {
    profileOf(root, format === "runtime-spec" ? "containerd" : format);
    return [];
  } catch (error) {
    if (!(error instanceof SeccompError) || !error.position) throw error;
    const { position, message } = error;
    if (known.some((problem) => problem.node.offset === position.offset)) return [];
    return [{ kind: error.code === "ERR_SECCOMP_TYPE" ? "type" : "out-of-range", message, position }];
  }
}

/** Deeper than any member that a schema looks at. */
const SCHEMA_DEPTH = 16;

/**
 * The text as data for the validator: numbers as doubles, which is enough to tell a whole one above 0, and nothing
 * of what lies deeper than a schema looks.
 */
function plain(node: JsonNode, depth = 0): unknown {
  if (depth > SCHEMA_DEPTH) return null;
  if (node.kind === "array") return node.items.map((item) => plain(item, depth + 1));
  if (node.kind === "object") {
    const result: Record<string, unknown> = Object.create(null);
    for (const { key, value } of node.members) result[key] = plain(value, depth + 1);
    return result;
  }
  if (node.kind === "number") return Number(node.text);
  return node.kind === "null" ? null : node.value;
}

/** Of an alternative only the summary is reported. */
function isOwn({ schemaPath }: ErrorObject): boolean {
  return !/\/(?:anyOf|oneOf)\/[0-9]+\//.test(schemaPath);
}

function foundBy(root: JsonNode, { keyword, instancePath, params, message }: ErrorObject): Found {
  const path = parseJsonPointer(instancePath);
  const extra = keyword === "additionalProperties" ? String(params["additionalProperty"]) : undefined;
  const node = nearestNode(root, extra === undefined ? path : [...path, extra]);
  const what = extra === undefined ? (message ?? keyword) : `unknown member ${JSON.stringify(extra)}`;
  return { kind: keyword, message: what, node };
}
