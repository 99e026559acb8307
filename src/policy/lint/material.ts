/**
 * The keys and certificates of a policy, opened now: on a node, a wrong path shows when the first signature is checked.
 *
 * @module
 */
import { messageOf } from "../../core/message-of.ts";
import { raceSignal, type SignalOptions } from "../../core/signal.ts";
import { type Certificate, parseCertificate } from "../certificate.ts";
import { PolicyError } from "../errors.ts";
import { parseCertificateList } from "../leaf.ts";
import { openKeyring } from "../openpgp/keyring.ts";
import { nextPemBlock, type PemBlock, pemText } from "../pem.ts";
import { parsePublicKeyPem } from "../public-key.ts";
import { quote } from "../quote.ts";
import type { ReadPolicyFile } from "../trust-files.ts";
import { createTrustMemory } from "../trust-memory.ts";
import type { DataSource, KeySource, PolicyRequirement, SigstoreSigned } from "../types.ts";
import { type ListPlace, type Report, within } from "./findings.ts";

/** What of a file's state counts. */
export interface PolicyFileState {
  /** Type and permission bits, as `fs.Stats` has them. */
  readonly mode: number;
}

/** What opening keys takes. */
export interface MaterialOptions extends SignalOptions {
  readonly readFile: ReadPolicyFile | undefined;
  readonly stat: ((path: string) => Promise<PolicyFileState>) | undefined;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** A certificate that ends within this time is reported. */
  readonly expiresWithinMs: number;
}

/** Reads and checks keys and certificates; each file once. */
export interface MaterialCheck {
  /** Reports what is to be said of the material of a requirement. */
  check(place: ListPlace, requirement: PolicyRequirement): Promise<void>;
}

type Content = { readonly bytes: Uint8Array } | { readonly problem: string };

/** A check of material for one policy. */
export function materialCheck(options: MaterialOptions, report: Report): MaterialCheck {
  const contents = new Map<string, Content>();
  const states = new Map<string, PolicyFileState | undefined>();
  const { readFile, stat, signal } = options;

  async function contentOf(path: string): Promise<Content | undefined> {
    if (!readFile) return undefined;
    const known = contents.get(path);
    if (known) return known;
    let content: Content;
    try {
      signal?.throwIfAborted();
      const bytes: unknown = await raceSignal(readFile(path, { signal }), signal);
      if (!(bytes instanceof Uint8Array)) throw new TypeError("readFile gave something other than bytes");
      content = { bytes };
    } catch (error) {
      signal?.throwIfAborted();
      content = { problem: messageOf(error) };
    }
    contents.set(path, content);
    return content;
  }

  async function stateOf(path: string): Promise<PolicyFileState | undefined> {
    if (!stat || states.has(path)) return states.get(path);
    let state: PolicyFileState | undefined;
    try {
      signal?.throwIfAborted();
      state = await raceSignal(stat(path), signal);
    } catch {
      // A file that is not there is reported as one that cannot be read.
      signal?.throwIfAborted();
    }
    states.set(path, state);
    return state;
  }

  async function checkFile(place: ListPlace, path: string): Promise<Uint8Array | undefined> {
    if (!path.startsWith("/")) {
      const message = `${quote(path)} is looked for in the working directory of whatever reads the policy`;
      report(place, "path-relative", "warning", message, path);
    }
    const state = await stateOf(path);
    const folder = path.slice(0, path.lastIndexOf("/")) || (path.startsWith("/") ? "/" : ".");
    const folderState = await stateOf(folder);
    if (state && (state.mode & 0o002) !== 0) {
      report(place, "key-writable", "error", `anyone may write ${quote(path)}`, path);
    }
    // In a folder with the sticky bit, others may add files but not replace this one.
    if (folderState && (folderState.mode & 0o1002) === 0o002) {
      const message = `anyone may replace ${quote(path)}: they may write to ${quote(folder)}`;
      report(place, "key-writable", "error", message, path);
    }
    const content = await contentOf(path);
    if (!content) {
      report(
        place,
        "key-unchecked",
        "info",
        `${quote(path)} was not read: no way to read files is given`,
        path,
      );
    } else if ("problem" in content) {
      report(place, "key-unreadable", "error", `cannot read ${quote(path)}: ${content.problem}`, path);
    } else return content.bytes;
    return undefined;
  }

  async function checkSource(
    place: ListPlace,
    prefix: string,
    source: KeySource | DataSource | undefined,
    read: MaterialReader,
  ): Promise<void> {
    for (const { member, path, data } of entriesOf(prefix, source)) {
      const at = within(place, ...member);
      const bytes = path === undefined ? data : await checkFile(at, path);
      if (bytes) await read(at, bytes, path);
    }
    if (entriesOf(prefix, source).length > 0 || !source) return;
    report(within(place, `${prefix}Paths`), "key-empty", "error", "no keys at all: every image is refused");
  }

  const readers = materialReaders(options, report);
  return {
    async check(place, requirement) {
      if (requirement.type === "signedBy") {
        await checkSource(place, "key", requirement.keys, readers.keyring);
      }
      if (requirement.type === "sigstoreSigned") await checkTrust(place, requirement.trust);
    },
  };

  async function checkTrust(place: ListPlace, trust: SigstoreSigned["trust"]): Promise<void> {
    switch (trust.kind) {
      case "keys":
        await checkSource(place, "key", trust.keys, readers.publicKey);
        await checkSource(place, "rekorPublicKey", trust.rekor, readers.logKey);
        break;
      case "fulcio":
        await checkSource(within(place, "fulcio"), "ca", trust.ca, readers.fulcioAnchors);
        await checkSource(place, "rekorPublicKey", trust.rekor, readers.logKey);
        break;
      case "pki": {
        const pki = within(place, "pki");
        await checkSource(pki, "caRoots", trust.caRoots, readers.pkiAnchors);
        await checkSource(pki, "caIntermediates", trust.caIntermediates, readers.pkiIntermediates);
        break;
      }
    }
  }
}

