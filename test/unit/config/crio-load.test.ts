import assert from "node:assert/strict";
import { posix } from "node:path";
import { test } from "node:test";
import {
  type CrioNodeFiles,
  type LoadCrioNodeOptions,
  loadCrioNode,
} from "../../../src/config/crio/index.ts";

interface Fake extends CrioNodeFiles {
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
  return loadCrioNode({ files: fake(texts), ...options });
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
    "/etc/crio/crio.conf": RUNTIME("log_level", "a"),
    "/x.conf": RUNTIME("log_level", "b"),
    "/y.conf": RUNTIME("log_level", "c"),
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
    await assert.rejects(loadCrioNode({ files: fake(texts, [link]) }), { code: "ERR_CONFIG_FILE" });
  }
  assert.equal((await loadCrioNode({ files: fake(texts) })).config.files.length, 1);
});

test("drop-ins have a largest number and depth", async () => {
  const names = Array.from({ length: 1001 }, (_, index) => [`${DROP_IN}${index}`, ""] as const);
  await assert.rejects(load(Object.fromEntries(names)), { code: "ERR_CONFIG_TOO_LARGE" });
  assert.equal((await load(Object.fromEntries(names.slice(1)))).config.files.length, 1000);
  const files: CrioNodeFiles = {
    read: async () => undefined,
    list: async () => ["again"],
    isLink: async () => false,
  };
  await assert.rejects(loadCrioNode({ files }), { code: "ERR_CONFIG_TOO_LARGE" });
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
  assert.equal((await loadCrioNode({ files })).profile.kind, "file");
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
  const files: CrioNodeFiles = { ...fake({}), read: () => Promise.reject(broken) };
  await assert.rejects(loadCrioNode({ files }), broken);
});
