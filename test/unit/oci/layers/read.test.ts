import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { constants, gzipSync, zstdCompressSync } from "node:zlib";
import { collectBytes, streamOf } from "../../../../src/core/bytes.ts";
import { digestOf } from "../../../../src/core/digest.ts";
import type { OciError } from "../../../../src/oci/errors.ts";
import { entryNameBytes, type LayerEntry, readLayer } from "../../../../src/oci/layers/index.ts";
import { archive, entryBytes, layerOf, paxRecord, type RawEntry } from "./archive.ts";

type Read = LayerEntry & { text: string };

async function readAll(bytes: Uint8Array, options: Parameters<typeof readLayer>[1] = {}): Promise<Read[]> {
  const entries: Read[] = [];
  for await (const { content, ...entry } of readLayer(streamOf(bytes), options)) {
    const text = Buffer.from(await collectBytes(content, { maxBytes: 1e9 })).toString("latin1");
    entries.push({ ...entry, text });
  }
  return entries;
}

const paths = async (bytes: Uint8Array) => (await readAll(bytes)).map(({ path }) => path);
const code = (expected: string) => (error: OciError) => error.code === expected;
const refuses = (bytes: Uint8Array, expected: string, options = {}) =>
  assert.rejects(readAll(bytes, options), code(expected));

describe("entries", () => {
  test("every field of a header, whichever format", async () => {
    for (const format of ["ustar", "gnu"] as const) {
      const [device, file] = await readAll(
        archive(
          { name: "d", type: "3", mode: 0o104755, uid: 7, gid: 8, mtime: 9, major: 1, minor: 3, format },
          { name: "f", content: "abc", format },
        ),
      );
      assert.deepEqual(
        { ...device, xattrs: 0 },
        {
          path: "d",
          kind: "character-device",
          mode: 0o4755,
          uid: 7,
          gid: 8,
          userName: "",
          groupName: "",
          mtimeSeconds: 9,
          size: 0,
          target: "",
          deviceMajor: 1,
          deviceMinor: 3,
          xattrs: 0,
          text: "",
        },
      );
      assert.deepEqual([file?.kind, file?.size, file?.text], ["file", 3, "abc"]);
    }
  });

  test("each type flag gives its kind", async () => {
    const kinds: [string, string][] = [
      ["\0", "file"],
      ["0", "file"],
      ["1", "link"],
      ["2", "symlink"],
      ["3", "character-device"],
      ["4", "block-device"],
      ["5", "directory"],
      ["6", "fifo"],
      ["7", "file"],
    ];
    for (const [type, kind] of kinds) {
      assert.equal((await readAll(archive({ name: "a", type, link: "b" })))[0]?.kind, kind);
    }
    assert.equal((await readAll(archive({ name: "a/", type: "\0", format: "v7" })))[0]?.kind, "directory");
  });

  test("an unknown type flag is refused", () =>
    refuses(archive({ name: "x", type: "Z" }), "ERR_OCI_ENTRY_REFUSED"));

  test("extended headers override the header", async () => {
    const long = `${"d".repeat(90)}/${"é".repeat(90)}`;
    const [entry] = await readAll(
      archive({
        name: "short",
        size: 0,
        content: "four",
        pax: {
          path: long,
          size: "4",
          uid: "4294967294",
          gid: "70000",
          mtime: "1700000000.25",
          uname: "käthe",
          gname: "staff",
          "SCHILY.xattr.user.bin": Buffer.from([0, 255, 10, 61]),
        },
      }),
    );
    assert.equal(entry?.path, long);
    assert.deepEqual([entry?.size, entry?.text], [4, "four"]);
    assert.deepEqual([entry?.uid, entry?.gid, entry?.mtimeSeconds], [4294967294, 70000, 1700000000.25]);
    assert.deepEqual([entry?.userName, entry?.groupName], ["käthe", "staff"]);
    assert.deepEqual([...(entry?.xattrs ?? [])], [["user.bin", new Uint8Array([0, 255, 10, 61])]]);
  });

  test("GNU long names and the prefix of ustar", async () => {
    const long = "x".repeat(300);
    const longs: RawEntry[] = [
      { name: "././@LongLink", type: "L", content: `${long}\0`, format: "gnu" },
      { name: "././@LongLink", type: "K", content: `${long}y\0`, format: "gnu" },
      { name: "cut", type: "2", link: "cut", format: "gnu" },
      { name: "name", prefix: "some/prefix" },
    ];
    const [link, prefixed] = await readAll(archive(...longs));
    assert.deepEqual([link?.path, link?.target, prefixed?.path], [long, `${long}y`, "some/prefix/name"]);
  });

  test("numbers in base 256, and negative times", async () => {
    const [entry] = await readAll(archive({ name: "a", uid: 3_000_000_000, mtime: -5 }));
    assert.deepEqual([entry?.uid, entry?.mtimeSeconds], [3_000_000_000, -5]);
  });

  test("a name that is no UTF-8 keeps its bytes", async () => {
    const name = Buffer.from("caf\xe9/\u20ac", "latin1");
    const raw = Buffer.concat([name, Buffer.from("ž€😀"), Buffer.from([0xff, 0x41])]);
    const [entry] = await readAll(archive({ name: raw }));
    assert.deepEqual(entryNameBytes(entry?.path ?? ""), raw);
    assert.equal(entryNameBytes("ž😀"), "ž😀");
  });

  test("a global header is skipped, unless it would rename what follows", async () => {
    const global = (key: string): RawEntry => ({ name: "g", type: "g", content: paxRecord(key, "1") });
    assert.deepEqual(await paths(archive(global("comment"), { name: "a" })), ["a"]);
    for (const key of ["path", "linkpath", "size"]) {
      await refuses(archive(global(key), { name: "a" }), "ERR_OCI_LAYER_INVALID");
    }
  });

  test("content of other kinds than files is not looked for, whatever their size says", async () => {
    const link: RawEntry = { name: "l", type: "1", link: "a", size: 600 };
    assert.deepEqual(await paths(archive({ name: "a", content: "1" }, link, { name: "b" })), ["a", "l", "b"]);
  });
});

