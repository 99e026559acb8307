import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  type ContainerdConfig,
  containerdSeccompNode,
  type ParseContainerdConfigOptions,
  parseContainerdConfig,
} from "../../../src/config/containerd/index.ts";
import { ConfigError } from "../../../src/config/errors.ts";
import { resolveCriMirrors } from "../../../src/oci/mirrors/cri-registry.ts";
import { loadHosts } from "../../../src/oci/mirrors/load-hosts.ts";

const MAIN = "/etc/containerd/config.toml";

function parse(
  main: string | Record<string, string>,
  options: ParseContainerdConfigOptions = {},
): ContainerdConfig {
  const files = typeof main === "string" ? { [MAIN]: main } : main;
  return parseContainerdConfig(new Map(Object.entries(files)), options);
}

function refusal(
  main: string | Record<string, string>,
  options: ParseContainerdConfigOptions = {},
): ConfigError {
  try {
    parse(main, options);
  } catch (error) {
    if (error instanceof ConfigError) return error;
    throw error;
  }
  return assert.fail("it was not refused");
}

const codes = ({ warnings }: ContainerdConfig): string[] => warnings.map(({ code }) => code);

describe("where values come from", () => {
  test("each value has its place, and a default has none", () => {
    const { socket, ttrpc, root, runtimes, defaultRuntime } = parse(
      '# one\nversion = 2\nroot = "/r"\n[grpc]\n  address = "/run/x"\n[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.crun]\nruntime_type = "t"\n',
    );
    assert.deepEqual(root, { value: "/r", origin: { file: MAIN, line: 3, column: 8 } });
    assert.deepEqual(socket, { value: "/run/x", origin: { file: MAIN, line: 5, column: 13 } });
    assert.equal(ttrpc.origin?.line, 5);
    assert.deepEqual(defaultRuntime, { value: "runc" });
    assert.equal(runtimes.get("crun")?.origin?.line, 6);
    assert.deepEqual(runtimes.get("crun")?.type, { value: "t", origin: { file: MAIN, line: 7, column: 16 } });
    assert.deepEqual(runtimes.get("runc")?.type, { value: "io.containerd.runc.v2" });
  });

  test("a list joined from two files tells the place of each element", () => {
    const { disabledPlugins, files } = parse({
      [MAIN]: 'version = 3\nimports = ["b.toml"]\ndisabled_plugins = ["io.a.v1"]\n',
      "/etc/containerd/b.toml": 'version = 3\ndisabled_plugins = ["io.b.v1"]\n',
    });
    assert.deepEqual(
      disabledPlugins.map(({ value, origin }) => [value, origin?.file, origin?.line]),
      [
        ["io.a.v1", MAIN, 3],
        ["io.b.v1", "/etc/containerd/b.toml", 2],
      ],
    );
    assert.deepEqual(files, [
      { path: MAIN, version: 3 },
      { path: "/etc/containerd/b.toml", version: 3 },
    ]);
  });

  test("a missing default file is no error, one that is named is", () => {
    assert.deepEqual(parse({}).files, []);
    assert.equal(parse({}).sandboxImage.value, "registry.k8s.io/pause:3.10.2");
    assert.equal(refusal({}, { path: "/x.toml" }).code, "ERR_CONFIG_FILE");
  });

  test("an empty text at the top is no value", () => {
    const text = 'version = 2\nroot = ""\nstate = ""\n[grpc]\naddress = ""\n[ttrpc]\naddress = ""\n';
    for (const release of ["1.6", "2.2", "2.3"]) {
      const { root, state, socket, ttrpc } = parse(text, { release });
      assert.deepEqual(
        [root, state, socket, ttrpc].map(({ value }) => value),
        [
          "/var/lib/containerd",
          "/run/containerd",
          "/run/containerd/containerd.sock",
          "/run/containerd/containerd.sock.ttrpc",
        ],
      );
    }
  });

  test("flags win, and an empty flag is none", () => {
    const text = 'version = 3\nroot = "/r"\nstate = "/s"\n[debug]\nlevel = "info"\n[grpc]\naddress = "/x"\n';
    const flags = { address: "/f", root: "/fr", state: "/fs", logLevel: "debug" };
    const config = parse(text, { flags });
    assert.deepEqual(
      [config.socket, config.root, config.state, config.logLevel].map(({ value }) => value),
      ["/f", "/fr", "/fs", "debug"],
    );
    assert.equal(parse(text, { flags: { address: "" } }).socket.value, "/x");
    // Before 2.3 the other socket follows the flag too.
    assert.equal(parse(text, { flags, release: "2.2" }).ttrpc.value, "/f.ttrpc");
  });
});

