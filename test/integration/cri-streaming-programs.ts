/** Commands for tests of the streaming server: functions that do what a program of that name does. */
import type { Duplex } from "node:stream";
import { create } from "@bufbuild/protobuf";
import {
  AttachRequestSchema,
  type ExecRequest,
  ExecRequestSchema,
  PortForwardRequestSchema,
} from "../../src/cri/index.ts";
import type {
  ExecOutcome,
  StartStreamingServerOptions,
  StreamedProcess,
  StreamingServer,
} from "../../src/testing/streaming/index.ts";

/**
 * `echo WORD`, `complain WORD CODE` to stderr, `head BYTES`, `cat`, `count`, `size` once stdin has anything,
 * `flood BYTES`, `missing`, `crash`, `wait` for the connection to go.
 */
export async function runCommand({ cmd }: ExecRequest, process: StreamedProcess): Promise<ExecOutcome> {
  const [name = "", word = "", code = "0"] = cmd;
  if (name === "echo") await process.stdout(Buffer.from(`${word}\n`));
  if (name === "complain") await process.stderr(Buffer.from(`${word}\n`));
  if (name === "missing") return { error: "no such file" };
  if (name === "crash") throw new Error("the runtime fell over");
  if (name === "cat") for await (const bytes of process.stdin) await process.stdout(bytes);
  if (name === "head") await process.stdout(await take(process.stdin, Number(word)));
  if (name === "count") {
    let bytes = 0;
    for await (const part of process.stdin) bytes += part.byteLength;
    await process.stdout(Buffer.from(String(bytes)));
  }
  if (name === "size") {
    await take(process.stdin, 1);
    for await (const { width, height } of process.sizes) {
      await process.stdout(Buffer.from(`${height} ${width}`));
      break;
    }
  }
  if (name === "flood") await process.stdout(Buffer.alloc(Number(word), "x"));
  if (name === "wait" && !process.signal.aborted) {
    await new Promise((resolve) => process.signal.addEventListener("abort", resolve));
  }
  return { exitCode: Number(code) };
}

/** Sends back what comes on port 7001; every other port is closed. */
export async function echoPort(_request: unknown, port: number, connection: Duplex): Promise<void> {
  if (port !== 7001) throw new Error("connection refused");
  for await (const bytes of connection) connection.write(bytes);
}

/** The handlers of a server that runs these. */
export const programs: Pick<StartStreamingServerOptions, "exec" | "attach" | "portForward"> = {
  exec: runCommand,
  attach: async (_request, process) => {
    await process.stdout(Buffer.from("attached\n"));
    return { exitCode: 3 };
  },
  portForward: echoPort,
};

/** The URL for a command; output is wanted, input and a terminal are not. */
export function execUrl(server: StreamingServer, cmd: string, fields: Partial<ExecRequest> = {}): string {
  const request = { containerId: "c", cmd: cmd.split(" "), stdout: true, stderr: true, ...fields };
  return server.url("exec", create(ExecRequestSchema, request));
}

/** The URL for attaching. */
export function attachUrl(server: StreamingServer): string {
  return server.url("attach", create(AttachRequestSchema, { containerId: "c", stdout: true }));
}

/** The URL for ports of a pod. */
export function portForwardUrl(server: StreamingServer, ...port: number[]): string {
  return server.url("portforward", create(PortForwardRequestSchema, { podSandboxId: "pod", port }));
}

async function take(source: AsyncIterable<Uint8Array>, bytes: number): Promise<Uint8Array> {
  let taken = Buffer.alloc(0);
  for await (const part of source) {
    taken = Buffer.concat([taken, part]);
    if (taken.byteLength >= bytes) break;
  }
  return taken.subarray(0, bytes);
}