describe("CVE-2021-21272: names are made safe", () => {
  const cases: [string, string][] = [
    ["../../etc/passwd", "etc/passwd"],
    ["/etc/passwd", "etc/passwd"],
    ["a/../../b", "b"],
    ["./a//b/./c/", "a/b/c"],
    ["..", ""],
    ["a/..", ""],
    ["...", "..."],
    [".hidden/..x", ".hidden/..x"],
    ["a\\..\\b", "a\\..\\b"],
    ["C:\\x", "C:\\x"],
  ];
  for (const [given, path] of cases) {
    test(JSON.stringify(given), async () => {
      assert.deepEqual(await paths(archive({ name: given })), [path]);
      assert.deepEqual(await paths(archive({ name: "x", pax: { path: given } })), [path]);
      const [link] = await readAll(archive({ name: "l", type: "1", link: given }));
      assert.equal(link?.target, path);
    });
  }

  test("a NUL in an extended header is refused", async () => {
    await refuses(archive({ name: "x", pax: { path: "a\0b" } }), "ERR_OCI_LAYER_INVALID");
    await refuses(archive({ name: "x", type: "2", pax: { linkpath: "a\0b" } }), "ERR_OCI_LAYER_INVALID");
    await refuses(
      archive({
        name: "x",
        pax: {
          "GNU.sparse.name": "a\0b",
          "GNU.sparse.major": "1",
          "GNU.sparse.minor": "0",
          "GNU.sparse.realsize": "0",
        },
      }),
      "ERR_OCI_ENTRY_REFUSED",
    );
  });

  test("two long names that differ are refused, equal ones are read", async () => {
    const two = (gnu: string): RawEntry[] => [
      { name: "L", type: "L", content: `${gnu}\0` },
      { name: "x", pax: { path: "one" } },
    ];
    await refuses(archive(...two("other")), "ERR_OCI_LAYER_INVALID");
    assert.deepEqual(await paths(archive(...two("one"))), ["one"]);
  });

  test("the size of the extended header decides where the next entry begins", async () => {
    const inner = entryBytes({ name: "smuggled" });
    const bytes = archive(
      { name: "a", size: 0, pax: { size: String(inner.length) }, content: inner },
      { name: "b" },
    );
    assert.deepEqual(await paths(bytes), ["a", "b"]);
  });
});