describe("releases", () => {
  const IMPORTING = {
    [MAIN]:
      'version = 2\nimports = ["/d/*.toml"]\nrequired_plugins = ["io.containerd.a.v1"]\n[plugins."io.containerd.grpc.v1.cri"]\nsandbox_image = "a"\nunset_seccomp_profile = "runtime/default"\n',
    "/d/a.toml":
      'version = 2\nrequired_plugins = ["io.containerd.a.v1"]\n[plugins."io.containerd.grpc.v1.cri"]\nsandbox_image = "b"\n',
  };

  test("1.x replaces a plugin's table as a whole, and that is told; 2.x merges it", () => {
    const old = parse(IMPORTING, { release: "1.6.20" });
    assert.equal(old.unsetSeccompProfile.value, "");
    assert.equal(old.sandboxImage.value, "b");
    assert.equal(old.requiredPlugins.length, 2);
    const [warning] = old.warnings;
    assert.ok(warning?.code === "table-replaced");
    assert.deepEqual(warning.lost, ["unset_seccomp_profile"]);
    assert.equal(warning.origin?.file, "/d/a.toml");
    assert.equal(warning.earlier?.file, MAIN);
    for (const release of ["2.0", "2.2", "2.3"]) {
      const config = parse(IMPORTING, { release });
      assert.equal(config.unsetSeccompProfile.value, "runtime/default");
      assert.equal(config.sandboxImage.value, "b");
      assert.equal(config.requiredPlugins.length, 1);
      assert.deepEqual(config.warnings, []);
    }
  });

  test("1.x forgets the built-in runtime with the first table of runtimes", () => {
    const text =
      'version = 2\n[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.crun]\nruntime_type = "io.containerd.runc.v2"\n';
    const message = refusal(text, { release: "1.7" }).message;
    assert.match(message, /^no corresponding runtime configured in `containerd.runtimes` .* "runc"$/);
    assert.deepEqual([...parse(text).runtimes.keys()], ["runc", "crun"]);
  });

  test("1.x knows the deprecated tables of runtimes", () => {
    const cri = 'version = 2\n[plugins."io.containerd.grpc.v1.cri".containerd';
    const text = `${cri}.default_runtime]\nruntime_type = "d"\n[plugins."io.containerd.grpc.v1.cri".containerd.untrusted_workload_runtime]\nruntime_type = "u"\n`;
    const old = parse(text, { release: "1.7" });
    assert.equal(old.defaultRuntime.value, "default");
    assert.equal(old.runtimes.get("untrusted")?.type.value, "u");
    assert.deepEqual(codes(parse(text)), ["unknown-key", "unknown-key"]);
    assert.equal(parse(text).defaultRuntime.value, "runc");
  });

  test("old names of plugins in a version 3 file count from 2.3 on only", () => {
    const text =
      'version = 3\n[plugins."io.containerd.grpc.v1.cri"]\nunset_seccomp_profile = "runtime/default"\n';
    assert.equal(parse(text).unsetSeccompProfile.value, "runtime/default");
    for (const release of ["2.0", "2.1.4", "v2.2.0"]) {
      const config = parse(text, { release });
      assert.equal(config.unsetSeccompProfile.value, "");
      const [warning] = config.warnings;
      assert.ok(warning?.code === "unknown-key" && warning.origin?.line === 3);
      assert.match(warning.hint ?? "", /io\.containerd\.cri\.v1\.runtime/);
    }
    // 1.x does not look at the version, and knows nothing of the new names.
    assert.equal(parse(text, { release: "1.7" }).unsetSeccompProfile.value, "runtime/default");
    const split =
      'version = 3\n[plugins."io.containerd.cri.v1.runtime"]\nunset_seccomp_profile = "unconfined"\n';
    const old = parse(split, { release: "1.7" });
    assert.equal(old.unsetSeccompProfile.value, "");
    assert.deepEqual(codes(old), ["not-read"]);
  });

  test("the highest version is 3 before 2.3 and 4 from it on", () => {
    assert.equal(refusal("version = 4", { release: "2.2" }).code, "ERR_CONFIG_VERSION");
    assert.equal(
      refusal("version = 5").message,
      "expected containerd config version equal to or less than `4`, got `5`",
    );
    assert.equal(refusal("version = -1").code, "ERR_CONFIG_VERSION");
    const files = { [MAIN]: 'version = 2\nimports = ["b.toml"]', "/etc/containerd/b.toml": "version = 3" };
    assert.equal(refusal(files).message, "drop-in config version 3 higher than root config version 2");
    assert.equal(parse(files, { release: "2.2" }).files.length, 2);
  });

  test("defaults by release", () => {
    const images = ["1.6", "1.7", "2.0", "2.1", "2.2", "2.3", "2.4", "3.0"].map(
      (release) => parse("version = 2", { release }).sandboxImage.value.split(":")[1],
    );
    assert.deepEqual(images, ["3.6", "3.8", "3.10", "3.10", "3.10.1", "3.10.2", "3.10.2", "3.10.2"]);
    assert.deepEqual(parse("version = 3", { release: "2.1" }).registryFolders, []);
    assert.deepEqual(parse("version = 3", { release: "2.2" }).registryFolders, [
      "/etc/containerd/certs.d",
      "/etc/docker/certs.d",
    ]);
    for (const release of ["1.5", "0.9", "2", "x", ""]) {
      assert.throws(() => parse("", { release }), RangeError);
    }
  });
});

