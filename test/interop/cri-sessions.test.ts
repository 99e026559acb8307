/** Sessions against containerd: commands over WebSocket and SPDY, terminals, bulk data, attaching, ports of a pod. */
import assert from "node:assert/strict";
import { createHash, randomBytes } from "node:crypto";
import { finished } from "node:stream/promises";
import { after, before, describe, test } from "node:test";
import { attach, type CriConnection, connectCri, dialPod, exec, portForward } from "../../src/cri/index.ts";
import { type Containerd, startContainerd, whyNoContainerd } from "./containerd.ts";
import { needs } from "./parts.ts";

const MEBIBYTE = 1024 * 1024;

describe("sessions with containerd", needs(whyNoContainerd()), () => {
  let containerd: Containerd;
  let cri: CriConnection;
  let podSandboxId: string;
  let containerId: string;

  before(async () => {
    containerd = await startContainerd({ subnet: "198.18.2.0/24" });
    cri = await connectCri({ endpoint: containerd.socket });
    const sandboxConfig = { metadata: { name: "sessions", uid: "uid", namespace: "default" }, linux: {} };
    ({ podSandboxId } = await cri.runtime.runPodSandbox({ config: sandboxConfig }));
    const config = {
      metadata: { name: "shell" },
      image: { image: containerd.busybox },
      command: ["/bin/sh", "-c", "mkdir /www; echo hello > /www/index.html; exec httpd -f -p 8080 -h /www"],
      linux: {},
    };
    containerId = await start(config);
  });
  after(async () => {
    await cri?.close();
    await containerd?.stop();
  });

  async function start(config: object): Promise<string> {
    const sandboxConfig = { metadata: { name: "sessions", uid: "uid", namespace: "default" }, linux: {} };
    const { containerId: id } = await cri.runtime.createContainer({ podSandboxId, sandboxConfig, config });
    await cri.runtime.startContainer({ containerId: id });
    return id;
  }

  for (const transport of ["websocket", "spdy"] as const) {
    test(`${transport}: output, errors and the exit code`, async () => {
      const command = ["sh", "-c", "echo out; echo 'grüße' >&2; exit 7"];
      const session = await exec(cri, containerId, command, { transport });
      const [stdout, stderr, end] = await Promise.all([
        text(session.stdout),
        text(session.stderr),
        session.exit,
      ]);
      assert.deepEqual([stdout, stderr, end], ["out\n", "grüße\n", { kind: "exited", exitCode: 7 }]);
      assert.equal(session.protocol, "v4.channel.k8s.io");
    });

    test(`${transport}: a terminal and its size`, async () => {
      const size = { width: 133, height: 44 };
      const options = { transport, tty: true, stdin: true, size } as const;
      const session = await exec(cri, containerId, ["sh"], options);
      const output = text(session.stdout);
      session.stdin.write("stty size; echo; read x\n");
      await new Promise((resolve) => setTimeout(resolve, 300));
      session.resize({ width: 80, height: 25 });
      await new Promise((resolve) => setTimeout(resolve, 300));
      session.stdin.write("go\nstty size; exit 3\n");
      assert.deepEqual(await session.exit, { kind: "exited", exitCode: 3 });
      const told = await output;
      assert.match(told, /44 133/);
      assert.match(told, /25 80/);
    });

    test(`${transport}: 64 MiB from a command, byte for byte`, async () => {
      // The same pseudo-random bytes on both sides, made of one mebibyte.
      const part = randomBytes(MEBIBYTE);
      // The shell keeps stdout open: containerd ends stdin once a command has closed one of its outputs, and the
      // command reads less than was sent without knowing it.
      const put = await exec(cri, containerId, ["sh", "-c", "cat > /part; true"], { stdin: true });
      put.stdin.end(part);
      assert.deepEqual(await put.exit, { kind: "exited", exitCode: 0 });
      const command = ["sh", "-c", "i=0; while [ $i -lt 64 ]; do cat /part; i=$((i+1)); done"];
      const session = await exec(cri, containerId, command, { transport });
      const digest = createHash("sha256");
      let length = 0;
      for await (const chunk of session.stdout) {
        length += chunk.length;
        digest.update(chunk);
      }
      assert.deepEqual(await session.exit, { kind: "exited", exitCode: 0 });
      assert.equal(length, 64 * MEBIBYTE);
      assert.equal(digest.digest("hex"), repeatedDigest(part, 64));
    });
  }

  test("the end of stdin reaches a command", async () => {
    const session = await exec(cri, containerId, ["cat"], { stdin: true });
    const output = text(session.stdout);
    session.stdin.end("to the end");
    assert.equal(await output, "to the end");
    assert.deepEqual(await session.exit, { kind: "exited", exitCode: 0 });
    assert.equal(session.transport, "spdy");
  });

  test("the end of stdin over WebSocket v4 is an error, not a hang", async () => {
    const session = await exec(cri, containerId, ["cat"], { stdin: true, transport: "websocket" });
    session.stdin.end("x");
    session.stdout.resume();
    await assert.rejects(session.exit, { code: "ERR_CRI_STDIN_END_UNSUPPORTED" });
  });

  test("64 MiB into a command and its digest back", async () => {
    const session = await exec(cri, containerId, ["sha256sum"], { stdin: true });
    const output = text(session.stdout);
    const part = randomBytes(MEBIBYTE);
    for (let i = 0; i < 64; i++) {
      if (!session.stdin.write(part)) await new Promise((resolve) => session.stdin.once("drain", resolve));
    }
    session.stdin.end();
    assert.match(await output, new RegExp(`^${repeatedDigest(part, 64)} `));
    assert.deepEqual(await session.exit, { kind: "exited", exitCode: 0 });
  });

  test("64 MiB through a command and back at once", async () => {
    const session = await exec(cri, containerId, ["cat"], { stdin: true });
    const part = randomBytes(MEBIBYTE);
    const sent = (async () => {
      for (let i = 0; i < 64; i++) {
        if (!session.stdin.write(part)) await new Promise((resolve) => session.stdin.once("drain", resolve));
      }
      session.stdin.end();
      await finished(session.stdin);
    })();
    const digest = createHash("sha256");
    for await (const chunk of session.stdout) digest.update(chunk);
    await sent;
    assert.equal(digest.digest("hex"), repeatedDigest(part, 64));
    assert.deepEqual(await session.exit, { kind: "exited", exitCode: 0 });
  });

  test("a command that is not there", async () => {
    const session = await exec(cri, containerId, ["/no/such/command"]);
    session.stdout.resume();
    session.stderr.resume();
    await assert.rejects(session.exit, { code: "ERR_CRI_EXEC_FAILED" });
  });

  test("an abort ends a session, with its reason", async () => {
    const controller = new AbortController();
    const session = await exec(cri, containerId, ["sleep", "1000"], { signal: controller.signal });
    const reason = new Error("enough");
    controller.abort(reason);
    await assert.rejects(session.exit, (error) => error === reason);
  });

  for (const name of ["v4.base64.channel.k8s.io", "base64.channel.k8s.io", "channel.k8s.io"] as const) {
    test(`output over ${name}`, async () => {
      const options = { transport: "websocket", protocols: [name] } as const;
      const session = await exec(cri, containerId, ["printf", "\\000\\377"], options);
      assert.deepEqual(await bytes(session.stdout), Buffer.of(0, 0xff));
      assert.deepEqual(await session.exit, { kind: "exited", exitCode: 0 });
      assert.equal(session.protocol, name);
    });
  }

  test("20 requests at once through one forwarded port", async () => {
    const forwarding = await portForward(cri, podSandboxId, [":8080"]);
    try {
      const [port] = forwarding.ports;
      assert.ok(port);
      const requests = Array.from({ length: 20 }, (_, i) => `http://127.0.0.1:${port.local}/index.html?${i}`);
      assert.deepEqual(
        await Promise.all(requests.map(async (url) => (await fetch(url)).text())),
        requests.map(() => "hello\n"),
      );
    } finally {
      await forwarding.close();
    }
  });

  for (const transport of ["spdy", "websocket"] as const) {
    test(`${transport}: one connection into the pod`, async () => {
      const connection = await dialPod(cri, podSandboxId, 8080, { transport });
      connection.write("GET /index.html HTTP/1.0\r\n\r\n");
      assert.match((await bytes(connection)).toString(), /^HTTP\/1\.[01] 200 OK.*\r\n\r\nhello\n$/s);
    });

    test(`${transport}: a port without a listener`, async () => {
      await assert.rejects(async () => bytes(await dialPod(cri, podSandboxId, 9, { transport })), {
        code: "ERR_CRI_PORT_FORWARD_FAILED",
      });
    });
  }

  test("attaching to a container that reads and writes", async () => {
    const id = await start({
      metadata: { name: "echo" },
      image: { image: containerd.busybox },
      command: ["/bin/sh", "-c", "while read line; do echo got $line; done; echo over"],
      stdin: true,
      stdinOnce: true,
      linux: {},
    });
    const session = await attach(cri, id, { stdin: true });
    const output = text(session.stdout);
    session.stdin.write("one\n");
    session.stdin.end("two\n");
    assert.equal(await output, "got one\ngot two\nover\n");
    await session.exit;
  });
});

function repeatedDigest(part: Uint8Array, times: number): string {
  const digest = createHash("sha256");
  for (let i = 0; i < times; i++) digest.update(part);
  return digest.digest("hex");
}

async function text(stream: AsyncIterable<Uint8Array>): Promise<string> {
  return (await bytes(stream)).toString("utf8");
}

async function bytes(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}