describe("sparse files", () => {
  const content = `${"\0".repeat(1000)}abc${"\0".repeat(997)}`;
  const cases: Record<string, RawEntry> = {
    "GNU header": {
      name: "s",
      type: "S",
      format: "gnu",
      content: "abc",
      edit: (block) => {
        block.write("00000001750\x0000000000003\0", 386, "latin1");
        block.write("00000003720", 483, "latin1");
      },
    },
    "pax 0.0": {
      name: "s",
      content: "abc",
      pax: { "GNU.sparse.size": "2000", "GNU.sparse.offset": "1000", "GNU.sparse.numbytes": "3" },
    },
    "pax 0.1": { name: "s", content: "abc", pax: { "GNU.sparse.size": "2000", "GNU.sparse.map": "1000,3" } },
    "pax 1.0": {
      name: "x",
      content: Buffer.concat([Buffer.from("1\n1000\n3\n".padEnd(512, "\0")), Buffer.from("abc")]),
      pax: {
        "GNU.sparse.major": "1",
        "GNU.sparse.minor": "0",
        "GNU.sparse.name": "s",
        "GNU.sparse.realsize": "2000",
      },
    },
  };
  for (const [name, entry] of Object.entries(cases)) {
    test(`${name}: the zeros are filled in`, async () => {
      const bytes = archive(entry, { name: "next", content: "n" });
      const [sparse, next] = await readAll(bytes);
      assert.deepEqual([sparse?.path, sparse?.size, sparse?.text], ["s", 2000, content]);
      assert.equal(next?.text, "n");
    });
  }

  test("maps that overlap, leave the file or miss content are refused", async () => {
    for (const map of ["1000,3,1002,0,1,0", "1999,3", "1000,2", "1000", "x,3", "0,9007199254740993"]) {
      const pax = { "GNU.sparse.size": "2000", "GNU.sparse.map": map };
      await refuses(archive({ name: "s", content: "abc", pax }), "ERR_OCI_LAYER_INVALID");
    }
  });

  test("an empty name of a sparse file leaves it its name, and only files are sparse", async () => {
    const pax = { "GNU.sparse.name": "", "GNU.sparse.size": "3", "GNU.sparse.map": "0,3" };
    assert.deepEqual(await paths(archive({ name: "s", content: "abc", pax })), ["s"]);
    await refuses(archive({ name: "d/", pax }), "ERR_OCI_LAYER_INVALID");
    await refuses(archive({ name: "l", type: "2", link: "s", pax }), "ERR_OCI_LAYER_INVALID");
  });

  test("CVE-2023-25153: zeros without end are refused", async () => {
    const pax = { "GNU.sparse.size": String(2 ** 36), "GNU.sparse.map": "0,0" };
    await refuses(archive({ name: "s", pax }), "ERR_OCI_LAYER_TOO_LARGE");
  });
});

describe("damage", () => {
  const good = archive({ name: "a", content: "x".repeat(700) }, { name: "b" });

  test("a truncated archive is refused, wherever it is cut inside an entry", async () => {
    for (const length of [1, 511, 513, 1000, 1535, 1537, 2047]) {
      await refuses(good.subarray(0, length), "ERR_OCI_LAYER_INVALID");
    }
    for (const length of [0, 1536, 2048, 2560]) await readAll(good.subarray(0, length));
  });

  test("a wrong checksum, a wrong number, a negative size", async () => {
    await refuses(archive({ name: "a", checksum: "0000000\0" }), "ERR_OCI_LAYER_INVALID");
    await refuses(archive({ name: "a", edit: (block) => block.write("9", 124) }), "ERR_OCI_LAYER_INVALID");
    await refuses(archive({ name: "a", size: -1, content: "" }), "ERR_OCI_LAYER_INVALID");
    await refuses(archive({ name: "a", pax: { size: "-1" } }), "ERR_OCI_LAYER_INVALID");
    await refuses(archive({ name: "a", uid: 2 ** 32 - 1 }), "ERR_OCI_LAYER_INVALID");
    await refuses(archive({ name: "a", type: "3", major: 2 ** 32 }), "ERR_OCI_LAYER_INVALID");
    await refuses(Buffer.from("no tar archive at all".padEnd(600, "!")), "ERR_OCI_LAYER_INVALID");
  });

  test("an archive that goes on behind a block of zeros is refused, one that goes on behind its end is not", async () => {
    const more = entryBytes({ name: "more" });
    await refuses(
      Buffer.concat([entryBytes({ name: "a" }), Buffer.alloc(512), more]),
      "ERR_OCI_LAYER_INVALID",
    );
    assert.deepEqual(await paths(Buffer.concat([archive({ name: "a" }), more])), ["a"]);
  });

  test("an extended header without entry, two of them, records of a wrong length", async () => {
    const pax: RawEntry = { name: "p", type: "x", content: paxRecord("path", "q") };
    await refuses(archive(pax), "ERR_OCI_LAYER_INVALID");
    await refuses(archive(pax, pax, { name: "a" }), "ERR_OCI_LAYER_INVALID");
    for (const content of ["5 a=\n", "99 a=b\n", "a=b\n", "6 a=bx", "4 =\n", "-6 a=b\n", "0 a=b\n"]) {
      if (content === "5 a=\n") continue;
      await refuses(archive({ name: "p", type: "x", content }, { name: "a" }), "ERR_OCI_LAYER_INVALID");
    }
  });
});

