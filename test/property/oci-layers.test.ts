import assert from "node:assert/strict";
import { lstatSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { gzipSync, zstdCompressSync } from "node:zlib";
import fc from "fast-check";
import { collectBytes, streamOf } from "../../src/core/bytes.ts";
import { isLadingError } from "../../src/core/errors.ts";
import { applyLayers, flattenLayers, type LayerEntry, readLayer } from "../../src/oci/layers/index.ts";
import { archive, type RawEntry } from "../unit/oci/layers/archive.ts";
import { property } from "./runs.ts";

const name = fc.constantFrom("a", "b", "c");
const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((parts) => parts.join("/"));
const target = fc.oneof(
  path,
  path.map((at) => `/${at}`),
  path.map((at) => `../${at}`),
  fc.constantFrom("..", "/", "../../.."),
);
const content = fc.integer({ min: 0, max: 9 }).map(String);
const entry: fc.Arbitrary<RawEntry> = fc.oneof(
  fc.record({ name: path, content }),
  fc.record({ name: path, type: fc.constant("5") }),
  fc.record({ name: path, type: fc.constant("2"), link: target }),
  fc.record({ name: path, type: fc.constant("1"), link: path }),
  path.map((at) => ({ name: at.replace(/[^/]*$/, (base) => `.wh.${base}`) })),
  path.map((at) => ({ name: `${at}/.wh..wh..opq` })),
);
const image = fc.array(fc.array(entry, { maxLength: 8 }), { minLength: 1, maxLength: 3 });

type Shown = Record<string, string>;
type Item = { kind: "file"; content: string } | { kind: "link"; target: string } | Folder;
/** Names that a layer wrote, or wrote below. */
type Wrote = Map<Folder, Set<string>>;
type Folder = { kind: "dir"; children: Map<string, Item> };

/** The rules written as simply as they go: one walk for each entry, nothing remembered but what a layer wrote. */
function model(layers: readonly RawEntry[][]): Shown | "refused" {
  const root: Folder = { kind: "dir", children: new Map() };
  for (const layer of layers) {
    const wrote: Wrote = new Map();
    for (const raw of layer) if (!step(root, raw, wrote)) return "refused";
  }
  const shown: Shown = {};
  const inodes = new Map<Item, string>();
  const visit = (folder: Folder, at: string) => {
    for (const [key, item] of folder.children) {
      const here = `${at}${key}`;
      if (item.kind === "dir") {
        shown[here] = "dir";
        visit(item, `${here}/`);
        continue;
      }
      shown[here] = item.kind === "file" ? `file ${item.content}` : `link ${item.target}`;
      inodes.set(item, inodes.has(item) ? `${inodes.get(item)} ${here}` : here);
    }
  };
  visit(root, "");
  for (const names of inodes.values()) {
    if (names.includes(" "))
      for (const one of names.split(" ")) shown[one] += ` = ${names.split(" ").sort()}`;
  }
  return shown;
}

function step(root: Folder, raw: RawEntry, wrote: Wrote): boolean {
  const parts = String(raw.name).split("/");
  const base = parts.pop() ?? "";
  if (base === ".wh..wh..opq") {
    const found = walk(root, parts, false);
    if (found === "obstacle") return true;
    if (found) hide(found.at(-1) as Folder, wrote);
    return true;
  }
  if (base.startsWith(".wh.")) {
    const found = walk(root, parts, false);
    if (found !== "obstacle") found?.at(-1)?.children.delete(base.slice(4));
    return true;
  }
  const chain = walk(root, parts, true);
  if (chain === "obstacle" || !chain) return false;
  const parent = chain.at(-1) as Folder;
  let made: Item;
  if (raw.type === "5") {
    const existing = parent.children.get(base);
    made = existing?.kind === "dir" ? existing : { kind: "dir", children: new Map() };
  } else if (raw.type === "1") {
    const linkParts = String(raw.link).split("/");
    const last = linkParts.pop() ?? "";
    const found = walk(root, linkParts, false);
    const aim = found && found !== "obstacle" ? found.at(-1)?.children.get(last) : undefined;
    if (!aim || aim.kind === "dir") return false;
    const replaced = parent.children.get(base);
    if (replaced?.kind === "dir" && holds(replaced, found as Folder[])) return false;
    if (found && found !== "obstacle" && found.at(-1) === parent && last === base) return false;
    made = aim;
  } else if (raw.type === "2") made = { kind: "link", target: String(raw.link) };
  else made = { kind: "file", content: String(raw.content) };
  parent.children.set(base, made);
  for (const [i, folder] of chain.entries()) {
    const next = chain[i + 1];
    const [key] = [...folder.children].find(([, item]) => item === next) ?? [base];
    wrote.set(folder, (wrote.get(folder) ?? new Set()).add(key));
  }
  return true;
}

/** Whether the way to a target leads through a folder that is about to go. */
function holds(folder: Folder, way: readonly Folder[]): boolean {
  return way.includes(folder);
}

function hide(folder: Folder, wrote: Wrote): void {
  for (const [key, item] of folder.children) {
    if (!wrote.get(folder)?.has(key)) folder.children.delete(key);
    else if (item.kind === "dir") hide(item, wrote);
  }
}

/** The folders from the root to where a path leads, all of them. */
function walk(root: Folder, parts: readonly string[], create: boolean): Folder[] | "obstacle" | undefined {
  let chain: Folder[] = [root];
  const todo = [...parts].reverse();
  const missing: string[] = [];
  for (let links = 0; todo.length > 0; ) {
    const part = todo.pop() ?? "";
    if (part === "" || part === ".") continue;
    if (part === "..") {
      if (missing.length > 0) missing.pop();
      else if (chain.length > 1) chain.pop();
      continue;
    }
    const item: Item | undefined = missing.length > 0 ? undefined : chain.at(-1)?.children.get(part);
    if (!item) missing.push(part);
    else if (item.kind === "dir") chain.push(item);
    else if (item.kind === "link") {
      if (++links > 255) throw new Circle();
      if (item.target.startsWith("/")) chain = [root];
      todo.push(...item.target.split("/").reverse());
    } else return "obstacle";
  }
  if (missing.length > 0 && !create) return undefined;
  for (const part of missing) {
    const made: Folder = { kind: "dir", children: new Map() };
    chain.at(-1)?.children.set(part, made);
    chain.push(made);
  }
  return chain;
}

class Circle extends Error {}

const sources = (layers: readonly RawEntry[][]) =>
  layers.map((entries) => {
    const bytes = archive(...entries);
    return { open: () => streamOf(bytes) };
  });

function expected(layers: readonly RawEntry[][]): Shown | "refused" {
  try {
    return model(layers);
  } catch (error) {
    if (error instanceof Circle) return "refused";
    throw error;
  }
}

async function outcome(run: () => Promise<Shown>): Promise<Shown | "refused"> {
  try {
    return await run();
  } catch (error) {
    if (!isLadingError(error)) throw error;
    assert.equal(error.code, "ERR_OCI_ENTRY_REFUSED");
    return "refused";
  }
}

async function flattened(layers: readonly RawEntry[][]): Promise<Shown> {
  const shown: Shown = {};
  const names = new Map<string, string[]>();
  for await (const entry of flattenLayers(sources(layers))) {
    if (entry.kind === "link") names.set(entry.target, [...(names.get(entry.target) ?? []), entry.path]);
    else if (entry.kind === "directory") shown[entry.path] = "dir";
    else if (entry.kind === "symlink") shown[entry.path] = `link ${entry.target}`;
    else shown[entry.path] = `file ${Buffer.from(await collectBytes(entry.content, { maxBytes: 10 }))}`;
  }
  for (const [first, others] of names) {
    const all = [first, ...others].sort();
    const what = shown[first];
    for (const one of all) shown[one] = `${what} = ${all}`;
  }
  return shown;
}

async function onDisk(
  layers: readonly RawEntry[][],
  root: string,
  fileWrites: "blocking" | "pooled",
): Promise<Shown> {
  await applyLayers(sources(layers), root, { fileWrites });
  const shown: Shown = {};
  const inodes = new Map<number, string[]>();
  const visit = (at: string) => {
    for (const key of readdirSync(join(root, at))) {
      const here = join(at, key);
      const stats = lstatSync(join(root, here));
      if (stats.isDirectory()) {
        shown[here] = "dir";
        visit(here);
        continue;
      }
      const isLink = stats.isSymbolicLink();
      shown[here] = isLink
        ? `link ${readlinkSync(join(root, here))}`
        : `file ${readFileSync(join(root, here))}`;
      inodes.set(stats.ino, [...(inodes.get(stats.ino) ?? []), here]);
    }
  };
  visit("");
  for (const names of inodes.values()) {
    if (names.length > 1) for (const one of names) shown[one] += ` = ${[...names].sort()}`;
  }
  return shown;
}

test("layers flatten to what the rules say", async () => {
  await fc.assert(
    fc.asyncProperty(image, async (layers) => {
      assert.deepEqual(await outcome(() => flattened(layers)), expected(layers));
    }),
    property,
  );
});

test("layers applied to a directory give what the rules say, and nothing beside it", async (t) => {
  const around = mkdtempSync(join(tmpdir(), "lading-property-"));
  t.after(() => rmSync(around, { recursive: true, force: true }));
  let turn = 0;
  await fc.assert(
    fc.asyncProperty(image, fc.constantFrom("blocking", "pooled"), async (layers, writes) => {
      const place = join(around, `${turn++}`);
      const root = join(place, "root");
      assert.deepEqual(await outcome(() => onDisk(layers, root, writes)), expected(layers));
      assert.deepEqual(readdirSync(place), ["root"]);
      rmSync(place, { recursive: true });
    }),
    { ...property, numRuns: Math.min(property.numRuns, 1000) },
  );
});

const long = "n".repeat(200);
const seeds: readonly Buffer[] = [
  archive(
    { name: "d/" },
    { name: "f", content: "text".repeat(300), pax: { mtime: "1.5", "SCHILY.xattr.user.a": "b", path: long } },
    { name: "././@LongLink", type: "L", content: `${long}\0`, format: "gnu" },
    { name: "x", type: "2", link: "f", format: "gnu" },
    { name: "s", content: "abc", pax: { "GNU.sparse.size": "2000", "GNU.sparse.map": "1000,3" } },
    {
      name: "t",
      content: `${"1\n1000\n3\n".padEnd(512, "\0")}abc`,
      pax: { "GNU.sparse.major": "1", "GNU.sparse.minor": "0", "GNU.sparse.realsize": "2000" },
    },
  ),
];

test("a damaged layer fails with an error of lading, or is read", async () => {
  const forms = seeds.flatMap((seed) => [seed, gzipSync(seed), zstdCompressSync(seed)]);
  const change = fc.record({
    at: fc.nat(),
    byte: fc.nat(255),
    kind: fc.constantFrom("set", "drop", "insert"),
  });
  const damaged = fc
    .tuple(fc.constantFrom(...forms), fc.array(change, { minLength: 1, maxLength: 6 }), fc.boolean())
    .map(([bytes, changes, fix]) => {
      const found = [...bytes];
      for (const { at, byte, kind } of changes) {
        const place = at % found.length;
        found.splice(place, kind === "insert" ? 0 : 1, ...(kind === "drop" ? [] : [byte]));
      }
      return fix ? withChecksums(Buffer.from(found)) : Buffer.from(found);
    });
  const anything = fc.oneof(
    damaged,
    fc.uint8Array({ maxLength: 2000 }).map((bytes) => Buffer.from(bytes)),
  );
  await fc.assert(
    fc.asyncProperty(anything, fc.integer({ min: 1, max: 3000 }), async (bytes, length) => {
      const chunks: Buffer[] = [];
      for (let at = 0; at < bytes.length; at += length) chunks.push(bytes.subarray(at, at + length));
      const entries: LayerEntry[] = [];
      try {
        for await (const read of readLayer(streamOf(...chunks), { maxTotalBytes: 1e6, maxFileBytes: 1e6 })) {
          entries.push(read);
          let size = 0;
          for await (const chunk of read.content) size += chunk.byteLength;
          assert.equal(size, read.size);
        }
      } catch (error) {
        if (!isLadingError(error)) throw error;
      }
      for (const { path: at } of entries) assert.doesNotMatch(at, /\0|(?:^|\/)\.{1,2}(?:\/|$)|^\/|\/\/|\/$/);
    }),
    property,
  );
});

/** Writes right checksums into every block that looks like a header, so that damage gets past them. */
function withChecksums(bytes: Buffer): Buffer {
  for (let at = 0; at + 512 <= bytes.length; at += 512) {
    const block = bytes.subarray(at, at + 512);
    if (block.toString("latin1", 257, 262) !== "ustar") continue;
    block.fill(" ", 148, 156);
    const sum = block.reduce((total, byte) => total + byte, 0);
    block.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148, "latin1");
  }
  return bytes;
}
