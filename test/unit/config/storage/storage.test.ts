import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { loadCrioNode } from "../../../../src/config/crio/load.ts";
import { ConfigError } from "../../../../src/config/errors.ts";
import { loadStorageConf } from "../../../../src/config/storage/load.ts";
import { parseStorageConf } from "../../../../src/config/storage/parse.ts";
import { property } from "../../../property/runs.ts";
import { withRoot } from "../node-root.ts";

const FILE = "/etc/containers/storage.conf";
const FULL = `[storage]
driver = "overlay"
graphroot = "/data/storage"
runroot = "/run/data"
imagestore = "/data/images"
[storage.options]
additionalimagestores = ["/var/lib/shared", "/mnt/ro"]
additionallayerstores = ["/mnt/layers:ref"]
size = "1G"
[storage.options.overlay]
mountopt = "nodev,metacopy=on"
size = "2G"
force_mask = "shared"
`;

test("each value has its place", () => {
  const conf = parseStorageConf(FILE, FULL);
  const at = (line: number, column: number) => ({ file: FILE, line, column });
  assert.deepEqual(conf.driver, { value: "overlay", origin: at(2, 10) });
  assert.deepEqual(conf.graphroot, { value: "/data/storage", origin: at(3, 13) });
  assert.deepEqual(conf.runroot, { value: "/run/data", origin: at(4, 11) });
  assert.deepEqual(conf.imagestore, { value: "/data/images", origin: at(5, 14) });
  assert.deepEqual(conf.additionalImageStores, [
    { value: "/var/lib/shared", origin: at(7, 26) },
    { value: "/mnt/ro", origin: at(7, 45) },
  ]);
  assert.deepEqual(
    conf.options.map(({ value, origin }) => [value, origin?.line]),
    [
      ["overlay.imagestore=/var/lib/shared", 7],
      ["overlay.imagestore=/mnt/ro", 7],
      ["overlay.additionallayerstore=/mnt/layers:ref", 8],
      ["overlay.size=1G", 9],
      ["overlay.mountopt=nodev,metacopy=on", 11],
      ["overlay.size=2G", 12],
      ["overlay.force_mask=shared", 13],
    ],
  );
  assert.deepEqual(conf.warnings, []);
});

test("what a file does not say is the library's own", () => {
  const conf = parseStorageConf(FILE, "[storage]\ngraphroot = ''\n");
  assert.deepEqual(
    [conf.driver, conf.graphroot, conf.runroot, conf.imagestore, conf.options],
    [
      { value: "" },
      { value: "/var/lib/containers/storage" },
      { value: "/run/containers/storage" },
      { value: "" },
      [],
    ],
  );
});

test("an old name of a driver, other drivers and variables", () => {
  const of = (text: string, env = {}): string[] =>
    parseStorageConf(FILE, text, { env }).options.map(({ value }) => value);
  const old = parseStorageConf(
    FILE,
    '[storage]\ndriver = "overlay2"\noptions.overlay.inodes = "5"\noptions.mountopt = "a"\n',
  );
  assert.equal(old.driver.value, "overlay");
  assert.deepEqual(
    old.options.map(({ value }) => value),
    ["overlay2.mountopt=a", "overlay.mountopt=a", "overlay.inodes=5"],
  );
  const btrfs = '[storage]\ndriver = "btrfs"\n[storage.options.btrfs]\nmin_space = "1G"\nsize = "2G"\n';
  assert.deepEqual(of(btrfs), ["btrfs.min_space=1G"]);
  assert.deepEqual(of(btrfs.replace(/min_space.*\n/, "")), ["btrfs.size=2G"]);
  assert.deepEqual(of('[storage]\ndriver = "zfs"\noptions.zfs.fsname = "tank"\n'), ["zfs.fsname=tank"]);
  assert.deepEqual(of(FULL, { STORAGE_OPTS: "a=b,c=d" }), ["a=b", "c=d"]);
  assert.deepEqual(of(FULL, { STORAGE_OPTS: "" }), []);
  assert.deepEqual(parseStorageConf(FILE, FULL, { env: { STORAGE_DRIVER: "vfs" } }).driver, { value: "vfs" });
});

