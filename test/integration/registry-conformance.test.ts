/** The in-process registry by the points of the conformance suite of the distribution specification: blobs. */
import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { digestOf } from "../../src/core/digest.ts";
import type { StartRegistryOptions, TestRegistry } from "../../src/testing/index.ts";
import { serverFor } from "./registry-setup.ts";
import {
  ALGORITHMS,
  ask,
  assertDigestHeader,
  assertLocation,
  bytesOf,
  locationOf,
  OCTETS,
  pushBlob,
  sendChunk,
  startUpload,
} from "./registry-wire.ts";

const bytes512 = Buffer.alloc(512, "conformance ");
const bytes2048 = Buffer.alloc(2048, "0123456789");

async function repositoryFor(
  t: TestContext,
  options?: StartRegistryOptions,
): Promise<{ server: TestRegistry; repository: string }> {
  const server = await serverFor(t, options);
  return { server, repository: `${server.url}/v2/conformance/repo1` };
}

test("P1 ping", async (t) => {
  const { server } = await repositoryFor(t);
  assert.equal((await ask(`${server.url}/v2/`)).status, 200);
});

test("P2 a missing blob", async (t) => {
  const { repository } = await repositoryFor(t);
  for (const algorithm of ALGORITHMS) {
    assert.equal((await ask(`${repository}/blobs/${digestOf("never", algorithm)}`)).status, 404);
  }
});

test("P3 to P6 blobs by HEAD and GET: of 512 bytes, empty, and {}", async (t) => {
  const { repository } = await repositoryFor(t);
  for (const content of [bytes512, Buffer.alloc(0), Buffer.from("{}")]) {
    for (const algorithm of ALGORITHMS) {
      const digest = await pushBlob(repository, content, algorithm);
      const head = await ask(`${repository}/blobs/${digest}`, "HEAD");
      assert.deepEqual([head.status, head.headers.get("content-length")], [200, String(content.length)]);
      assert.equal((await bytesOf(head)).length, 0);
      assertDigestHeader(head, digest);
      const get = await ask(`${repository}/blobs/${digest}`);
      assert.deepEqual([get.status, get.headers.get("content-length")], [200, String(content.length)]);
      assert.deepEqual(await bytesOf(get), content);
      assertDigestHeader(get, digest);
    }
  }
});

const ranges: [point: string, range: string, first: number, last: number][] = [
  ["P7", "500-1499", 500, 1499],
  ["P8", "500-", 500, 2047],
  ["P9", "-500", 1548, 2047],
  ["P10", "2000-5000", 2000, 2047],
];
for (const [point, range, first, last] of ranges) {
  test(`${point} range ${range} of 2048`, async (t) => {
    const { repository } = await repositoryFor(t);
    const digest = await pushBlob(repository, bytes2048);
    const part = await ask(`${repository}/blobs/${digest}`, "GET", { headers: { Range: `bytes=${range}` } });
    assert.equal(part.status, 206);
    assert.equal(part.headers.get("content-length"), String(last - first + 1));
    assert.equal(part.headers.get("content-range"), `bytes ${first}-${last}/2048`);
    assert.deepEqual(await bytesOf(part), bytes2048.subarray(first, last + 1));
  });
}

for (const [point, range] of [
  ["P11", "500-0"],
  ["P12", "5000-10000"],
]) {
  test(`${point} range ${range} of 2048`, async (t) => {
    const { repository } = await repositoryFor(t);
    const digest = await pushBlob(repository, bytes2048);
    const part = await ask(`${repository}/blobs/${digest}`, "GET", { headers: { Range: `bytes=${range}` } });
    assert.equal(part.status, 416);
  });
}

