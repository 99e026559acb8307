/**
 * Keyrings as files have them: binary, or in ASCII armor of which there may be several in a row.
 *
 * @see {@link https://www.rfc-editor.org/rfc/rfc4880#section-6}
 * @module
 */

const BEGIN = "-----BEGIN PGP PUBLIC KEY BLOCK-----";
const END = "-----END PGP PUBLIC KEY BLOCK-----";
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;

/**
 * The packets of a keyring file: its content if that is binary, else what its armored blocks hold.
 *
 * Text outside the blocks does not matter. Reading ends at the first block that is broken, as in GnuPG.
 */
export function keyringPackets(file: Uint8Array): Uint8Array[] {
  if (((file[0] ?? 0) & 0x80) !== 0) return [file];
  const lines = Buffer.from(file.buffer, file.byteOffset, file.byteLength).toString("latin1").split("\n");
  const blocks: Uint8Array[] = [];
  let collected: string[] | undefined;
  for (const untrimmed of lines) {
    const line = untrimmed.trimEnd();
    if (line === BEGIN) {
      if (collected) return blocks;
      collected = [];
    } else if (line === END && collected) {
      const block = decodeBlock(collected);
      if (!block) return blocks;
      blocks.push(block);
      collected = undefined;
    } else collected?.push(line);
  }
  return blocks;
}

/** The bytes of an armored block, without its first and last line. */
function decodeBlock(lines: readonly string[]): Uint8Array | undefined {
  // Headers end with an empty line. Without any, some writers leave that out too.
  const empty = lines.indexOf("");
  const isHeaded = empty >= 0 && lines.slice(0, empty).every((line) => line.includes(": "));
  const body = lines.slice(isHeaded ? empty + 1 : 0).filter((line) => line !== "");
  const last = body.at(-1);
  const sum = last?.startsWith("=") && last.length === 5 ? body.pop()?.slice(1) : undefined;
  const text = body.join("");
  if (text === "" || !BASE64.test(text)) return undefined;
  const bytes = Buffer.from(text, "base64");
  if (sum !== undefined && sum !== checksum(bytes)) return undefined;
  return bytes;
}

/** The checksum of armored data, in base64. */
function checksum(bytes: Uint8Array): string {
  let sum = 0xb704ce;
  for (const octet of bytes) {
    sum ^= octet << 16;
    for (let bit = 0; bit < 8; bit++) {
      sum <<= 1;
      if ((sum & 0x1000000) !== 0) sum ^= 0x1864cfb;
    }
  }
  return Buffer.from([(sum >> 16) & 0xff, (sum >> 8) & 0xff, sum & 0xff]).toString("base64");
}
