/**
 * A runtime in a process of its own that answers with bytes which are ready: what a benchmark measures against it
 * is the client.
 *
 * It is started by {@link startServer}; started as a program, it serves until it is ended.
 *
 * @module
 */
import { fork } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer } from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create, toBinary } from "@bufbuild/protobuf";
import { VersionResponseSchema } from "../src/cri/index.ts";
import { listOfContainers } from "./containers.ts";

/** A server that runs. */
export interface BenchServer {
  /** Path of its socket. */
  readonly socket: string;
  /** Ends it and removes its folder. */
  stop(): Promise<void>;
}

/** Starts a server whose ListContainers answers with so many containers. */
export async function startServer(containers: number): Promise<BenchServer> {
  const folder = await mkdtemp(join(tmpdir(), "lading-bench-"));
  const socket = join(folder, "cri.sock");
  const server = fork(import.meta.filename, [socket, String(containers)], {
    execArgv: ["--conditions=lading-source"],
  });
  const ended = once(server, "exit");
  const first = await Promise.race([once(server, "message"), ended]);
  if (first[0] !== "ready") throw new Error(`the server did not start: ${String(first[0])}`);
  return {
    socket,
    stop: async () => {
      server.kill();
      await ended;
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function serve(socket: string, containers: number): void {
  const version = create(VersionResponseSchema, {
    version: "0.1.0",
    runtimeName: "bench",
    runtimeVersion: "1",
    runtimeApiVersion: "v1",
  });
  const answers = new Map([
    ["/runtime.v1.RuntimeService/Version", framed(toBinary(VersionResponseSchema, version))],
    ["/runtime.v1.RuntimeService/ListContainers", framed(listOfContainers(containers))],
  ]);
  const server = createServer();
  server.on("sessionError", () => {});
  server.on("stream", (stream, headers) => {
    stream.on("error", () => {});
    const answer = answers.get(headers[":path"] ?? "") ?? Buffer.alloc(0);
    stream.respond({ ":status": 200, "content-type": "application/grpc" }, { waitForTrailers: true });
    stream.on("wantTrailers", () => stream.sendTrailers({ "grpc-status": answer.length > 0 ? "0" : "12" }));
    // As a runtime does, it answers when the request is there.
    stream.on("end", () => stream.end(answer));
    stream.resume();
  });
  server.listen(socket, () => process.send?.("ready"));
  process.on("disconnect", () => process.exit());
}

/** A message behind its five bytes of compression and length. */
export function framed(message: Uint8Array): Buffer {
  const frame = Buffer.alloc(5 + message.byteLength);
  frame.writeUInt32BE(message.byteLength, 1);
  frame.set(message, 5);
  return frame;
}

if (import.meta.main) {
  const [socket = "", containers = ""] = process.argv.slice(2);
  serve(socket, Number(containers));
}