for (const algorithm of ALGORITHMS) {
  const digest = digestOf(bytes512, algorithm);
  const octets = { "Content-Type": OCTETS };

  test(`U1 post only, ${algorithm}`, async (t) => {
    const { repository } = await repositoryFor(t);
    const response = await ask(`${repository}/blobs/uploads/?digest=${digest}`, "POST", {
      body: bytes512,
      headers: octets,
    });
    assert.equal(response.status, 201);
    await assertLocation(response, bytes512);
  });

  test(`U2 post and put, ${algorithm}`, async (t) => {
    for (const locations of ["relative", "absolute"] as const) {
      const { repository } = await repositoryFor(t, { locations });
      const target = locationOf(await startUpload(repository), digest);
      const response = await ask(target, "PUT", { body: bytes512, headers: octets });
      assert.equal(response.status, 201);
      await assertLocation(response, bytes512);
    }
  });

  test(`U3 one chunk, ${algorithm}`, async (t) => {
    const { repository } = await repositoryFor(t);
    const started = await startUpload(repository, `?digest-algorithm=${algorithm}`);
    const patched = await sendChunk(locationOf(started), bytes512, 0);
    assert.equal(patched.status, 202);
    const response = await ask(locationOf(patched, digest), "PUT", { headers: { "Content-Length": "0" } });
    assert.equal(response.status, 201);
    await assertLocation(response, bytes512);
  });

  for (const lastInPut of [false, true]) {
    test(`${lastInPut ? "U5" : "U4"} three chunks${lastInPut ? ", the last in PUT" : ""}, ${algorithm}`, async (t) => {
      const { repository } = await repositoryFor(t, { minChunkBytes: 2000 });
      const started = await startUpload(repository);
      const size = Number(started.headers.get("oci-chunk-min-length"));
      assert.equal(size, 2000);
      const content = Buffer.alloc(3 * size - 5, "chunk ");
      const response = await pushChunks(started, content, size, digestOf(content, algorithm), lastInPut);
      assert.equal(response.status, 201);
      await assertLocation(response, content);
    });

    test(`${lastInPut ? "U7" : "U6"} chunks out of order${lastInPut ? ", the last in PUT" : ""}, ${algorithm}`, async (t) => {
      const { repository } = await repositoryFor(t);
      const content = Buffer.alloc(3 * 1024 - 5, "chunk ");
      const started = await startUpload(repository);
      const whole = digestOf(content, algorithm);
      const response = await pushChunks(started, content, 1024, whole, lastInPut, async (at, start) => {
        const wrong = start === 0 ? 1024 : 0;
        const target = new URL(at);
        const inPut = lastInPut && start === 2048;
        if (inPut) target.searchParams.set("digest", whole);
        const refused = await sendChunk(
          target,
          content.subarray(wrong, wrong + 1024),
          wrong,
          inPut ? "PUT" : "PATCH",
        );
        assert.equal(refused.status, 416);
        const status = await ask(at);
        assert.equal(status.status, 204);
        assert.equal(status.headers.get("range"), start === 0 ? null : `0-${start - 1}`);
        return locationOf(status);
      });
      assert.equal(response.status, 201);
      await assertLocation(response, content);
    });
  }

  test(`U8 a stream, ${algorithm}`, async (t) => {
    const { repository, server } = await repositoryFor(t);
    const started = await startUpload(repository);
    const stream = new Blob([bytes512.subarray(0, 200), bytes512.subarray(200)]).stream();
    const patched = await ask(locationOf(started), "PATCH", { body: stream, headers: octets });
    assert.equal(patched.status, 202);
    assert.equal(server.requests.at(-1)?.headers["transfer-encoding"], "chunked");
    const response = await ask(locationOf(patched, digest), "PUT", { headers: { "Content-Length": "0" } });
    assert.equal(response.status, 201);
    await assertLocation(response, bytes512);
  });

  test(`U9 and U10 a mount, from a repository and from anywhere, ${algorithm}`, async (t) => {
    const { server, repository } = await repositoryFor(t);
    await pushBlob(`${server.url}/v2/conformance/repo2`, bytes512, algorithm);
    for (const from of ["&from=conformance/repo2", ""]) {
      const response = await ask(`${repository}/blobs/uploads/?mount=${digest}${from}`, "POST");
      assert.equal(response.status, 201);
      await assertLocation(response, bytes512);
      await ask(`${repository}/blobs/${digest}`, "DELETE");
    }
  });

  test(`U11 a mount of what is not there becomes an upload, ${algorithm}`, async (t) => {
    const { repository } = await repositoryFor(t);
    const started = await startUpload(repository, `?mount=${digest}&from=conformance/repo2`);
    const response = await ask(locationOf(started, digest), "PUT", { body: bytes512, headers: octets });
    assert.equal(response.status, 201);
    await assertLocation(response, bytes512);
  });

  test(`U13 to U16 other bytes than the digest says, ${algorithm}`, async (t) => {
    const { repository, server } = await repositoryFor(t);
    const wrong = Buffer.alloc(512, "wrong ");
    const single = await ask(`${repository}/blobs/uploads/?digest=${digest}`, "POST", {
      body: wrong,
      headers: octets,
    });
    assert.equal(single.status, 400, "U13");
    const put = await ask(locationOf(await startUpload(repository), digest), "PUT", {
      body: wrong,
      headers: octets,
    });
    assert.equal(put.status, 400, "U14");
    const chunked = await pushChunks(await startUpload(repository), wrong, 200, digest, false);
    assert.equal(chunked.status, 400, "U15");
    const started = await startUpload(repository);
    const patched = await ask(locationOf(started), "PATCH", {
      body: new Blob([wrong]).stream(),
      headers: octets,
    });
    const streamed = await ask(locationOf(patched, digest), "PUT", { headers: { "Content-Length": "0" } });
    assert.equal(streamed.status, 400, "U16");
    assert.deepEqual(server.stored("conformance/repo1").blobs, []);
  });
}

