import assert from "node:assert/strict";
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { gzipSync } from "node:zlib";
import { streamOf } from "../../../../src/core/bytes.ts";
import { digestOf } from "../../../../src/core/digest.ts";
import type { OciError } from "../../../../src/oci/errors.ts";
import { type ApplyLayersOptions, applyLayers, type DeviceNode } from "../../../../src/oci/layers/index.ts";
import { archive, type RawEntry } from "./archive.ts";

/** A folder with a root inside, and something beside the root that must stay as it is. */
function place(t: TestContext): { around: string; root: string; assertUntouched: () => void } {
  const around = mkdtempSync(join(tmpdir(), "lading-apply-"));
  t.after(() => rmSync(around, { recursive: true, force: true }));
  const root = join(around, "root");
  mkdirSync(root);
  mkdirSync(join(around, "outside"));
  const secret = join(around, "outside", "secret");
  writeFileSync(secret, "secret", { mode: 0o640 });
  chmodSync(secret, 0o640);
  const before = lstatSync(secret);
  return {
    around,
    root,
    assertUntouched: () => {
      assert.deepEqual(readdirSync(around).sort(), ["outside", "root"]);
      assert.deepEqual(readdirSync(join(around, "outside")), ["secret"]);
      assert.equal(readFileSync(secret, "utf8"), "secret");
      const now = lstatSync(secret);
      assert.deepEqual(
        [now.mode, now.nlink, now.mtimeMs, now.uid],
        [before.mode, 1, before.mtimeMs, before.uid],
      );
    },
  };
}

const source = (bytes: Uint8Array) => ({ open: () => streamOf(bytes) });
const apply = (root: string, layers: RawEntry[][], options: ApplyLayersOptions = {}) =>
  applyLayers(
    layers.map((entries) => source(archive(...entries))),
    root,
    options,
  );
const code = (expected: string) => (error: OciError) => error.code === expected;
const refused = code("ERR_OCI_ENTRY_REFUSED");
const dir = (name: string, more: Partial<RawEntry> = {}): RawEntry => ({
  name,
  type: "5",
  mode: 0o755,
  ...more,
});
const link = (name: string, target: string): RawEntry => ({ name, type: "2", link: target });
const hard = (name: string, target: string): RawEntry => ({ name, type: "1", link: target });
const file = (name: string, content = "evil"): RawEntry => ({ name, content });
const read = (root: string, path: string) => readFileSync(join(root, path), "utf8");