describe("migration", () => {
  test("new names win for the runtime, old ones for images", () => {
    const config = parse(
      'version = 2\n[plugins."io.containerd.grpc.v1.cri"]\nunset_seccomp_profile = "unconfined"\nstream_server_port = "1"\n[plugins."io.containerd.grpc.v1.cri".registry]\nconfig_path = "/old"\n[plugins."io.containerd.grpc.v1.cri".containerd]\nsnapshotter = "zfs"\n[plugins."io.containerd.grpc.v1.cri".cni]\nbin_dir = "/bin1"\nconf_dir = "/c1"\n[plugins."io.containerd.cri.v1.runtime"]\nunset_seccomp_profile = "runtime/default"\n[plugins."io.containerd.cri.v1.runtime".cni]\nconf_dir = "/c2"\n[plugins."io.containerd.cri.v1.images".registry]\nconfig_path = "/new"\n',
    );
    assert.equal(config.unsetSeccompProfile.value, "runtime/default");
    assert.equal(config.registryConfigPath.value, "/old");
    assert.equal(config.snapshotter.value, "zfs");
    assert.deepEqual(
      config.cni.binDirs.map(({ value }) => value),
      ["/bin1"],
    );
    assert.equal(config.cni.confDir.value, "/c2");
    assert.deepEqual(config.warnings, []);
  });

  test("short names count in a file without version, and are not read in later ones", () => {
    const text = '[plugins.cri]\nsandbox_image = "z"\n';
    assert.equal(parse(text).sandboxImage.value, "z");
    assert.equal(parse(text, { release: "1.6" }).sandboxImage.value, "z");
    assert.equal(
      refusal(`version = 2\n${text}`, { release: "1.6" }).message,
      'invalid plugin key URI "cri" expect io.containerd.x.vx',
    );
    for (const release of ["2.2", "2.3"]) {
      const config = parse(`version = 2\n${text}`, { release });
      assert.notEqual(config.sandboxImage.value, "z");
      assert.deepEqual(codes(config), ["not-read"]);
    }
  });

  test("version 4 does not read the tables that it has as plugins", () => {
    const config = parse('version = 4\n[grpc]\naddress = "/x"\n');
    assert.equal(config.socket.value, "/run/containerd/containerd.sock");
    const [warning] = config.warnings;
    assert.ok(warning?.code === "not-read" && warning.key === "grpc.address" && warning.origin?.line === 3);
  });
});

