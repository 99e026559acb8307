/** Layers as umoci unpacks them and as skopeo encrypts them. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { createPrivateKey, generateKeyPairSync } from "node:crypto";
import {
  createReadStream,
  lstatSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, type TestContext, test } from "node:test";
import { gzipSync } from "node:zlib";
import { collectBytes, streamOf } from "../../src/core/bytes.ts";
import { digestHex, digestOf } from "../../src/core/digest.ts";
import {
  applyLayers,
  decryptLayer,
  layerEncryption,
  parseManifest,
  readLayer,
  systemPrograms,
} from "../../src/oci/index.ts";
import { archive, type RawEntry } from "../unit/oci/layers/archive.ts";
import { needs } from "./parts.ts";
import { runProgram } from "./process.ts";

const missing = (name: string) => (spawnSync(name, ["--version"]).error ? `no ${name}` : undefined);
const notRoot = process.geteuid?.() === 0 ? undefined : "not root";

function folder(t: TestContext): string {
  const place = mkdtempSync(join(tmpdir(), "lading-interop-layers-"));
  t.after(() => rmSync(place, { recursive: true, force: true }));
  return place;
}

async function run(program: string, ...args: string[]): Promise<string> {
  const { exitCode, stdout, stderr } = await runProgram(program, args);
  assert.equal(exitCode, 0, `${program} ${args.join(" ")}: ${stderr}`);
  return stdout;
}

const dir = (name: string, more: Partial<RawEntry> = {}): RawEntry => ({
  name,
  type: "5",
  mode: 0o755,
  mtime: 1e9,
  ...more,
});
const file = (name: string, content = "", more: Partial<RawEntry> = {}): RawEntry => ({
  name,
  content,
  mtime: 1.1e9,
  ...more,
});
const link = (name: string, target: string): RawEntry => ({ name, type: "2", link: target, mtime: 1.2e9 });
const hard = (name: string, target: string): RawEntry => ({
  name,
  type: "1",
  link: target,
  mtime: 1.3e9,
  mode: 0o777,
  uid: 9,
});

const images: Record<string, RawEntry[][]> = {
  "kinds, owners, modes and times": [
    [
      dir("./", { mode: 0o711 }),
      dir("d/", { mode: 0o1777, uid: 3, gid: 4 }),
      file("d/suid", "x".repeat(70_000), { mode: 0o4755, uid: 1000, gid: 1000 }),
      file("d/long", "y", { pax: { path: `d/${"n".repeat(180)}`, mtime: "1500000000.25" } }),
      link("d/abs", "/etc/passwd"),
      hard("d/hard", "d/suid"),
      hard("d/hardlink-to-link", "d/abs"),
      { name: "d/null", type: "3", major: 1, minor: 3, mode: 0o666, mtime: 1e9 },
      { name: "d/disk", type: "4", major: 8, minor: 1, mode: 0o660, gid: 6, mtime: 1e9 },
      { name: "d/pipe", type: "6", mode: 0o640, mtime: 1e9 },
    ],
  ],
  "whiteouts of all sorts": [
    [
      dir("a/"),
      file("a/1", "1"),
      file("a/2", "2"),
      dir("a/sub/"),
      file("a/sub/x"),
      dir("b/"),
      file("b/1"),
      link("c", "a"),
    ],
    [
      file("a/.wh.1"),
      file("c/.wh.2"),
      dir("b/", { mode: 0o700 }),
      file("b/new", "n"),
      file("b/.wh..wh..opq"),
    ],
    [file("a/sub/y", "y"), file("a/.wh.sub"), file("b/.wh.new"), file("b/.wh.absent"), file("nowhere/.wh.x")],
  ],
  replacements: [
    [dir("d/"), file("d/x", "1"), file("f", "1"), link("l", "d"), dir("e/"), file("e/y")],
    [file("d", "now a file"), dir("f/"), dir("l/"), link("e", "f")],
    [file("e/in-f", "2")],
  ],
  "links that try to leave": [
    [
      link("up", "../../../.."),
      file("up/tmp/lading-interop-escape", "x"),
      link("root", "/"),
      file("root/../../inside", "y"),
    ],
    [
      link("deep", "root/up/root"),
      file("deep/third", "z"),
      hard("hard", "../../up/third"),
      file("../../.wh.inside"),
    ],
  ],
};

describe("umoci unpacks the same tree", needs(missing("umoci"), notRoot), () => {
  for (const [name, layers] of Object.entries(images)) {
    test(name, async (t) => {
      const place = folder(t);
      const layout = join(place, "layout");
      await run("umoci", "init", "--layout", layout);
      await run("umoci", "new", "--image", `${layout}:t`);
      const files = layers.map((entries, i) => {
        const path = join(place, `${i}.tar`);
        writeFileSync(path, archive(...entries));
        return path;
      });
      for (const path of files) await run("umoci", "raw", "add-layer", "--image", `${layout}:t`, path);
      await run("umoci", "unpack", "--image", `${layout}:t`, join(place, "bundle"));
      const ours = join(place, "ours");
      const { skippedCount } = await applyLayers(
        files.map((path) => ({ open: () => createReadStream(path) })),
        ours,
        { behaviour: "umoci", makeNode: systemPrograms().makeNode },
      );
      assert.equal(skippedCount, 0);
      const named = new Set(layers.flat().map((entry) => String(entry.name).replace(/\/$/, "")));
      // umoci 0.4 changes times of directories by whiteouts, and gives those it makes the time of the day.
      const timed = layers.length === 1 ? named : new Set<string>();
      assert.deepEqual(tree(ours, timed), tree(join(place, "bundle", "rootfs"), timed));
    });
  }
});

/** Everything below a folder, as text; times only of what an archive gave times. */
function tree(root: string, named: ReadonlySet<string>): Record<string, string> {
  const found: Record<string, string> = {};
  const inodes = new Map<number, string>();
  const visit = (at: string): void => {
    for (const key of readdirSync(join(root, at)).sort()) {
      const path = join(at, key);
      const stats = lstatSync(join(root, path));
      const { mode, uid, gid, rdev, mtimeMs, nlink, ino } = stats;
      const timed = named.has(path) || !stats.isDirectory();
      const first = inodes.get(ino) ?? path;
      inodes.set(ino, first);
      found[path] = [
        mode.toString(8),
        uid,
        gid,
        rdev,
        timed ? mtimeMs : "-",
        stats.isDirectory() ? "" : `${nlink} ${first}`,
        stats.isFile() ? digestOf(readFileSync(join(root, path))) : "",
        stats.isSymbolicLink() ? readlinkSync(join(root, path)) : "",
      ].join(" ");
      if (stats.isDirectory()) visit(path);
    }
  };
  visit("");
  return found;
}

