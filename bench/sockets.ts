/**
 * The least that a pull can be: sockets whose bytes go through SHA-256 into files, by a program that knows where the
 * blobs are, trusts every answer and handles no error.
 *
 * @module
 */
import { createHash } from "node:crypto";
import { closeSync, openSync, writeSync } from "node:fs";
import { connect } from "node:net";
import { join } from "node:path";
import type { Descriptor } from "../src/oci/index.ts";

/** Reads blobs into files of a folder, so many at a time. */
export async function pullBySockets(
  { host, repository }: { host: string; repository: string },
  blobs: readonly Descriptor[],
  folder: string,
  parallel = 3,
): Promise<void> {
  const left = [...blobs];
  const worker = async (): Promise<void> => {
    for (let blob = left.shift(); blob; blob = left.shift()) await pullBlob(host, repository, blob, folder);
  };
  await Promise.all(Array.from({ length: parallel }, worker));
}

async function pullBlob(
  host: string,
  repository: string,
  { digest, size }: Descriptor,
  folder: string,
): Promise<void> {
  const [hostname = "", port = ""] = host.split(":");
  const hash = createHash("sha256");
  const file = openSync(join(folder, digest.slice(7)), "wx");
  let head = "";
  let length = 0;
  try {
    await new Promise<void>((resolve, reject) => {
      const take = (bytes: Buffer): void => {
        if (bytes.byteLength === 0) return;
        hash.update(bytes);
        writeSync(file, bytes);
        length += bytes.byteLength;
        if (length >= size) resolve();
      };
      const callback = (read: number, buffer: Uint8Array): boolean => {
        const bytes = Buffer.from(buffer.buffer, buffer.byteOffset, read);
        if (head.endsWith("\r\n\r\n")) take(bytes);
        else {
          const text = head + bytes.toString("latin1");
          const end = text.indexOf("\r\n\r\n");
          const from = end < 0 ? text.length : end + 4;
          take(bytes.subarray(from - head.length));
          head = text.slice(0, from);
        }
        return true;
      };
      const onread = { buffer: Buffer.alloc(256 * 1024), callback };
      const socket = connect({ host: hostname, port: Number(port), onread });
      socket.on("error", reject);
      socket.on("close", () => reject(new Error(`the socket ended after ${length} bytes`)));
      socket.write(
        `GET /v2/${repository}/blobs/${digest} HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`,
      );
    });
  } finally {
    closeSync(file);
  }
  if (`sha256:${hash.digest("hex")}` !== digest) throw new Error(`${digest} is something else`);
}
