/** File systems out of layouts: what lading wrote as umoci unpacks it, and the reverse, entry by entry. */
import assert from "node:assert/strict";
import { lstatSync, mkdirSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, test } from "node:test";
import { gzipSync } from "node:zlib";
import { digestOf } from "../../src/core/digest.ts";
import { OCI_LAYER, OCI_LAYER_GZIP } from "../../src/core/media-types.ts";
import {
  applyLayers,
  createLayerFromDirectory,
  createLayout,
  describeContent,
  fetchManifest,
  type ImageLayer,
  imageLayers,
  type Layout,
  packImage,
  pushImage,
  systemPrograms,
} from "../../src/oci/index.ts";
import { archive, type RawEntry } from "../unit/oci/layers/archive.ts";
import { needs } from "./parts.ts";
import { whyNoPrograms } from "./process.ts";
import { PLATFORM, run, storesFolder } from "./store-images.ts";

const notRoot = process.geteuid?.() === 0 ? undefined : "not root";
const VALUE = Buffer.from("00ff0a3d20c3bc", "hex");

interface TreeOptions {
  /** Which times of directories are compared. Default all. */
  directoryTimes?: (path: string) => boolean;
  /** Whether attributes are compared. Default yes. */
  xattrs?: boolean;
}

/** Everything below a folder as text, with attributes as `getfattr` tells them. */
async function treeOf(root: string, options: TreeOptions = {}): Promise<Record<string, string>> {
  const { directoryTimes = () => true, xattrs = true } = options;
  const attributes = xattrs ? await attributesOf(root) : new Map<string, string>();
  const found: Record<string, string> = {};
  const names = new Map<number, string>();
  const visit = (at: string): void => {
    const place = Buffer.from(join(root, at), "latin1");
    for (const key of readdirSync(place, { encoding: "latin1" }).sort()) {
      const path = join(at, key);
      const absolute = Buffer.from(join(root, path), "latin1");
      const stats = lstatSync(absolute);
      const isDirectory = stats.isDirectory();
      const first = names.get(stats.ino) ?? path;
      if (!isDirectory) names.set(stats.ino, first);
      found[path] = JSON.stringify({
        mode: stats.mode.toString(8),
        owner: [stats.uid, stats.gid],
        device: stats.rdev,
        time: !isDirectory || directoryTimes(path) ? stats.mtimeMs : "any",
        links: isDirectory ? "any" : [stats.nlink, first],
        content: stats.isFile() ? digestOf(readFileSync(absolute)) : "",
        target: stats.isSymbolicLink() ? readlinkSync(absolute, { encoding: "latin1" }) : "",
        attributes: attributes.get(path) ?? "",
      });
      if (isDirectory) visit(path);
    }
  };
  visit("");
  return found;
}

async function attributesOf(root: string): Promise<Map<string, string>> {
  const args = ["--recursive", "--physical", "--no-dereference", "--dump", "--match=-", "--encoding=hex"];
  const text = await run("getfattr", ...args, "--absolute-names", root);
  const found = new Map<string, string>();
  for (const block of text.split("\n\n")) {
    const [title, ...lines] = block.trim().split("\n");
    if (!title) continue;
    // Bytes that are no plain ASCII stand as octal numbers.
    const path = title
      .slice("# file: ".length)
      .replace(/\\([0-7]{3})/g, (_, octal) => String.fromCharCode(Number.parseInt(octal, 8)));
    found.set(path.slice(root.length + 1), lines.sort().join("; "));
  }
  return found;
}

function layerOf(entries: readonly RawEntry[], compression: "gzip" | "none"): ImageLayer {
  const tar = archive(...entries);
  const content = compression === "gzip" ? gzipSync(tar) : tar;
  const descriptor = describeContent(content, compression === "gzip" ? OCI_LAYER_GZIP : OCI_LAYER);
  return { descriptor, content, diffId: digestOf(tar) };
}

async function applyImage(layout: Layout, name: string, directory: string): Promise<void> {
  const manifest = await fetchManifest(layout, name);
  assert.ok(manifest.kind === "manifest");
  const applied = await applyLayers(await imageLayers(layout, manifest.value), directory, {
    behaviour: "umoci",
    ...systemPrograms(),
  });
  assert.deepEqual(applied.skipped, []);
}

