/** What containerd makes of its files, by its own command `containerd config dump`, against what lading reads. */
import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, test } from "node:test";
import fc from "fast-check";
import { loadContainerdConfig } from "../../src/config/containerd/load.ts";
import { type ContainerdConfig, parseContainerdConfig } from "../../src/config/containerd/parse.ts";
import { isLadingError } from "../../src/core/errors.ts";
import { parseToml, type TomlTable } from "../../src/oci/mirrors/toml.ts";
import { needs } from "./parts.ts";
import { missingPrograms } from "./process.ts";

/** The release of Debian's containerd, whose rules count here; nothing else is compared. */
const RELEASE = "1.6";
const CRI = "io.containerd.grpc.v1.cri";

function whyNoContainerd(): string | undefined {
  const [missing] = missingPrograms("containerd");
  if (missing !== undefined) return `not installed: ${missing}`;
  const { stdout } = spawnSync("containerd", ["--version"], { encoding: "utf8" });
  return stdout.includes(` ${RELEASE}.`) ? undefined : `needs containerd ${RELEASE}, got ${stdout.trim()}`;
}

type Dump = { text: string } | { error: string };

/** The effective configuration as containerd writes it, or why it refuses to. */
function dump(path: string): Dump {
  const { status, stdout, stderr } = spawnSync("containerd", ["--config", path, "config", "dump"], {
    encoding: "utf8",
    timeout: 20_000,
  });
  return status === 0 ? { text: stdout } : { error: stderr };
}