describe("what is told", () => {
  test("every unknown key, but with a hint only the first hundred of a kind", () => {
    const keys = Array.from({ length: 150 }, (_, index) => `required_plugin${index} = 1`).join("\n");
    const { warnings } = parse(`version = 3\n${keys}\n`);
    assert.equal(warnings.length, 150);
    const hinted = warnings.filter((each) => each.code === "unknown-key" && each.hint !== undefined);
    assert.equal(hinted.length, 100);
  });

  test("misspelt and misplaced keys, with a hint", () => {
    const { warnings } = parse(
      'version = 3\nroto = "/r"\nunset_seccomp_profile = "runtime/default"\n[plugins."io.containerd.cri.v1.runtime"]\nunset_secomp_profile = "unconfined"\n',
    );
    assert.deepEqual(
      warnings.map((each) => each.code === "unknown-key" && [each.key, each.hint, each.origin?.line]),
      [
        ["roto", 'did you mean "root"?', 2],
        ["unset_seccomp_profile", 'it is a key of plugins."io.containerd.cri.v1.runtime"', 3],
        [
          'plugins."io.containerd.cri.v1.runtime".unset_secomp_profile',
          'did you mean "unset_seccomp_profile"?',
          5,
        ],
      ],
    );
  });

  test("a key behind the header of another table, with its place by release", () => {
    const text =
      'version = 2\n[plugins."io.containerd.grpc.v1.cri"]\n[plugins."io.containerd.grpc.v1.cri".x509_key_pair_streaming]\ntls_cert_file = ""\nunset_seccomp_profile = "runtime/default"\n';
    for (const [release, place] of [
      ["1.6", "io.containerd.grpc.v1.cri"],
      ["2.3", "io.containerd.cri.v1.runtime"],
    ] as const) {
      const { warnings, unsetSeccompProfile } = parse(text, { release });
      assert.equal(unsetSeccompProfile.value, "");
      assert.deepEqual(
        warnings.map((each) => each.code === "unknown-key" && [each.hint, each.origin?.line]),
        [[`it is a key of plugins."${place}"`, 5]],
      );
    }
  });

  test("case counts for 1.x only", () => {
    const text = 'version = 2\n[plugins."io.containerd.grpc.v1.cri"]\nUnset_Seccomp_Profile = "unconfined"\n';
    assert.equal(parse(text).unsetSeccompProfile.value, "unconfined");
    const split = text.replace("version = 2", "version = 3").replace("grpc.v1.cri", "cri.v1.runtime");
    assert.equal(parse(split).unsetSeccompProfile.value, "unconfined");
    assert.equal(parse(text, { release: "1.7" }).unsetSeccompProfile.value, "");
    const both = `${text}unset_seccomp_profile = "runtime/default"\n`;
    assert.equal(parse(both).unsetSeccompProfile.value, "runtime/default");
  });

  test("a zero that undoes nothing, a pattern without files, a CRI that is off", () => {
    const config = parse({
      [MAIN]: 'version = 3\nroot = "/r"\nimports = ["b.toml", "/none/*.toml"]\n',
      "/etc/containerd/b.toml": 'version = 3\nroot = ""\ndisabled_plugins = ["io.containerd.grpc.v1.cri"]\n',
    });
    assert.deepEqual(codes(config), ["no-import", "zero-ignored", "cri-disabled"]);
    assert.equal(config.criEnabled, false);
    assert.equal(parse('disabled_plugins = ["cri"]').criEnabled, false);
    assert.equal(parse('disabled_plugins = ["cri"]', { release: "1.7" }).criEnabled, false);
    assert.equal(parse("version = 3").criEnabled, true);
  });
});

