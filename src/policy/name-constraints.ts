/**
 * Name constraints: which names the certificates below a certificate authority may carry.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc5280#section-4.2.1.10}
 * @module
 */
import { isIP } from "node:net";
import { contextTag, derReader, malformed, onlyElement, TAG } from "./der.ts";
import { asciiOf, type GeneralNames } from "./general-names.ts";
import { quote } from "./quote.ts";

/** One set of names, by form. */
export interface NameSubtrees {
  readonly emails: readonly string[];
  readonly hosts: readonly string[];
  readonly uriHosts: readonly string[];
  /** Address and mask, of the same length. */
  readonly addresses: readonly { readonly address: Buffer; readonly mask: Buffer }[];
}

/** What a certificate authority may and may not certify. */
export interface NameConstraints {
  readonly permitted: NameSubtrees;
  readonly excluded: NameSubtrees;
  /** Whether names of a form are constrained that is not checked here, such as directory names. */
  readonly hasUnknownForms: boolean;
}

const WHAT = "name constraints";

/** Reads the value of a name constraints extension. */
export function readNameConstraints(value: Uint8Array): NameConstraints {
  const reader = derReader(onlyElement(value, TAG.SEQUENCE, WHAT).content, WHAT);
  const permitted = readSubtrees(reader.optional(contextTag(0, true))?.content);
  const excluded = readSubtrees(reader.optional(contextTag(1, true))?.content);
  reader.end();
  return { permitted, excluded, hasUnknownForms: permitted.hasUnknown || excluded.hasUnknown };
}

function readSubtrees(content: Buffer | undefined): NameSubtrees & { hasUnknown: boolean } {
  const emails: string[] = [];
  const hosts: string[] = [];
  const uriHosts: string[] = [];
  const addresses: { address: Buffer; mask: Buffer }[] = [];
  let hasUnknown = false;
  const reader = derReader(content ?? Buffer.alloc(0), WHAT);
  while (!reader.done) {
    // A subtree with a minimum or maximum is refused, as RFC 5280 has it.
    const name = onlyAny(reader.next(TAG.SEQUENCE).content);
    if (name.tag === contextTag(1, false)) emails.push(asciiOf(name.content, WHAT));
    else if (name.tag === contextTag(2, false)) hosts.push(asciiOf(name.content, WHAT));
    else if (name.tag === contextTag(6, false)) uriHosts.push(asciiOf(name.content, WHAT));
    else if (name.tag === contextTag(7, false)) addresses.push(readAddress(name.content));
    else hasUnknown = true;
  }
  for (const host of [...hosts, ...uriHosts]) {
    if (!isDomainConstraint(host)) throw malformed(WHAT);
  }
  for (const email of emails) {
    const domain = email.includes("@") ? mailboxOf(email)?.domain : email;
    if (domain === undefined || !isDomainConstraint(domain)) throw malformed(WHAT);
  }
  return { emails, hosts, uriHosts, addresses, hasUnknown };
}

function onlyAny(content: Buffer): { tag: number; content: Buffer } {
  const reader = derReader(content, WHAT);
  const element = reader.next();
  reader.end();
  return element;
}

function readAddress(content: Buffer): { address: Buffer; mask: Buffer } {
  if (content.length !== 8 && content.length !== 32) throw malformed(WHAT);
  const half = content.length / 2;
  const mask = content.subarray(half);
  const bits = [...mask].map((octet) => octet.toString(2).padStart(8, "0")).join("");
  if (/01/.test(bits)) throw malformed(WHAT);
  return { address: content.subarray(0, half), mask };
}

/** A constraint may be empty, or a domain, or a domain with a dot before it. */
function isDomainConstraint(text: string): boolean {
  const domain = text.startsWith(".") ? text.slice(1) : text;
  return domain === "" || labelsOf(domain) !== undefined;
}

/** How many comparisons of names with constraints may still be made. */
export interface ComparisonBudget {
  comparisons: number;
}

/**
 * The comparisons that may be made for one leaf, whatever the chains that are tried. Go allows as many for each
 * certificate of each chain, which takes minutes where every certificate is made to use them up.
 */
export const MAX_COMPARISONS = 250_000;

/**
 * Why names break constraints, or nothing if they keep them.
 *
 * A name that cannot be understood breaks any constraints, and so do more names and constraints than the budget
 * has comparisons left for.
 */
