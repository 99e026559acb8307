/**
 * The headers that stand before an entry of a tar archive and say what its own header has no room for: those of pax,
 * and the long names of GNU tar.
 *
 * Where programs read one archive in two ways, an archive that shows it is refused: two long names that differ or one
 * that is empty, two headers of a kind, an empty size, a global header that would rename what follows, or that stands
 * between another one and its entry.
 *
 * @module
 */
import type { TarFailure, TarHeader } from "./header.ts";
import { type PaxHeader, parsePax, paxInteger } from "./pax.ts";

/** What the headers before an entry say about it. */
export interface TarExtension {
  pax?: PaxHeader | undefined;
  longName?: Buffer | undefined;
  longLink?: Buffer | undefined;
  /** Length of their contents together. */
  bytes: number;
}

/** Whether a header of this type is about the entry that follows, or about all of them. */
export function isTarExtension({ type }: TarHeader): boolean {
  return "xgLK".includes(type);
}

/** Whether an entry has to follow. */
export function isPending({ pax, longName, longLink }: TarExtension): boolean {
  return pax !== undefined || longName !== undefined || longLink !== undefined;
}

/** Adds the content of one such header to what is known about the next entry. */
export function extendEntry(
  extension: TarExtension,
  { type, body }: { type: string; body: Buffer },
  damaged: TarFailure,
): void {
  if (type === "x") {
    if (extension.pax) throw damaged("an entry with two extended headers");
    extension.pax = parsePax(body, damaged);
  } else if (type === "g") {
    // Peers skip global headers, other programs apply them: harmless ones only.
    const { records } = parsePax(body, damaged);
    for (const key of records.keys()) {
      if (RENAMING.test(key)) throw damaged(`a global header with ${key}`);
    }
    // Go forgets what stood before it, other programs do not.
    if (isPending(extension)) throw damaged("a global header between an extended header and its entry");
    extension.bytes = 0;
  } else {
    const end = body.indexOf(0);
    const field = type === "L" ? "longName" : "longLink";
    if (extension[field]) throw damaged("an entry with two long names");
    // GNU tar takes it, Go takes the name of the header.
    if (end === 0 || body.length === 0) throw damaged("an entry with an empty long name");
    extension[field] = Buffer.from(end < 0 ? body : body.subarray(0, end));
  }
}

/** Keys that say which file an entry is, or how much of the archive it takes. */
const RENAMING = /^(?:path|linkpath|size|GNU\.sparse\..*)$/s;

/** What header and extended headers together say an entry is. */
export interface ExtendedEntry {
  name: Buffer;
  /** Target of a link. */
  link: Buffer;
  /** Type flag: `"0"` for a file and `"5"` for a directory, however old the archive is. */
  type: string;
  /** How many bytes of content stand behind the header. */
  contentBytes: number;
}

/**
 * Takes header and extended headers together.
 *
 * Links, devices and directories have no content whatever their size says, as for Go's archive/tar.
 *
 * @param sparseName The name by which a sparse file's own records replace that of the others.
 */
export function extendedEntry(
  header: TarHeader,
  { pax, longName, longLink }: TarExtension,
  damaged: TarFailure,
  sparseName?: Buffer,
): ExtendedEntry {
  const records = pax?.records;
  const name = oneName(given(sparseName) ?? given(records?.get("path")), longName, damaged) ?? header.name;
  const link = oneName(given(records?.get("linkpath")), longLink, damaged) ?? header.linkName;
  const type = typeOf(header, name);
  // GNU tar takes it for damage, Go takes the size of the header, Python none.
  if (records?.get("size")?.length === 0) throw damaged("an entry with an empty size");
  const size = (records && paxInteger(records, "size", damaged)) ?? header.size;
  return { name, link, type, contentBytes: "123456".includes(type) ? 0 : size };
}

/** Before ustar a directory was a file with a slash at the end of its name. */
function typeOf({ type }: TarHeader, name: Buffer): string {
  if (type === "\0") return name.at(-1) === SLASH ? "5" : "0";
  return type === "7" ? "0" : type;
}

const SLASH = 0x2f;

/** The value of a record; an empty one takes away what stood before it. */
export function given(value: Buffer | undefined): Buffer | undefined {
  return value && value.length > 0 ? value : undefined;
}

/** Programs differ in which of two long names wins: they have to be the same. */
function oneName(pax: Buffer | undefined, gnu: Buffer | undefined, damaged: TarFailure): Buffer | undefined {
  if (pax && gnu && !pax.equals(gnu)) throw damaged("an entry with two different long names");
  return pax ?? gnu;
}
