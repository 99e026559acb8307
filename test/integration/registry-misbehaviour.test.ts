/** What the in-process registry does wrong when told to, seen on the wire: no client of lading in between. */
import assert from "node:assert/strict";
import { connect } from "node:net";
import { type TestContext, test } from "node:test";
import { gunzipSync } from "node:zlib";
import { digestOf } from "../../src/core/digest.ts";
import { packManifest } from "../../src/oci/artifact.ts";
import type { RegistryMisbehaviour, TestRegistry } from "../../src/testing/index.ts";
import { assertNothingLeft, countResources } from "./leaks.ts";
import { eventually, serverFor } from "./registry-setup.ts";

const content = Buffer.from("0123456789".repeat(10));
const path = `/v2/a/blobs/${digestOf(content)}`;

interface Exchange {
  /** Everything that arrived. */
  text: string;
  status: number;
  /** Header lines in lower case. */
  lines: string[];
  body: string;
  /** How the connection ended: by itself, by a reset, or by this side after `patienceMs`. */
  ended: "end" | "reset" | "patience";
  ms: number;
}

/** One request over a connection of its own, and what came back, byte by byte. */
function exchange(
  server: TestRegistry,
  {
    method = "GET",
    target = path,
    headers = [] as string[],
    body = "",
    patienceMs = 1500,
    maxBytes = 1e6,
  } = {},
): Promise<Exchange> {
  let resolve: (exchange: Exchange) => void = () => {};
  const promise = new Promise<Exchange>((settle) => {
    resolve = settle;
  });
  const started = performance.now();
  const chunks: Buffer[] = [];
  let size = 0;
  const { hostname, port } = new URL(server.url);
  const socket = connect(Number(port), hostname.replace(/[[\]]/g, ""));
  const finish = (ended: Exchange["ended"]) => {
    clearTimeout(timer);
    socket.destroy();
    const text = Buffer.concat(chunks).toString("latin1");
    const [head = "", ...rest] = text.split("\r\n\r\n");
    const [status = "", ...lines] = head.split("\r\n");
    resolve({
      text,
      status: Number(status.split(" ")[1] ?? 0),
      lines: lines.map((line) => line.toLowerCase()),
      body: rest.join("\r\n\r\n"),
      ended,
      ms: performance.now() - started,
    });
  };
  const timer = setTimeout(() => finish("patience"), patienceMs);
  socket.on("data", (chunk: Buffer) => {
    chunks.push(chunk);
    size += chunk.byteLength;
    if (size > maxBytes) finish("patience");
  });
  socket.on("end", () => finish("end"));
  socket.on("error", () => finish("reset"));
  const length = body === "" ? [] : [`Content-Length: ${body.length}`];
  socket.write(
    [`${method} ${target} HTTP/1.1`, "Host: test", "Connection: close", ...length, ...headers, "", body].join(
      "\r\n",
    ),
  );
  return promise;
}

async function started(t: TestContext): Promise<TestRegistry> {
  const server = await serverFor(t);
  server.addBlob("a", content);
  return server;
}

async function met(t: TestContext, misbehaviour: RegistryMisbehaviour, options = {}): Promise<Exchange> {
  const server = await started(t);
  const injected = server.misbehave(misbehaviour);
  const seen = await exchange(server, options);
  assert.equal(injected.met, 1);
  injected.undo();
  assert.equal((await exchange(server)).body, content.toString());
  return seen;
}

test("a misbehaviour meets the requests that it names, so many times, until it is undone", async (t) => {
  const server = await started(t);
  const statuses = async () => {
    const seen: number[] = [];
    for (const [method, target] of [
      ["GET", path],
      ["HEAD", path],
      ["GET", "/v2/"],
    ] as const)
      seen.push((await exchange(server, { method, target })).status);
    return seen;
  };
  const cases: [RegistryMisbehaviour, number[][]][] = [
    [{ status: 503 }, [[503, 503, 503]]],
    [{ status: 503, method: "HEAD" }, [[200, 503, 200]]],
    [{ status: 503, method: ["GET", "PUT"] }, [[503, 200, 503]]],
    [{ status: 503, path: "/blobs/" }, [[503, 503, 200]]],
    [
      { status: 503, path: /\/v2\/$/g },
      [
        [200, 200, 503],
        [200, 200, 503],
      ],
    ],
    [
      { status: 503, times: 1 },
      [
        [503, 200, 200],
        [200, 200, 200],
      ],
    ],
    [
      { status: 503, skip: 1, times: 1 },
      [
        [200, 503, 200],
        [200, 200, 200],
      ],
    ],
    [{ status: 503, times: 0 }, [[503, 503, 503]]],
  ];
  for (const [misbehaviour, expected] of cases) {
    const injected = server.misbehave(misbehaviour);
    for (const wanted of expected) assert.deepEqual(await statuses(), wanted, JSON.stringify(misbehaviour));
    injected.undo();
    injected.undo();
    assert.deepEqual(await statuses(), [200, 200, 200]);
  }
  const first = server.misbehave({ status: 500, times: 1 });
  const second = server.misbehave({ status: 502, times: 1 });
  assert.deepEqual(await statuses(), [500, 502, 200], "the oldest comes first");
  assert.deepEqual([first.met, second.met], [1, 1]);
});

