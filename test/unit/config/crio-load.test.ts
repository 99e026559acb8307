import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, posix } from "node:path";
import { test } from "node:test";
import { type LoadCrioNodeOptions, loadCrioNode } from "../../../src/config/crio/index.ts";
import { type NodeFiles, nodeFiles } from "../../../src/config/node-files.ts";

interface Fake extends NodeFiles {
  asked: string[];
}

/** Files of a node by path; `null` is a link to nothing. */
function fake(texts: Record<string, string | null>, linked: readonly string[] = []): Fake {
  const asked: string[] = [];
  return {
    asked,
    async read(path) {
      asked.push(path);
      return Object.hasOwn(texts, path) ? (texts[path] ?? undefined) : undefined;
    },
    async readBytes(path) {
      const text = Object.hasOwn(texts, path) ? texts[path] : undefined;
      return text === undefined || text === null ? undefined : Buffer.from(text);
    },
    async list(folder) {
      const below = Object.keys(texts).filter((path) => path.startsWith(`${folder}/`));
      if (below.length === 0) return undefined;
      return [...new Set(below.map((path) => posix.relative(folder, path).split("/")[0] ?? ""))];
    },
    isLink: async (path) => linked.includes(path),
  };
}

function load(
  texts: Record<string, string | null>,
  options: Partial<LoadCrioNodeOptions> = {},
): ReturnType<typeof loadCrioNode> {
  return loadCrioNode({ root: "/", files: fake(texts), ...options });
}

const DROP_IN = "/etc/crio/crio.conf.d/a";
const RUNTIME = (key: string, value: string): string => `[crio.runtime]\n${key} = ${JSON.stringify(value)}\n`;

test("a node without files has the defaults", async () => {
  const { config, profile, handlerProfiles } = await load({});
  assert.deepEqual(config.files, []);
  assert.deepEqual(profile, { kind: "internal", reason: "not-set" });
  assert.equal(handlerProfiles.size, 0);
});

test("the command names other files", async () => {
  const texts = {
    "/etc/crio/crio.conf": RUNTIME("log_filter", "a"),
    "/x.conf": RUNTIME("log_filter", "b"),
    "/y.conf": RUNTIME("log_filter", "c"),
    "/d/e/f": RUNTIME("log_filter", "d"),
    [DROP_IN]: RUNTIME("log_filter", "e"),
  };
  const env = { CONTAINER_CONFIG: "/x.conf", CONTAINER_CONFIG_DIR: "/d" };
  const ofEnv = await load(texts, { env });
  assert.deepEqual(ofEnv.config.files, ["/x.conf", "/d/e/f"]);
  const given = await load(texts, { env, config: "/y.conf", configDir: "/d/../etc/crio/crio.conf.d" });
  assert.deepEqual(given.config.files, ["/y.conf", DROP_IN]);
  assert.deepEqual((await load(texts, { config: "" })).config.files, [DROP_IN]);
  await assert.rejects(load(texts, { config: "/z.conf" }), { code: "ERR_CONFIG_FILE" });
  await assert.rejects(load(texts, { env: { CONTAINER_CONFIG: "/z.conf" } }), { code: "ERR_CONFIG_FILE" });
  await assert.rejects(load(texts, { config: "x.conf" }), TypeError);
  await assert.rejects(load(texts, { configDir: "" }), TypeError);
});

test("drop-ins that CRI-O cannot read stop it", async () => {
  await assert.rejects(load({ [DROP_IN]: null }), { code: "ERR_CONFIG_FILE" });
  const texts = { "/etc/crio/crio.conf.d/sub/a": "" };
  for (const link of ["/etc/crio/crio.conf.d", "/etc/crio/crio.conf.d/sub"]) {
    await assert.rejects(loadCrioNode({ root: "/", files: fake(texts, [link]) }), {
      code: "ERR_CONFIG_FILE",
    });
  }
  assert.equal((await loadCrioNode({ root: "/", files: fake(texts) })).config.files.length, 1);
});

