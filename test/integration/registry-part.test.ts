/** Parts of blobs over HTTP and out of a layout, and a file of an eStargz layer that is not fetched. */
import assert from "node:assert/strict";
import { mkdtemp, rm, truncate } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { collectBytes } from "../../src/core/bytes.ts";
import {
  createLayout,
  type Descriptor,
  describeContent,
  openStargz,
  type RangeFetcher,
} from "../../src/oci/index.ts";
import { FIRST, makeStargz, REST } from "../unit/oci/layers/stargz-sample.ts";
import { assertNothingLeft, countResources } from "./leaks.ts";
import { clientFor, pairFor } from "./registry-setup.ts";

const CONTENT = Buffer.from(Array.from({ length: 300_000 }, (_, n) => (n * 7 + (n >> 8)) % 256));
const BLOB = describeContent(CONTENT, "application/octet-stream");

async function stored(t: TestContext) {
  const pair = await pairFor(t);
  await pair.repository.push(BLOB, CONTENT);
  const asked = () =>
    pair.server.requests.filter(({ method }) => method === "GET").map(({ headers }) => headers.range);
  return { ...pair, asked };
}

async function layoutFor(t: TestContext) {
  const folder = await mkdtemp(join(tmpdir(), "lading-part-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return createLayout(join(folder, "layout"));
}

const read = async (store: RangeFetcher, start: number, end: number, of: Descriptor = BLOB) =>
  Buffer.from(await collectBytes(store.fetchRange(of, start, end), { maxBytes: 1e9 }));

test("parts of a blob come alike from a registry and a layout", async (t) => {
  const { repository, asked } = await stored(t);
  const layout = await layoutFor(t);
  await layout.push(BLOB, CONTENT);
  const parts: [number, number][] = [
    [0, 1],
    [0, 300_000],
    [299_999, 300_000],
    [70_000, 200_001],
    [5, 5],
  ];
  for (const [start, end] of parts) {
    const expected = CONTENT.subarray(start, end);
    assert.deepEqual(await read(repository, start, end), expected);
    assert.deepEqual(await read(layout, start, end), expected);
  }
  // Nothing is asked for where there is nothing to read.
  assert.deepEqual(asked(), ["bytes=0-0", "bytes=0-299999", "bytes=299999-299999", "bytes=70000-200000"]);
  for (const [start, end] of [
    [-1, 5],
    [5, 4],
    [0, 300_001],
    [0.5, 1],
    [0, Number.NaN],
  ] as const) {
    await assert.rejects(read(repository, start, end), RangeError);
    await assert.rejects(read(layout, start, end), RangeError);
  }
  assert.equal(asked().length, 4);
  const absent = describeContent(Buffer.from("absent"), "a/b");
  await assert.rejects(read(repository, 0, 1, absent), { code: "ERR_OCI_NOT_FOUND" });
  await assert.rejects(read(layout, 0, 1, absent), { code: "ERR_OCI_NOT_FOUND" });
  await truncate(join(layout.path, "blobs", BLOB.digest.replace(":", "/")), 1000);
  await assert.rejects(read(layout, 0, 1), { code: "ERR_SIZE_MISMATCH" });
});

test("a descriptor that carries its content gives parts of it in a layout", async (t) => {
  const content = Buffer.from("embedded");
  const embedded = { ...describeContent(content, "a/b"), data: content.toString("base64") };
  assert.equal(String(await read(await layoutFor(t), 2, 5, embedded)), "bed");
});

test("the whole, another part, or one of another length is not taken for the part", async (t) => {
  const cases = [
    [{ ignoreRange: true }, "ERR_OCI_UNSUPPORTED"],
    [{ headers: { "Content-Range": `bytes 10-19/${BLOB.size + 1}` } }, "ERR_OCI_PROTOCOL"],
    [{ headers: { "Content-Range": `bytes 11-20/${BLOB.size}` } }, "ERR_OCI_PROTOCOL"],
    [{ headers: { "Content-Range": null } }, "ERR_OCI_PROTOCOL"],
    [{ headers: { "Content-Encoding": "gzip" } }, "ERR_OCI_PROTOCOL"],
    [{ body: "123456789", headers: { "Content-Length": "9" } }, "ERR_SIZE_MISMATCH"],
    [{ body: "12345678901", headers: { "Content-Length": "11" } }, "ERR_SIZE_MISMATCH"],
  ] as const;
  const { repository, server } = await stored(t);
  for (const [misbehaviour, code] of cases) {
    const { undo } = server.misbehave({ method: "GET", ...misbehaviour });
    await assert.rejects(read(repository, 10, 20), { code }, JSON.stringify(misbehaviour));
    undo();
  }
});

test("a part whose connection breaks is taken up where it broke, and given up after the tries of the policy", async (t) => {
  const { repository, server, asked } = await stored(t);
  let left = 2;
  let { undo } = server.misbehave({ method: "GET", times: 2, cutAt: 1000 });
  assert.deepEqual(await read(repository, 50, 100_000), CONTENT.subarray(50, 100_000));
  assert.equal(asked().length, 3);
  const starts = asked().map((range) => Number(/=([0-9]+)-99999$/.exec(range ?? "")?.[1]));
  assert.ok(
    starts.every((start, i) => (i === 0 ? start === 50 : start >= (starts[i - 1] ?? 0))),
    String(starts),
  );
  undo();
  left = asked().length;
  ({ undo } = server.misbehave({ method: "GET", cutAt: 0 }));
  await assert.rejects(read(repository, 0, 100_000), { code: "ERR_OCI_NETWORK" });
  assert.equal(asked().length - left, 5);
  undo();
});

test("leaving early and an abort let go of the connection", async (t) => {
  const { server } = await stored(t);
  const before = countResources();
  await t.test("reading", async (t) => {
    const repository = clientFor(t).repository(`${server.host}/a/b`);
    for await (const _ of repository.fetchRange(BLOB, 0, 300_000)) break;
    const reason = new Error("enough");
    const abort = new AbortController();
    const reading = async () => {
      for await (const _ of repository.fetchRange(BLOB, 0, 300_000, { signal: abort.signal })) {
        abort.abort(reason);
      }
    };
    await assert.rejects(reading, (error) => error === reason);
    const layout = await layoutFor(t);
    await layout.push(BLOB, CONTENT);
    for await (const _ of layout.fetchRange(BLOB, 0, 300_000)) break;
    await assert.rejects(
      collectBytes(layout.fetchRange(BLOB, 0, 9, { signal: AbortSignal.abort(reason) }), { maxBytes: 9 }),
      (error) => error === reason,
    );
  });
  await assertNothingLeft(before);
});

test("one file of an eStargz layer is read without fetching the layer", async (t) => {
  const { repository, server } = await pairFor(t);
  const { blob, descriptor } = makeStargz();
  await repository.push(descriptor, blob);
  const layout = await layoutFor(t);
  await layout.push(descriptor, blob);
  const before = server.requests.length;
  for (const store of [repository, layout]) {
    const layer = await openStargz(store, descriptor);
    const content = await collectBytes(layer.readFile("big"), { maxBytes: 1000 });
    assert.equal(Buffer.from(content).toString(), FIRST + REST);
  }
  const ranges = server.requests.slice(before).map(({ headers }) => headers.range ?? "");
  assert.ok(
    ranges.length > 0 && ranges.every((range) => /^bytes=[0-9]+-[0-9]+$/.test(range)),
    String(ranges),
  );
  const bytes = ranges
    .map((range) => /([0-9]+)-([0-9]+)/.exec(range) ?? [])
    .map(([, from, to]) => Number(to) - Number(from) + 1);
  assert.ok(bytes.reduce((sum, each) => sum + each, 0) < blob.length, "less than the layer");
});
