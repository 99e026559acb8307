/**
 * Reads the documents of a folder that people have published, and tells what would be lost or passed over unsaid:
 * `node test/vectors/read-documents.ts [DIR]`, by default `../shared/fixtures/documents`.
 *
 * Every value of a TOML document must be in what is read of it, equal and with its place, or be named by a warning; or
 * the document is refused, with the place of what is wrong. A document that is missing is a failure. The last line is
 * `N passed, N failed`.
 */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { isDeepStrictEqual } from "node:util";
import { parseContainerdConfig } from "../../src/config/containerd/parse.ts";
import type { ConfigNode } from "../../src/config/containerd/tree.ts";
import { parseCrioConfig } from "../../src/config/crio/parse.ts";
import type { CrioConfig } from "../../src/config/crio/types.ts";
import { ConfigError } from "../../src/config/errors.ts";
import { type Origin, parseTomlDocument, type TomlDocument, type TomlPath } from "../../src/config/origin.ts";
import { isLadingError } from "../../src/core/errors.ts";
import { readRuntimeInfo } from "../../src/cri/info.ts";
import { parsePodSandboxConfig } from "../../src/cri/operations/config-file.ts";
import { formatPolicy } from "../../src/policy/format.ts";
import { parsePolicy } from "../../src/policy/parse.ts";
import { parseProfile } from "../../src/seccomp/parse.ts";

const folder = resolve(process.argv[2] ?? join(import.meta.dirname, "../../../shared/fixtures/documents"));
const read = (name: string): string => readFileSync(join(folder, name), "utf8");
let failed = 0;
let passed = 0;

function check(name: string, run: () => string): void {
  try {
    const found = run();
    passed++;
    console.log(`${name}: ${found}`);
  } catch (error) {
    failed++;
    console.log(`${name}: FAILED ${error instanceof Error ? error.message : String(error)}`);
  }
}

/** A place as text. */
function at({ file, line, column }: Origin): string {
  return `${file}:${line}:${column}`;
}

/** Values that are no tables, by the place of each; a list is one value. */
function leaves(document: TomlDocument): { path: TomlPath; value: unknown; places: string[] }[] {
  const found: { path: TomlPath; value: unknown; places: string[] }[] = [];
  const walk = (value: unknown, path: TomlPath): void => {
    const isTable =
      typeof value === "object" && value !== null && !Array.isArray(value) && !(value instanceof Date);
    if (!isTable) {
      const places = [document.valueOrigin(path)];
      for (let end = path.length; end > 0; end--) places.push(document.keyOrigin(path.slice(0, end)));
      found.push({ path, value, places: places.filter((each) => each !== undefined).map(at) });
      return;
    }
    for (const [key, each] of Object.entries(value)) walk(each, [...path, key]);
  };
  walk(document.root, []);
  return found;
}

/** What was read, by place: newer versions of a file can have one value in several keys, or as a list of one. */
type Placed = Map<string, unknown[]>;

function place(placed: Placed, origin: Origin, value: unknown): void {
  const values = placed.get(at(origin)) ?? [];
  placed.set(at(origin), [...values, value, ...(Array.isArray(value) && value.length === 1 ? value : [])]);
}

/** Values with their places, of a tree of containerd's. */
function placedOfTree(node: ConfigNode, placed: Placed = new Map()): Placed {
  if (node.kind === "table") {
    for (const each of node.entries.values()) placedOfTree(each, placed);
  } else if (node.origin) place(placed, node.origin, plain(node));
  return placed;
}

function plain(node: ConfigNode): unknown {
  if (node.kind === "list") return node.items.map(plain);
  assert.equal(node.kind, "scalar", "a list of tables");
  return node.kind === "scalar" ? comparable(node.value) : undefined;
}

/** The same of a configuration of CRI-O's: by key, since a former key can set one of a handler. */
function placedOfCrio(config: CrioConfig, documents: readonly TomlDocument[]): Placed {
  const placed: Placed = new Map();
  for (const document of documents) {
    for (const { path } of leaves(document)) {
      const origin = document.valueOrigin(path);
      const setting = settingAt(config, path.map(String));
      // A later file's value counts in place of this one, and is read itself.
      const isOverruled = setting?.origin !== undefined && setting.origin.file !== document.file;
      if (!origin || !setting) continue;
      place(placed, origin, isOverruled ? valueAt(document, path) : comparable(setting.value));
    }
  }
  return placed;
}

function settingAt(config: CrioConfig, path: string[]): { value: unknown; origin?: Origin } | undefined {
  const [, table = "", key = "", name = "", last = "", deep = ""] = path;
  const tables: Readonly<Record<string, unknown>> = { ...config };
  const found =
    path.length === 2
      ? config.root
      : key === "runtimes"
        ? config.runtimes.get(name)?.settings
        : key === "workloads"
          ? config.workloads.get(name)?.[deep === "" ? "settings" : "resources"]
          : tables[table];
  const settings = found as Readonly<Record<string, { value: unknown; origin?: Origin }>> | undefined;
  const named = path.length === 2 ? table : name === "" ? key : deep === "" ? last : deep;
  return settings?.[named];
}

function valueAt({ root }: TomlDocument, path: TomlPath): unknown {
  let value: unknown = root;
  for (const key of path) value = (value as Readonly<Record<string | number, unknown>>)[key];
  return comparable(value);
}

