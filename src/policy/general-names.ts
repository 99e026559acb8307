/**
 * Subject alternative names.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc5280#section-4.2.1.6}
 * @module
 */
import { contextTag, derReader, malformed, onlyElement, TAG } from "./der.ts";

/** The names of a certificate, of the four forms that are compared with anything. */
export interface GeneralNames {
  /** E-mail addresses as written. */
  readonly emails: readonly string[];
  /** Host names as written, wildcards included. */
  readonly hosts: readonly string[];
  readonly uris: readonly string[];
  /** IP addresses of 4 or 16 bytes. */
  readonly addresses: readonly Buffer[];
}

/** Reads the value of a subject alternative name extension. Names of other forms are left out. */
export function readGeneralNames(value: Uint8Array): GeneralNames {
  const what = "subject alternative name";
  const emails: string[] = [];
  const hosts: string[] = [];
  const uris: string[] = [];
  const addresses: Buffer[] = [];
  const reader = derReader(onlyElement(value, TAG.SEQUENCE, what).content, what);
  while (!reader.done) {
    const { tag, content } = reader.next();
    if (tag === contextTag(1, false)) emails.push(asciiOf(content, what));
    else if (tag === contextTag(2, false)) hosts.push(asciiOf(content, what));
    else if (tag === contextTag(6, false)) uris.push(asciiOf(content, what));
    else if (tag === contextTag(7, false)) {
      if (content.length !== 4 && content.length !== 16) throw malformed(what);
      addresses.push(content);
    }
  }
  return { emails, hosts, uris, addresses };
}

/** The text of an IA5String: bytes over 127 are no text. */
export function asciiOf(content: Buffer, what: string): string {
  if (content.some((octet) => octet > 0x7f)) throw malformed(what);
  return content.toString("latin1");
}
