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
 * not read. Names match exactly and no member may stand twice.
 *
 * @throws {SeccompError} `ERR_SECCOMP_SYNTAX`, `ERR_SECCOMP_TYPE` for what is no such object, `ERR_SECCOMP_TOO_LARGE`.
 */
export function readOperatorProfile(
  input: Uint8Array | string,
  options: ReadRecordingOptions = {},
): Recording {
  const { maxBytes = 64 * 1024 * 1024 } = options;
  try {
    const calls = new Map<string, RecordedCall>();
    const architectures = new Set<string>();
    const over: PassedOver[] = [];
    for (const object of objectsIn(parseJson(input, { maxBytes }))) {
      const spec = member(object, "spec");
      if (!spec) throw jsonError(object, "ERR_JSON_MISSING_KEY", "a SeccompProfile without spec");
      const base = member(spec, "baseProfileName");
      if (base && stringOf(base) !== "") over.push(passedOver("base-profile", stringOf(base)));
      const profile = profileIn(spec, "containerd");
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
  } catch (error) {
    if (!(error instanceof CoreError)) throw error;
    const code = CODES[error.code] ?? "ERR_SECCOMP_TYPE";
    throw new SeccompError(code, error.message, { cause: error, position: error.position });
  }
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
