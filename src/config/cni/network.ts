/**
 * Network configurations of CNI, read as libcni reads them.
 *
 * @see {@link https://github.com/containernetworking/cni/blob/spec-v1.1.0/SPEC.md#section-1-network-configuration-format}
 * @see {@link https://github.com/containernetworking/cni/blob/v1.3.0/libcni/conf.go}
 * @module
 */
import { foldName } from "../../oci/json-names.ts";
import { parseJsonData } from "../data/json.ts";
import { type DataDocument, type DataNode, type DataObject, dottedKey, fileOrigin } from "../data/tree.ts";
import { ConfigError } from "../errors.ts";
import type { Origin } from "../origin.ts";
import { compareCniVersions, newestCniVersion } from "./version.ts";

/** A plugin that is run for each Pod. */
export interface CniPlugin {
  /** The name of its program. */
  readonly type: string;
  /** What it takes from the runtime, such as `portMappings`; those that are false are off. */
  readonly capabilities: ReadonlyMap<string, boolean>;
  /** The program that gives addresses; empty for none. */
  readonly ipam: string;
  /** All that it is told. */
  readonly config: DataObject;
  readonly origin: Origin;
}

/** A network: plugins that are run in this order. */
export interface CniNetwork {
  /** May be empty in a file of one plugin. */
  readonly name: string;
  /** The newest version that the file and libcni both have; empty where none is named, which is 0.1.0. */
  readonly cniVersion: string;
  readonly disableCheck: boolean;
  readonly disableGC: boolean;
  readonly plugins: readonly CniPlugin[];
  readonly origin: Origin;
}

/** A list whose plugins may lie in other files. */
export interface CniList extends CniNetwork {
  /** Whether plugins are taken from this file alone. */
  readonly loadOnlyInlinedPlugins: boolean;
}

/** Options of {@link parseCniList}. */
export interface ParseCniListOptions {
  /**
   * Whether plugins may lie in a folder called as the network, which libcni knows from 1.3 on: then a list may have
   * none.
   */
  allowsFolder: boolean;
}

type Shape = "text" | "texts" | "flags" | { readonly [name: string]: Shape };

/** What libcni decodes of a plugin's configuration; names match in any letter case. */
const PLUGIN: Readonly<Record<string, Shape>> = {
  cniVersion: "text",
  name: "text",
  type: "text",
  capabilities: "flags",
  ipam: { type: "text" },
  dns: { nameservers: "texts", domain: "text", search: "texts", options: "texts" },
};

/**
 * A list of plugins: a `.conflist`.
 *
 * @param file What the origins name as the file; it is not read.
 * @throws {ConfigError} `ERR_CONFIG_SYNTAX`, `ERR_CONFIG_TYPE`, `ERR_CONFIG_INVALID`; `ERR_CONFIG_TOO_LARGE` for more
 * than 1048576 UTF-16 code units.
 */
export function parseCniList(file: string, text: string, { allowsFolder }: ParseCniListOptions): CniList {
  const { root } = objectOf(file, text);
  const { members } = root;
  const name = members.get("name");
  if (!name) throw invalid("no name", "name", root.origin);
  if (name.kind !== "string") throw typeError("name", name);
  const loadOnlyInlinedPlugins = allowsFolder && flagOf(root, "loadOnlyInlinedPlugins");
  const list = {
    name: name.value,
    cniVersion: versionOf(root),
    disableCheck: flagOf(root, "disableCheck"),
    disableGC: flagOf(root, "disableGC"),
    loadOnlyInlinedPlugins,
    origin: root.origin,
  };
  const plugins = members.get("plugins");
  if (!plugins) {
    if (allowsFolder && !loadOnlyInlinedPlugins) return { ...list, plugins: [] };
    throw invalid("no 'plugins' key", "plugins", root.origin);
  }
  if (plugins.kind !== "list") throw typeError("plugins", plugins);
  if (plugins.items.length === 0) throw invalid("no plugins in list", "plugins", plugins.origin);
  const read = plugins.items.map((item, index) => pluginOf(item, ["plugins", index], true));
  return { ...list, plugins: read };
}

/**
 * A plugin alone: a `.conf` or `.json`, which is a network of this plugin.
 *
 * @param file What the origins name as the file; it is not read.
 * @throws {ConfigError} As {@link parseCniList}.
 */
export function parseCniPlugin(file: string, text: string): CniNetwork {
  const { root, duplicates } = objectOf(file, text);
  // A value that a later one replaces is decoded before it.
  for (const { path, earlier } of duplicates) checkPlugin(nested(path, earlier), []);
  const plugin = pluginOf(root, [], false);
  const textOf = (name: string): string => {
    const node = fieldOf(plugin.config, name);
    return node?.kind === "string" ? node.value : "";
  };
  return {
    name: textOf("name"),
    cniVersion: textOf("cniVersion"),
    disableCheck: false,
    disableGC: false,
    plugins: [plugin],
    origin: plugin.origin,
  };
}

function objectOf(file: string, text: string): { root: DataObject; duplicates: DataDocument["duplicates"] } {
  const { root, duplicates } = parseJsonData(file, text);
  if (root.kind === "object") return { root, duplicates };
  const message = `${file}: error parsing configuration: not a JSON object`;
  throw new ConfigError("ERR_CONFIG_TYPE", message, { origin: fileOrigin(file) });
}