describe("what is refused", () => {
  const RUNTIME = '[plugins."io.containerd.cri.v1.runtime"';
  for (const [name, text, message] of [
    [
      "a duration",
      `${RUNTIME}]\ndrain_exec_sync_io_timeout = "5"`,
      /^invalid `drain_exec_sync_io_timeout`: /,
    ],
    ["an io_type", `${RUNTIME}.containerd.runtimes.runc]\nio_type = "x"`, /^`io_type` can only be/],
    [
      "devices",
      `${RUNTIME}.containerd.runtimes.runc]\nprivileged_without_host_devices_all_devices_allowed = true`,
      /requires `privileged_without_host_devices`/,
    ],
    ["a required plugin", 'required_plugins = ["cri"]', /^invalid required plugin URI "cri"/],
    ["a pattern", 'imports = ["/etc/[*.toml"]', /^syntax error in pattern$/],
  ] as const) {
    test(name, () => {
      const error = refusal(`version = 3\n${text}\n`);
      assert.equal(error.code, "ERR_CONFIG_INVALID");
      assert.match(error.message, message);
      assert.ok(error.key);
    });
  }

  test("types, also of what no field shows, with their places", () => {
    for (const text of [
      "root = 1",
      "disabled_plugins = [1]",
      "imports = 'x'",
      "plugins = 1",
      'version = "3"',
      "oom_score = 1.5",
      `${RUNTIME}]\nenable_selinux = "no"`,
      `${RUNTIME}.containerd.runtimes]\nrunc = 1`,
      '[plugins]\n"io.containerd.grpc.v1.cri" = 1',
      '[plugins."io.containerd.grpc.v1.cri"]\ncontainerd = []',
    ]) {
      const error = refusal(text.startsWith("version") ? text : `version = 2\n${text}`);
      assert.equal(error.code, "ERR_CONFIG_TYPE", text);
      assert.ok((error.origin?.line ?? 0) > 0 && error.key, text);
    }
  });

  test("syntax, with the place", () => {
    const error = refusal("version = 2\nroot = \n");
    assert.equal(error.code, "ERR_CONFIG_SYNTAX");
    assert.equal(error.origin?.line, 2);
  });

  test("the CRI's tables are not checked where it is off, as its plugin does not start", () => {
    const text = `version = 3\ndisabled_plugins = ["io.containerd.cri.v1.runtime"]\n${RUNTIME}.containerd]\ndefault_runtime_name = "kata"\n`;
    assert.equal(parse(text).defaultRuntime.value, "kata");
  });

  test("imports that never end", () => {
    const files: Record<string, string> = { [MAIN]: 'imports = ["/d/0"]' };
    for (let index = 0; index < 1001; index++) files[`/d/${index}`] = `imports = ["${index + 1}"]`;
    assert.equal(refusal(files).code, "ERR_CONFIG_TOO_LARGE");
  });
});

test("names such as those of prototypes are names", () => {
  const config = parse(
    'version = 3\n[plugins.constructor]\n[plugins."io.containerd.cri.v1.runtime".containerd.runtimes.__proto__]\nruntime_type = "t"\n[timeouts]\ntoString = "1s"\n',
  );
  assert.equal(config.runtimes.get("__proto__")?.type.value, "t");
  assert.deepEqual(codes(config), ["not-read"]);
});

test("the registry's settings go into the readers of mirrors", async () => {
  const mirrored = parse(
    'version = 2\n[plugins."io.containerd.grpc.v1.cri".registry.mirrors."r.example"]\nendpoint = ["https://m.example"]\n',
  );
  assert.deepEqual(mirrored.registryFolders, []);
  assert.deepEqual(
    resolveCriMirrors("r.example", mirrored.registry).map(({ host }) => host),
    ["m.example", "r.example"],
  );
  const { registryFolders } = parse("version = 3");
  const { folder } = await loadHosts("r.example", {
    configPath: registryFolders,
    files: {
      read: async () => undefined,
      list: async (path) => (path === "/etc/docker/certs.d/r.example" ? [] : undefined),
    },
  });
  assert.equal(folder, "/etc/docker/certs.d/r.example");
});

test("the node for the resolution of seccomp profiles", () => {
  const text =
    'version = 3\n[plugins."io.containerd.cri.v1.runtime"]\nunset_seccomp_profile = "runtime/default"\n';
  assert.deepEqual(containerdSeccompNode(parse(text)), {
    kind: "containerd",
    unsetSeccompProfile: "runtime/default",
  });
});

test("programs that layers are passed through", () => {
  const { streamProcessors, decryptionKeyModel } = parse({
    [MAIN]:
      'version = 2\nimports = ["b.toml"]\n[stream_processors.a]\naccepts = ["x+encrypted"]\nreturns = "x"\npath = "ctd-decoder"\nargs = ["--decryption-keys-path", "/keys"]\nenv = ["A=1"]\n',
    "/etc/containerd/b.toml": 'version = 2\n[stream_processors.a]\nreturns = "y"\n',
  });
  // Replaced as a whole, whatever the release.
  assert.deepEqual(streamProcessors.get("a")?.args, []);
  assert.equal(streamProcessors.get("a")?.returns.value, "y");
  assert.equal(decryptionKeyModel.value, "node");
});