test("drop-ins have a largest number and depth", async () => {
  const names = Array.from({ length: 1001 }, (_, index) => [`${DROP_IN}${index}`, ""] as const);
  await assert.rejects(load(Object.fromEntries(names)), { code: "ERR_CONFIG_TOO_LARGE" });
  assert.equal((await load(Object.fromEntries(names.slice(1)))).config.files.length, 1000);
  const files: NodeFiles = {
    read: async () => undefined,
    readBytes: async () => undefined,
    list: async () => ["again"],
    isLink: async () => false,
  };
  await assert.rejects(loadCrioNode({ root: "/", files }), { code: "ERR_CONFIG_TOO_LARGE" });
});

test("the profile of the node is read", async () => {
  const text = RUNTIME("seccomp_profile", "/p.json");
  const profile = '{"defaultAction":"SCMP_ACT_ERRNO"}';
  const found = await load({ "/etc/crio/crio.conf": text, "/p.json": profile });
  assert.equal(found.profile.kind, "file");
  assert.equal(found.profile.kind === "file" && found.profile.profile.defaultAction, "SCMP_ACT_ERRNO");
  assert.deepEqual(found.config.warnings, []);
  const missing = await load({ "/etc/crio/crio.conf": text });
  assert.deepEqual(missing.profile, { kind: "internal", reason: "missing" });
  assert.deepEqual(
    missing.config.warnings.map(({ code, key, origin }) => [code, key, origin?.line]),
    [["replaced-value", "crio.runtime.seccomp_profile", 2]],
  );
  await assert.rejects(load({ "/etc/crio/crio.conf": text, "/p.json": "{" }), {
    code: "ERR_CONFIG_INVALID",
    key: "crio.runtime.seccomp_profile",
    message: /^unable to load seccomp profile: decoding seccomp profile failed: /,
  });
});

test("a profile's path is one of the node, whatever it is relative to", async () => {
  const files = fake({ [DROP_IN]: RUNTIME("seccomp_profile", "../../p.json"), "/p.json": "{}" });
  assert.equal((await loadCrioNode({ root: "/", files })).profile.kind, "file");
  assert.ok(files.asked.every((path) => path.startsWith("/") && !path.includes("..")));
});

test("a handler whose profile cannot be read is dropped, the default one stops CRI-O", async () => {
  const handler = (name: string): string => `[crio.runtime.runtimes.${name}]\nseccomp_profile = "/h.json"\n`;
  const fine = await load({ [DROP_IN]: handler("h"), "/h.json": "{}" });
  assert.deepEqual([...fine.handlerProfiles.keys()], ["h"]);
  for (const content of [{}, { "/h.json": "[" }]) {
    const { config, handlerProfiles } = await load({ [DROP_IN]: handler("h"), ...content });
    assert.deepEqual([...config.runtimes.keys()], ["crun"]);
    assert.equal(handlerProfiles.size, 0);
    assert.deepEqual(
      config.warnings.map(({ code, key }) => [code, key]),
      [["dropped-handler", "crio.runtime.runtimes.h.seccomp_profile"]],
    );
    await assert.rejects(load({ [DROP_IN]: handler("crun"), ...content }), { code: "ERR_CONFIG_INVALID" });
  }
});

test("an error of reading comes out", async () => {
  const broken = new Error("broken");
  const files: NodeFiles = { ...fake({}), read: () => Promise.reject(broken) };
  await assert.rejects(loadCrioNode({ root: "/", files }), broken);
});

/** A root on disk with texts and links by their paths. */
async function withRoot(
  { files = {}, links = {} }: { files?: Record<string, string>; links?: Record<string, string> },
  use: (root: string) => Promise<void>,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "lading-crio-"));
  const root = join(folder, "root");
  try {
    mkdirSync(root);
    writeFileSync(join(folder, "outside"), RUNTIME("log_filter", "outside"));
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      writeFileSync(join(root, path), text);
    }
    for (const [path, target] of Object.entries(links)) {
      mkdirSync(dirname(join(root, path)), { recursive: true });
      symlinkSync(target, join(root, path));
    }
    await use(root);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