describe("nothing is written outside the root", () => {
  const outside = "../outside";
  const cases: Record<string, RawEntry[][]> = {
    "CVE-2021-21272: names that climb": [
      [file("../outside/secret"), file("/../outside/secret"), file("a/../../outside/secret")],
    ],
    "CVE-2026-23745: a link, then a file below it": [[link("l", outside), file("l/secret")]],
    "CVE-2026-26960: a chain of links": [
      [link("a", ".."), link("b", "a/outside"), link("c", "b/../b"), file("c/secret")],
    ],
    "CVE-2024-12905: an absolute link": [[link("l", "/"), link("m", "l/.."), file("m/outside/secret")]],
    "CVE-2025-48387: a link of a lower layer": [[link("l", outside)], [file("l/secret")]],
    "CVE-2025-59343: a directory entry through a link": [
      [link("l", outside), dir("l/", { mode: 0o777 }), file("l/secret")],
    ],
    "a directory that becomes a link between two entries": [
      [dir("d"), file("d/secret", "1"), link("d", outside), file("d/secret")],
    ],
    "a link that becomes a directory and a link again": [
      [link("d", outside), dir("d/"), file("d/x"), link("d", outside), file("d/secret")],
    ],
    "a file over a link does not write through it": [[link("s", "../outside/secret"), file("s")]],
    "CVE-2026-50163: a hard link that climbs": [
      [file("outside/secret", "inside"), hard("h", "../outside/secret")],
    ],
    "CVE-2025-11395: whiteouts behind a link": [
      [link("l", outside)],
      [file("l/.wh.secret"), file("l/.wh..wh..opq"), file("../.wh.outside"), file("../outside/.wh.secret")],
    ],
    "CVE-2019-14271: metadata is not set through a link": [
      [{ ...link("s", "../outside/secret"), mode: 0o777, uid: 5 }, hard("s2", "s")],
    ],
  };
  for (const [name, layers] of Object.entries(cases)) {
    for (const behaviour of ["containerd", "umoci"] as const) {
      test(`${name} (${behaviour})`, async (t) => {
        const { root, assertUntouched } = place(t);
        await apply(root, layers, { behaviour });
        assertUntouched();
      });
    }
  }

  test("a hard link to what is only outside is refused", async (t) => {
    const { root, assertUntouched } = place(t);
    for (const target of ["../outside/secret", "/etc/passwd", "l/secret"]) {
      await assert.rejects(apply(root, [[link("l", outside), hard("h", target)]]), refused);
    }
    assertUntouched();
  });

  test("a link that was in the directory before", async (t) => {
    const { root, assertUntouched } = place(t);
    symlinkSync("../outside", join(root, "l"));
    await apply(root, [[file("l/secret")]]);
    assertUntouched();
    assert.equal(read(root, "outside/secret"), "evil");
  });

  test("names of Windows are names", async (t) => {
    const { root, assertUntouched } = place(t);
    await apply(root, [[file("..\\outside\\secret"), file("C:\\x"), file("a\\b/c")]]);
    assertUntouched();
    assert.deepEqual(readdirSync(root).sort(), ["..\\outside\\secret", "C:\\x", "a\\b"]);
  });

  test("a circle of links is refused", async (t) => {
    const { root } = place(t);
    await assert.rejects(apply(root, [[link("a", "b"), link("b", "a"), file("a/x")]]), refused);
  });

  test("a name that is too long for the disk is refused", async (t) => {
    const { root } = place(t);
    const long = "x".repeat(300);
    await assert.rejects(apply(root, [[{ name: "x", pax: { path: long } }]]), refused);
    await assert.rejects(apply(root, [[{ name: "x", pax: { path: `${long}/y` } }]]), refused);
  });
});