describe("compression", () => {
  const tar = archive({ name: "a", content: "hello" }, { name: "b", content: "x".repeat(5000) });
  const half = tar.length >> 1;
  const both = (compress: (part: Buffer) => Buffer) =>
    Buffer.concat([compress(tar.subarray(0, half)), compress(tar.subarray(half))]);
  const skippable = Buffer.from([0x52, 0x2a, 0x4d, 0x18, 3, 0, 0, 0, 1, 2, 3]);
  const forms: [string, Buffer, string][] = [
    ["none", tar, "none"],
    ["gzip", gzipSync(tar), "gzip"],
    ["gzip in two members", both((part) => gzipSync(part)), "gzip"],
    ["gzip with zeros behind it", Buffer.concat([gzipSync(tar), Buffer.alloc(700)]), "gzip"],
    ["zstd", zstdCompressSync(tar), "zstd"],
    ["zstd in two frames", both((part) => zstdCompressSync(part)), "zstd"],
    ["zstd with skippable frames", Buffer.concat([skippable, zstdCompressSync(tar), skippable]), "zstd"],
  ];
  for (const [name, bytes, compression] of forms) {
    test(`${name}: the same entries and diff id, in chunks of any length`, async () => {
      for (const length of [1, 7, 512, bytes.length]) {
        const chunks = Array.from({ length: Math.ceil(bytes.length / length) }, (_, i) =>
          bytes.subarray(i * length, (i + 1) * length),
        );
        const reader = readLayer(streamOf(...chunks), { diffId: digestOf(tar) });
        const seen: string[] = [];
        for await (const { path } of reader) seen.push(path);
        assert.deepEqual(seen, ["a", "b"]);
        assert.equal(reader.compression, compression);
        assert.equal(reader.diffId, digestOf(tar));
      }
    });
  }

  test("bytes behind the end of the archive count for the diff id", async () => {
    const bytes = Buffer.concat([tar, Buffer.from("trailing")]);
    await readAll(bytes, { diffId: digestOf(bytes) });
    await refuses(bytes, "ERR_OCI_DIFF_ID_MISMATCH", { diffId: digestOf(tar) });
  });

  test("what is damaged, cut short or followed by junk is refused", async () => {
    for (const compressed of [gzipSync(tar), zstdCompressSync(tar)]) {
      for (const cut of [compressed.length - 1, 20]) {
        await refuses(compressed.subarray(0, cut), "ERR_OCI_LAYER_INVALID");
      }
      await refuses(Buffer.concat([compressed, Buffer.from("junk")]), "ERR_OCI_LAYER_INVALID");
      const flipped = Buffer.from(compressed);
      flipped[flipped.length - 6] = ~(flipped[flipped.length - 6] ?? 0);
      await refuses(flipped, "ERR_OCI_LAYER_INVALID");
    }
  });

  test("bzip2 and xz are named as what is not read", async () => {
    await refuses(Buffer.from("BZh91AY&SY"), "ERR_OCI_COMPRESSION_UNSUPPORTED");
    await refuses(Buffer.from("\xfd7zXZ\0\0", "latin1"), "ERR_OCI_COMPRESSION_UNSUPPORTED");
  });
});