test("a root on disk is read below itself only", async () => {
  const files = {
    "/usr/main.conf": RUNTIME("seccomp_profile", "/usr/link.json"),
    "/etc/crio/crio.conf.d/10-a/b": RUNTIME("log_filter", "b"),
    "/etc/crio/crio.conf.d/20": "",
    "/usr/p.json": '{"defaultAction":"SCMP_ACT_LOG"}',
  };
  const links = {
    "/etc/crio/crio.conf": "/usr/main.conf",
    "/usr/link.json": "../../../../usr/p.json",
    "/etc/crio/crio.conf.d/30": "../../../usr/main.conf",
  };
  await withRoot({ files, links }, async (root) => {
    const { config, profile } = await loadCrioNode({ root });
    assert.deepEqual(config.files, [
      "/etc/crio/crio.conf",
      "/etc/crio/crio.conf.d/10-a/b",
      "/etc/crio/crio.conf.d/20",
      "/etc/crio/crio.conf.d/30",
    ]);
    assert.equal(config.runtime.log_filter.value, "b");
    assert.equal(profile.kind === "file" && profile.profile.defaultAction, "SCMP_ACT_LOG");
  });
});

test("links of a root that lead out of it or to folders do not count as files", async () => {
  for (const target of ["/outside", "../../../../outside", "../../../../../outside", "/nowhere"]) {
    await withRoot({ links: { "/etc/crio/crio.conf.d/a": target } }, async (root) => {
      await assert.rejects(loadCrioNode({ root }), { code: "ERR_CONFIG_FILE" });
    });
    await withRoot({ links: { "/etc/crio/crio.conf": target } }, async (root) => {
      assert.deepEqual((await loadCrioNode({ root })).config.files, []);
    });
  }
  const files = { "/d/sub/a": "" };
  for (const [path, target] of [
    ["/etc/crio/crio.conf.d", "/d"],
    ["/etc/crio/crio.conf.d/x", "/d/sub"],
    ["/etc/crio/crio.conf.d/x", "."],
  ] as const) {
    await withRoot({ files, links: { [path]: target } }, async (root) => {
      await assert.rejects(loadCrioNode({ root }), { code: "ERR_CONFIG_FILE" });
    });
  }
});

test("a link above the drop-ins is followed", async () => {
  const files = { "/real/crio.conf.d/a": RUNTIME("log_filter", "a") };
  await withRoot({ files, links: { "/etc/crio": "/real" } }, async (root) => {
    assert.equal((await loadCrioNode({ root })).config.runtime.log_filter.value, "a");
  });
});

test("files of a root tell whether they are links", async () => {
  await withRoot({ files: { "/a/b": "" }, links: { "/a/c": "/nowhere", "/l": "/a" } }, async (root) => {
    const { isLink } = nodeFiles({ root });
    for (const [path, is] of [
      ["/a/b", false],
      ["/a/c", true],
      ["/l", true],
      ["/l/", true],
      ["/l/b", false],
      ["/l/c", true],
      ["/a/x", false],
      ["/x/y", false],
      ["/", false],
    ] as const) {
      assert.equal(await isLink(path, {}), is, path);
    }
    await assert.rejects(isLink("a", {}), { code: "ERR_CONFIG_FILE" });
  });
});

test("an abort ends the reading with its reason", async () => {
  const reason = new Error("stop");
  await withRoot({}, async (root) => {
    await assert.rejects(loadCrioNode({ root, signal: AbortSignal.abort(reason) }), reason);
    const ending = new AbortController();
    const files: NodeFiles = {
      ...fake({}),
      async read(_, { signal }) {
        ending.abort(reason);
        signal?.throwIfAborted();
        return undefined;
      },
    };
    await assert.rejects(loadCrioNode({ root, files, signal: ending.signal }), reason);
  });
});