describe("rules", () => {
  test("content, modes, owners and times", async (t) => {
    const { root } = place(t);
    const result = await apply(root, [
      [
        dir("d", { mode: 0o1750, mtime: 1000 }),
        { ...file("d/f", "text"), mode: 0o4751, mtime: 2000, pax: { mtime: "2000.5" } },
        { ...link("d/l", "nowhere"), mtime: 3000 },
      ],
    ]);
    const modes = ["d", "d/f"].map((path) => lstatSync(join(root, path)).mode & 0o7777);
    assert.deepEqual(modes, [0o1750, 0o4751]);
    const times = ["d", "d/f", "d/l"].map((path) => lstatSync(join(root, path)).mtimeMs);
    assert.deepEqual(times, [1_000_000, 2_000_500, 3_000_000]);
    assert.equal(readlinkSync(join(root, "d/l")), "nowhere");
    assert.deepEqual([result.entries, result.skippedCount], [3, 0]);
  });

  test("owners are applied by root only, or where asked for", {
    skip: process.geteuid?.() !== 0,
  }, async (t) => {
    const { root } = place(t);
    const owned = { ...file("f", ""), uid: 1234, gid: 5678 };
    await apply(root, [[owned, { ...link("l", "f"), uid: 7, gid: 8 }, { ...dir("d"), uid: 9, gid: 10 }]]);
    const ids = (path: string) => [lstatSync(join(root, path)).uid, lstatSync(join(root, path)).gid];
    assert.deepEqual(
      [ids("f"), ids("l"), ids("d")],
      [
        [1234, 5678],
        [7, 8],
        [9, 10],
      ],
    );
    const result = await apply(root, [[owned]], { owners: false });
    assert.deepEqual([ids("f"), result.ownersApplied], [[0, 0], false]);
  });

  test("times of directories are the archive's, though files came later; others keep theirs", async (t) => {
    const { root } = place(t);
    await apply(root, [[dir("d", { mtime: 1000 }), file("d/a"), dir("e", { mtime: 1500 }), file("e/x")]]);
    await apply(root, [[file("d/b"), file("e/.wh.x")]]);
    assert.equal(lstatSync(join(root, "d")).mtimeMs, 1_000_000);
    assert.equal(lstatSync(join(root, "e")).mtimeMs, 1_500_000);
  });

  test("where containerd and umoci differ", async (t) => {
    const { root } = place(t);
    const twice = [[file("d/x", "1")], [file("d/x", "2"), file("d/.wh.x", "")]];
    await apply(root, twice);
    assert.deepEqual(readdirSync(join(root, "d")), []);
    await apply(root, twice, { behaviour: "umoci" });
    assert.equal(read(root, "d/x"), "2");

    const through = [[file("f", "file"), file("f/below", "x")]];
    await assert.rejects(apply(root, through), refused);
    await apply(root, through, { behaviour: "umoci" });
    assert.equal(read(root, "f/below"), "x");

    const rootEntry = [[dir("./", { mode: 0o700 })]];
    const before = statSync(root).mode;
    await apply(root, rootEntry);
    assert.equal(statSync(root).mode, before);
    await apply(root, rootEntry, { behaviour: "umoci" });
    assert.equal(statSync(root).mode & 0o777, 0o700);
    await assert.rejects(apply(root, [[file("./.")]], { behaviour: "umoci" }), refused);

    const linked = [
      [
        { ...file("a"), mode: 0o600 },
        { ...hard("b", "a"), mode: 0o644 },
      ],
    ];
    await apply(root, linked, { behaviour: "umoci" });
    assert.equal(statSync(join(root, "a")).mode & 0o777, 0o600);
    await apply(root, linked);
    assert.equal(statSync(join(root, "a")).mode & 0o777, 0o644);
  });

  test("markers never appear, and odd ones hide odd names", async (t) => {
    const { root } = place(t);
    writeFileSync(join(root, ".wh.plnk"), "");
    await apply(root, [[file(".wh..wh.plnk", ""), file(".wh.x/ordinary", "")]]);
    assert.deepEqual(readdirSync(root), [".wh.x"]);
    for (const name of [".wh.", ".wh..", ".wh...", "a/.wh."]) {
      await assert.rejects(apply(root, [[file(name, "")]]), refused);
    }
  });

  test("a hard link to itself, to a directory, into what it replaces", async (t) => {
    const { root } = place(t);
    const base = [file("a", "1"), dir("d"), file("d/x", "2")];
    for (const bad of [hard("a", "a"), hard("h", "d"), hard("d", "d/x"), hard("h", ""), hard("h", "no")]) {
      await assert.rejects(apply(root, [[...base, bad]]), refused, JSON.stringify(bad));
      assert.deepEqual([read(root, "a"), read(root, "d/x")], ["1", "2"]);
    }
  });

  test("sparse files, many chunks, names that are no UTF-8", async (t) => {
    const { root } = place(t);
    const big = Buffer.alloc(3_000_000, "0123456789");
    const tar = archive(
      { name: "big", content: big },
      { name: "s", content: "abc", pax: { "GNU.sparse.size": "1000000", "GNU.sparse.map": "500000,3" } },
      { name: Buffer.from("caf\xe9", "latin1"), content: "é" },
      { ...link("l", ""), link: Buffer.from("caf\xe9", "latin1") },
    );
    const chunks = Array.from({ length: Math.ceil(tar.length / 7777) }, (_, i) =>
      tar.subarray(i * 7777, (i + 1) * 7777),
    );
    await applyLayers([{ open: () => streamOf(...chunks) }], root);
    assert.ok(readFileSync(join(root, "big")).equals(big));
    const sparse = readFileSync(join(root, "s"));
    assert.deepEqual([sparse.length, sparse.toString("latin1", 499_999, 500_004)], [1_000_000, "\0abc\0"]);
    const names = readdirSync(root, { encoding: "buffer" }).map((name) => name.toString("latin1"));
    assert.ok(names.includes("caf\xe9"));
    assert.equal(read(root, "l"), "é");
  });
});

