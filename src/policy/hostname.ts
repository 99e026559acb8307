/**
 * Whether a certificate is for a host, by the rules that TLS clients use.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc6125}
 * @module
 */
import { isIP } from "node:net";
import type { GeneralNames } from "./general-names.ts";
import { quote } from "./quote.ts";

/**
 * Why the names of a certificate do not cover a host, or nothing if they do.
 *
 * Only alternative names count, never the common name. Letters compare without regard to ASCII case; a
 * certificate's `*` stands for exactly the left-most label; an IP address compares with address names only.
 */
export function hostnameProblem(names: GeneralNames | undefined, host: string): string | undefined {
  const bracketed = host.startsWith("[") && host.endsWith("]") ? host.slice(1, -1) : host;
  const hosts = names?.hosts ?? [];
  if (isIP(bracketed) !== 0) {
    const wanted = addressBytes(bracketed);
    if (wanted && names?.addresses.some((address) => addressesEqual(address, wanted))) return undefined;
    return `x509: cannot validate certificate for ${host} because it doesn't contain any IP SANs`;
  }
  const isHost = isValidHost(host, false);
  for (const pattern of hosts) {
    const matches =
      isHost && isValidHost(pattern, true) ? matchesPattern(pattern, host) : isEqual(pattern, host);
    if (matches) return undefined;
  }
  if (hosts.length === 0) return `x509: certificate is not valid for any names, but wanted to match ${host}`;
  return `x509: certificate is valid for ${hosts.map(plain).join(", ")}, not ${host}`;
}

function plain(text: string): string {
  return quote(text).slice(1, -1);
}

function isEqual(a: string, b: string): boolean {
  return a !== "" && a !== "." && lower(a) === lower(b);
}

function matchesPattern(pattern: string, host: string): boolean {
  const wanted = lower(pattern).split(".");
  const labels = lower(withoutDot(host)).split(".");
  if (wanted.length !== labels.length) return false;
  return wanted.every((label, index) => (index === 0 && label === "*") || label === labels[index]);
}

function isValidHost(text: string, isPattern: boolean): boolean {
  const host = isPattern ? text : withoutDot(text);
  if (host === "" || host === "*") return false;
  return host
    .split(".")
    .every((label, index) =>
      isPattern && index === 0 && label === "*" ? true : /^[A-Za-z0-9_][A-Za-z0-9_-]*$/.test(label),
    );
}

function withoutDot(host: string): string {
  return host.endsWith(".") ? host.slice(0, -1) : host;
}

function lower(text: string): string {
  return text.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
}

/** The bytes of an address: 4, or 16 if it is an IPv6 address that is not a mapped IPv4 one. */
function addressBytes(text: string): Buffer | undefined {
  if (isIP(text) === 4) return Buffer.from(text.split(".").map(Number));
  if (text.includes("%")) return undefined;
  let spelled = text;
  const dotted = /^(.*:)(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(text);
  if (dotted) {
    const [, head = "", ...octets] = dotted;
    const [a = 0, b = 0, c = 0, d = 0] = octets.map(Number);
    spelled = `${head}${((a << 8) | b).toString(16)}:${((c << 8) | d).toString(16)}`;
  }
  const [left = "", right] = spelled.split("::");
  const before = left === "" ? [] : left.split(":");
  const after = right === undefined || right === "" ? [] : right.split(":");
  const missing = right === undefined ? 0 : 8 - before.length - after.length;
  const groups = [...before, ...Array<string>(Math.max(0, missing)).fill("0"), ...after];
  const bytes = Buffer.alloc(16);
  for (const [index, group] of groups.entries()) bytes.writeUInt16BE(Number.parseInt(group, 16), index * 2);
  return bytes;
}

const MAPPED = Buffer.from("00000000000000000000ffff", "hex");

/** A mapped IPv4 address is the same address as the IPv4 one. */
function addressesEqual(a: Buffer, b: Buffer): boolean {
  return shortest(a).equals(shortest(b));
}

function shortest(address: Buffer): Buffer {
  const isMapped = address.length === 16 && address.subarray(0, 12).equals(MAPPED);
  return isMapped ? address.subarray(12) : address;
}