test("U12 an upload is cancelled", async (t) => {
  const { repository, server } = await repositoryFor(t);
  const started = await startUpload(repository);
  assert.equal(server.stored("conformance/repo1").uploads, 1);
  const at = locationOf(started);
  assert.equal((await ask(at, "DELETE", { headers: { "Content-Length": "0" } })).status, 204);
  assert.equal((await ask(at)).status, 404);
  assert.equal(server.stored("conformance/repo1").uploads, 0);
});

test("an algorithm that is not known is refused before anything is uploaded, and short chunks when it shows", async (t) => {
  const { repository } = await repositoryFor(t, { minChunkBytes: 100 });
  assert.equal((await ask(`${repository}/blobs/uploads/?digest-algorithm=md5`, "POST")).status, 400);
  const first = await sendChunk(locationOf(await startUpload(repository)), bytes512.subarray(0, 50), 0);
  assert.equal(first.status, 202);
  const second = await sendChunk(locationOf(first), bytes512.subarray(50, 150), 50);
  assert.equal(second.status, 416);
});

test("M5 and M6 a blob is deleted, and gone at once", async (t) => {
  const { repository } = await repositoryFor(t);
  for (const algorithm of ALGORITHMS) {
    const digest = await pushBlob(repository, bytes512, algorithm);
    assert.equal((await ask(`${repository}/blobs/${digest}`, "DELETE")).status, 202);
    assert.equal((await ask(`${repository}/blobs/${digest}`, "HEAD")).status, 404);
    assert.equal((await ask(`${repository}/blobs/${digest}`, "DELETE")).status, 404);
  }
  const { repository: keeping } = await repositoryFor(t, { deletion: false });
  const digest = await pushBlob(keeping, bytes512);
  assert.equal((await ask(`${keeping}/blobs/${digest}`, "DELETE")).status, 405);
  assert.equal((await ask(`${keeping}/blobs/${digest}`, "HEAD")).status, 200);
});

/** Sends chunks of one size, each to the newest location, and closes the upload. */
async function pushChunks(
  started: Response,
  content: Uint8Array,
  size: number,
  digest: string,
  lastInPut: boolean,
  before?: (at: URL, start: number) => Promise<URL>,
): Promise<Response> {
  let last = started;
  for (let start = 0; start < content.byteLength; start += size) {
    const chunk = content.subarray(start, start + size);
    const at = (await before?.(locationOf(last), start)) ?? locationOf(last);
    if (lastInPut && start + size >= content.byteLength) {
      at.searchParams.set("digest", digest);
      return sendChunk(at, chunk, start, "PUT");
    }
    last = await sendChunk(at, chunk, start);
    assert.equal(last.status, 202);
  }
  return ask(locationOf(last, digest), "PUT", { headers: { "Content-Length": "0" } });
}