describe("skopeo encrypts what is opened here", needs(missing("skopeo"), missing("umoci")), () => {
  test("RSA by JWE", async (t) => {
    const place = folder(t);
    const { publicKey, privateKey } = generateKeyPairSync("rsa", {
      modulusLength: 2048,
      publicKeyEncoding: { type: "spki", format: "pem" },
      privateKeyEncoding: { type: "pkcs8", format: "pem" },
    });
    const layout = join(place, "layout");
    const tar = archive(file("etc/motd", "secret"), file("big", "0123456789".repeat(100_000)));
    writeFileSync(join(place, "layer.tar"), tar);
    writeFileSync(join(place, "public.pem"), publicKey);
    await run("umoci", "init", "--layout", layout);
    await run("umoci", "new", "--image", `${layout}:t`);
    await run("umoci", "raw", "add-layer", "--image", `${layout}:t`, join(place, "layer.tar"));
    const out = join(place, "out");
    await run(
      "skopeo",
      "copy",
      "--encryption-key",
      `jwe:${join(place, "public.pem")}`,
      `oci:${layout}:t`,
      `oci:${out}:t`,
    );
    const blob = (digest: string) =>
      readFileSync(join(out, "blobs", "sha256", digest.slice("sha256:".length)));
    const index = parseManifest(readFileSync(join(out, "index.json")));
    assert.equal(index.kind, "index");
    const manifest = parseManifest(
      blob(index.kind === "index" ? (index.value.manifests[0]?.digest ?? "") : ""),
    );
    assert.ok(manifest.kind === "manifest");
    const [descriptor] = manifest.value.layers;
    assert.ok(descriptor);
    assert.deepEqual(layerEncryption(descriptor)?.schemes, ["jwe"]);
    const opened = await decryptLayer(descriptor, streamOf(blob(descriptor.digest)), {
      keys: [createPrivateKey(privateKey)],
    });
    const contents: string[] = [];
    for await (const { path, content } of readLayer(opened.content, { diffId: digestOf(tar) })) {
      contents.push(`${path} ${digestHex(digestOf(await collectBytes(content, { maxBytes: 1e7 })))}`);
    }
    assert.deepEqual(contents, [
      `etc/motd ${digestHex(digestOf("secret"))}`,
      `big ${digestHex(digestOf("0123456789".repeat(100_000)))}`,
    ]);
    assert.notDeepEqual(gzipSync(tar), blob(descriptor.digest));
  });
});
