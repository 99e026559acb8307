import assert from "node:assert/strict";
import { createServer } from "node:net";
import { test } from "node:test";
import { collectBytes } from "../../src/core/bytes.ts";
import { type Descriptor, describeContent } from "../../src/oci/index.ts";
import { clientFor } from "./registry-setup.ts";

const CONTENT = Buffer.from(Array.from({ length: 1_200_000 }, (_, at) => (at * 31) % 253));
const BLOB: Descriptor = describeContent(CONTENT, "application/octet-stream");
const LENGTH = `Content-Length: ${CONTENT.length}`;

/** The ways in which a body ends: head, and what comes behind the content. */
const ENDS: Record<string, [head: string, tail: string, pieces: boolean]> = {
  "connection closed behind a declared length": [`${LENGTH}\r\nConnection: close`, "", false],
  "connection kept behind a declared length": [LENGTH, "", false],
  "end of the connection": ["Connection: close", "", false],
  chunks: ["Transfer-Encoding: chunked", "0\r\n\r\n", true],
};

for (const [name, [head, tail, chunked]] of Object.entries(ENDS)) {
  test(`a body is whole with each way to end: ${name}`, async (t) => {
    const server = createServer((socket) => {
      socket.on("error", () => {});
      socket.on("data", async () => {
        // The head alone: every read of the client's socket behind it is content and nothing else.
        socket.write(`HTTP/1.1 200 OK\r\n${head}\r\n\r\n`);
        for (let at = 0; at < CONTENT.length; at += 300_000) {
          await new Promise((resolve) => setTimeout(resolve, 2));
          const piece = CONTENT.subarray(at, at + 300_000);
          if (chunked) socket.write(`${piece.length.toString(16)}\r\n`);
          socket.write(piece);
          if (chunked) socket.write("\r\n");
        }
        if (tail !== "") socket.write(tail);
        if (head.includes("close")) socket.end();
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    t.after(() => server.close());
    const { port } = server.address() as { port: number };
    const repository = clientFor(t).repository(`127.0.0.1:${port}/a/b`);
    for (let turn = 0; turn < 5; turn++) {
      const bytes = await collectBytes(repository.fetch(BLOB), { maxBytes: BLOB.size });
      assert.ok(CONTENT.equals(bytes));
    }
  });
}