describe("what Node cannot do itself", () => {
  const nodes: RawEntry[] = [
    { name: "null", type: "3", mode: 0o666, major: 1, minor: 3 },
    { name: "disk", type: "4", major: 8, minor: 1 },
    { name: "pipe", type: "6", mode: 0o622 },
    { name: "tool", content: "x", pax: { "SCHILY.xattr.security.capability": Buffer.from([1, 0, 255]) } },
    { name: "labelled", pax: { "SCHILY.xattr.security.selinux": "label" } },
  ];

  test("without calls it is told, and an empty file without permissions stands there", async (t) => {
    const { root } = place(t);
    const { skipped, skippedCount } = await apply(root, [nodes]);
    assert.deepEqual(skipped, [
      { path: "null", what: "node", name: "character-device" },
      { path: "disk", what: "node", name: "block-device" },
      { path: "pipe", what: "node", name: "fifo" },
      { path: "tool", what: "xattr", name: "security.capability" },
      { path: "labelled", what: "xattr", name: "security.selinux" },
    ]);
    assert.equal(skippedCount, 5);
    for (const name of ["null", "disk", "pipe"]) {
      const { mode, size } = lstatSync(join(root, name));
      assert.deepEqual([mode & 0o7777, size, lstatSync(join(root, name)).isFile()], [0, 0, true]);
    }
  });

  test("calls get what the entry says, below the root", async (t) => {
    const { root } = place(t);
    const made: [string, DeviceNode][] = [];
    const set: [string, string, number[]][] = [];
    const { skippedCount } = await apply(root, [nodes], {
      makeNode: (path, node) => {
        made.push([String(path), node]);
        writeFileSync(path, "", { flag: "wx" });
      },
      setXattr: (path, name, value) => set.push([String(path), name, [...value]]),
    });
    assert.deepEqual(made, [
      [join(root, "null"), { kind: "character-device", major: 1, minor: 3 }],
      [join(root, "disk"), { kind: "block-device", major: 8, minor: 1 }],
      [join(root, "pipe"), { kind: "fifo", major: 0, minor: 0 }],
    ]);
    assert.deepEqual(set, [[join(root, "tool"), "security.capability", [1, 0, 255]]]);
    assert.equal(lstatSync(join(root, "null")).mode & 0o7777, 0o666);
    assert.equal(skippedCount, 1);
  });

  test("a directory that a later layer lists again has the attributes of that layer alone", async (t) => {
    const { root } = place(t);
    const calls: string[] = [];
    const record = (...words: unknown[]) => calls.push(words.map(String).join(" ").replace(`${root}/`, ""));
    const listed = (name: string, attributes: Record<string, string>): RawEntry => ({
      name,
      type: "5",
      pax: Object.fromEntries(
        Object.entries(attributes).map(([key, value]) => [`SCHILY.xattr.user.${key}`, value]),
      ),
    });
    const layers = [
      [listed("d", { a: "1", b: "1" }), listed("gone", { c: "1" }), listed("kept", { k: "1" })],
      [listed("d", { b: "2" }), file(".wh.gone"), file("kept/f")],
      [listed("d", {}), listed("gone", {})],
    ];
    const setXattr: ApplyLayersOptions["setXattr"] = (path, name, value) =>
      record("set", path, name, Buffer.from(value));
    await apply(root, layers, { setXattr, removeXattr: (path, name) => record("remove", path, name) });
    assert.deepEqual(calls, [
      "set d user.a 1",
      "set d user.b 1",
      "set gone user.c 1",
      "set kept user.k 1",
      "remove d user.a",
      "set d user.b 2",
      "remove d user.b",
    ]);
    const other = place(t);
    const { skipped } = await apply(other.root, layers, { setXattr: () => {} });
    assert.deepEqual(skipped, [
      { path: "d", what: "xattr", name: "user.a" },
      { path: "d", what: "xattr", name: "user.b" },
    ]);
  });

  test("a call that throws fails the whole", async (t) => {
    const { root } = place(t);
    const failure = new Error("not permitted");
    const makeNode = () => {
      throw failure;
    };
    await assert.rejects(apply(root, [nodes], { makeNode }), failure);
  });

  test("overlay whiteouts need both calls", async (t) => {
    const { root } = place(t);
    await assert.rejects(apply(root, [[]], { whiteouts: "overlay" }), TypeError);
    await assert.rejects(apply(root, [[]], { whiteouts: "overlay", makeNode: () => {} }), TypeError);
  });

  test("an image cannot set the attributes of an overlay file system itself", async (t) => {
    const { root } = place(t);
    const set: [string, string][] = [];
    const options: ApplyLayersOptions = {
      whiteouts: "overlay",
      overlayNamespace: "user",
      makeNode: (path) => writeFileSync(path, ""),
      setXattr: (path, name) => set.push([String(path).slice(root.length + 1), name]),
    };
    const pax = { "SCHILY.xattr.trusted.overlay.redirect": "/etc", "SCHILY.xattr.user.overlay.opaque": "y" };
    await apply(root, [[dir("d"), { name: "e", type: "5", pax }, file("d/.wh..wh..opq")]], options);
    assert.deepEqual(set, [
      ["e", "trusted.overlay.overlay.redirect"],
      ["e", "user.overlay.overlay.opaque"],
      ["d", "user.overlay.opaque"],
    ]);
  });
});

