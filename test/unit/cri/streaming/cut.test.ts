import assert from "node:assert/strict";
import { once } from "node:events";
import { connect, createServer, type Socket } from "node:net";
import { type TestContext, test } from "node:test";
import { setTimeout as sleep, setImmediate as turn } from "node:timers/promises";
import { cut } from "../../../../src/cri/streaming/cut.ts";

/** Both sides of a connection. */
async function pair(t: TestContext): Promise<{ near: Socket; far: Socket; farEnd: Promise<string> }> {
  const server = createServer({ allowHalfOpen: true });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  assert.ok(typeof address === "object" && address !== null);
  const near = connect({ port: address.port, host: "127.0.0.1", allowHalfOpen: true });
  const [far] = (await once(server, "connection")) as [Socket];
  if (near.connecting) await once(near, "connect");
  const farEnd = new Promise<string>((resolve) => {
    far.once("error", (error: NodeJS.ErrnoException) => resolve(error.code ?? ""));
    far.once("end", () => resolve("end"));
  });
  far.resume();
  t.after(() => {
    far.destroy();
    server.close();
  });
  return { near, far, farEnd };
}

test("a connection that is open is reset", async (t) => {
  const { near, farEnd } = await pair(t);
  cut(near);
  await once(near, "close");
  assert.equal(await farEnd, "ECONNRESET");
});

test("a connection that is about to end is closed without an error, whatever it was doing", async (t) => {
  const moments: [string, () => Promise<unknown> | undefined][] = [
    ["at once", () => undefined],
    ["in a microtask", () => Promise.resolve()],
    ["in the next tick", () => new Promise((resolve) => process.nextTick(resolve))],
    ["in the next turn", () => turn()],
    ["once it has ended", () => sleep(20)],
  ];
  for (const [moment, wait] of moments) {
    const { near } = await pair(t);
    const errors: unknown[] = [];
    near.on("error", (error) => errors.push(error));
    near.end("last");
    await wait();
    cut(near);
    const closed = once(near, "close").then(() => "closed");
    assert.equal(await Promise.race([closed, sleep(2000, "open")]), "closed", moment);
    assert.deepEqual(errors, [], moment);
  }
});

test("a connection that is not made yet, or is gone, is left", async (t) => {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  t.after(() => server.close());
  const address = server.address();
  assert.ok(typeof address === "object" && address !== null);
  const socket = connect(address.port, "127.0.0.1");
  cut(socket);
  await once(socket, "close");
  cut(socket);
  assert.ok(socket.destroyed);
});
