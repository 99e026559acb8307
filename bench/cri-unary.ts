/**
 * What a small call costs beyond grpc-js and beyond HTTP/2: `Version`, one at a time and 32 at once.
 *
 *   node --conditions=lading-source bench/cri-unary.ts [--endpoint PATH] [--margin 0.25]
 *
 * Without the path of a socket it measures against a server of its own.
 */
import { type ClientHttp2Session, connect } from "node:http2";
import { connect as connectSocket } from "node:net";
import { parseArgs } from "node:util";
import { create, toBinary } from "@bufbuild/protobuf";
import { Client, credentials } from "@grpc/grpc-js";
import { decodeMessage } from "../src/cri/decode/message.ts";
import { connectCri, VersionRequestSchema, VersionResponseSchema } from "../src/cri/index.ts";
import { formatTime, interleave, report } from "./interleave.ts";
import { framed, startServer } from "./server.ts";

const PATH = "/runtime.v1.RuntimeService/Version";
const { values } = parseArgs({ options: { endpoint: { type: "string" } }, strict: false });
const server = typeof values.endpoint === "string" ? undefined : await startServer(0);
const socket = server?.socket ?? String(values.endpoint);

const cri = await connectCri({ endpoint: socket });
const grpc = new Client(`unix:${socket}`, credentials.createInsecure());
const http2 = connect("http://localhost", { createConnection: () => connectSocket(socket) });

/** The request as it goes out. */
function request(): Uint8Array {
  return toBinary(VersionRequestSchema, create(VersionRequestSchema, { version: "v1" }));
}

/** The call as grpc-js is meant to be used, with the same reader and writer. */
function overGrpc(client: Client): Promise<unknown> {
  return new Promise((resolve, reject) => {
    client.makeUnaryRequest(
      PATH,
      () => Buffer.from(request()),
      (bytes: Buffer) => decodeMessage(VersionResponseSchema, bytes),
      null,
      (error, answer) => (error ? reject(error) : resolve(answer)),
    );
  });
}

/** The call with frames made by hand: the least that it can cost. */
function overHttp2(session: ClientHttp2Session): Promise<unknown> {
  return new Promise((resolve, reject) => {
    const stream = session.request({
      ":method": "POST",
      ":path": PATH,
      "content-type": "application/grpc",
      te: "trailers",
    });
    const parts: Buffer[] = [];
    let status: unknown;
    stream.on("data", (part: Buffer) => parts.push(part));
    stream.on("trailers", (trailers) => {
      status = trailers["grpc-status"];
    });
    stream.on("error", reject);
    stream.on("end", () => {
      if (status === "0") resolve(decodeMessage(VersionResponseSchema, Buffer.concat(parts).subarray(5)));
      else reject(new Error(`status ${String(status)}`));
    });
    stream.end(framed(request()));
  });
}

const calls = [
  { name: "lading", run: () => cri.runtime.version({ version: "v1" }) },
  { name: "grpc-js", run: () => overGrpc(grpc) },
  { name: "node:http2", run: () => overHttp2(http2) },
];
/** As many calls as there may be, a number of them at any time. */
const crowds = calls.map(({ name, run }) => ({
  name,
  run: () => Promise.all(Array.from({ length: 32 }, () => inTurn(run, 20))),
}));

async function inTurn(run: () => Promise<unknown>, count: number): Promise<void> {
  for (let call = 0; call < count; call++) await run();
}

try {
  const one = await interleave(calls, { rounds: 3000, warmUp: 500 });
  for (const [at, { name }] of calls.entries()) console.log(`${name}: ${formatTime(one[at] ?? 0)} a call`);
  const many = await interleave(crowds, { rounds: 40 });
  for (const [at, { name }] of crowds.entries()) {
    console.log(`${name}: ${((32 * 20 * 1e6) / (many[at] ?? 0)).toFixed(0)} calls a second, 32 at once`);
  }
  const [lading = Number.NaN, bare = Number.NaN, least = Number.NaN] = one;
  const [crowd = Number.NaN, bareCrowd = Number.NaN] = many;
  report([
    { name: "one call against grpc-js", value: lading, against: bare, limit: 1.15 },
    { name: "one call against node:http2", value: lading, against: least, limit: 1.35 },
    { name: "32 at once against grpc-js", value: crowd, against: bareCrowd, limit: 1 / 0.9 },
  ]);
} finally {
  await cri.close();
  grpc.close();
  http2.close();
  await server?.stop();
}