test("unknown keys are told, and letter case does not matter", () => {
  const conf = parseStorageConf(
    FILE,
    '[Storage]\nGraphRoot = "/a"\ngraphrot = "/b"\n[storage2]\n[Storage.options.overlay]\nmountop = "x"\n',
  );
  assert.equal(conf.graphroot.value, "/a");
  assert.deepEqual(
    conf.warnings.map(({ key, origin }) => [key, origin?.line]),
    [
      ["storage2", 4],
      ["storage.graphrot", 3],
      ["storage.options.overlay.mountop", 6],
    ],
  );
});

test("values of another type are refused", () => {
  for (const body of [
    "storage = 1",
    "storage.driver = 1",
    "storage.graphroot = []",
    "storage.options = 1",
    "storage.options.additionalimagestores = '/a'",
    "storage.options.additionalimagestores = [1]",
    "storage.options.overlay = 'x'",
    "storage.driver = 'overlay'\nstorage.options.overlay.size = 1",
  ]) {
    assert.throws(() => parseStorageConf(FILE, body), { code: "ERR_CONFIG_TYPE" }, body);
  }
  assert.throws(() => parseStorageConf(FILE, "["), { code: "ERR_CONFIG_SYNTAX" });
});

test("the administrator's file goes before the distribution's, and a variable before both", async () => {
  const of = (root: string) => `[storage]\ngraphroot = "${root}"\n`;
  const inside = {
    "etc/containers/storage.conf": of("/etc"),
    "usr/share/containers/storage.conf": of("/usr"),
    "x.conf": of("/x"),
  };
  await withRoot({ inside }, async (root) => {
    assert.equal((await loadStorageConf({ root })).graphroot.value, "/etc");
    const env = { CONTAINERS_STORAGE_CONF: "/x.conf" };
    assert.equal((await loadStorageConf({ root, env })).graphroot.value, "/x");
    const none = { CONTAINERS_STORAGE_CONF: "/none" };
    assert.equal((await loadStorageConf({ root, env: none })).graphroot.value, "/var/lib/containers/storage");
  });
  const linked = { "etc/containers/storage.conf": "->$TOP/etc/containers/storage.conf" };
  const outside = { "etc/containers/storage.conf": of("/outside") };
  await withRoot({ inside: linked, outside }, async (root) => {
    assert.equal((await loadStorageConf({ root })).graphroot.value, "/var/lib/containers/storage");
  });
});

test("any text is read or refused with a code", () => {
  const mutated = fc
    .tuple(
      fc.nat(FULL.length),
      fc.nat(12),
      fc.oneof(fc.string({ maxLength: 4 }), fc.constantFrom("[", "]", "=", "1", "\n[a]\n")),
    )
    .map(([at, length, put]) => FULL.slice(0, at) + put + FULL.slice(at + length));
  fc.assert(
    fc.property(fc.oneof(mutated, fc.string({ unit: "binary" })), (text) => {
      try {
        parseStorageConf(FILE, text);
      } catch (error) {
        assert.ok(error instanceof ConfigError, String(error));
      }
    }),
    property,
  );
});

test("CRI-O's own configuration goes on top of the node's storage", async () => {
  const inside = {
    "etc/containers/storage.conf": FULL,
    "etc/crio/crio.conf": '[crio]\nroot = "/own"\nstorage_option = ["overlay.x=y"]\n',
  };
  await withRoot({ inside }, async (root) => {
    const { config } = await loadCrioNode({ root });
    assert.deepEqual(config.root.root, {
      value: "/own",
      from: "file",
      origin: { file: "/etc/crio/crio.conf", line: 2, column: 8 },
    });
    assert.deepEqual(config.root.runroot, {
      value: "/run/data",
      from: "file",
      origin: { file: FILE, line: 4, column: 11 },
    });
    assert.equal(config.root.imagestore.value, "/data/images");
    assert.equal(config.root.storage_driver.value, "overlay");
    assert.equal(config.root.storage_option.value[0], "overlay.imagestore=/var/lib/shared");
    assert.equal(config.root.storage_option.value.at(-1), "overlay.x=y");
    const told = await loadCrioNode({ root, storage: { runroot: "/told" } });
    assert.deepEqual(told.config.root.runroot, { value: "/told", from: "default" });
  });
  await withRoot({ inside: {} }, async (root) => {
    const { config } = await loadCrioNode({ root });
    assert.deepEqual(config.root.root, { value: "/var/lib/containers/storage", from: "default" });
    assert.deepEqual(config.root.storage_option, { value: [], from: "default" });
  });
});
