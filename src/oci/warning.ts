/**
 * Warnings that registries attach to answers: `299 - "text"`.
 *
 * @see {@link https://github.com/opencontainers/distribution-spec/blob/v1.1.1/spec.md#warnings}
 * @module
 */

/** A warning for a person to read; nothing may be decided on it. */
export interface RegistryWarning {
  code: 299;
  agent: "-";
  /** Unescaped, percent-decoded, as UTF-8 with U+FFFD for other bytes. No control characters. */
  text: string;
  /** The same before it was decoded. */
  bytes: Uint8Array;
}

/** Longest text that the specification allows is 4096 bytes; escaped, each byte can take up to three. */
const MAX_HEADER_LENGTH = 3 * 4096 + 16;
const MAX_TEXT_BYTES = 4096;
const VALUE = /^299 - "((?:[^"\\]|\\[\s\S])*)"$/;

/**
 * The warning of one `Warning` header line, or nothing for any other line.
 *
 * The line is taken as HTTP libraries give it: one character a byte. Control characters, escaped or not, void
 * the warning, as does a percent-encoded quote.
 */
export function parseWarning(line: string): RegistryWarning | undefined {
  if (line.length > MAX_HEADER_LENGTH) return undefined;
  const quoted = VALUE.exec(line)?.[1];
  if (quoted === undefined) return undefined;
  const raw = Buffer.from(quoted.replace(/\\([\s\S])/g, "$1"), "latin1");
  if (raw.some(isControl)) return undefined;
  const bytes = decodePercent(raw);
  if (!bytes || bytes.byteLength === 0 || bytes.byteLength > MAX_TEXT_BYTES) return undefined;
  return { code: 299, agent: "-", text: bytes.toString("utf8"), bytes };
}

function isControl(byte: number): boolean {
  return (byte < 0x20 && byte !== 0x09) || byte === 0x7f;
}

/** Percent-decodes once; what is no `%XX` stays. Nothing comes back if that reveals a control or a quote. */
function decodePercent(raw: Buffer): Buffer | undefined {
  const decoded = Buffer.from(
    raw.toString("latin1").replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => {
      const byte = Number.parseInt(hex, 16);
      return isControl(byte) || byte === 0x22 ? "\0" : String.fromCharCode(byte);
    }),
    "latin1",
  );
  return decoded.some(isControl) ? undefined : decoded;
}
