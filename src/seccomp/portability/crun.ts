/**
 * How crun reads `linux.seccomp` of a bundle's configuration, which is not as Go programs do: names of members in their
 * own letters only, the first of several, and without a default action, names or an action not at all.
 *
 * @see {@link https://github.com/containers/libocispec}
 * @module
 */
import { type JsonNode, positionOf } from "../../core/json-tree.ts";
import { SeccompError } from "../errors.ts";
import { profileOf } from "../parse.ts";
import { type JsonSchema, profileSchema } from "../schema.ts";
import type { LinuxSeccomp, SeccompProfile } from "../types.ts";

/**
 * The profile that crun reads in an object.
 *
 * @throws {SeccompError} `ERR_SECCOMP_TYPE` with crun's text for a member that must be there, and for a number that is
 *   too large or not whole; `ERR_SECCOMP_UNSUPPORTED` for any other value of another type than its field: crun passes
 *   over some of these, and reads others in its own way.
 */
export function readAsCrun(root: JsonNode): SeccompProfile {
  const read = firstMembers(root, profileSchema("runtime-spec"));
  requireIn(read, "defaultAction");
  for (const rule of itemsOf(memberOf(read, "syscalls"))) {
    requireIn(rule, "names");
    requireIn(rule, "action");
  }
  try {
    return profileOf(read, "containerd");
  } catch (error) {
    if (!(error instanceof SeccompError) || error.code !== "ERR_SECCOMP_TYPE" || isRefusedNumber(error, read))
      throw error;
    const message = "a value of another type than its field, which crun reads in its own way";
    throw new SeccompError("ERR_SECCOMP_UNSUPPORTED", message, { cause: error, position: error.position });
  }
}

/** What crun says to an object that a program hands on with a rule without names, which Go writes as `null`. */
export function crunRefusal({ syscalls = [] }: LinuxSeccomp): string | undefined {
  return syscalls.some(({ names }) => names === null) ? missing("names") : undefined;
}

function missing(name: string): string {
  return `Required field '${name}' not present`;
}

/** A copy with the members that a schema has, in their own letters, each the first time that it stands there. */
function firstMembers(node: JsonNode, schema: JsonSchema): JsonNode {
  const { items, properties } = schema as { items?: JsonSchema; properties?: Record<string, JsonSchema> };
  if (node.kind === "array" && items) {
    return { ...node, items: node.items.map((item) => firstMembers(item, items)) };
  }
  if (node.kind !== "object" || !properties) return node;
  const members = new Map<string, JsonNode>();
  for (const { key, value } of node.members) {
    const inner = Object.hasOwn(properties, key) ? properties[key] : undefined;
    if (inner && !members.has(key)) members.set(key, firstMembers(value, inner));
  }
  return { ...node, members: [...members].map(([key, value]) => ({ key, value })) };
}

function memberOf(node: JsonNode, name: string): JsonNode | undefined {
  return node.kind === "object" ? node.members.find(({ key }) => key === name)?.value : undefined;
}

function itemsOf(node: JsonNode | undefined): readonly JsonNode[] {
  return node?.kind === "array" ? node.items : [];
}

/** A member that is absent, `null`, or of a type that cannot be read is absent to crun. */
function requireIn(node: JsonNode, name: string): void {
  const found = memberOf(node, name);
  if (found?.kind === (name === "names" ? "array" : "string")) return;
  throw new SeccompError("ERR_SECCOMP_TYPE", missing(name), { position: positionOf(found ?? node) });
}

/** Numbers that are too large or have a point are refused; negative ones wrap around. */
function isRefusedNumber({ position }: SeccompError, root: JsonNode): boolean {
  const open = [root];
  for (let node = open.pop(); node; node = open.pop()) {
    if (node.kind === "number" && node.offset === position?.offset) return !node.text.startsWith("-");
    if (node.kind === "array") for (const item of node.items) open.push(item);
    if (node.kind === "object") for (const { value } of node.members) open.push(value);
  }
  return false;
}