function comparable(value: unknown): unknown {
  if (typeof value === "bigint") return String(value);
  if (typeof value === "number") return String(value);
  if (Array.isArray(value)) return value.map(comparable);
  return value instanceof Map ? Object.fromEntries(value) : value;
}

/** Fails for each value that is neither among those that were read nor below a key that a warning names. */
function assertNothingLost(
  documents: readonly TomlDocument[],
  placed: Placed,
  warnings: readonly { readonly code: string; readonly origin?: Origin; readonly replaced?: Origin }[],
): string {
  const named = new Set(warnings.flatMap(({ origin }) => (origin ? [at(origin)] : [])));
  // A table that another one replaces as a whole is named by the warning of the other.
  for (const { replaced } of warnings) if (replaced) named.add(at(replaced));
  let count = 0;
  let told = 0;
  for (const document of documents) {
    for (const { path, value, places } of leaves(document)) {
      const [place = ""] = places;
      const wanted = comparable(value);
      const found = placed.get(place);
      if (found?.some((each) => isDeepStrictEqual(each, wanted))) count++;
      else if (places.some((each) => named.has(each))) told++;
      else if (found) assert.fail(`${path.join(".")} at ${place} is ${JSON.stringify(found)}`);
      else assert.fail(`lost: ${path.join(".")} at ${place}`);
    }
  }
  assert.ok(count > 0, "nothing was read");
  return `${count} values read, ${told} named by ${warnings.length} warnings`;
}

function containerd(text: string, release: string): string {
  const file = "/etc/containerd/config.toml";
  const { tree, warnings } = parseContainerdConfig(new Map([[file, text]]), { release });
  return assertNothingLost([parseTomlDocument(file, text)], placedOfTree(tree), warnings);
}

const RELEASES = ["1.6", "1.7", "2.0", "2.1", "2.2", "2.3"];
for (const release of RELEASES) {
  for (const name of ["containerd-v2-commented.toml", "containerd-v2-default-1.6.toml"]) {
    check(`${name} by ${release}`, () => containerd(read(name), release));
  }
  const tuned = "containerd-v2-tuned.toml";
  check(`${tuned} by ${release}`, () => {
    const text = read(tuned);
    const line = text.split("\n").findIndex((each) => each.includes(".registry.mirrors]")) + 1;
    assert.throws(
      () => containerd(text, release),
      (error) =>
        error instanceof ConfigError && error.code === "ERR_CONFIG_INVALID" && error.origin?.line === line,
    );
    const rest = text.replace('config_path = "/etc/containerd/certs.d"', 'config_path = ""');
    return `refused in line ${line}; without that ${containerd(rest, release)}`;
  });
}

for (const version of ["1.30", "1.31", "1.32", "1.33", "1.34", "1.35", "1.36", "1.37"]) {
  for (const names of [["crio.conf"], ["crio.conf", "10-crun.conf"]]) {
    check(`${names.join(" and ")} by ${version}`, () => {
      const [main, ...dropIns] = names.map((name) => ({ path: name, text: read(name) }));
      const config = parseCrioConfig({ main, dropIns }, { version });
      const documents = [main, ...dropIns].flatMap((each) =>
        each ? [parseTomlDocument(each.path, each.text)] : [],
      );
      return assertNothingLost(documents, placedOfCrio(config, documents), config.warnings);
    });
  }
}

check("policy-crio-signed.json", () => {
  const text = read("policy-crio-signed.json");
  assert.deepEqual(JSON.parse(formatPolicy(parsePolicy(text))), JSON.parse(text));
  return "the same when written again";
});

check("runtime-spec-config.json", () => {
  const { seccomp } = JSON.parse(read("runtime-spec-config.json")).linux;
  const { engine, ...profile } = parseProfile(JSON.stringify(seccomp), { engine: "containerd" });
  assert.deepEqual([engine, profile], ["containerd", seccomp]);
  return "its seccomp object is read whole";
});

check("crictl-info.json", () => {
  const document: Record<string, unknown> = JSON.parse(read("crictl-info.json"));
  // crictl has put the texts of the answer into one object.
  const info = Object.fromEntries(
    Object.entries(document)
      .filter(([key]) => key !== "status")
      .map(([key, value]) => [
        key,
        typeof value === "string" && key !== "golang" ? value : JSON.stringify(value),
      ]),
  );
  const { config, cniConfig, goVersion, lastCniLoadStatus } = readRuntimeInfo({ info });
  assert.deepEqual(
    [config, cniConfig, goVersion, lastCniLoadStatus],
    [document["config"], document["cniconfig"], document["golang"], document["lastCNILoadStatus"]],
  );
  return "its parts are read whole";
});

check("pod-sandbox-config.yaml", () => {
  const text = read("pod-sandbox-config.yaml");
  assert.throws(
    () => parsePodSandboxConfig(text),
    (error) => isLadingError(error) && error.message.includes('unknown key "PodSandboxConfig"'),
  );
  const inner = text
    .split("\n")
    .slice(1)
    .map((line) => line.replace(/^ {2}/, ""))
    .join("\n");
  const { metadata, hostname, linux } = parsePodSandboxConfig(inner);
  assert.deepEqual([metadata?.name, hostname], ["nginx-pod", "nginx-pod"]);
  assert.equal(linux?.cgroupParent, "/kubepods/burstable/pod12345678");
  return "the key around it is refused by name; without that it is read";
});

console.log(`${passed} passed, ${failed} failed`);
process.exit(failed === 0 ? 0 : 1);
