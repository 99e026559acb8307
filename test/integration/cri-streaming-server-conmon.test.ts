/** The streaming server in the way of conmon-rs. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { type StreamingServer, startStreamingServer } from "../../src/testing/streaming/index.ts";
import { attachUrl, execUrl, portForwardUrl, programs } from "./cri-streaming-programs.ts";
import { binary, close, frame, handshake, talk, talkSpdy, text } from "./cri-streaming-raw.ts";

const V5 = "v5.channel.k8s.io";

let server: StreamingServer;
before(async () => {
  server = await startStreamingServer({ ...programs, websocket: "conmon-rs" });
});
after(() => server.close());

async function frames(url: string, ...steps: (Uint8Array | number)[]): Promise<string[]> {
  const [status, ...lines] = await talk(url, { offer: V5, steps, limitMs: 1000 });
  assert.equal(status, "101");
  return lines.filter((line) => !line.startsWith("Sec-"));
}

test("no empty message, success is silent, close says done", async () => {
  assert.deepEqual(await frames(execUrl(server, "echo out")), [
    '2 "\\u0001out\\n"',
    "close 1000 done",
    "end",
  ]);
});

test("the status of an exit code other than 0", async () => {
  const [, status = "", ...rest] = await frames(execUrl(server, "complain err 7"));
  assert.deepEqual(JSON.parse(JSON.parse(status.slice(2)).slice(1)), {
    status: "Failure",
    reason: "NonZeroExitCode",
    details: { causes: [{ reason: "ExitCode", message: "7" }] },
    message: "command terminated with non-zero exit code",
  });
  assert.deepEqual(rest, ["close 1000 done", "end"]);
});

test("a command that could not be run, and the end of an attach, are silent", async () => {
  assert.deepEqual(await frames(execUrl(server, "missing")), ["close 1000 done", "end"]);
  assert.deepEqual(await frames(attachUrl(server)), ['2 "\\u0001attached\\n"', "close 1000 done", "end"]);
});

test("fragments are put together, text is ignored", async () => {
  const url = execUrl(server, "head 5", { stdin: true });
  const steps = [text("\0xxxxx"), frame(2, "\0he", { fin: false }), frame(9, "p"), frame(0, "llo")];
  const lines = await frames(url, ...steps);
  assert.deepEqual(lines.slice(0, 2), ['10 "p"', '2 "\\u0001hello"']);
});

test("the close message for any channel ends the session at once", async () => {
  for (const message of ["\xff\0", "\xff\x04", "\xff"]) {
    const url = execUrl(server, "cat", { stdin: true });
    const lines = await frames(url, binary("\0ab"), 20, binary(message));
    assert.deepEqual(lines, ['2 "\\u0001ab"', "close 1000 done", "end"]);
  }
});

test("without stdin in the request nothing of the client is looked at", async () => {
  const lines = await frames(execUrl(server, "wait"), binary("\xff\0"), binary("\x04x"));
  assert.deepEqual(lines, ["silence"]);
});

test("a size, and what is none", async () => {
  const url = () => execUrl(server, "size", { stdin: true, stderr: false, tty: true });
  const size = await frames(url(), binary('\x04{"Width":133,"Height":44}'), binary("\0."));
  assert.equal(size[0], '2 "\\u000144 133"');
  assert.deepEqual(await frames(url(), binary("\x04x")), ["close 1000 done", "end"]);
});

test("the client's close is answered", async () => {
  const lines = await frames(execUrl(server, "cat", { stdin: true }), 20, close);
  assert.deepEqual(lines, ["close 1000 done", "end"]);
});

test("an offer without version 5 is answered without a protocol", async () => {
  const lines = await talk(execUrl(server, "echo out"), { offer: "v4.channel.k8s.io" });
  assert.equal(lines[0], "101");
  assert.ok(!lines.some((line) => line.startsWith("Sec-WebSocket-Protocol")));
});

test("a UUID for a token, looked at after the handshake", async () => {
  const url = execUrl(server, "echo out");
  assert.match(url, /\/exec\/[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  const spdy = await talkSpdy(url, ["v4.channel.k8s.io"], []);
  assert.deepEqual(spdy.slice(0, 2), ["405", "Request method must be `GET`\n"]);
  assert.equal((await talk(url, { fields: ["Connection: close"] }))[0], "400");
  assert.equal((await talk(url, { fields: handshake(V5).toSpliced(2, 1) }))[0], "400");
  assert.equal((await talk(url, { offer: V5 }))[0], "101");
  assert.equal((await talk(url, { offer: V5 }))[0], "404");
});

test("port-forward stays with the standard server, over both transports", async () => {
  const url = portForwardUrl(server, 7001);
  assert.match(url, /\/portforward\/[A-Za-z0-9_-]{8}$/);
  const lines = await talk(url, { offer: "v4.channel.k8s.io", steps: [20, close] });
  assert.equal(lines.at(-1), "end");
  const spdy = await talkSpdy(portForwardUrl(server), ["portforward.k8s.io"], [], { limitMs: 100 });
  assert.deepEqual(spdy, ["101", "X-Stream-Protocol-Version: portforward.k8s.io", "silence"]);
});