test("connections are ended in place of an answer", async (t) => {
  assert.deepEqual((({ text, ended }) => [text, ended])(await met(t, { disconnect: "end" })), ["", "end"]);
  assert.deepEqual((({ text, ended }) => [text, ended])(await met(t, { disconnect: "reset" })), [
    "",
    "reset",
  ]);
});

test("an answer comes late, or never", async (t) => {
  const late = await met(t, { delayMs: 200 });
  assert.ok(late.ms >= 190 && late.status === 200);
  const never = await met(t, { never: true }, { patienceMs: 200 });
  assert.deepEqual([never.text, never.ended], ["", "patience"]);
  assert.equal((await met(t, { delayMs: 60_000 }, { patienceMs: 100 })).ended, "patience");
});

test("a registry can be closed while it stays silent, and nothing is left", async (t) => {
  const before = countResources();
  const server = await started(t);
  for (const misbehaviour of [{ never: true }, { stallAt: 3 }, { delayMs: 60_000 }, { bytesPerSecond: 1 }]) {
    server.misbehave({ ...misbehaviour, times: 1 });
    void exchange(server, { patienceMs: 5000 });
  }
  await eventually(() => server.requests.length === 4, "all requests are there");
  await server.close();
  await assertNothingLeft(before);
});

test("what is answered is dishonest in its status, and has no effect", async (t) => {
  const refused = await met(t, { status: 403 });
  assert.equal(refused.status, 403);
  assert.match(refused.body, /"code":"DENIED"/);
  const at = new Date(Date.now() + 3_600_000);
  assert.ok((await met(t, { retryAfter: 7 })).lines.includes("retry-after: 7"));
  const dated = await met(t, { retryAfter: at, status: 503 });
  assert.equal(dated.status, 503);
  assert.ok(dated.lines.includes(`retry-after: ${at.toUTCString().toLowerCase()}`));
  const realm = await met(t, { realm: "http://elsewhere/token" });
  assert.equal(realm.status, 401);
  assert.ok(
    realm.lines.some((line) => line.startsWith('www-authenticate: bearer realm="http://elsewhere/token"')),
  );
  const redirect = await met(t, { redirectTo: (request, n) => `http://elsewhere${request.path}?${n}` });
  assert.equal(redirect.status, 307);
  assert.ok(redirect.lines.includes(`location: http://elsewhere${path}?0`));
  assert.equal((await met(t, { redirectTo: "/x", status: 303 })).status, 303);
  const own = await met(t, { reply: () => ({ status: 299, body: "mine", headers: { A: "b" } }) });
  assert.deepEqual([own.status, own.body, own.lines.includes("a: b")], [299, "mine", true]);

  const server = await started(t);
  server.misbehave({ method: "POST", status: 201 });
  const target = `/v2/a/blobs/uploads/?digest=${digestOf("x")}`;
  assert.equal((await exchange(server, { method: "POST", target, body: "x" })).status, 201);
  assert.ok(!server.stored("a").blobs.includes(digestOf("x")));
  assert.equal(server.requests.at(-1)?.bodyBytes, 1);
});

test("an honest answer with other headers keeps what the request did", async (t) => {
  const server = await started(t);
  server.misbehave({ method: "POST", headers: { Location: null, "docker-content-digest": ["a", "b"] } });
  const target = `/v2/a/blobs/uploads/?digest=${digestOf("x")}`;
  const seen = await exchange(server, { method: "POST", target, body: "x" });
  assert.equal(seen.status, 201);
  assert.deepEqual(
    seen.lines.filter((line) => /^(location|docker-content-digest)/.test(line)),
    ["docker-content-digest: a", "docker-content-digest: b"],
  );
  assert.ok(server.stored("a").blobs.includes(digestOf("x")));
});

test("a tag stands for something else at every other request", async (t) => {
  const server = await started(t);
  const one = server.addManifest("a", packManifest({ artifactType: "a/one" }).bytes, { tags: ["v1"] });
  const two = server.addManifest("a", packManifest({ artifactType: "a/two" }).bytes);
  server.misbehave({ path: "/manifests/v1", flipTo: [two.digest, one.digest] });
  const seen: (string | undefined)[] = [];
  for (const method of ["HEAD", "GET", "GET"]) {
    const { lines } = await exchange(server, { method, target: "/v2/a/manifests/v1" });
    seen.push(lines.find((line) => line.startsWith("docker-content-digest: "))?.slice(23));
  }
  assert.deepEqual(seen, [two.digest, one.digest, two.digest]);
  assert.equal(server.stored("a").tags["v1"], one.digest);
});

