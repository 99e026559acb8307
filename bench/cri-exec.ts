/**
 * How fast the output of a command comes out of a container, against a socket that is read and thrown away, which is
 * as fast as containerd sends, and against `ctr tasks exec`, which reads the command's pipe past containerd.
 *
 *   node --conditions=lading-source bench/cri-exec.ts [--mebibytes 256] [--margin 0.25]
 *
 * It needs root and what the interop tests need: it starts a containerd of its own.
 */
import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { parseArgs } from "node:util";
import { connectCri, exec, type StreamTransport } from "../src/cri/index.ts";
import { startContainerd, whyNoContainerd } from "../test/interop/containerd.ts";
import { interleave, report } from "./interleave.ts";

const { values } = parseArgs({
  options: { mebibytes: { type: "string", default: "256" } },
  strict: false,
});
const mebibytes = Number(values.mebibytes);
const command = ["dd", "if=/dev/zero", "bs=65536", `count=${mebibytes * 16}`, "status=none"];

const missing = whyNoContainerd();
if (missing !== undefined) throw new Error(`no containerd: ${missing}`);
const containerd = await startContainerd({ subnet: "198.18.77.0/24" });
const cri = await connectCri({ endpoint: containerd.socket });

/** A container that only waits. */
async function startContainer(): Promise<string> {
  const sandboxConfig = { metadata: { name: "bench", uid: "uid", namespace: "default" }, linux: {} };
  const { podSandboxId } = await cri.runtime.runPodSandbox({ config: sandboxConfig });
  const config = {
    metadata: { name: "waits" },
    image: { image: containerd.busybox },
    command: ["/bin/sleep", "3600"],
    linux: {},
  };
  const { containerId } = await cri.runtime.createContainer({ podSandboxId, sandboxConfig, config });
  await cri.runtime.startContainer({ containerId });
  return containerId;
}

/** Runs the command and counts what it writes. */
async function throughLading(id: string, transport: StreamTransport): Promise<void> {
  const session = await exec(cri, id, command, { transport, stderr: false });
  let length = 0;
  session.stdout.on("data", (chunk: Uint8Array) => {
    length += chunk.byteLength;
  });
  await Promise.all([once(session.stdout, "end"), session.exit]);
  if (length !== mebibytes * 1024 * 1024) throw new Error(`${length} bytes came over ${transport}`);
}

/** Runs the command and reads what the server sends for it, frames and all, into one buffer again and again. */
async function throughSocket(containerId: string): Promise<void> {
  const { hostname, port, host, pathname } = new URL(
    (await cri.runtime.exec({ containerId, cmd: command, stdout: true })).url,
  );
  const upgrade = [
    `GET ${pathname} HTTP/1.1`,
    `Host: ${host}`,
    "Connection: Upgrade",
    "Upgrade: websocket",
    "Sec-WebSocket-Version: 13",
    `Sec-WebSocket-Key: ${Buffer.alloc(16).toString("base64")}`,
    "Sec-WebSocket-Protocol: v4.channel.k8s.io",
  ];
  let length = 0;
  await new Promise<void>((resolve, reject) => {
    const count = (read: number) => {
      length += read;
      if (length > mebibytes * 1024 * 1024) resolve();
      return true;
    };
    const onread = { buffer: Buffer.alloc(256 * 1024), callback: count };
    const socket = connect({ port: Number(port), host: hostname, onread });
    socket.on("error", reject);
    socket.on("close", () => reject(new Error(`the socket ended after ${length} bytes`)));
    socket.write(`${upgrade.join("\r\n")}\r\n\r\n`);
  });
}

let runs = 0;

/** Runs the command with ctr and reads what it writes. */
async function throughCtr(id: string): Promise<void> {
  const where = ["--address", containerd.socket, "--namespace", "k8s.io"];
  const args = [...where, "tasks", "exec", "--exec-id", `bench-${runs++}`, id, ...command];
  const ctr = spawn("ctr", args, { stdio: ["ignore", "pipe", "inherit"] });
  ctr.stdout.resume();
  const [code] = await once(ctr, "close");
  if (code !== 0) throw new Error(`ctr ended with ${String(code)}`);
}

try {
  const id = await startContainer();
  const ways = [
    { name: "lading over WebSocket", run: () => throughLading(id, "websocket") },
    { name: "lading over SPDY", run: () => throughLading(id, "spdy") },
    { name: "a socket that is read and thrown away", run: () => throughSocket(id) },
    { name: "ctr", run: () => throughCtr(id) },
  ];
  const times = await interleave(ways, { rounds: 7, warmUp: 1 });
  for (const [at, { name }] of ways.entries()) {
    console.log(`${name}: ${((mebibytes * 1e6) / (times[at] ?? Number.NaN)).toFixed(0)} MiB/s`);
  }
  const [webSocket = Number.NaN, spdy = Number.NaN, socket = Number.NaN, ctr = Number.NaN] = times;
  report([
    { name: "over WebSocket against the socket alone", value: webSocket, against: socket, limit: 1 / 0.8 },
    { name: "over SPDY against the socket alone", value: spdy, against: socket, limit: 1 / 0.8 },
  ]);
  // What of this is more than a client can do, the first figures tell.
  console.log(
    `ctr takes ${(ctr / Math.min(webSocket, spdy)).toFixed(2)} of the time, ${(ctr / socket).toFixed(2)} of the socket's`,
  );
} finally {
  await cri.close();
  await containerd.stop();
}
