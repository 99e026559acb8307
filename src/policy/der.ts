/**
 * DER, read strictly: one encoding for each value.
 *
 * Certificates and signatures are accepted in this form only. A reader of BER takes more than one text for the
 * same certificate (long-form lengths, indefinite lengths, padded integers), and so more than what Go's reader,
 * which decides on a node, takes. Nothing here recurses into content by itself.
 *
 * @see {@link https://www.itu.int/rec/T-REC-X.690-202102-I/en}
 * @module
 */
import { invalidSignature } from "./errors.ts";

/** Identifier octets of the types that certificates use. */
export const TAG: {
  readonly BOOLEAN: 0x01;
  readonly INTEGER: 0x02;
  readonly BIT_STRING: 0x03;
  readonly OCTET_STRING: 0x04;
  readonly NULL: 0x05;
  readonly OID: 0x06;
  readonly SEQUENCE: 0x30;
  readonly UTC_TIME: 0x17;
  readonly GENERALIZED_TIME: 0x18;
} = {
  BOOLEAN: 0x01,
  INTEGER: 0x02,
  BIT_STRING: 0x03,
  OCTET_STRING: 0x04,
  NULL: 0x05,
  OID: 0x06,
  SEQUENCE: 0x30,
  UTC_TIME: 0x17,
  GENERALIZED_TIME: 0x18,
};

/** Identifier octet of a context-specific tag. */
export function contextTag(number: number, constructed: boolean): number {
  return 0x80 | (constructed ? 0x20 : 0) | number;
}

/** One value with its tag. */
export interface DerElement {
  /** The identifier octet: class, constructed bit and number. */
  readonly tag: number;
  /** The content octets. */
  readonly content: Buffer;
  /** Identifier, length and content octets. */
  readonly raw: Buffer;
}

/** Reads the elements of a piece of DER one after the other. */
export interface DerReader {
  /** Whether everything was read. */
  readonly done: boolean;
  /** The next element; of that tag, if one is given. */
  next(tag?: number): DerElement;
  /** The next element if it has the tag, else nothing, and nothing is read. */
  optional(tag: number): DerElement | undefined;
  /** Fails unless everything was read. */
  end(): void;
}

/** Starts reading. What it throws is a {@link PolicyError} `ERR_POLICY_INVALID_SIGNATURE`. */
export function derReader(bytes: Uint8Array, what: string): DerReader {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let at = 0;
  const reader: DerReader = {
    get done() {
      return at === buffer.length;
    },
    next(tag) {
      const element = elementAt(buffer, at, what);
      if (tag !== undefined && element.tag !== tag) throw malformed(what);
      at += element.raw.length;
      return element;
    },
    optional(tag) {
      return buffer[at] === tag ? reader.next(tag) : undefined;
    },
    end() {
      if (at !== buffer.length) throw malformed(what);
    },
  };
  return reader;
}

/** The only element of a piece of DER: nothing may follow it. */
export function onlyElement(bytes: Uint8Array, tag: number, what: string): DerElement {
  const reader = derReader(bytes, what);
  const element = reader.next(tag);
  reader.end();
  return element;
}

/** An error about malformed DER. */
export function malformed(what: string): Error {
  return invalidSignature(`x509: malformed ${what}`);
}

function elementAt(buffer: Buffer, at: number, what: string): DerElement {
  const tag = buffer[at];
  const first = buffer[at + 1];
  // Tag numbers from 31 take more octets; no certificate uses them.
  if (tag === undefined || first === undefined || (tag & 0x1f) === 0x1f) throw malformed(what);
  let length = first;
  let start = at + 2;
  if (first >= 0x80) {
    const octets = first & 0x7f;
    if (octets === 0 || octets > 4 || start + octets > buffer.length) throw malformed(what);
    length = buffer.readUIntBE(start, octets);
    start += octets;
    // The shortest form only.
    if (length < 0x80 || length < 2 ** (8 * (octets - 1))) throw malformed(what);
  }
  const end = start + length;
  if (end > buffer.length) throw malformed(what);
  return { tag, content: buffer.subarray(start, end), raw: buffer.subarray(at, end) };
}