test("lists go on where they are told to", async (t) => {
  const server = await started(t);
  server.addManifest("a", packManifest({ artifactType: "a/b" }).bytes, { tags: ["v1"] });
  server.misbehave({ path: "/tags/list", nextPage: ({ path: own }, n) => `${own}?page=${n + 1}` });
  for (const n of [1, 2]) {
    const { lines, body } = await exchange(server, { target: "/v2/a/tags/list" });
    assert.ok(lines.includes(`link: </v2/a/tags/list?page=${n}>; rel="next"`));
    assert.deepEqual(JSON.parse(body), { name: "a", tags: ["v1"] });
  }
});

test("ranges are forgotten, or answered with another", async (t) => {
  const headers = ["Range: bytes=10-19"];
  const whole = await met(t, { ignoreRange: true }, { headers });
  assert.deepEqual([whole.status, whole.body], [200, content.toString()]);
  const other = await met(t, { headers: { "Content-Range": "bytes 0-9/100" } }, { headers });
  assert.deepEqual([other.status, other.body], [206, "0123456789"]);
  assert.deepEqual(
    other.lines.filter((line) => line.startsWith("content-range")),
    ["content-range: bytes 0-9/100"],
  );
});

test("bodies are other ones, changed, compressed, longer", async (t) => {
  const other = await met(t, { body: "mine" });
  assert.deepEqual([other.body, other.lines.includes("content-length: 4")], ["mine", true]);
  const corrupt = await met(t, { corruptAt: 1 });
  assert.equal(corrupt.body, `00${content.toString().slice(2)}`);
  assert.equal((await met(t, { corruptAt: 100 })).body, content.toString());
  const packed = await met(t, { gzip: true });
  assert.ok(packed.lines.includes("content-encoding: gzip"));
  assert.deepEqual(gunzipSync(Buffer.from(packed.body, "latin1")), content);
  const longer = await met(t, { extraBytes: 70_000 });
  assert.equal(longer.body, content.toString() + " ".repeat(70_000));
  assert.ok(longer.lines.includes("content-length: 70100"));
  const endless = await met(t, { extraBytes: Number.POSITIVE_INFINITY }, { maxBytes: 1e6 });
  assert.ok(endless.text.length > 1e6 && endless.lines.includes("transfer-encoding: chunked"));
  const head = await met(t, { extraBytes: 10 }, { method: "HEAD" });
  assert.deepEqual([head.body, head.lines.includes("content-length: 110")], ["", true]);
});

test("lengths are lies", async (t) => {
  const short = await met(t, { declaredLength: 10 });
  assert.deepEqual([short.body.length, short.lines.includes("content-length: 10")], [100, true]);
  const both = await met(t, { declaredLength: 10, chunked: true });
  assert.ok(both.lines.includes("content-length: 10") && both.lines.includes("transfer-encoding: chunked"));
  assert.equal(both.body, `64\r\n${content}\r\n0\r\n\r\n`);
  const chunked = await met(t, { chunked: true });
  assert.ok(!chunked.lines.some((line) => line.startsWith("content-length")));
});

test("bodies break off, fall silent or drip", async (t) => {
  for (const [how, ended] of [
    ["end", "end"],
    ["reset", "reset"],
  ] as const) {
    // Slow enough for the reset to come alone: one that comes with the last bytes looks like an end on Node 22.
    const cut = await met(t, { cutAt: 42, cutBy: how, bytesPerSecond: 4200 });
    assert.ok(cut.lines.includes("content-length: 100"));
    assert.equal(cut.ended, ended);
    if (how === "end") assert.equal(cut.body, content.toString().slice(0, 42));
  }
  const stalled = await met(t, { stallAt: 42 }, { patienceMs: 300 });
  assert.deepEqual([stalled.body.length, stalled.ended], [42, "patience"]);
  const dripping = await met(t, { bytesPerSecond: 100 }, { patienceMs: 500 });
  assert.ok(dripping.text.length >= 30 && dripping.text.length <= 70, String(dripping.text.length));
});

test("an answer can come before the request's body was read", async (t) => {
  const server = await started(t);
  server.misbehave({ method: "PUT", beforeBody: true, status: 413 });
  const seen = await exchange(server, {
    method: "PUT",
    target: "/v2/a/manifests/v1",
    headers: ["Content-Length: 1000000"],
  });
  assert.equal(seen.status, 413);
  assert.equal(server.requests.at(-1)?.bodyBytes, 0);
});