export function nameConstraintViolation(
  { permitted, excluded }: NameConstraints,
  names: GeneralNames,
  budget: ComparisonBudget,
): string | undefined {
  budget.comparisons -= comparisons(permitted, names) + comparisons(excluded, names);
  if (budget.comparisons < 0) {
    return `more than ${MAX_COMPARISONS} comparisons of names with constraints`;
  }
  for (const email of names.emails) {
    const mailbox = mailboxOf(email);
    if (!mailbox) return `cannot parse rfc822Name ${quote(email)}`;
    const problem = check(quote(email), "email address", permitted.emails, excluded.emails, (constraint) =>
      matchesMailbox(mailbox, constraint),
    );
    if (problem !== undefined) return problem;
  }
  for (const host of names.hosts) {
    if (!labelsOf(host)) return `cannot parse dnsName ${quote(host)}`;
    const problem = check(quote(host), "DNS name", permitted.hosts, excluded.hosts, (constraint) =>
      matchesDomain(host, constraint),
    );
    if (problem !== undefined) return problem;
  }
  for (const uri of names.uris) {
    const host = uriHostOf(uri);
    const isConstrained = permitted.uriHosts.length + excluded.uriHosts.length > 0;
    if (host === undefined && isConstrained) return `URI with IP or without host (${quote(uri)})`;
    const problem = check(quote(uri), "URI", permitted.uriHosts, excluded.uriHosts, (constraint) =>
      matchesDomain(host ?? "", constraint),
    );
    if (problem !== undefined) return problem;
  }
  for (const address of names.addresses) {
    const text = quote([...address].join(address.length === 4 ? "." : ":"));
    const problem = check(text, "IP address", permitted.addresses, excluded.addresses, (constraint) =>
      matchesAddress(address, constraint),
    );
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function comparisons(subtrees: NameSubtrees, names: GeneralNames): number {
  return (
    subtrees.emails.length * names.emails.length +
    subtrees.hosts.length * names.hosts.length +
    subtrees.uriHosts.length * names.uris.length +
    subtrees.addresses.length * names.addresses.length
  );
}

function check<T>(
  name: string,
  kind: string,
  permitted: readonly T[],
  excluded: readonly T[],
  matches: (constraint: T) => boolean,
): string | undefined {
  if (excluded.some(matches)) return `${kind} ${name} is excluded by constraint`;
  if (permitted.length > 0 && !permitted.some(matches)) {
    return `${kind} ${name} is not permitted by any constraint`;
  }
  return undefined;
}

interface Mailbox {
  local: string;
  domain: string;
}

/** An address of plain atoms; quoted local parts are not understood, so they break constraints. */
function mailboxOf(email: string): Mailbox | undefined {
  const match = /^([A-Za-z0-9!#$%&'*+\-/=?^_`{|}~.]+)@([^@]+)$/.exec(email);
  const [, local = "", domain = ""] = match ?? [];
  if (!match || !labelsOf(domain) || /^\.|\.\.|\.$/.test(local)) return undefined;
  return { local, domain };
}

function matchesMailbox({ local, domain }: Mailbox, constraint: string): boolean {
  if (!constraint.includes("@")) return matchesDomain(domain, constraint);
  const wanted = mailboxOf(constraint);
  return wanted !== undefined && wanted.local === local && lower(wanted.domain) === lower(domain);
}

/** Whether a domain is the constraint's or below it; with a dot before the constraint, below it only. */
function matchesDomain(domain: string, constraint: string): boolean {
  if (constraint === "") return true;
  // Both are printable ASCII without empty labels: a domain ends in ".b" only if it is below "b".
  const [name, wanted] = [lower(domain), lower(constraint)];
  if (wanted.startsWith(".")) return wanted !== "." && name.endsWith(wanted);
  return name === wanted || name.endsWith(`.${wanted}`);
}

function matchesAddress(address: Buffer, constraint: { address: Buffer; mask: Buffer }): boolean {
  if (address.length !== constraint.address.length) return false;
  return address.every((octet, index) => {
    const mask = constraint.mask[index] ?? 0xff;
    return (octet & mask) === ((constraint.address[index] ?? 0) & mask);
  });
}

function uriHostOf(uri: string): string | undefined {
  const [, authority = ""] = /^[A-Za-z][A-Za-z0-9+.-]*:\/\/([^/?#]*)/.exec(uri) ?? [];
  const hostAndPort = authority.slice(authority.lastIndexOf("@") + 1);
  if (hostAndPort.startsWith("[")) return undefined;
  const host = hostAndPort.replace(/:[0-9]*$/, "");
  return host === "" || isIP(host) !== 0 || !labelsOf(host) ? undefined : host;
}

/** No domain name is longer: RFC 1035 section 2.3.4. */
const MAX_DOMAIN_LENGTH = 253;

/** The labels of a domain name, or nothing for a text that is none: too long, empty label, no print ASCII. */
function labelsOf(domain: string): string[] | undefined {
  if (domain.length > MAX_DOMAIN_LENGTH || /[^\x21-\x7e]/.test(domain)) return undefined;
  const labels = domain.split(".");
  return labels.some((label) => label === "") ? undefined : labels;
}

/** The text is ASCII, so no letter of another script becomes an ASCII one. */
function lower(text: string): string {
  return text.toLowerCase();
}
