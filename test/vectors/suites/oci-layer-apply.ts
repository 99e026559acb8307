/** Layers applied to a directory; entries come as data and become an archive here. */
import {
  existsSync,
  linkSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  type Stats,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { streamOf } from "../../../src/core/bytes.ts";
import { isLadingError } from "../../../src/core/errors.ts";
import { createLayer, type LayerFile } from "../../../src/oci/layer-writer.ts";
import { applyLayers, flattenLayers } from "../../../src/oci/layers/index.ts";
import { archive, paxRecord, type RawEntry } from "../../unit/oci/layers/archive.ts";
import type { VectorCase, VectorFields, VectorSuite } from "../suite.ts";

interface Entry {
  path: string;
  type: string;
  mode?: number;
  linkname?: string;
  content?: string;
  pax?: Record<string, string>;
}

const OLD = 1_000_000_000;

const suite: VectorSuite = {
  async run(vector) {
    const around = mkdtempSync(join(tmpdir(), "lading-layers-"));
    try {
      return await runIn(around, vector);
    } finally {
      rmSync(around, { recursive: true });
    }
  },
};
export default suite;

async function runIn(around: string, vector: VectorCase): Promise<object> {
  const root = join(around, "root");
  mkdirSync(root);
  writeFileSync(join(around, "outside"), "untouched");
  const existing = vector.input["existing"] as unknown as Entry[];
  for (const entry of existing) place(root, entry);
  for (const { path, type } of [...existing, { path: "", type: "dir" }]) {
    if (type === "dir") utimesSync(join(root, path), OLD, OLD);
  }
  const layers = (vector.input["layers"] as unknown as Entry[][]).map((entries) => {
    const bytes = archive(...entries.map(rawEntry));
    return { open: () => streamOf(bytes) };
  });
  const options = (vector.input["options"] ?? {}) as { format?: string; mode?: string };
  const marks = new Map<string, string>();
  const mark = (path: string | Buffer, kind: string) => marks.set(String(path).slice(root.length + 1), kind);
  let error: string | undefined;
  try {
    // What is flattened is one layer, and that is applied.
    const input = options.mode === "flatten" ? [await flattened(layers)] : layers;
    await applyLayers(input, root, {
      behaviour: vector.name.startsWith("umoci") ? "umoci" : "containerd",
      ...(options.format === "overlayfs"
        ? {
            whiteouts: "overlay",
            makeNode: (path) => {
              writeFileSync(path, "", { flag: "wx" });
              mark(path, "overlay-whiteout");
            },
            setXattr: (path, name, value) => {
              if (name.endsWith(".overlay.opaque") && String(value) === "y") mark(path, "overlay-opaque");
            },
          }
        : {}),
    });
  } catch (caught) {
    if (!isLadingError(caught)) throw caught;
    error = errorKind(caught.message);
  }
  return { ...(error ? { error } : {}), ...facts(root, vector.expect as VectorFields, marks) };
}

async function flattened(layers: { open: () => AsyncIterable<Uint8Array> }[]) {
  const entries = [];
  for await (const entry of flattenLayers(layers, { escapingLinks: "drop" })) {
    const chunks: Uint8Array[] = [];
    for await (const chunk of entry.content) chunks.push(chunk);
    entries.push({ ...entry, content: Buffer.concat(chunks) });
  }
  const { content } = await createLayer(entries.map(layerFile));
  return { open: () => streamOf(content) };
}

type Flat = { path: string; kind: string; target: string; mode: number; content: Uint8Array };

function layerFile({ path, kind, target, mode, content }: Flat): LayerFile {
  if (kind === "directory") return { path, kind, mode };
  if (kind === "symlink") return { path, kind, target };
  if (kind === "link") return { path, kind, target };
  return { path, content, mode };
}

function errorKind(message: string): string {
  if (/invalid whiteout name/.test(message)) return "invalid-whiteout";
  if (/unhandled tar header type/.test(message)) return "unhandled-type";
  if (/no target/.test(message)) return "link-target-missing";
  return message;
}

function place(root: string, { path, type, mode, linkname = "", content = "" }: Entry): void {
  const at = join(root, path);
  mkdirSync(dirname(at), { recursive: true });
  if (type === "dir") mkdirSync(at, { recursive: true, mode: mode ?? 0o755 });
  else if (type === "symlink") symlinkSync(linkname, at);
  else if (type === "hardlink") linkSync(join(root, linkname), at);
  else writeFileSync(at, content, { mode: mode ?? 0o644 });
}

function rawEntry({ path, type, mode, linkname, content, pax }: Entry): RawEntry {
  const flags: Record<string, string> = {
    dir: "5",
    file: "0",
    symlink: "2",
    hardlink: "1",
    fifo: "6",
    "pax-global": "g",
  };
  if (type === "pax-global") {
    const records = Object.entries(pax ?? {}).map(([key, value]) => paxRecord(key, value));
    return { name: path, type: "g", content: Buffer.concat(records) };
  }
  const entry: RawEntry = { name: path, type: flags[type] ?? type.replace("flag:", "") };
  if (mode !== undefined) entry.mode = mode;
  if (linkname !== undefined) entry.link = linkname;
  if (content !== undefined) entry.content = content;
  return entry;
}

/** What holds of everything that is expected, under the same names. */
function facts(root: string, expect: VectorFields, marks: ReadonlyMap<string, string>): object {
  const pairs = (name: string) => (expect[name] ?? []) as [string, string][];
  const stat = (path: string) => statInside(root, path);
  const same = ([a, b]: [string, string]) => stat(a) !== undefined && stat(a)?.ino === stat(b)?.ino;
  return {
    paths: Object.fromEntries(
      Object.keys((expect["paths"] ?? {}) as object).map((path) => [path, found(root, path, marks)]),
    ),
    sameFile: pairs("sameFile").filter(same),
    notSameFile: pairs("notSameFile").filter((pair) => !same(pair)),
    sameSymlink: pairs("sameSymlink").filter((pair) => same(pair) && stat(pair[0])?.isSymbolicLink()),
    resolvesTo: pairs("resolvesTo").filter(
      ([link, target]) => readlinkSync(join(root, link)) === `/${target}` && existsSync(join(root, target)),
    ),
    outsideUnchanged:
      readFileSync(join(dirname(root), "outside"), "utf8") === "untouched" &&
      readdirSync(dirname(root)).sort().join() === "outside,root",
    parentTimesUnchanged: stat("")?.mtimeMs === OLD * 1000,
  };
}

function statInside(root: string, path: string): Stats | undefined {
  try {
    return lstatSync(insideRoot(root, path), { throwIfNoEntry: false });
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOTDIR") return undefined;
    throw error;
  }
}

/** Where a path leads for a process whose root this is; its last component is not followed. */
function insideRoot(root: string, path: string): string {
  const todo = path
    .split("/")
    .filter((part) => part !== "")
    .reverse();
  const parts: string[] = [];
  while (todo.length > 0) {
    const part = todo.pop() ?? "";
    if (part === "..") parts.pop();
    else if (part !== "." && part !== "") parts.push(part);
    const at = join(root, ...parts);
    if (todo.length === 0 || !lstatSync(at, { throwIfNoEntry: false })?.isSymbolicLink()) continue;
    const target = readlinkSync(at);
    parts.pop();
    if (target.startsWith("/")) parts.length = 0;
    todo.push(...target.split("/").reverse());
  }
  return join(root, ...parts);
}

function found(root: string, path: string, marks: ReadonlyMap<string, string>): object | null {
  const at = insideRoot(root, path);
  const stats = statInside(root, path);
  if (!stats) return null;
  const mode = stats.mode & 0o7777;
  const mark = marks.get(path);
  if (mark) return { type: mark };
  if (stats.isSymbolicLink()) return { type: "symlink", linkname: readlinkSync(at) };
  if (stats.isDirectory()) return { type: "dir", mode };
  return { type: "file", mode, content: readFileSync(at, "utf8") };
}
