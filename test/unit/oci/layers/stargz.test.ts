import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { gzipSync } from "node:zlib";
import { collectBytes } from "../../../../src/core/bytes.ts";
import { digestOf } from "../../../../src/core/digest.ts";
import type { LadingError } from "../../../../src/core/errors.ts";
import { OCI_LAYER_GZIP } from "../../../../src/core/media-types.ts";
import { type Descriptor, describeContent } from "../../../../src/oci/descriptor.ts";
import { openStargz, readLayer } from "../../../../src/oci/layers/index.ts";
import type { RangeFetcher } from "../../../../src/oci/store.ts";
import { archive } from "./archive.ts";
import { FIRST, makeStargz, REST, stargzFooter } from "./stargz-sample.ts";

function rangesOf(blob: Buffer): RangeFetcher & { asked: [number, number][] } {
  const asked: [number, number][] = [];
  return {
    asked,
    async *fetchRange(_, start, end) {
      asked.push([start, end]);
      yield blob.subarray(start, end);
    },
  };
}

const text = async (content: AsyncIterable<Uint8Array>) =>
  Buffer.from(await collectBytes(content, { maxBytes: 1000 })).toString();
const code = (expected: string) => (error: LadingError) => error.code === expected;

describe("eStargz", () => {
  for (const legacy of [false, true]) {
    test(`files are read by range, ${legacy ? "with the older footer" : "with the footer"}`, async () => {
      const { blob, descriptor } = makeStargz({ legacy });
      const ranges = rangesOf(blob);
      const layer = await openStargz(ranges, descriptor);
      assert.deepEqual([...layer.entries.keys()], ["dir", "dir/small", "big", "one", "two", "link", "empty"]);
      const asked = ranges.asked.length;
      assert.equal(await text(layer.readFile("/dir/../dir/small")), "small");
      assert.equal(ranges.asked.length, asked + 1);
      const [start = 0, end = 0] = ranges.asked.at(-1) ?? [];
      assert.ok(end - start < blob.length / 4);
      for (const [path, content] of [
        ["big", FIRST + REST],
        ["link", FIRST + REST],
        ["one", "1"],
        ["two", "22"],
        ["empty", ""],
      ]) {
        assert.equal(await text(layer.readFile(path ?? "")), content);
      }
      const directory = layer.entries.get("dir");
      assert.deepEqual([directory?.mode, directory?.mtimeSeconds], [0o755, 1577934245]);
      assert.deepEqual(directory?.xattrs.get("user.a"), Buffer.from([1, 2]));
      for (const path of ["dir", "absent", "stargz.index.json"]) {
        await assert.rejects(text(layer.readFile(path)), code("ERR_OCI_NOT_FOUND"));
      }
    });
  }

  test("it is an ordinary layer too", async () => {
    const { blob } = makeStargz();
    const seen: string[] = [];
    for await (const { path } of readLayer(rangesOf(blob).fetchRange({} as Descriptor, 0, blob.length)))
      seen.push(path);
    assert.deepEqual(seen, ["dir", "dir/small", "big", "one", "two", "link", "stargz.index.json"]);
  });

  test("a table with another digest, or without one, is refused", async () => {
    const { blob, descriptor } = makeStargz();
    const { annotations: _, ...bare } = descriptor;
    await assert.rejects(openStargz(rangesOf(blob), bare), code("ERR_OCI_UNSUPPORTED"));
    await assert.rejects(
      openStargz(rangesOf(blob), bare, { tocDigest: digestOf("x") }),
      code("ERR_DIGEST_MISMATCH"),
    );
    const wrong = { ...descriptor, annotations: { "containerd.io/snapshot/stargz/toc.digest": "sha256:x" } };
    await assert.rejects(openStargz(rangesOf(blob), wrong), code("ERR_DIGEST_INVALID"));
  });

  test("content with another digest, short ranges and long ones are refused", async () => {
    const { blob, descriptor } = makeStargz({
      change: (toc) => toc.replaceAll(digestOf(REST), digestOf("other")),
    });
    const layer = await openStargz(rangesOf(blob), descriptor);
    await assert.rejects(text(layer.readFile("big")), code("ERR_DIGEST_MISMATCH"));
    for (const more of [-1, 1]) {
      const { fetchRange } = rangesOf(blob);
      const lying: RangeFetcher = {
        fetchRange: (at, start, end) => fetchRange(at, start - Math.max(more, 0), end + Math.min(more, 0)),
      };
      await assert.rejects(openStargz(lying, descriptor), code("ERR_OCI_LAYER_INVALID"));
    }
  });

  test("tables that lie about content are refused", async () => {
    const lies: [string, (toc: string) => string][] = [
      ["a gap", (toc) => toc.replace('"chunkOffset":18', '"chunkOffset":19')],
      ["too little", (toc) => toc.replace('"size":30', '"size":31')],
      ["too much", (toc) => toc.replace('"size":30', '"size":29')],
      ["behind the table", (toc) => toc.replace(/"innerOffset":1024/, '"offset":99999')],
      ["no digest", (toc) => toc.replace(`,"chunkDigest":"${digestOf("22")}"`, "")],
      ["another type", (toc) => toc.replace('"hardlink"', '"portal"')],
      ["a first chunk", (toc) => toc.replace('"type":"dir"', '"type":"chunk"')],
    ];
    for (const [name, change] of lies) {
      const { blob, descriptor } = makeStargz({ change });
      await assert.rejects(
        openStargz(rangesOf(blob), descriptor),
        (error: LadingError) => /ERR_OCI_LAYER_INVALID|ERR_JSON/.test(error.code),
        name,
      );
    }
    const { blob, descriptor } = makeStargz({ change: (toc) => toc.replace('"version":1', '"version":2') });
    await assert.rejects(openStargz(rangesOf(blob), descriptor), code("ERR_JSON_TYPE"));
  });

  test("another gzip, or a footer that leads nowhere, is no eStargz", async () => {
    const { blob, descriptor } = makeStargz();
    const plain = gzipSync(archive({ name: "a" }));
    const described = {
      ...describeContent(plain, OCI_LAYER_GZIP),
      annotations: descriptor.annotations ?? {},
    };
    await assert.rejects(openStargz(rangesOf(plain), described), code("ERR_OCI_UNSUPPORTED"));
    const astray = Buffer.concat([blob.subarray(0, -51), stargzFooter(blob.length, false)]);
    await assert.rejects(openStargz(rangesOf(astray), descriptor), code("ERR_OCI_LAYER_INVALID"));
  });
});