const first: RawEntry[] = [
  { name: "./", mode: 0o711, mtime: 1e9 },
  { name: "d/", mode: 0o1777, uid: 3, gid: 4, mtime: 1e9, pax: { "SCHILY.xattr.user.of": "directory" } },
  { name: "d/suid", content: "x".repeat(70_000), mode: 0o4755, uid: 1000, gid: 1000, mtime: 1.1e9 },
  {
    name: "d/bytes",
    content: "y",
    mtime: 1.1e9,
    pax: { "SCHILY.xattr.user.v": VALUE, mtime: "1500000000.25" },
  },
  { name: "d/several", mtime: 1, pax: { "SCHILY.xattr.user.a": "1", "SCHILY.xattr.trusted.b": "" } },
  {
    name: "d/ping",
    content: "#!",
    mode: 0o755,
    mtime: 1.2e9,
    // A version 2 capability: net_raw, permitted and effective.
    pax: { "SCHILY.xattr.security.capability": Buffer.from(`0100000200200000${"00".repeat(12)}`, "hex") },
  },
  { name: "d/again", type: "1", link: "d/bytes", mtime: 1.3e9 },
  { name: "d/link", type: "2", link: "../no/such/ünïcode", mtime: 1.2e9, uid: 7, gid: 8 },
  { name: "d/long", mtime: 1.1e9, pax: { path: `d/${"ü".repeat(120)}` } },
  { name: Buffer.from("d/latin-\xfc", "latin1"), content: "no UTF-8", mtime: 1.1e9 },
  { name: "d/large-ids", uid: 3_000_000, gid: 4_000_000_000, mtime: 2e9 },
  { name: "d/null", type: "3", major: 1, minor: 3, mode: 0o666, mtime: 1e9 },
  { name: "d/minor", type: "4", major: 259, minor: 70_000, mode: 0o600, mtime: 1e9 },
  { name: "d/pipe", type: "6", mode: 0o640, mtime: 1e9 },
  { name: "d/empty/", mode: 0o700, uid: 5, mtime: 1e9 },
];
const second: RawEntry[] = [
  { name: "d/", mode: 0o755, uid: 9, mtime: 1.4e9 },
  { name: "d/bytes", content: "replaced: its other name keeps what it had", mtime: 1.5e9 },
  { name: "d/.wh.suid" },
  { name: "new/", mtime: 1.4e9 },
  { name: "new/f", content: "f", mtime: 1.4e9, pax: { "SCHILY.xattr.user.n": "new" } },
];

