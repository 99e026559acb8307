/**
 * Extended headers of a tar archive.
 *
 * ```text
 * records = *( length " " key "=" value LF )   ; length in decimal, of the whole record with itself and LF
 * ```
 *
 * Values are bytes: those of extended attributes are any.
 *
 * @see {@link https://pubs.opengroup.org/onlinepubs/9799919799/utilities/pax.html#tag_20_94_13_03}
 * @module
 */
import type { TarFailure } from "./header.ts";

/** Records by key; of several with one key the last one. */
export type PaxRecords = ReadonlyMap<string, Buffer>;

/** What extended headers hold, and whether a key stood in them more than once. */
export interface PaxHeader {
  records: PaxRecords;
  /** Offsets and lengths of sparse data in the order of the 0.0 format, which repeats its keys. */
  sparsePairs: Buffer[];
}

const SPACE = 0x20;
const NEWLINE = 0x0a;
const EQUALS = 0x3d;

/** Keys whose values are text in which a NUL would end the name for some readers only. */
const TEXT_KEYS: ReadonlySet<string> = new Set(["path", "linkpath", "uname", "gname"]);

/**
 * The records of an extended header.
 *
 * Fails for a record with a wrong length, without key or with a NUL in a name.
 */
export function parsePax(bytes: Buffer, damaged: TarFailure): PaxHeader {
  const records = new Map<string, Buffer>();
  const sparsePairs: Buffer[] = [];
  for (let at = 0; at < bytes.length; ) {
    const space = bytes.indexOf(SPACE, at);
    const digits = space < 0 ? "" : bytes.toString("latin1", at, space);
    if (!/^[1-9][0-9]{0,8}$/.test(digits)) throw damaged("an extended header has a record without length");
    const end = at + Number(digits);
    if (end > bytes.length || end <= space + 1 || bytes[end - 1] !== NEWLINE) {
      throw damaged("an extended header has a record of a wrong length");
    }
    const equals = bytes.indexOf(EQUALS, space + 1);
    if (equals <= space + 1 || equals >= end) throw damaged("an extended header has a record without key");
    const key = bytes.toString("utf8", space + 1, equals);
    const value = bytes.subarray(equals + 1, end - 1);
    if (key.includes("\0") || (TEXT_KEYS.has(key) && value.includes(0))) {
      throw damaged(`an extended header has a NUL in ${JSON.stringify(key.slice(0, 64))}`);
    }
    if (key === "GNU.sparse.offset" || key === "GNU.sparse.numbytes") {
      if ((key === "GNU.sparse.offset") !== (sparsePairs.length % 2 === 0)) {
        throw damaged("an extended header has a sparse map out of order");
      }
      sparsePairs.push(value);
    }
    records.delete(key);
    records.set(key, value);
    at = end;
  }
  return { records, sparsePairs };
}

/** A whole number from 0 to 2^53-1 of a record; an empty or absent value gives nothing. */
export function paxInteger(records: PaxRecords, key: string, damaged: TarFailure): number | undefined {
  const value = records.get(key);
  if (value === undefined || value.length === 0) return undefined;
  return wholeNumber(value, key, damaged);
}

/** A whole number from 0 to 2^53-1 in decimal, of at most 16 digits. */
export function wholeNumber(value: Buffer, what: string, damaged: TarFailure): number {
  const text = value.toString("latin1");
  const number = Number(text);
  if (!/^[0-9]{1,16}$/.test(text) || !Number.isSafeInteger(number)) {
    throw damaged(`an extended header has no number as ${what}: ${JSON.stringify(text.slice(0, 32))}`);
  }
  return number;
}

/** Seconds with a fraction of a record; an empty or absent value gives nothing. */
export function paxTime(records: PaxRecords, key: string, damaged: TarFailure): number | undefined {
  const value = records.get(key);
  if (value === undefined || value.length === 0) return undefined;
  const text = value.toString("latin1");
  if (!/^-?[0-9]{1,15}(?:\.[0-9]*)?$/.test(text)) {
    throw damaged(`an extended header has no time as ${key}: ${JSON.stringify(text.slice(0, 32))}`);
  }
  return Number(text);
}
