/**
 * Calls that the Security Profiles Operator recorded: its SeccompProfile objects.
 *
 * @see {@link https://github.com/kubernetes-sigs/security-profiles-operator/blob/v0.9.1/installation-usage.md}
 * @module
 */
import { CoreError } from "../../core/errors.ts";
import { type JsonNode, jsonError, members, parseJson, stringOf } from "../../core/strict-json.ts";
import { letsThrough } from "../confinement.ts";
import { SeccompError } from "../errors.ts";
import { profileIn } from "../parse.ts";
import { isSyscallName } from "../syscalls.ts";
import type { SeccompProfile } from "../types.ts";
import {
  type PassedOver,
  passedOver,
  type ReadRecordingOptions,
  type RecordedCall,
  type Recording,
} from "./recording.ts";

/**
 * The calls in a SeccompProfile object, or a list of them, as JSON (`kubectl get seccompprofile -o json`).
 *
 * Calls that an entry lets through or logs count; others are in `passedOver`, and so are base profiles, which are
 * not read: see `resolveOperatorProfile`. Names match exactly and no member may stand twice.
 *
 * @throws {SeccompError} `ERR_SECCOMP_SYNTAX`, `ERR_SECCOMP_TYPE` for what is no such object, `ERR_SECCOMP_TOO_LARGE`.
 */
export function readOperatorProfile(
  input: Uint8Array | string,
  options: ReadRecordingOptions = {},
): Recording {
  const calls = new Map<string, RecordedCall>();
  const architectures = new Set<string>();
  const over: PassedOver[] = [];
  for (const { base, profile } of operatorProfiles(input, options)) {
    if (base !== "") over.push(passedOver("base-profile", base));
    for (const arch of profile.architectures ?? []) architectures.add(arch);
    for (const { names, action, args } of profile.syscalls ?? []) {
      for (const name of names ?? []) {
        if (!letsThrough(action)) over.push(passedOver("stopped", name));
        else if (!isSyscallName(name)) over.push(passedOver("unknown-call", name));
        else {
          const key = `${name} ${args?.map(({ index, op, value, valueTwo }) => [index, op, value, valueTwo].join(" "))}`;
          if (!calls.has(key)) calls.set(key, { name, ...(args ? { args } : {}) });
        }
      }
    }
  }
  return { calls: [...calls.values()], architectures: [...architectures], passedOver: over };
}

/** A SeccompProfile object. */
export interface OperatorObject {
  /** `metadata.name`; empty where it has none. */
  name: string;
  /** `spec.baseProfileName`; empty where it has none. */
  base: string;
  /** `spec`, as the operator writes it for containerd and CRI-O. */
  profile: SeccompProfile;
}

/** The objects in a text. Throws as {@link readOperatorProfile}. */
export function operatorProfiles(
  input: Uint8Array | string,
  { maxBytes = 64 * 1024 * 1024 }: ReadRecordingOptions,
): OperatorObject[] {
  try {
    return objectsIn(parseJson(input, { maxBytes })).map((object) => {
      const spec = member(object, "spec");
      if (!spec) throw jsonError(object, "ERR_JSON_MISSING_KEY", "a SeccompProfile without spec");
      const metadata = member(object, "metadata");
      const name = metadata && member(metadata, "name");
      const base = member(spec, "baseProfileName");
      return {
        name: name ? stringOf(name) : "",
        base: base ? stringOf(base) : "",
        profile: profileIn(withNumbers(spec), "containerd"),
      };
    });
  } catch (error) {
    if (!(error instanceof CoreError)) throw error;
    const code = CODES[error.code] ?? "ERR_SECCOMP_TYPE";
    throw new SeccompError(code, error.message, { cause: error, position: error.position });
  }
}

/** Before version v1 of the object an entry's `errnoRet` is a text. */
function withNumbers(spec: JsonNode): JsonNode {
  const syscalls = member(spec, "syscalls");
  if (spec.kind !== "object" || syscalls?.kind !== "array") return spec;
  const numbered = (entry: JsonNode): JsonNode => {
    if (entry.kind !== "object") return entry;
    const members = entry.members.map(({ key, value }) => {
      const isText = key === "errnoRet" && value.kind === "string" && /^[0-9]{1,5}$/.test(value.value);
      return { key, value: isText ? ({ ...value, kind: "number", text: value.value } as JsonNode) : value };
    });
    return { ...entry, members };
  };
  const replaced: JsonNode = { ...syscalls, items: syscalls.items.map(numbered) };
  const members = spec.members.map(({ key, value }) => ({
    key,
    value: value === syscalls ? replaced : value,
  }));
  return { ...spec, members };
}

const CODES: Readonly<Partial<Record<CoreError["code"], SeccompError["code"]>>> = {
  ERR_TOO_LARGE: "ERR_SECCOMP_TOO_LARGE",
  ERR_JSON_SYNTAX: "ERR_SECCOMP_SYNTAX",
  ERR_JSON_TOO_DEEP: "ERR_SECCOMP_SYNTAX",
  ERR_JSON_DUPLICATE_KEY: "ERR_SECCOMP_SYNTAX",
};

function objectsIn(root: JsonNode): JsonNode[] {
  const list = member(root, "items");
  const objects = list?.kind === "array" ? list.items : [root];
  for (const object of objects) {
    const kind = member(object, "kind");
    const version = member(object, "apiVersion");
    const isProfile =
      kind && version && stringOf(kind) === "SeccompProfile" && stringOf(version).startsWith(GROUP);
    if (!isProfile) throw jsonError(object, "ERR_JSON_TYPE", `no SeccompProfile of ${GROUP}`);
  }
  return objects;
}

const GROUP = "security-profiles-operator.x-k8s.io/";

function member(node: JsonNode, name: string): JsonNode | undefined {
  return members(node).find(({ key }) => key === name)?.value;
}