/** A boolean. */
export function derBoolean({ content }: DerElement, what: string): boolean {
  const [value] = content;
  if (content.length !== 1 || (value !== 0 && value !== 0xff)) throw malformed(what);
  return value === 0xff;
}

/** Checks that an integer is in its shortest form, and gives its two's complement octets. */
export function derInteger({ content }: DerElement, what: string): Buffer {
  const first = content[0];
  const second = content[1];
  if (first === undefined) throw malformed(what);
  if (second !== undefined && ((first === 0 && second < 0x80) || (first === 0xff && second >= 0x80))) {
    throw malformed(what);
  }
  return content;
}

/** An integer from 0 to 2^31-1. */
export function derSmallInteger(element: DerElement, what: string): number {
  const octets = derInteger(element, what);
  if (octets.length > 4 || (octets[0] ?? 0x80) >= 0x80) throw malformed(what);
  return octets.readUIntBE(0, octets.length);
}

/** An object identifier in dotted form. */
export function derOid({ content }: DerElement, what: string): string {
  return shortOid(content) ?? longOid(content, what);
}

/** An object identifier whose arcs are small, or nothing: numbers are much quicker than bigints. */
function shortOid(content: Buffer): string | undefined {
  let text = "";
  let arc = 0;
  let started = false;
  for (let at = 0; at < content.length; at++) {
    const octet = content[at] ?? 0;
    if ((!started && octet === 0x80) || arc > 0x1fffff) return undefined;
    arc = arc * 128 + (octet & 0x7f);
    started = octet >= 0x80;
    if (started) continue;
    if (text === "") text = arc < 80 ? `${Math.floor(arc / 40)}.${arc % 40}` : `2.${arc - 80}`;
    else text += `.${arc}`;
    arc = 0;
  }
  return started || text === "" ? undefined : text;
}

function longOid(content: Buffer, what: string): string {
  const arcs: bigint[] = [];
  let arc = 0n;
  let started = false;
  for (const octet of content) {
    // No leading zero groups; and no arc so long that it only costs time.
    if ((!started && octet === 0x80) || arc > 2n ** 128n) throw malformed(what);
    arc = (arc << 7n) | BigInt(octet & 0x7f);
    started = octet >= 0x80;
    if (started) continue;
    if (arcs.length === 0) arcs.push(arc < 80n ? arc / 40n : 2n, arc < 80n ? arc % 40n : arc - 80n);
    else arcs.push(arc);
    arc = 0n;
  }
  if (started || arcs.length === 0) throw malformed(what);
  return arcs.join(".");
}

/** A bit string of whole octets, or of which the unused bits are zero. */
export function derBitString({ content }: DerElement, what: string): { bytes: Buffer; unusedBits: number } {
  const [unusedBits] = content;
  const bytes = content.subarray(1);
  if (unusedBits === undefined || unusedBits > 7) throw malformed(what);
  const last = bytes.at(-1);
  if (last === undefined ? unusedBits !== 0 : (last & ((1 << unusedBits) - 1)) !== 0) throw malformed(what);
  return { bytes, unusedBits };
}

/** A UTCTime or GeneralizedTime in the form that certificates must use, as seconds since 1970. */
export function derTime({ tag, content }: DerElement, what: string): number {
  const text = content.toString("latin1");
  const match = /^([0-9]{2}|[0-9]{4})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})([0-9]{2})Z$/.exec(text);
  const [, yearText = "", ...rest] = match ?? [];
  if (!match || yearText.length !== (tag === TAG.UTC_TIME ? 2 : 4)) throw malformed(what);
  const [month = 0, day = 0, hour = 0, minute = 0, second = 0] = rest.map(Number);
  const short = Number(yearText);
  const year = yearText.length === 4 ? short : short + (short < 50 ? 2000 : 1900);
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  date.setUTCHours(hour, minute, second);
  const isReal =
    date.getUTCMonth() === month - 1 &&
    date.getUTCDate() === day &&
    date.getUTCHours() === hour &&
    date.getUTCMinutes() === minute &&
    date.getUTCSeconds() === second;
  if (!isReal) throw malformed(what);
  return date.getTime() / 1000;
}
