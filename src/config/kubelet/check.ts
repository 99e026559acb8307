/**
 * Documents checked against the keys and types of a KubeletConfiguration.
 *
 * @module
 */
import { foldName } from "../../oci/json-names.ts";
import { parseDuration } from "../../oci/mirrors/duration.ts";
import { nearestWord } from "../../policy/hint.ts";
import { type DataNode, type DataObject, dataTypeError, dottedKey } from "../data/tree.ts";
import { KUBELET_CONFIGURATION, KUBELET_KEY_SINCE, type KubeletFields, type KubeletShape } from "./schema.ts";
import type { KubeletWarning } from "./types.ts";

/** Hints of one document: looking for what was meant takes time. */
const MAX_HINTS = 100;

/** Options of {@link checkKubeletObject}. */
export interface CheckKubeletOptions {
  /** Whether a key that differs from a known one in case only is that one, as it is once drop-ins are merged. */
  foldsCase: boolean;
  /** Second number of the release. */
  minor: number;
  warn: (warning: KubeletWarning) => void;
}

type Path = readonly (string | number)[];

interface Checking extends CheckKubeletOptions {
  hints: { left: number };
}

const RANGES: Readonly<Record<string, readonly [min: bigint, max: bigint]>> = {
  int32: [-(2n ** 31n), 2n ** 31n - 1n],
  int64: [-(2n ** 63n), 2n ** 63n - 1n],
  uint32: [0n, 2n ** 32n - 1n],
};

/**
 * A configuration without what the kubelet does not know, which is told, and without nulls, which set nothing.
 *
 * @throws {ConfigError} `ERR_CONFIG_TYPE` for a value of another type than its key's.
 */
export function checkKubeletObject(node: DataNode, options: CheckKubeletOptions): DataObject {
  if (node.kind !== "object") throw dataTypeError([], "must be a mapping", node.origin);
  return checkFields(node, KUBELET_CONFIGURATION, [], { ...options, hints: { left: MAX_HINTS } });
}

function checkFields(node: DataObject, { fields }: KubeletFields, path: Path, options: Checking): DataObject {
  const names = Object.keys(fields).filter(
    (name) => path.length > 0 || (KUBELET_KEY_SINCE[name] ?? 0) <= options.minor,
  );
  const members = new Map<string, DataNode>();
  for (const [written, value] of inOrder(node, options)) {
    const name = knownName(written, names, options);
    const shape = name === undefined ? undefined : fields[name];
    const key = dottedKey([...path, written]);
    const { origin } = value;
    if (name === undefined || shape === undefined) {
      const nearest = options.hints.left-- > 0 ? nearestWord(written, names) : undefined;
      const hint = nearest === undefined ? {} : { hint: `did you mean ${JSON.stringify(nearest)}?` };
      options.warn({ code: "unknown-key", key, origin, ...hint });
      continue;
    }
    if (name !== written) options.warn({ code: "other-case", key, origin });
    const checked = checkNode(value, shape, [...path, name], options);
    if (checked.kind !== "null") members.set(name, mergedTwice(members.get(name), checked));
  }
  return { ...node, members };
}

/** Merged documents are written out by their keys before they are decoded. */
function inOrder(node: DataObject, { foldsCase }: CheckKubeletOptions): [string, DataNode][] {
  const entries = [...node.members];
  if (!foldsCase) return entries;
  return entries.sort(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b)));
}

function knownName(
  written: string,
  names: readonly string[],
  { foldsCase }: CheckKubeletOptions,
): string | undefined {
  if (names.includes(written)) return written;
  if (!foldsCase) return undefined;
  const folded = foldName(written);
  return names.find((name) => name.length === folded.length && foldName(name) === folded);
}

/** Two spellings of one key: objects are decoded into each other, of other values the later one counts. */
function mergedTwice(earlier: DataNode | undefined, later: DataNode): DataNode {
  if (earlier?.kind !== "object" || later.kind !== "object") return later;
  return { ...later, members: new Map([...earlier.members, ...later.members]) };
}

function checkNode(node: DataNode, shape: KubeletShape, path: Path, options: Checking): DataNode {
  if (node.kind === "null" || shape === "any") return node;
  const wrong = (why: string): Error => dataTypeError(path, why, node.origin);
  switch (shape) {
    case "text":
      if (node.kind !== "string") throw wrong("must be a text");
      return node;
    case "flag":
      if (node.kind !== "boolean") throw wrong("must be true or false");
      return node;
    case "duration":
      if (node.kind !== "string" || parseDuration(node.value) === undefined) {
        throw wrong("must be a duration such as 1m30s");
      }
      return node;
    case "number":
      if (node.kind !== "number" || !Number.isFinite(Number(node.value))) throw wrong("must be a number");
      return node;
    case "int32":
    case "int64":
    case "uint32": {
      const [min, max] = RANGES[shape] ?? [0n, 0n];
      if (node.kind !== "number" || !/^-?[0-9]{1,40}$/.test(node.value))
        throw wrong("must be a whole number");
      const value = BigInt(node.value);
      if (value < min || value > max) throw wrong(`must be between ${min} and ${max}`);
      return node;
    }
    default:
      break;
  }
  if (shape.kind === "list") {
    if (node.kind !== "list") throw wrong("must be a list");
    const items = node.items.map((item, index) => checkNode(item, shape.each, [...path, index], options));
    return { ...node, items };
  }
  if (node.kind !== "object") throw wrong("must be a mapping");
  if (shape.kind === "fields") return checkFields(node, shape, path, options);
  const entries = [...node.members].map(
    ([key, value]) => [key, checkNode(value, shape.each, [...path, key], options)] as const,
  );
  return { ...node, members: new Map(entries) };
}
