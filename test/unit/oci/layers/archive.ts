/** Tar archives of any kind, also broken ones: written field by field, so that nothing of the product is used. */
import { streamOf } from "../../../../src/core/bytes.ts";

/** One header with what follows it. */
export interface RawEntry {
  name: string | Buffer;
  /** Type flag. Default `"0"`, or `"5"` for a name with a slash at its end. */
  type?: string;
  content?: string | Buffer;
  /** What the header says; default the length of the content. */
  size?: number;
  link?: string | Buffer;
  mode?: number;
  uid?: number;
  gid?: number;
  mtime?: number;
  major?: number;
  minor?: number;
  prefix?: string;
  /** Records of an extended header before the entry. */
  pax?: Record<string, string | Buffer>;
  format?: "ustar" | "gnu" | "v7";
  /** Changes the finished block before its checksum is written. */
  edit?: (block: Buffer) => void;
  /** Written in place of the right checksum. */
  checksum?: string;
}

/** A whole archive, with its end. */
export function archive(...entries: readonly RawEntry[]): Buffer {
  return Buffer.concat([...entries.map(entryBytes), Buffer.alloc(1024)]);
}

/** A whole archive as a stream. */
export function layerOf(...entries: readonly RawEntry[]): AsyncGenerator<Uint8Array, void> {
  return streamOf(archive(...entries));
}

/** One entry with its extended header and content, filled up to whole blocks. */
export function entryBytes(entry: RawEntry): Buffer {
  const content = Buffer.from(entry.content ?? "");
  const parts: Buffer[] = [];
  if (entry.pax) {
    const body = Buffer.concat(Object.entries(entry.pax).map(([key, value]) => paxRecord(key, value)));
    parts.push(header({ name: "pax", type: "x", size: body.length }), pad(body));
  }
  parts.push(header({ ...entry, size: entry.size ?? content.length }), pad(content));
  return Buffer.concat(parts);
}

/** One record of an extended header. */
export function paxRecord(key: string, value: string | Buffer): Buffer {
  const tail = Buffer.concat([Buffer.from(` ${key}=`), Buffer.from(value), Buffer.from("\n")]);
  let length = tail.length + 1;
  while (String(length).length + tail.length !== length) length = String(length).length + tail.length;
  return Buffer.concat([Buffer.from(String(length)), tail]);
}

function pad(bytes: Buffer): Buffer {
  return Buffer.concat([bytes, Buffer.alloc((512 - (bytes.length % 512)) % 512)]);
}

function header(entry: RawEntry): Buffer {
  const block = Buffer.alloc(512);
  const name = Buffer.from(entry.name);
  name.copy(block, 0, 0, 100);
  const octal = (value: number, at: number, length: number) => {
    if (value >= 0 && value < 8 ** (length - 1)) block.write(value.toString(8).padStart(length - 1, "0"), at);
    else writeBase256(block, value, at, length);
  };
  octal(entry.mode ?? 0o644, 100, 8);
  octal(entry.uid ?? 0, 108, 8);
  octal(entry.gid ?? 0, 116, 8);
  octal(entry.size ?? 0, 124, 12);
  octal(entry.mtime ?? 0, 136, 12);
  block.write(entry.type ?? (name.at(-1) === 0x2f ? "5" : "0"), 156, "latin1");
  Buffer.from(entry.link ?? "").copy(block, 157, 0, 100);
  const format = entry.format ?? "ustar";
  if (format === "ustar") block.write("ustar\x0000", 257, "latin1");
  if (format === "gnu") block.write("ustar  \0", 257, "latin1");
  if (format !== "v7") {
    octal(entry.major ?? 0, 329, 8);
    octal(entry.minor ?? 0, 337, 8);
    block.write(entry.prefix ?? "", 345);
  }
  entry.edit?.(block);
  block.fill(" ", 148, 156);
  const sum = block.reduce((total, byte) => total + byte, 0);
  block.write(entry.checksum ?? `${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  return block;
}

function writeBase256(block: Buffer, value: number, at: number, length: number): void {
  let rest = BigInt.asUintN(8 * length - 1, BigInt(value));
  for (let i = at + length - 1; i >= at; i--) {
    block[i] = Number(rest & 0xffn);
    rest >>= 8n;
  }
  block[at] = (block[at] ?? 0) | 0x80;
}