describe("limits", () => {
  const tar = archive({ name: "abc", content: "x".repeat(100) }, { name: "l", type: "2", link: "target" });
  const cases: [string, object, object][] = [
    ["entries", { maxEntries: 2 }, { maxEntries: 1 }],
    ["total", { maxTotalBytes: tar.length }, { maxTotalBytes: tar.length - 1 }],
    ["file", { maxFileBytes: 100 }, { maxFileBytes: 99 }],
    ["path", { maxPathBytes: 3 }, { maxPathBytes: 2 }],
    ["link", { maxLinkBytes: 6 }, { maxLinkBytes: 5 }],
  ];
  for (const [name, enough, less] of cases) {
    test(name, async () => {
      await readAll(tar, enough);
      await refuses(tar, "ERR_OCI_LAYER_TOO_LARGE", less);
      await refuses(gzipSync(tar), "ERR_OCI_LAYER_TOO_LARGE", less);
    });
  }

  test("extended headers", async () => {
    const long = archive({ name: "a", pax: { comment: "c".repeat(2000) } });
    await readAll(long, { maxHeaderBytes: 2014 });
    await refuses(long, "ERR_OCI_LAYER_TOO_LARGE", { maxHeaderBytes: 2000 });
    const huge = archive({ name: "n", type: "L", size: 2 ** 33 });
    await refuses(huge, "ERR_OCI_LAYER_TOO_LARGE");
  });

  test("CVE-2023-25153, CVE-2024-37168: a bomb of gzip or zstd ends at the ratio", async () => {
    const zeros = Buffer.alloc(80 * 2 ** 20);
    const bomb = Buffer.concat([entryBytes({ name: "z", size: zeros.length }), zeros, Buffer.alloc(1024)]);
    const zstd = zstdCompressSync(bomb, { params: { [constants.ZSTD_c_checksumFlag]: 0 } });
    await refuses(zstd, "ERR_OCI_LAYER_TOO_LARGE");
    await refuses(gzipSync(bomb), "ERR_OCI_LAYER_TOO_LARGE", { maxRatio: 500 });
    for await (const { size } of readLayer(streamOf(zstd), { maxRatio: 1e9 }))
      assert.equal(size, zeros.length);
  });

  test("a limit that is none is a mistake of the caller", () => {
    assert.throws(() => readLayer(layerOf(), { maxEntries: -1 }), RangeError);
    assert.throws(() => readLayer(layerOf(), { maxRatio: Number.NaN }), RangeError);
  });
});

describe("release", () => {
  function watched(bytes: Buffer): { stream: AsyncGenerator<Uint8Array, void>; released: () => boolean } {
    let released = false;
    async function* run() {
      try {
        yield bytes.subarray(0, 1000);
        yield bytes.subarray(1000);
        await new Promise(() => {});
      } finally {
        released = true;
      }
    }
    return { stream: run(), released: () => released };
  }
  const tar = archive({ name: "a", content: "x".repeat(5000) }, { name: "b" });

  test("nothing is read before the first entry is asked for", () => {
    const stream = {
      [Symbol.asyncIterator]: () => assert.fail("opened"),
    };
    readLayer(stream);
  });

  test("leaving early releases the source", async () => {
    const { stream, released } = watched(tar);
    for await (const entry of readLayer(stream)) {
      assert.equal(entry.path, "a");
      for await (const chunk of entry.content) {
        assert.ok(chunk.length > 0);
        break;
      }
      break;
    }
    assert.ok(released());
  });

  test("leaving early does not wait for a source that waits", async () => {
    const { stream } = watched(gzipSync(tar, { level: 0 }));
    for await (const entry of readLayer(stream)) {
      assert.equal(entry.path, "a");
      break;
    }
  });

  test("an abort rejects with its reason, before and while the source waits", async () => {
    const reason = new Error("enough");
    await assert.rejects(readAll(tar, { signal: AbortSignal.abort(reason) }), reason);
    for (const bytes of [tar, gzipSync(tar)]) {
      const controller = new AbortController();
      const reading = (async () => {
        for await (const _ of readLayer(watched(bytes).stream, { signal: controller.signal }));
      })();
      setTimeout(() => controller.abort(reason), 20);
      await assert.rejects(reading, reason);
    }
  });

  test("an error of the source comes out unchanged, whatever the compression", async () => {
    const failure = new Error("cable cut");
    async function* failing(bytes: Buffer) {
      yield bytes;
      throw failure;
    }
    const drain = async (bytes: Buffer) => {
      for await (const _ of readLayer(failing(bytes)));
    };
    await assert.rejects(drain(tar.subarray(0, 1000)), failure);
    await assert.rejects(drain(gzipSync(tar).subarray(0, 30)), failure);
    await assert.rejects(drain(zstdCompressSync(tar).subarray(0, 30)), failure);
  });

  test("content that is not read is skipped", async () => {
    const seen: string[] = [];
    for await (const { path } of readLayer(streamOf(tar))) seen.push(path);
    assert.deepEqual(seen, ["a", "b"]);
  });
});