function pluginOf(node: DataNode, path: readonly (string | number)[], isSorted: boolean): CniPlugin {
  if (node.kind !== "object") throw typeError(dottedKey(path), node);
  // Members of a list's plugins are sorted before they are decoded, which matters for names in several spellings.
  const config = isSorted
    ? { ...node, members: new Map([...node.members].sort(([a], [b]) => compareBytes(a, b))) }
    : node;
  checkPlugin(config, path);
  const type = fieldOf(config, "type");
  if (type?.kind !== "string" || type.value === "") {
    throw invalid("missing 'type'", dottedKey([...path, "type"]), node.origin);
  }
  const ipam = fieldOf(config, "ipam");
  const ipamType = ipam?.kind === "object" ? fieldOf(ipam, "type") : undefined;
  return {
    type: type.value,
    capabilities: capabilitiesOf(config),
    ipam: ipamType?.kind === "string" ? ipamType.value : "",
    config: node,
    origin: node.origin,
  };
}

function checkPlugin(config: DataObject, path: readonly (string | number)[]): void {
  for (const [name, shape] of Object.entries(PLUGIN)) checkField(config, name, shape, path);
}

/** An object that has a value at a path, and nothing else; lists on the way are taken for objects. */
function nested(path: readonly (string | number)[], value: DataNode): DataObject {
  const { origin } = value;
  const node = path.reduceRight<DataNode>(
    (below, key) => ({ kind: "object", members: new Map([[String(key), below]]), origin }),
    value,
  );
  return node.kind === "object" ? node : { kind: "object", members: new Map(), origin };
}

/** Maps in several spellings are decoded into each other, and null empties them. */
function capabilitiesOf({ members }: DataObject): Map<string, boolean> {
  const capabilities = new Map<string, boolean>();
  for (const [key, node] of members) {
    if (foldName(key) !== "capabilities") continue;
    if (node.kind === "null") capabilities.clear();
    for (const [name, value] of node.kind === "object" ? node.members : []) {
      capabilities.set(name, value.kind === "boolean" && value.value);
    }
  }
  return capabilities;
}

/** The member that a field of Go's is decoded from: the last one whose name matches in any letter case. */
function fieldOf({ members }: DataObject, name: string): DataNode | undefined {
  let found: DataNode | undefined;
  for (const [key, value] of members) {
    if (foldName(key) === foldName(name) && value.kind !== "null") found = value;
  }
  return found;
}

function checkField(node: DataObject, name: string, shape: Shape, path: readonly (string | number)[]): void {
  for (const [key, value] of node.members) {
    if (foldName(key) !== foldName(name) || value.kind === "null") continue;
    const below = [...path, key];
    const wrong = (): ConfigError => typeError(dottedKey(below), value);
    if (shape === "text") {
      if (value.kind !== "string") throw wrong();
    } else if (shape === "texts") {
      if (value.kind !== "list") throw wrong();
      if (value.items.some(({ kind }) => kind !== "string" && kind !== "null")) throw wrong();
    } else {
      if (value.kind !== "object") throw wrong();
      if (shape === "flags") {
        if ([...value.members.values()].some(({ kind }) => kind !== "boolean" && kind !== "null"))
          throw wrong();
      } else {
        for (const [inner, innerShape] of Object.entries(shape)) checkField(value, inner, innerShape, below);
      }
    }
  }
}

/** A boolean, or the word for it. */
function flagOf({ members }: DataObject, key: string): boolean {
  const node = members.get(key);
  if (!node) return false;
  if (node.kind === "boolean") return node.value;
  if (node.kind !== "string") throw typeError(key, node);
  const word = node.value.toLowerCase();
  if (word === "true" || word === "false") return word === "true";
  throw invalid(`invalid value ${JSON.stringify(word.slice(0, 256))} for ${key}`, key, node.origin);
}

function versionOf({ members }: DataObject): string {
  const own = members.get("cniVersion");
  if (own && own.kind !== "string") throw typeError("cniVersion", own);
  const several = members.get("cniVersions");
  if (!several) return own?.value ?? "";
  if (several.kind !== "list") throw typeError("cniVersions", several);
  const versions: string[] = [];
  for (const [index, item] of several.items.entries()) {
    const key = `cniVersions[${index}]`;
    if (item.kind !== "string") throw typeError(key, item);
    if (isKnown(item.value, key, item.origin)) versions.push(item.value);
  }
  if (own && own.value !== "" && isKnown(own.value, "cniVersion", own.origin)) versions.push(own.value);
  const newest = versions.sort((a, b) => compareCniVersions(a, b) ?? 0).at(-1);
  return newest ?? own?.value ?? "";
}

function isKnown(version: string, key: string, origin: Origin): boolean {
  const order = compareCniVersions(version, newestCniVersion);
  if (order !== undefined) return order <= 0;
  throw invalid(`invalid version ${JSON.stringify(version.slice(0, 256))}`, key, origin);
}

function compareBytes(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

function typeError(key: string, { origin }: DataNode): ConfigError {
  const message = `${origin.file}: error parsing configuration list: invalid type for ${key}`;
  return new ConfigError("ERR_CONFIG_TYPE", message, { key, origin });
}

function invalid(why: string, key: string, origin: Origin): ConfigError {
  const message = `${origin.file}: error parsing configuration list: ${why}`;
  return new ConfigError("ERR_CONFIG_INVALID", message, { key, origin });
}
