/**
 * What an engine passes over in a profile file.
 *
 * @module
 */
import { type JsonNode, pathOf, segment } from "../../core/json-tree.ts";
import type { ConvertedProfile } from "../convert.ts";
import { foldCase, foldedNames } from "../decode.ts";
import { type JsonSchema, type ProfileFormat, profileSchema } from "../schema.ts";
import { isSyscallName } from "../syscalls.ts";
import type { SeccompProfile } from "../types.ts";

/** Something in a profile file that has no effect with an engine, wherever it stands. */
export interface IgnoredPart {
  kind: /** A member that the engine does not know, such as `includes` for containerd. */
    | "unknown-member"
    /** A member that stands again in the same object: the engine reads one over the other, or the first alone. */
    | "repeated-member"
    /** An `archMap` that is not read on the node's architecture: the filter is native only. */
    | "architecture-map"
    /** An entry that its own conditions drop on the node; `name` tells which. */
    | "dropped-entry"
    /** A name that no architecture has a call of: runtimes leave it out. */
    | "unknown-call";
  /**
   * Name of the member or call; for an entry the condition that dropped it, such as `includes.caps CAP_BPF`. After the
   * first thousand parts, `…` for all others of a kind.
   */
  name: string;
  /** How often. */
  count: number;
  /** Where, as normalized JSONPath (RFC 9535): the first ten. */
  paths: string[];
}

const MAX_PATHS = 10;
/** Of a text that is made to have many: more are put together. */
const MAX_PARTS = 1000;
const OTHERS = "…";

/** Which members an engine reads, and whether in their own letters only. */
export interface MemberReader {
  format: ProfileFormat;
  exact: boolean;
}

/** Takes one part that is passed over. */
type Ignore = (kind: IgnoredPart["kind"], name: string, path: () => string) => void;

/**
 * All that is passed over: members in the order of the text, then entries and names. Equal ones are one part.
 *
 * @param converted What the profile became, where it was converted.
 */
export function ignoredParts(
  root: JsonNode,
  { format, exact }: MemberReader,
  profile: SeccompProfile,
  converted: ConvertedProfile | undefined,
): IgnoredPart[] {
  const parts = new Map<string, IgnoredPart>();
  const ignore: Ignore = (kind, name, path) => {
    const known = parts.get(`${kind} ${name}`);
    const shown = known || parts.size < MAX_PARTS ? name : OTHERS;
    const key = `${kind} ${shown}`;
    const part = known ?? parts.get(key) ?? { kind, name: shown, count: 0, paths: [] };
    parts.set(key, part);
    part.count++;
    if (part.paths.length < MAX_PATHS) part.paths.push(path());
  };
  ignoreMembers(root, profileSchema(format), exact, ignore);
  if (converted) ignoreEntries(profile, converted, ignore);
  return [...parts.values()];
}

/** Members as the engine's reader finds them by name. What is unknown is not looked into. */
function ignoreMembers(node: JsonNode, schema: JsonSchema, exact: boolean, ignore: Ignore): void {
  const { items, properties } = schema as { items?: JsonSchema; properties?: Record<string, JsonSchema> };
  if (node.kind === "array" && items)
    for (const item of node.items) ignoreMembers(item, items, exact, ignore);
  if (node.kind !== "object" || !properties) return;
  const seen = new Set<string>();
  for (const { key, value } of node.members) {
    const name = nameOf(key, properties, exact);
    const inner = name === undefined ? undefined : properties[name];
    if (name === undefined || !inner) {
      ignore("unknown-member", key.slice(0, MAX_NAME), () => pathOf(value));
      continue;
    }
    if (seen.has(name)) ignore("repeated-member", name, () => pathOf(value));
    seen.add(name);
    ignoreMembers(value, inner, exact, ignore);
  }
}

function nameOf(key: string, properties: Record<string, JsonSchema>, exact: boolean): string | undefined {
  if (Object.hasOwn(properties, key)) return key;
  return exact || key.length > MAX_NAME ? undefined : foldedNames(properties).get(foldCase(key));
}

/** Longer than any member that is known. */
const MAX_NAME = 64;

function ignoreEntries(profile: SeccompProfile, { spec, rules }: ConvertedProfile, ignore: Ignore): void {
  if (profile.archMap?.length && spec && !spec.architectures) {
    ignore("architecture-map", "archMap", () => "$['archMap']");
  }
  for (const rule of rules) {
    const path = (): string => `$${segment("syscalls")}${segment(rule.index)}`;
    if (rule.kind === "dropped") {
      ignore("dropped-entry", rule.value === "" ? rule.by : `${rule.by} ${rule.value}`, path);
      continue;
    }
    for (const name of spec?.syscalls?.[rule.rule]?.names ?? []) {
      if (!isSyscallName(name)) ignore("unknown-call", name.slice(0, MAX_NAME), path);
    }
  }
}