interface SourceEntry {
  readonly member: readonly (string | number)[];
  readonly path?: string;
  readonly data?: Uint8Array;
}

function entriesOf(prefix: string, source: KeySource | DataSource | undefined): SourceEntry[] {
  switch (source?.kind) {
    case undefined:
      return [];
    case "path":
      return [{ member: [`${prefix}Path`], path: source.path }];
    case "data":
      return [{ member: [`${prefix}Data`], data: source.data }];
    case "paths":
      return source.paths.map((path, index) => ({ member: [`${prefix}Paths`, index], path }));
    case "datas":
      return source.datas.map((data, index) => ({ member: [`${prefix}Datas`, index], data }));
  }
}

type MaterialReader = (place: ListPlace, bytes: Uint8Array, file: string | undefined) => Promise<void> | void;

function materialReaders(
  { now, expiresWithinMs }: MaterialOptions,
  report: Report,
): Record<
  "keyring" | "publicKey" | "logKey" | "fulcioAnchors" | "pkiAnchors" | "pkiIntermediates",
  MaterialReader
> {
  /** Reports what holds for every kind of material, and gives the PEM blocks if there is more to see. */
  function blocksOf(place: ListPlace, bytes: Uint8Array, file: string | undefined): PemBlock[] | undefined {
    if (isBlank(bytes)) {
      report(place, "key-empty", "error", "it is empty: every image is refused", file);
      return undefined;
    }
    const blocks = pemBlocksOf(bytes);
    if (PRIVATE_KEY.test(pemText(bytes))) {
      const message = "it holds a private key: whoever may read the policy can sign";
      report(place, "private-key", "error", message, file);
    }
    return blocks;
  }

  function publicKey(place: ListPlace, bytes: Uint8Array, file: string | undefined, isLog: boolean): void {
    const blocks = blocksOf(place, bytes, file);
    if (!blocks) return;
    try {
      const { kind } = parsePublicKeyPem(bytes);
      if (isLog && kind !== "ecdsa") {
        const message = `a log's key must be one of ECDSA, not ${kind}: every image is refused`;
        report(place, "key-invalid", "error", message, file);
      }
    } catch (error) {
      if (!(error instanceof PolicyError)) throw error;
      report(place, "key-invalid", "error", `${error.message}: every image is refused`, file);
    }
    const keys = blocks.filter(({ type }) => type.endsWith("PUBLIC KEY")).length;
    if (keys < 2) return;
    const message = `only the first of ${keys} keys counts: name each by a file of its own in a list`;
    report(place, "keys-ignored", "warning", message, file);
  }

  /** Certificates of which each readable one counts; those of Fulcio must be valid when a signature is made. */
  function anchors(place: ListPlace, bytes: Uint8Array, file: string | undefined, isFulcio: boolean): void {
    const blocks = blocksOf(place, bytes, file);
    if (!blocks) return;
    const found: Certificate[] = [];
    let ignored = 0;
    for (const { type, hasHeaders, bytes: der } of blocks) {
      const certificate = type === "CERTIFICATE" && !hasHeaders ? tryParse(der) : undefined;
      if (certificate) found.push(certificate);
      else ignored++;
    }
    if (found.length === 0) {
      report(place, "key-invalid", "error", "no certificate can be read: every image is refused", file);
      return;
    }
    if (ignored > 0) {
      const message = `${ignored} of ${blocks.length} blocks are no readable certificates, and passed over`;
      report(place, "certificates-ignored", "warning", message, file);
    }
    for (const [index, certificate] of found.entries()) {
      times(place, index, certificate, file, isFulcio);
      if (certificate.basicConstraints?.isCa) continue;
      const message = `certificate ${index + 1} is no authority: only itself is trusted, nothing that it issues`;
      report(place, "certificate-no-authority", "warning", message, file);
    }
  }

  function times(
    place: ListPlace,
    index: number,
    { notBefore, notAfter }: Certificate,
    file: string | undefined,
    isFulcio: boolean,
  ): void {
    const which = `certificate ${index + 1}`;
    if (notBefore * 1000 > now) {
      const message = `${which} is valid from ${dateOf(notBefore)} on only`;
      report(place, "certificate-not-yet-valid", "warning", message, file);
    }
    if (notAfter * 1000 < now) {
      const meaning = isFulcio
        ? "signatures of before still count, new ones do not"
        : "no signature counts that needs it";
      const message = `${which} was valid until ${dateOf(notAfter)}: ${meaning}`;
      report(place, "certificate-expired", isFulcio ? "warning" : "error", message, file);
    } else if (notAfter * 1000 - now <= expiresWithinMs) {
      const message = `${which} is valid until ${dateOf(notAfter)} only`;
      report(place, "certificate-expires", "warning", message, file);
    }
  }

  return {
    async keyring(place, bytes, file) {
      if (!blocksOf(place, bytes, file)) return;
      try {
        await openKeyring([bytes], createTrustMemory());
      } catch (error) {
        if (!(error instanceof PolicyError)) throw error;
        report(place, "key-invalid", "error", `${error.message}: no signature counts by it`, file);
      }
    },
    publicKey: (place, bytes, file) => publicKey(place, bytes, file, false),
    logKey: (place, bytes, file) => publicKey(place, bytes, file, true),
    fulcioAnchors: (place, bytes, file) => anchors(place, bytes, file, true),
    pkiAnchors: (place, bytes, file) => anchors(place, bytes, file, false),
    pkiIntermediates(place, bytes, file) {
      if (!blocksOf(place, bytes, file)) return;
      try {
        for (const [index, certificate] of parseCertificateList(bytes).entries()) {
          times(place, index, certificate, file, false);
        }
      } catch (error) {
        if (!(error instanceof PolicyError)) throw error;
        report(place, "key-invalid", "error", `${error.message}: every image is refused`, file);
      }
    },
  };
}

const PRIVATE_KEY = /-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----/;
/** More blocks than this are not looked at. */
const MAX_BLOCKS = 1000;

function pemBlocksOf(bytes: Uint8Array): PemBlock[] {
  const blocks: PemBlock[] = [];
  let rest = pemText(bytes);
  while (blocks.length < MAX_BLOCKS) {
    const block = nextPemBlock(rest);
    if (!block) break;
    blocks.push(block);
    rest = block.rest;
  }
  return blocks;
}

function isBlank(bytes: Uint8Array): boolean {
  return bytes.every((byte) => byte === 0x20 || (byte >= 0x09 && byte <= 0x0d));
}

function tryParse(der: Uint8Array): Certificate | undefined {
  try {
    return parseCertificate(der);
  } catch (error) {
    if (!(error instanceof PolicyError)) throw error;
    return undefined;
  }
}

function dateOf(seconds: number): string {
  const date = new Date(seconds * 1000);
  return Number.isNaN(date.getTime()) ? `${seconds} s` : date.toISOString();
}