/** Writes files into a new folder, the first of which containerd is started with; `$DIR` is the folder. */
async function withFiles(
  files: Readonly<Record<string, string>>,
  use: (main: string) => Promise<void>,
): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), "lading-config-"));
  try {
    for (const [name, text] of Object.entries(files)) {
      const place = join(folder, name);
      mkdirSync(dirname(place), { recursive: true });
      writeFileSync(place, text.replaceAll("$DIR", folder));
    }
    await use(join(folder, Object.keys(files)[0] ?? ""));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

function at(table: unknown, ...path: string[]): unknown {
  let value = table;
  for (const key of path) value = (value as TomlTable | undefined)?.[key];
  return value;
}

/** What containerd says, value by value, as `effective` tells what lading says. */
function dumped(text: string): object {
  const root = parseToml(text);
  const cri = at(root, "plugins", CRI);
  const handlers = at(cri, "containerd", "runtimes") as TomlTable;
  const processors = at(root, "stream_processors") as TomlTable;
  return {
    root: root["root"],
    state: root["state"],
    socket: at(root, "grpc", "address"),
    logLevel: at(root, "debug", "level"),
    disabledPlugins: root["disabled_plugins"],
    requiredPlugins: root["required_plugins"],
    sandboxImage: at(cri, "sandbox_image"),
    unsetSeccompProfile: at(cri, "unset_seccomp_profile"),
    snapshotter: at(cri, "containerd", "snapshotter"),
    defaultRuntime: at(cri, "containerd", "default_runtime_name"),
    registryConfigPath: at(cri, "registry", "config_path"),
    decryptionKeyModel: at(cri, "image_decryption", "key_model"),
    binDir: at(cri, "cni", "bin_dir"),
    confDir: at(cri, "cni", "conf_dir"),
    confTemplate: at(cri, "cni", "conf_template"),
    ipPreference: at(cri, "cni", "ip_pref"),
    maxConfNum: Number(at(cri, "cni", "max_conf_num")),
    handlers: byName(handlers, (each) => ({
      type: each["runtime_type"],
      path: each["runtime_path"],
      podAnnotations: each["pod_annotations"],
      containerAnnotations: each["container_annotations"],
      baseRuntimeSpec: each["base_runtime_spec"],
      privilegedWithoutHostDevices: each["privileged_without_host_devices"],
      cniConfDir: each["cni_conf_dir"],
      systemdCgroup: at(each["options"], "SystemdCgroup") === true,
    })),
    mirrors: byName(at(cri, "registry", "mirrors") as TomlTable, ({ endpoint }) => endpoint),
    processors: byName(processors, ({ accepts, returns, path, args, env }) => [
      accepts,
      returns,
      path,
      args ?? [],
      env ?? [],
    ]),
  };
}

function byName(tables: TomlTable | undefined, told: (table: TomlTable) => unknown): object {
  const entries = Object.entries(tables ?? {}).map(([name, table]) => [name, told(table as TomlTable)]);
  return Object.fromEntries(entries.sort(([a], [b]) => (String(a) < String(b) ? -1 : 1)));
}

function effective(config: ContainerdConfig): object {
  const { cni } = config;
  const handlers = [...config.runtimes].map(([name, each]) => [
    name,
    {
      type: each.type.value,
      path: each.path.value,
      podAnnotations: each.podAnnotations.map(({ value }) => value),
      containerAnnotations: each.containerAnnotations.map(({ value }) => value),
      baseRuntimeSpec: each.baseRuntimeSpec.value,
      privilegedWithoutHostDevices: each.privilegedWithoutHostDevices.value,
      cniConfDir: each.cniConfDir.value,
      systemdCgroup: each.systemdCgroup.value,
    },
  ]);
  const processors = [...config.streamProcessors].map(([name, each]) => [
    name,
    [
      each.accepts.map(({ value }) => value),
      each.returns.value,
      each.path.value,
      each.args.map(({ value }) => value),
      each.env.map(({ value }) => value),
    ],
  ]);
  return {
    root: config.root.value,
    state: config.state.value,
    socket: config.socket.value,
    logLevel: config.logLevel.value,
    disabledPlugins: config.disabledPlugins.map(({ value }) => value),
    requiredPlugins: config.requiredPlugins.map(({ value }) => value),
    sandboxImage: config.sandboxImage.value,
    unsetSeccompProfile: config.unsetSeccompProfile.value,
    snapshotter: config.snapshotter.value,
    defaultRuntime: config.defaultRuntime.value,
    registryConfigPath: config.registryConfigPath.value,
    decryptionKeyModel: config.decryptionKeyModel.value,
    binDir: cni.binDirs[0]?.value,
    confDir: cni.confDir.value,
    confTemplate: cni.confTemplate.value,
    ipPreference: cni.ipPreference.value,
    maxConfNum: cni.maxConfNum.value,
    handlers: byName(Object.fromEntries(handlers), (each) => each),
    mirrors: byName((config.registry["mirrors"] ?? {}) as TomlTable, ({ endpoint }) => endpoint),
    processors: byName(Object.fromEntries(processors), (each) => each),
  };
}

/** Values equal, and the dump itself read as what it was made of. */
async function assertSame(files: Readonly<Record<string, string>>): Promise<void> {
  await withFiles(files, async (main) => {
    const found = dump(main);
    assert.ok("text" in found, `containerd refuses: ${"error" in found ? found.error : ""}`);
    const config = await loadContainerdConfig({ root: "/", path: main, release: RELEASE });
    assert.deepEqual(effective(config), dumped(found.text));
    const imports = /^imports = .*$/m;
    const again = parseContainerdConfig(new Map([["/dump.toml", found.text.replace(imports, "")]]), {
      path: "/dump.toml",
      release: RELEASE,
    });
    assert.deepEqual(effective(again), effective(config));
  });
}

const text = fc.constantFrom("", "a", "/x/y", "日本語", 'quote"d', "runc", "~/home");
const texts = fc.uniqueArray(fc.constantFrom("a", "b.c", "*", "x y"), { maxLength: 3 });
const name = fc.constantFrom("runc", "kata", "x-1", "with.dot", "ü");
const maybe = <T>(value: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(value, { nil: undefined });

/** Lines of a table; what is undefined is left out. */
function lines(entries: Readonly<Record<string, unknown>>): string {
  return Object.entries(entries)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => `${key} = ${JSON.stringify(value)}\n`)
    .join("");
}

const handler = fc.record({
  runtime_type: maybe(text),
  runtime_path: maybe(text),
  pod_annotations: maybe(texts),
  container_annotations: maybe(texts),
  base_runtime_spec: maybe(text),
  privileged_without_host_devices: maybe(fc.boolean()),
  cni_conf_dir: maybe(text),
});

/** A file of version 2, without `imports`. */
const file = fc
  .record({
    top: fc.record({
      root: maybe(text),
      state: maybe(text),
      oom_score: maybe(fc.integer({ min: 0, max: 9 })),
    }),
    plugins: fc.record({
      disabled_plugins: maybe(fc.constantFrom([], ["io.containerd.snapshotter.v1.zfs"])),
      required_plugins: maybe(fc.constantFrom([], ["io.containerd.grpc.v1.cri"])),
    }),
    grpc: maybe(fc.record({ address: maybe(text.filter((each) => each !== "")) })),
    debug: maybe(fc.record({ level: maybe(fc.constantFrom("", "info", "debug")) })),
    cri: maybe(
      fc.record({
        sandbox_image: maybe(text),
        unset_seccomp_profile: maybe(fc.constantFrom("", "unconfined", "runtime/default")),
        max_concurrent_downloads: maybe(fc.integer({ min: 0, max: 5 })),
      }),
    ),
    cni: maybe(
      fc.record({
        bin_dir: maybe(text.filter((each) => each !== "")),
        conf_dir: maybe(text),
        conf_template: maybe(text),
        ip_pref: maybe(text),
        max_conf_num: maybe(fc.integer({ min: 0, max: 4 })),
      }),
    ),
    containerd: maybe(fc.record({ snapshotter: maybe(text) })),
    handlers: fc.dictionary(name, handler, { maxKeys: 3 }),
    options: fc.dictionary(name, fc.boolean(), { maxKeys: 2 }),
    mirrors: fc.dictionary(fc.constantFrom("docker.io", "*", "a:5000"), texts, { maxKeys: 2 }),
    processors: fc.dictionary(
      name,
      fc.record({ accepts: texts, returns: text, path: text, args: maybe(texts), env: maybe(texts) }),
      { maxKeys: 2 },
    ),
  })
  .map((each) => {
    const q = JSON.stringify;
    const table = (key: string, entries: Readonly<Record<string, unknown>> | undefined): string =>
      entries ? `[${key}]\n${lines(entries)}` : "";
    const cri = `plugins.${q(CRI)}`;
    // runc stays, so that the default runtime is always one of them.
    const handlers = { runc: { runtime_type: "io.containerd.runc.v2" }, ...each.handlers };
    return [
      "version = 2\n",
      lines({ ...each.top, ...each.plugins }),
      "$IMPORTS",
      table("grpc", each.grpc),
      table("debug", each.debug),
      table(cri, each.cri),
      table(`${cri}.cni`, each.cni),
      table(`${cri}.containerd`, each.containerd),
      ...Object.entries(handlers).map(([key, value]) => table(`${cri}.containerd.runtimes.${q(key)}`, value)),
      ...Object.entries(each.options).map(([key, SystemdCgroup]) =>
        table(`${cri}.containerd.runtimes.${q(key)}.options`, { SystemdCgroup }),
      ),
      ...Object.entries(each.mirrors).map(([key, endpoint]) =>
        table(`${cri}.registry.mirrors.${q(key)}`, { endpoint }),
      ),
      ...Object.entries(each.processors).map(([key, value]) => table(`stream_processors.${q(key)}`, value)),
    ].join("");
  });

describe("containerd config dump", needs(whyNoContainerd()), () => {
  test("files of one or more parts have the same values", { timeout: 300_000 }, async () => {
    const seed = Number(process.env["LADING_FUZZ_SEED"] ?? 20_261_121) >>> 0;
    const sets = fc.sample(fc.array(file, { minLength: 1, maxLength: 3 }), { seed, numRuns: 60 });
    for (const [index, [main = "", ...others]] of sets.entries()) {
      const names = others.map((_, at) => `conf.d/${at}.toml`);
      // Half of them by path, half by pattern.
      const imports = index % 2 === 0 ? names.map((each) => `$DIR/${each}`) : ["$DIR/conf.d/*.toml"];
      const files = Object.fromEntries(
        names.map((each, at) => [each, (others[at] ?? "").replace("$IMPORTS", "")]),
      );
      const first = main.replace("$IMPORTS", others.length === 0 ? "" : lines({ imports }));
      try {
        await assertSame({ "config.toml": first, ...files });
      } catch (cause) {
        throw new Error(`seed ${seed}, set ${index}: ${JSON.stringify({ first, ...files })}`, { cause });
      }
    }
  });

  test("files of version 1, old tables and keys that mean nothing have", async () => {
    for (const main of [
      "",
      'root = "/a"\n[plugins.cri]\nsandbox_image = "s"\n[plugins.cri.cni]\nbin_dir = "/b"\n',
      `version = 2\n[plugins."${CRI}"]\nsandbox_imgae = "s"\n[plugins."${CRI}".containerd]\nnope = 1\n`,
      `version = 2\n[plugins."${CRI}".containerd]\ndefault_runtime_name = "x"\n[plugins."${CRI}".containerd.runtimes.x]\nruntime_type = "t"\n`,
      `version = 2\n[plugins."${CRI}".registry.configs."a:5000".tls]\ninsecure_skip_verify = true\n`,
    ]) {
      await assertSame({ "config.toml": main });
    }
  });

  test("names of plugins in version 1 are short there, and full in what is read", async () => {
    await withFiles({ "config.toml": 'version = 1\ndisabled_plugins = ["cri", "zfs"]\n' }, async (main) => {
      const found = dump(main);
      assert.ok("text" in found);
      assert.deepEqual(parseToml(found.text)["disabled_plugins"], ["cri", "zfs"]);
      const { disabledPlugins, criEnabled } = await loadContainerdConfig({
        root: "/",
        path: main,
        release: RELEASE,
      });
      const names = disabledPlugins.map(({ value }) => value);
      assert.deepEqual(names, [CRI, "io.containerd.snapshotter.v1.zfs"]);
      assert.equal(criEnabled, false);
    });
  });

  test("an import that is imported again, and one that imports", async () => {
    await assertSame({
      "config.toml": 'version = 2\nimports = ["$DIR/a.toml", "$DIR/a.toml"]\nroot = "/main"\n',
      "a.toml": 'version = 2\nimports = ["b.toml", "$DIR/config.toml"]\nroot = "/a"\n',
      "b.toml": 'version = 2\nroot = "/b"\nstate = "/s"\n',
    });
  });

  test("what containerd refuses is refused in its words", async () => {
    for (const files of [
      { "config.toml": 'version = 2\ndisabled_plugins = ["cri"]\n' },
      { "config.toml": "version = 2\n[plugins.cri]\n" },
      { "config.toml": 'version = 2\nimports = ["$DIR/none.toml"]\n' },
    ]) {
      await withFiles(files, async (main) => {
        const found = dump(main);
        assert.ok("error" in found);
        await assert.rejects(loadContainerdConfig({ root: "/", path: main, release: RELEASE }), (error) => {
          assert.ok(isLadingError(error));
          assert.ok(found.error.includes(error.message), `${found.error}: ${error.message}`);
          return true;
        });
      });
    }
    for (const main of ["root = ", "version = 2\nroot = 1\n"]) {
      await withFiles({ "config.toml": main }, async (path) => {
        assert.ok("error" in dump(path));
        await assert.rejects(loadContainerdConfig({ root: "/", path, release: RELEASE }), {
          name: "ConfigError",
        });
      });
    }
  });
});
