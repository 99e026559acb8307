/**
 * An entry of a layer from its header and the extended headers before it.
 *
 * @module
 */
import { OciError } from "../errors.ts";
import { extendedEntry, given, type TarExtension } from "../tar/extension.ts";
import type { TarHeader } from "../tar/header.ts";
import { paxInteger, paxTime } from "../tar/pax.ts";
import { cleanEntryPath, entryNameText, type LayerEntry, type LayerEntryKind, shownPath } from "./entry.ts";
import { invalidLayer, type ResolvedLimits, tooLarge } from "./limits.ts";

const KINDS: Readonly<Record<string, LayerEntryKind>> = {
  "0": "file",
  "1": "link",
  "2": "symlink",
  "3": "character-device",
  "4": "block-device",
  "5": "directory",
  "6": "fifo",
  S: "file",
};

const XATTR = "SCHILY.xattr.";
const NO_XATTRS: ReadonlyMap<string, Uint8Array> = new Map();

/**
 * The entry that headers describe; extended headers override the header. Its size is that of what the archive holds.
 *
 * @throws {OciError} `ERR_OCI_ENTRY_REFUSED`, `ERR_OCI_LAYER_INVALID` or `ERR_OCI_LAYER_TOO_LARGE`.
 */
export function entryOf(
  header: TarHeader,
  extension: TarExtension,
  sparseName: Buffer | undefined,
  limits: ResolvedLimits,
): LayerEntry {
  const records = extension.pax?.records ?? new Map<string, Buffer>();
  const { name, link, type, contentBytes } = extendedEntry(header, extension, invalidLayer, sparseName);
  if (name.length > limits.maxPathBytes) throw tooLarge("bytes of a path", limits.maxPathBytes);
  if (link.length > limits.maxLinkBytes) throw tooLarge("bytes of a link", limits.maxLinkBytes);
  const path = entryNameText(name);
  const kind = KINDS[type];
  if (kind === undefined) {
    const message = `unhandled tar header type ${JSON.stringify(header.type)} of ${shownPath(path)}`;
    throw new OciError("ERR_OCI_ENTRY_REFUSED", message);
  }
  const isLink = kind === "symlink" || kind === "link";
  const isDevice = kind === "character-device" || kind === "block-device";
  return {
    path: cleanEntryPath(path),
    kind,
    mode: header.mode & 0o7777,
    uid: owner(paxInteger(records, "uid", invalidLayer) ?? header.uid),
    gid: owner(paxInteger(records, "gid", invalidLayer) ?? header.gid),
    userName: (given(records.get("uname")) ?? header.userName).toString("utf8"),
    groupName: (given(records.get("gname")) ?? header.groupName).toString("utf8"),
    mtimeSeconds: paxTime(records, "mtime", invalidLayer) ?? header.mtimeSeconds,
    size: contentBytes,
    target: isLink ? targetOf(kind, entryNameText(link), path) : "",
    deviceMajor: isDevice ? device(header.deviceMajor) : 0,
    deviceMinor: isDevice ? device(header.deviceMinor) : 0,
    xattrs: xattrsOf(records),
  };
}

function targetOf(kind: LayerEntryKind, target: string, path: string): string {
  if (kind === "link") return cleanEntryPath(target);
  if (target === "" || target.includes("\0")) {
    throw new OciError("ERR_OCI_ENTRY_REFUSED", `a symbolic link that leads nowhere: ${shownPath(path)}`);
  }
  return target;
}

/** The system takes 2^32-1 for "leave as it is". */
function owner(id: number): number {
  if (id < 0 || id > 0xfffffffe) throw invalidLayer(`an entry with an impossible owner ${id}`);
  return id;
}

function device(part: number): number {
  if (part < 0 || part > 0xffffffff) throw invalidLayer(`a device with an impossible number ${part}`);
  return part;
}

function xattrsOf(records: ReadonlyMap<string, Buffer>): ReadonlyMap<string, Uint8Array> {
  let found: Map<string, Uint8Array> | undefined;
  for (const [key, value] of records) {
    if (!key.startsWith(XATTR) || key.length === XATTR.length) continue;
    found ??= new Map();
    found.set(key.slice(XATTR.length), new Uint8Array(value));
  }
  return found ?? NO_XATTRS;
}
