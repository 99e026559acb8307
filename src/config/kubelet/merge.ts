/**
 * Drop-ins put on top of a configuration, as JSON Merge Patch has it: objects are merged, lists and values replaced,
 * and null removes.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc7386}
 * @module
 */
import type { DataNode, DataObject } from "../data/tree.ts";

/** A document with a patch on top of it. */
export function mergePatch(base: DataNode | undefined, patch: DataNode): DataNode {
  if (patch.kind !== "object") return patch;
  const members = new Map(base?.kind === "object" ? base.members : []);
  for (const [key, value] of patch.members) {
    if (value.kind === "null") members.delete(key);
    else members.set(key, mergePatch(members.get(key), value));
  }
  return { kind: "object", members, origin: base?.kind === "object" ? base.origin : patch.origin };
}

/** As {@link mergePatch}, of objects. */
export function mergeObjects(base: DataObject, patch: DataObject): DataObject {
  const merged = mergePatch(base, patch);
  return merged.kind === "object" ? merged : base;
}
