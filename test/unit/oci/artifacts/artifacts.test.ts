import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { randomBytes } from "node:crypto";
import {
  existsSync,
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
import { type TestContext, test } from "node:test";
import { gzipSync } from "node:zlib";
import { pack } from "tar-stream";
import { collectBytes } from "../../../../src/core/bytes.ts";
import { digestOf } from "../../../../src/core/digest.ts";
import { OCI_EMPTY, OCI_LAYER_GZIP } from "../../../../src/core/media-types.ts";
import { packManifest } from "../../../../src/oci/artifact.ts";
import { pullArtifact } from "../../../../src/oci/artifacts/pull-artifact.ts";
import { attachArtifact, pushArtifact } from "../../../../src/oci/artifacts/push-artifact.ts";
import { titlePath } from "../../../../src/oci/artifacts/title.ts";
import { type Descriptor, describeContent } from "../../../../src/oci/descriptor.ts";
import { memoryStore } from "../../../../src/oci/memory-store.ts";

const artifactType = "application/x";
const now = (): Date => new Date("2024-05-06T07:08:09.123Z");
const TITLE = "org.opencontainers.image.title";

function folderFor(t: TestContext): string {
  const folder = mkdtempSync(join(tmpdir(), "lading-test-"));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

/** A folder for temporary files that only this test uses, so that what is left in it is this test's. */
function temporaryFolderFor(t: TestContext): string {
  const folder = folderFor(t);
  const before = process.env["TMPDIR"];
  process.env["TMPDIR"] = folder;
  t.after(() => {
    if (before === undefined) delete process.env["TMPDIR"];
    else process.env["TMPDIR"] = before;
  });
  return folder;
}

/** A store with an artifact whose layers are these, whatever they say. */
async function storeOf(
  layers: { content: Uint8Array; annotations?: Record<string, string>; mediaType?: string }[],
) {
  const store = memoryStore();
  const descriptors: Descriptor[] = [];
  for (const { content, annotations, mediaType = "a/b" } of layers) {
    const descriptor = { ...describeContent(content, mediaType), ...(annotations ? { annotations } : {}) };
    await store.push(descriptor, content);
    descriptors.push(descriptor);
  }
  const manifest = packManifest({ artifactType, layers: descriptors });
  await store.push(manifest.descriptor, manifest.bytes);
  await store.tag(manifest.descriptor, "v1");
  return store;
}

type TarEntry = {
  name: string;
  type?: "symlink" | "link" | "directory" | "fifo";
  linkname?: string;
  content?: string;
};

/** An archive of a directory `d`, with its annotations. */
async function archiveOf(entries: TarEntry[], digest?: string) {
  const archive = pack();
  for (const { content, ...header } of [{ name: "d/", type: "directory" } as TarEntry, ...entries]) {
    if (content === undefined) archive.entry(header);
    else archive.entry(header, content);
  }
  archive.finalize();
  const tar = await collectBytes(archive as AsyncIterable<Uint8Array>, { maxBytes: 1e6 });
  const annotations = {
    [TITLE]: "d",
    "io.deis.oras.content.unpack": "true",
    "io.deis.oras.content.digest": digest ?? digestOf(tar),
  };
  return { content: gzipSync(tar), annotations, mediaType: OCI_LAYER_GZIP };
}

test("files, a directory and content without a title come back as they were", async (t) => {
  const source = folderFor(t);
  mkdirSync(join(source, "tree/sub/empty"), { recursive: true });
  writeFileSync(join(source, "tree/sub/run"), "x", { mode: 0o755 });
  writeFileSync(join(source, "tree/big"), Buffer.alloc(3_000_000, "ab"));
  writeFileSync(join(source, "tree/ünï"), "");
  symlinkSync("../big", join(source, "tree/sub/link"));
  writeFileSync(join(source, "one.txt"), "one");
  const store = memoryStore();
  const files = [
    { path: join(source, "tree") },
    { path: join(source, "one.txt"), title: "nested/one.txt", mediaType: "text/plain" },
    { content: Buffer.from("untitled"), annotations: { a: "b" } },
  ];
  const pushed = await pushArtifact(store, { artifactType, files }, "v1", { now });
  assert.equal(pushed.value.annotations?.["org.opencontainers.image.created"], "2024-05-06T07:08:09Z");
  const again = await pushArtifact(memoryStore(), { artifactType, files }, undefined, { now });
  assert.equal(again.descriptor.digest, pushed.descriptor.digest);
  const directory = join(folderFor(t), "new/place");
  const pulled = await pullArtifact(store, "v1", { directory });
  assert.deepEqual(
    pulled.files.map(({ title, kind }) => [title, kind]),
    [
      ["tree", "directory"],
      ["nested/one.txt", "file"],
    ],
  );
  assert.equal(Buffer.from(pulled.untitled[0]?.content ?? []).toString(), "untitled");
  assert.equal(readFileSync(join(directory, "nested/one.txt"), "utf8"), "one");
  assert.equal(readlinkSync(join(directory, "tree/sub/link")), "../big");
  assert.equal(statSync(join(directory, "tree/sub/run")).mode & 0o777, 0o755);
  execFileSync("diff", ["-r", "--no-dereference", join(source, "tree"), join(directory, "tree")]);
  assert.deepEqual(readdirSync(directory).sort(), ["nested", "tree"]);
});

test("the layer of a directory is the archive that oras makes", async (t) => {
  const source = folderFor(t);
  mkdirSync(join(source, "tree"));
  writeFileSync(join(source, "tree/f"), "f");
  const store = memoryStore();
  const manifest = await pushArtifact(
    store,
    { artifactType, files: [{ path: join(source, "tree") }] },
    "v1",
    { now },
  );
  const [layer] = manifest.value.layers;
  assert.ok(layer);
  assert.equal(layer.mediaType, OCI_LAYER_GZIP);
  assert.equal(layer.annotations?.[TITLE], "tree");
  assert.equal(layer.annotations["io.deis.oras.content.unpack"], "true");
  const file = join(source, "layer.tar.gz");
  writeFileSync(file, await collectBytes(store.fetch(layer), { maxBytes: 1e6 }));
  const list = execFileSync("tar", ["--numeric-owner", "-tvzf", file], {
    encoding: "utf8",
    env: { TZ: "UTC", PATH: process.env["PATH"] },
  });
  assert.deepEqual(
    list
      .trim()
      .split("\n")
      .map((line) => line.split(/ +/))
      .map((words) => [words[1], words.at(-1)]),
    [
      ["0/0", "tree/"],
      ["0/0", "tree/f"],
    ],
  );
  const tar = execFileSync("gzip", ["-dc", file]);
  assert.equal(layer.annotations["io.deis.oras.content.digest"], digestOf(tar));
});

test("without unpacking a directory stays an archive", async (t) => {
  const store = await storeOf([await archiveOf([{ name: "d/f", content: "x" }])]);
  const directory = folderFor(t);
  const { files } = await pullArtifact(store, "v1", { directory, unpack: false });
  assert.equal(files[0]?.kind, "file");
  assert.equal(statSync(join(directory, "d")).isFile(), true);
});

test("an artifact needs a type or a config, and times and types of the right form", async () => {
  const store = memoryStore();
  await assert.rejects(pushArtifact(store, {}), TypeError);
  await assert.rejects(pushArtifact(store, { artifactType: "none" }), TypeError);
  const annotations = { "org.opencontainers.image.created": "today" };
  await assert.rejects(pushArtifact(store, { artifactType, annotations }), TypeError);
  const config = { content: Buffer.from("{}"), mediaType: "application/x.config" };
  const { value } = await pushArtifact(store, { config });
  assert.deepEqual(value.config.mediaType, "application/x.config");
  assert.deepEqual(
    value.layers.map(({ mediaType }) => mediaType),
    [OCI_EMPTY],
  );
});

test("an attached artifact names its subject", async () => {
  const store = memoryStore();
  const subject = await pushArtifact(store, { artifactType }, "v1");
  const attached = await attachArtifact(store, "v1", { artifactType: "application/spdx+json" });
  const { mediaType, digest, size } = subject.descriptor;
  assert.deepEqual(attached.value.subject, { mediaType, digest, size });
  await assert.rejects(attachArtifact(store, "absent", { artifactType }), { code: "ERR_OCI_NOT_FOUND" });
});

test("CVE-2021-21272: titles that could leave the directory are refused, and nothing is written", async (t) => {
  const bad = [
    "../x",
    "/etc/x",
    "a/../../x",
    "..",
    ".",
    "a//b",
    "a/",
    "C:/x",
    "c:x",
    "a\\..\\x",
    "a\0b",
    "a\nb",
    "./a",
    "n".repeat(256),
  ];
  for (const title of bad) {
    const store = await storeOf([{ content: Buffer.from("x"), annotations: { [TITLE]: title } }]);
    const directory = join(folderFor(t), "d");
    await assert.rejects(pullArtifact(store, "v1", { directory }), { code: "ERR_OCI_ENTRY_REFUSED" }, title);
    assert.equal(existsSync(directory), false, title);
    const files = [{ content: Buffer.from("x"), title }];
    await assert.rejects(pushArtifact(memoryStore(), { artifactType, files }), {
      code: "ERR_OCI_ENTRY_REFUSED",
    });
  }
  assert.deepEqual(titlePath("a/b c/ü:x"), ["a", "b c", "ü:x"]);
});

test("two files for one place are refused", async (t) => {
  for (const titles of [
    ["a", "a"],
    ["a", "a/b"],
    ["a/b/c", "a/b"],
  ]) {
    const layers = titles.map((title, i) => ({
      content: Buffer.from(`${i}`),
      annotations: { [TITLE]: title },
    }));
    const directory = folderFor(t);
    await assert.rejects(pullArtifact(await storeOf(layers), "v1", { directory }), {
      code: "ERR_OCI_ENTRY_REFUSED",
    });
    assert.deepEqual(readdirSync(directory), []);
  }
});

test("what is there stays, unless it may be replaced", async (t) => {
  const store = await storeOf([
    { content: Buffer.from("new"), annotations: { [TITLE]: "a" } },
    await archiveOf([{ name: "d/f", content: "new" }]),
  ]);
  const directory = folderFor(t);
  mkdirSync(join(directory, "d"));
  writeFileSync(join(directory, "d/old"), "old");
  await assert.rejects(pullArtifact(store, "v1", { directory }), { code: "ERR_OCI_ENTRY_REFUSED" });
  assert.deepEqual(readdirSync(directory), ["d"]);
  writeFileSync(join(directory, "a"), "old");
  await pullArtifact(store, "v1", { directory, overwrite: true });
  assert.equal(readFileSync(join(directory, "a"), "utf8"), "new");
  assert.deepEqual(readdirSync(join(directory, "d")), ["f"]);
  assert.deepEqual(readdirSync(directory).sort(), ["a", "d"]);
});

test("symbolic links in the way are refused, also when files may be replaced", async (t) => {
  const outside = folderFor(t);
  writeFileSync(join(outside, "f"), "old");
  for (const [title, link, to] of [
    ["a/f", "a", outside],
    ["f", "f", join(outside, "f")],
    ["a/b/f", "a", "."],
  ] as const) {
    const directory = folderFor(t);
    symlinkSync(to, join(directory, link));
    const store = await storeOf([{ content: Buffer.from("new"), annotations: { [TITLE]: title } }]);
    const pulling = pullArtifact(store, "v1", { directory, overwrite: true });
    await assert.rejects(pulling, { code: "ERR_OCI_ENTRY_REFUSED" }, title);
    assert.deepEqual(readdirSync(directory), [link]);
  }
  assert.equal(readFileSync(join(outside, "f"), "utf8"), "old");
});

test("CVE-2026-50163: entries of an archive that would leave it are refused, and nothing is written", async (t) => {
  const secret = join(folderFor(t), "secret");
  writeFileSync(secret, "s");
  const bad: Record<string, TarEntry[]> = {
    "beside the title": [{ name: "e/f", content: "x" }],
    "above the title": [{ name: "d/../../f", content: "x" }],
    "absolute link": [{ name: "d/l", type: "symlink", linkname: secret }],
    "link up": [{ name: "d/l", type: "symlink", linkname: "../x" }],
    "CVE-2026-26960: chain of links": [
      { name: "d/a/", type: "directory" },
      { name: "d/a/up", type: "symlink", linkname: ".." },
      { name: "d/l", type: "symlink", linkname: "a/up/.." },
    ],
    "through a link": [
      { name: "d/l", type: "symlink", linkname: "." },
      { name: "d/l/f", content: "x" },
    ],
    "in place of a link": [
      { name: "d/l", type: "symlink", linkname: "f" },
      { name: "d/l", content: "x" },
    ],
    "hard link to what is not there": [{ name: "d/l", type: "link", linkname: secret.slice(1) }],
    "hard link to a link": [
      { name: "d/l", type: "symlink", linkname: "f" },
      { name: "d/h", type: "link", linkname: "d/l" },
    ],
    pipe: [{ name: "d/p", type: "fifo" }],
    backslash: [{ name: "d/..\\..\\x", content: "x" }],
    "file as directory": [
      { name: "d/f", content: "x" },
      { name: "d/f/g", content: "x" },
    ],
  };
  for (const [name, entries] of Object.entries(bad)) {
    const directory = folderFor(t);
    const store = await storeOf([await archiveOf(entries)]);
    await assert.rejects(pullArtifact(store, "v1", { directory }), { code: "ERR_OCI_ENTRY_REFUSED" }, name);
    assert.deepEqual(readdirSync(directory), [], name);
  }
});

test("links inside an archive are kept", async (t) => {
  const entries: TarEntry[] = [
    { name: "d/f", content: "x" },
    { name: "d/h", type: "link", linkname: "d/f" },
    { name: "d/s/", type: "directory" },
    { name: "d/s/up", type: "symlink", linkname: "../f" },
  ];
  const directory = folderFor(t);
  await pullArtifact(await storeOf([await archiveOf(entries)]), "v1", { directory });
  assert.equal(readFileSync(join(directory, "d/s/up"), "utf8"), "x");
  assert.equal(statSync(join(directory, "d/h")).ino, statSync(join(directory, "d/f")).ino);
});

test("the digest of the content of an archive is checked", async (t) => {
  for (const [digest, code] of [
    [digestOf("other"), "ERR_OCI_DIFF_ID_MISMATCH"],
    ["none", "ERR_OCI_LAYER_INVALID"],
  ] as const) {
    const directory = folderFor(t);
    const store = await storeOf([await archiveOf([{ name: "d/f", content: "x" }], digest)]);
    await assert.rejects(pullArtifact(store, "v1", { directory }), { code });
    assert.deepEqual(readdirSync(directory), []);
  }
});

test("limits hold before anything is written", async (t) => {
  const untitled = await storeOf([{ content: Buffer.alloc(100) }]);
  const directory = folderFor(t);
  await assert.rejects(pullArtifact(untitled, "v1", { directory, maxUntitledBytes: 99 }), {
    code: "ERR_TOO_LARGE",
  });
  await assert.rejects(pullArtifact(untitled, "v1", { directory, maxBytes: 99 }), { code: "ERR_TOO_LARGE" });
  await assert.rejects(pullArtifact(untitled, "v1", { directory, maxBytes: -1 }), RangeError);
  const bomb = await storeOf([await archiveOf([{ name: "d/f", content: "0".repeat(100_000) }])]);
  const archives = { maxTotalBytes: 10_000 };
  await assert.rejects(pullArtifact(bomb, "v1", { directory, archives }), {
    code: "ERR_OCI_LAYER_TOO_LARGE",
  });
  assert.deepEqual(readdirSync(directory), []);
});

test("content that is not what the manifest says, and an abort, leave nothing", async (t) => {
  const store = await storeOf([
    { content: Buffer.from("a"), annotations: { [TITLE]: "a" } },
    { content: Buffer.from("b"), annotations: { [TITLE]: "b" } },
  ]);
  const directory = folderFor(t);
  const lying = {
    resolve: store.resolve,
    async *fetch(descriptor: Descriptor) {
      if (descriptor.digest === digestOf("b")) yield Buffer.from("c");
      else yield* store.fetch(descriptor);
    },
  };
  await assert.rejects(pullArtifact(lying, "v1", { directory }), { code: "ERR_DIGEST_MISMATCH" });
  assert.deepEqual(readdirSync(directory), []);
  const reason = new Error("enough");
  const control = new AbortController();
  const stopping = {
    resolve: store.resolve,
    fetch(descriptor: Descriptor) {
      if (descriptor.digest === digestOf("b")) control.abort(reason);
      return store.fetch(descriptor);
    },
  };
  await assert.rejects(
    pullArtifact(stopping, "v1", { directory, signal: control.signal }),
    (error) => error === reason,
  );
  assert.deepEqual(readdirSync(directory), []);
});

test("a directory that cannot be packed leaves no temporary file", async (t) => {
  const source = folderFor(t);
  mkdirSync(join(source, "tree"));
  execFileSync("mkfifo", [join(source, "tree/pipe")]);
  const temporary = temporaryFolderFor(t);
  const files = [{ path: join(source, "tree") }];
  await assert.rejects(pushArtifact(memoryStore(), { artifactType, files }), {
    code: "ERR_OCI_ENTRY_REFUSED",
  });
  await assert.rejects(
    pushArtifact(memoryStore(), { artifactType, files: [{ path: join(source, "absent") }] }),
    {
      code: "ERR_OCI_FILE",
    },
  );
  assert.deepEqual(readdirSync(temporary), []);
});

test("an abort while a directory is packed rejects with its reason and leaves no temporary file", async (t) => {
  const source = folderFor(t);
  mkdirSync(join(source, "tree"));
  for (let i = 0; i < 8; i++)
    writeFileSync(join(source, `tree/${i}`), randomBytes(i % 2 ? 2_000_000 : 500_000));
  const files = [{ path: join(source, "tree") }];
  const temporary = temporaryFolderFor(t);
  for (const ms of [0, 5, 20]) {
    const control = new AbortController();
    const reason = new Error("enough");
    setTimeout(() => control.abort(reason), ms);
    const store = memoryStore();
    const pushing = pushArtifact(store, { artifactType, files }, "v1", { signal: control.signal });
    await assert.rejects(pushing, (error) => error === reason);
    assert.deepEqual(store.tags(), []);
  }
  assert.deepEqual(readdirSync(temporary), []);
});