describe("umoci", needs(whyNoPrograms("umoci", "getfattr", "setfattr"), notRoot), () => {
  test("unpacks a layout of lading to the tree that lading makes of it", async (t) => {
    const folder = await storesFolder(t);
    const layout = await createLayout(join(folder, "layout"));
    const stacks = { one: [first], two: [first, second] };
    for (const [name, stack] of Object.entries(stacks)) {
      const layers = stack.map((entries, i) => layerOf(entries, i === 0 ? "gzip" : "none"));
      await pushImage(layout, packImage({ platform: PLATFORM, layers, config: {} }), name);
      await run("umoci", "unpack", "--image", `${layout.path}:${name}`, join(folder, name));
      await applyImage(layout, name, join(folder, `${name}-mine`));
      // A whiteout gives its directory another time in umoci 0.4.
      const options = { directoryTimes: (path: string) => name === "one" || path !== "d" };
      const theirs = await treeOf(join(folder, name, "rootfs"), options);
      assert.deepEqual(await treeOf(join(folder, `${name}-mine`), options), theirs);
      assert.match(theirs["d/again"] ?? "", new RegExp(`user.v=0x${VALUE.toString("hex")}`));
    }
  });

  test("unpacks the layer of a directory to that directory", async (t) => {
    const folder = await storesFolder(t);
    const root = join(folder, "root");
    for (const name of ["", "a", "a/b", "empty"]) mkdirSync(join(root, name), { recursive: true });
    writeFileSync(join(root, "a/f"), "f".repeat(300_000), { mode: 0o640 });
    writeFileSync(join(root, "a/b", "n".repeat(200)), "long");
    const inRoot = (...paths: string[]) => paths.map((path) => join(root, path));
    await run("ln", ...inRoot("a/f", "hard"));
    await run("ln", "-s", "../a/../outside", join(root, "a/soft"));
    await run("mkfifo", "-m", "622", join(root, "pipe"));
    await run("mknod", "-m", "600", join(root, "disk"), "b", "8", "17");
    await run("mknod", "-m", "666", join(root, "far"), "c", "511", "300000");
    await run("chown", "1000:2000", ...inRoot("a/b", "a/f"));
    await run("chown", "--no-dereference", "3:4", join(root, "a/soft"));
    await run("chmod", "2755", join(root, "a/b"));
    const times = { "a/f": "2001-02-03", "a/soft": "2002-03-04", pipe: "1970-01-01", empty: "2030-05-06" };
    for (const [name, day] of Object.entries({ ...times, "a/b": "2003-01-01", a: "2004-01-01" })) {
      await run("touch", "--no-dereference", "--date", `${day} 00:00:00 UTC`, join(root, name));
    }
    await run("find", root, "-newermt", "2031-01-01", "-exec", "touch", "-h", "-d", "2029-01-01", "{}", "+");

    // Time is cut to seconds, and none of these is later than now.
    const sourceDateEpoch = 4_000_000_000;
    for (const node of ["disk", "far", "hard", "."]) {
      await run("touch", "--no-dereference", "--date", "2005-01-01 00:00:00 UTC", join(root, node));
    }
    const [longName] = inRoot(`a/b/${"n".repeat(200)}`);
    await run("touch", "--date", "2006-01-01 00:00:00 UTC", longName ?? "");
    await run("touch", "--date", "2003-01-01 00:00:00 UTC", join(root, "a/b"));
    const layer = await createLayerFromDirectory(root, { owners: "keep", sourceDateEpoch });
    const pieces: Uint8Array[] = [];
    for await (const piece of layer.open()) pieces.push(piece);
    const image = packImage({ platform: PLATFORM, layers: [{ ...layer, content: Buffer.concat(pieces) }] });
    const layout = await createLayout(join(folder, "layout"));
    await pushImage(layout, image, "v1");
    await run("umoci", "unpack", "--image", `${layout.path}:v1`, join(folder, "bundle"));
    const expected = await treeOf(root, { xattrs: false });
    assert.deepEqual(await treeOf(join(folder, "bundle", "rootfs"), { xattrs: false }), expected);
    await applyImage(layout, "v1", join(folder, "mine"));
    assert.deepEqual(await treeOf(join(folder, "mine"), { xattrs: false }), expected);
  });

  test("packs a changed tree, which lading applies to the same tree", async (t) => {
    const folder = await storesFolder(t);
    const layout = await createLayout(join(folder, "layout"));
    await pushImage(
      layout,
      packImage({ platform: PLATFORM, layers: [layerOf(first, "gzip")], config: {} }),
      "v1",
    );
    const bundle = join(folder, "bundle");
    await run("umoci", "unpack", "--image", `${layout.path}:v1`, bundle);
    const at = (path: string) => join(bundle, "rootfs", path);
    await run("rm", "-r", at("d/suid"), at("d/empty"), at("d/again"));
    writeFileSync(at("d/bytes"), "changed");
    mkdirSync(at("new"));
    writeFileSync(at("new/file"), "new", { mode: 0o600 });
    await run("setfattr", "-n", "user.added", "-v", "0x00ff", at("new/file"));
    await run("setfattr", "-x", "user.a", at("d/several"));
    await run("ln", at("new/file"), at("new/hard"));
    // umoci writes whole seconds.
    await run("touch", "--date", "2020-01-01 00:00:00 UTC", at("d/bytes"), at("new/file"));
    await run("umoci", "repack", "--image", `${layout.path}:v2`, bundle);
    await applyImage(layout, "v2", join(folder, "mine"));
    // umoci takes the times of directories that it did not pack from the day on which it unpacks.
    const options = { directoryTimes: () => false };
    const theirs = await treeOf(join(bundle, "rootfs"), options);
    assert.deepEqual(await treeOf(join(folder, "mine"), options), theirs);
    assert.match(theirs["new/hard"] ?? "", /user\.added=0x00ff/);
    assert.doesNotMatch(theirs["d/several"] ?? "", /user\.a=/);
  });
});