describe("failure", () => {
  const good = archive(file("a", "1"), file("b", "2"));

  test("staged: nothing is there until every diff id is verified", async (t) => {
    const { around, root } = place(t);
    const target = join(around, "new");
    const bad = { ...source(good), diffId: digestOf("other") };
    await assert.rejects(
      applyLayers([source(good), bad], target, { staged: true }),
      code("ERR_OCI_DIFF_ID_MISMATCH"),
    );
    assert.deepEqual(readdirSync(around).sort(), ["outside", "root"]);
    const checked = { ...source(good), diffId: digestOf(good) };
    const { diffIds } = await applyLayers([checked], target, { staged: true });
    assert.deepEqual([diffIds, readdirSync(target).sort()], [[digestOf(good)], ["a", "b"]]);
    await applyLayers([checked], root, { staged: true });
    assert.deepEqual(readdirSync(root).sort(), ["a", "b"]);
    await assert.rejects(applyLayers([checked], root, { staged: true }), { code: "ENOTEMPTY" });
    assert.deepEqual(readdirSync(around).sort(), ["new", "outside", "root"]);
  });

  test("limits and damage fail the whole, and no file stays open", async (t) => {
    const { root } = place(t);
    const open = () => readdirSync("/proc/self/fd").length;
    const before = existsSync("/proc/self/fd") ? open() : 0;
    await assert.rejects(
      applyLayers([source(good)], root, { maxEntries: 1 }),
      code("ERR_OCI_LAYER_TOO_LARGE"),
    );
    await assert.rejects(applyLayers([source(good.subarray(0, 600))], root), code("ERR_OCI_LAYER_INVALID"));
    await assert.rejects(
      applyLayers([source(gzipSync(good).subarray(0, 40))], root),
      code("ERR_OCI_LAYER_INVALID"),
    );
    if (before > 0) assert.equal(open(), before);
    await assert.rejects(applyLayers([], root, { maxEntries: 0.5 }), RangeError);
  });

  test("an abort rejects with its reason, before and in between, and releases the layer", async (t) => {
    const { root } = place(t);
    const reason = new Error("enough");
    await assert.rejects(applyLayers([source(good)], root, { signal: AbortSignal.abort(reason) }), reason);
    const controller = new AbortController();
    let released = false;
    async function* stalled() {
      try {
        yield good.subarray(0, 700);
        setTimeout(() => controller.abort(reason), 10);
        yield good.subarray(700, 800);
        await new Promise<void>((resolve) => controller.signal.addEventListener("abort", () => resolve()));
      } finally {
        released = true;
      }
    }
    const applying = applyLayers([{ open: () => stalled() }], root, { signal: controller.signal });
    await assert.rejects(applying, reason);
    await new Promise((resolve) => setImmediate(resolve));
    assert.ok(released);
  });
});
