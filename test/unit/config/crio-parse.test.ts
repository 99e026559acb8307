import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type CrioConfig,
  type CrioWarning,
  type ParseCrioConfigOptions,
  parseCrioConfig,
} from "../../../src/config/crio/index.ts";
import { ConfigError } from "../../../src/config/errors.ts";

const MAIN = "/etc/crio/crio.conf";
const DROP_INS = "/etc/crio/crio.conf.d";

function parse(
  text: string,
  dropIns: Record<string, string> = {},
  options: ParseCrioConfigOptions = {},
): CrioConfig {
  const files = Object.entries(dropIns).map(([name, each]) => ({ path: `${DROP_INS}/${name}`, text: each }));
  return parseCrioConfig({ main: { path: MAIN, text }, dropIns: files }, options);
}

function warning<Code extends CrioWarning["code"]>(
  config: CrioConfig,
  code: Code,
): Extract<CrioWarning, { code: Code }> {
  const found = config.warnings.filter((each) => each.code === code);
  assert.equal(found.length, 1, JSON.stringify(config.warnings));
  return found[0] as Extract<CrioWarning, { code: Code }>;
}

function refusal(text: string, options: ParseCrioConfigOptions = {}): ConfigError {
  try {
    parse(text, {}, options);
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return error;
  }
  assert.fail("accepted");
}

test("a value tells the file, line and column that set it last", () => {
  const config = parse('[crio.runtime]\nlog_level = "warn"\n[crio.image]\npinned_images = [\n  "a",\n]\n', {
    "20-b": '[crio]\nruntime.log_level =  "debug"\n',
    "10-a": '[crio.runtime]\nlog_level="error"\n',
  });
  assert.deepEqual(config.runtime.log_level, {
    value: "debug",
    from: "file",
    origin: { file: `${DROP_INS}/20-b`, line: 2, column: 22 },
  });
  assert.deepEqual(config.image.pinned_images.origin, { file: MAIN, line: 4, column: 17 });
  assert.deepEqual(config.image.pinned_images.value, ["a"]);
  assert.deepEqual(config.api.listen, { value: "/var/run/crio/crio.sock", from: "default" });
  assert.deepEqual(config.files, [MAIN, `${DROP_INS}/10-a`, `${DROP_INS}/20-b`]);
  assert.deepEqual(config.warnings, []);
});

test("drop-ins apply in the order of a walk", () => {
  const paths = ["b", "a.conf", "a/z", "a/y/1", "Z", ".h", "é", "\u{10000}", "\uffff"];
  const dropIns = Object.fromEntries(paths.map((path) => [path, ""]));
  // UTF-8 bytes: U+FFFF is below U+10000, which UTF-16 has the other way round.
  const order = [".h", "Z", "a/y/1", "a/z", "a.conf", "b", "é", "\uffff", "\u{10000}"];
  assert.deepEqual(
    parse("", dropIns).files.slice(1),
    order.map((path) => `${DROP_INS}/${path}`),
  );
});

test("flags win over variables, and these over files", () => {
  const text = '[crio.runtime]\nseccomp_profile = "/a"\nselinux = true\npids_limit = 1\n';
  const env = {
    CONTAINER_SECCOMP_PROFILE: "/b",
    CONTAINER_SELINUX: "",
    CONTAINER_PIDS_LIMIT: "77",
    CONTAINER_HOOKS_DIR: "/x, /y",
    CONTAINER_LISTEN: undefined,
    CONTAINER_DECRYPTION_KEYS_PATH: "/no-such-variable",
  };
  const config = parse(text, {}, { env, flags: { "seccomp-profile": "/c", "storage-opt": "o" } });
  assert.deepEqual(config.runtime.seccomp_profile, { value: "/c", from: "flag", name: "seccomp-profile" });
  assert.deepEqual(config.runtime.selinux, { value: false, from: "environment", name: "CONTAINER_SELINUX" });
  assert.equal(config.runtime.pids_limit.value, 77n);
  assert.deepEqual(config.runtime.hooks_dir.value, ["/x", "/y"]);
  assert.equal(config.api.listen.from, "default");
  assert.equal(config.runtime.decryption_keys_path.value, "/etc/crio/keys/");
  assert.deepEqual(config.root.storage_option.value, ["o"]);
  assert.throws(() => parse("", {}, { flags: { "log-size-max": "x" } }), { code: "ERR_CONFIG_INVALID" });
  assert.throws(() => parse("", {}, { env: { CONTAINER_READ: "", CONTAINER_SELINUX: "yes" } }), {
    code: "ERR_CONFIG_INVALID",
  });
  assert.throws(() => parse("", {}, { flags: { runtimes: "a:b:c" } }), TypeError);
  assert.throws(() => parse("", {}, { flags: { toString: "a" } }), TypeError);
});

test("defaults follow the version", () => {
  const { runtime, image, runtimes } = parse("", {}, { version: "1.30" });
  assert.equal(runtime.default_runtime.value, "runc");
  assert.equal(image.pause_image.value, "registry.k8s.io/pause:3.9");
  assert.deepEqual(runtimes.get("runc")?.settings.allowed_annotations.value, [
    "io.containers.trace-syscall",
    "io.kubernetes.cri-o.Devices",
  ]);
  assert.equal(runtimes.get("runc")?.settings.runtime_root.value, "/run/runc");
  assert.equal(parse("", {}, { version: "1.32.4" }).image.pause_image.value, "registry.k8s.io/pause:3.10");
  assert.equal(parse("", {}, { version: "1.31" }).runtime.default_runtime.value, "crun");
  assert.throws(() => parse("", {}, { version: "1.29" }), { code: "ERR_CONFIG_VERSION" });
  assert.throws(() => parse("", {}, { version: "latest" }), { code: "ERR_CONFIG_VERSION" });
});

test("a key of a later version is told and has no effect", () => {
  const text = '[crio.runtime.runtimes.crun]\nseccomp_profile = "/a"\n';
  const old = parse(text, {}, { version: "1.33" });
  assert.equal(old.runtimes.get("crun")?.settings.seccomp_profile.value, "");
  const { key, hint, origin } = warning(old, "unknown-key");
  assert.equal(key, "crio.runtime.runtimes.crun.seccomp_profile");
  assert.match(String(hint), /1\.34/);
  assert.deepEqual(origin, { file: MAIN, line: 2, column: 1 });
  assert.equal(parse(text).runtimes.get("crun")?.settings.seccomp_profile.value, "/a");
  const stores = '[crio.runtime]\nadditional_artifact_stores = ["/a"]\n';
  assert.deepEqual(parse(stores, {}, { version: "1.35" }).runtime.additional_artifact_stores.value, []);
  assert.deepEqual(parse(stores, {}, { version: "1.36" }).runtime.additional_artifact_stores.value, ["/a"]);
});

const UNKNOWN: [text: string, key: string, hint: RegExp | undefined][] = [
  ['[crio.runtime]\nseccomp_profil = "/a"\n', "crio.runtime.seccomp_profil", /"seccomp_profile"/],
  ['[crio.runtime]\nseccomp-profile = "/a"\n', "crio.runtime.seccomp-profile", /"seccomp_profile"/],
  ['[crio]\nlog_level = "info"\n', "crio.log_level", /belongs to \[crio\.runtime\]/],
  ['[crio.runtime]\nroot = "/a"\n', "crio.runtime.root", /belongs to \[crio\]/],
  ['[runtime]\nseccomp_profile = "/a"\n', "runtime", /\[crio\.runtime\]/],
  ['[crio.runtime.runtime.crun]\nruntime_path = "/a"\n', "crio.runtime.runtime", /"runtimes"/],
  ["[crio.api]\nzzzzzzzzzzzzzzzz = 1\n", "crio.api.zzzzzzzzzzzzzzzz", /known here/],
];

for (const [text, key, hint] of UNKNOWN) {
  test(`a key that means nothing is told: ${key}`, () => {
    const found = warning(parse(text), "unknown-key");
    assert.equal(found.key, key);
    if (hint) assert.match(String(found.hint), hint);
    assert.equal(found.origin.file, MAIN);
  });
}

test("tables that are not read here are passed over", () => {
  assert.deepEqual(parse("[crio.nri]\nenable_nri = true\n[crio.checkpoint_restore]\nx = 1\n").warnings, []);
});

test("of two spellings the exact one counts, and that is told", () => {
  const config = parse(
    '[crio.runtime]\nlog_level = "warn"\nLOG_LEVEL = "debug"\n[Crio.Runtime]\nSELinux = true\n',
  );
  assert.equal(config.runtime.log_level.value, "warn");
  assert.equal(config.runtime.selinux.value, true);
  assert.deepEqual(
    config.warnings.map(({ code, key }) => [code, key]),
    [
      ["ambiguous-key", "Crio"],
      ["ambiguous-key", "crio.runtime.LOG_LEVEL"],
    ],
  );
});

test("names of handlers keep their letter case", () => {
  const config = parse("[crio.runtime.runtimes.Crun]\n");
  assert.deepEqual([...config.runtimes.keys()], ["crun", "Crun"]);
});

test("a table that replaces a handler tells what is lost", () => {
  const text = '[crio.runtime.runtimes.h]\nruntime_path = "/h"\nallowed_annotations = ["bundle"]\n';
  const config = parse(text, {
    "10": '[crio.runtime.runtimes.h]\nruntime_path = "/i"\nno_sync_log = true\n',
    "20": '[crio.runtime.runtimes.h]\nruntime_path = "/j"\nno_sync_log = false\n',
  });
  const found = warning(config, "replaced-table");
  assert.equal(found.key, "crio.runtime.runtimes.h");
  assert.deepEqual(found.lost, ["allowed_annotations"]);
  assert.deepEqual(found.origin, { file: `${DROP_INS}/10`, line: 1, column: 24 });
  assert.deepEqual(found.replaced, { file: MAIN, line: 1, column: 24 });
  assert.equal(config.runtimes.get("h")?.settings.runtime_path.value, "/j");
  assert.deepEqual(config.runtimes.get("h")?.settings.allowed_annotations.value, []);
  assert.equal(config.runtimes.get("h")?.origin?.file, `${DROP_INS}/20`);
});

test("a table that replaces the built-in handler loses what it allows", () => {
  const found = warning(parse('[crio.runtime.runtimes.crun]\nruntime_path = "/c"\n'), "replaced-table");
  assert.equal(found.replaced, undefined);
  assert.ok(found.lost.includes("allowed_annotations") && found.lost.includes("monitor_env"));
});

test("a workload has resources, which go with the table", () => {
  const first = `[crio.runtime.workloads.w]
activation_annotation = "a/b"
resources = { "cpushares" = 5, "cpuset" = "0-1" }
`;
  const config = parse(first);
  assert.equal(config.workloads.get("w")?.resources.cpushares?.value, 5n);
  assert.deepEqual(config.workloads.get("w")?.resources.cpuset?.origin, { file: MAIN, line: 3, column: 43 });
  const replaced = parse(first, { "1": '[crio.runtime.workloads.w]\nactivation_annotation = "c"\n' });
  assert.equal(replaced.workloads.get("w")?.resources.cpuset, undefined);
  assert.deepEqual(warning(replaced, "replaced-table").lost, ["resources.cpushares", "resources.cpuset"]);
});

test("options of storage are added, the last place of each counts", () => {
  const text = '[crio]\nstorage_option = ["b", "c"]\n';
  const config = parse(
    text,
    { "1": '[crio]\nstorage_option = ["a"]\n', "2": "[crio]\nstorage_option = []\n", "3": "" },
    { storage: { options: ["a", "z"] } },
  );
  assert.deepEqual(config.root.storage_option.value, ["z", "b", "c", "a"]);
});

test("an empty folder of storage leaves what was before", () => {
  const config = parse('[crio]\nroot = "/r"\nrunroot = ""\n', { "1": '[crio]\nroot = ""\n' });
  assert.equal(config.root.root.value, "/r");
  assert.equal(config.root.root.origin?.file, MAIN);
  assert.equal(config.root.runroot.value, "/run/containers/storage");
  assert.deepEqual(
    config.warnings.map(({ code, key }) => [code, key]),
    [
      ["replaced-value", "crio.runroot"],
      ["replaced-value", "crio.root"],
    ],
  );
});

const WRONG_TYPES: [text: string, key: string, line: number][] = [
  ["[crio.runtime]\nseccomp_profile = 1\n", "crio.runtime.seccomp_profile", 2],
  ['[crio.runtime]\nselinux = "true"\n', "crio.runtime.selinux", 2],
  ["[crio.runtime]\npids_limit = 1.0\n", "crio.runtime.pids_limit", 2],
  ['[crio.runtime]\nhooks_dir = "/a"\n', "crio.runtime.hooks_dir", 2],
  ['[crio.runtime]\nhooks_dir = ["/a", 1]\n', "crio.runtime.hooks_dir", 2],
  ["[crio.runtime]\nlog_level = 2020-01-01\n", "crio.runtime.log_level", 2],
  ["[[crio.runtime]]\n", "crio.runtime", 1],
  ["crio = 1\n", "crio", 1],
  ["[crio.runtime]\nruntimes = []\n", "crio.runtime.runtimes", 2],
  ["[crio.runtime.runtimes]\ncrun = 1\n", "crio.runtime.runtimes.crun", 2],
  [
    "[crio.runtime.runtimes.a]\ndefault_annotations = { a = 1 }\n",
    "crio.runtime.runtimes.a.default_annotations",
    2,
  ],
  ["[crio.runtime.runtimes.a]\ndefault_annotations = 1\n", "crio.runtime.runtimes.a.default_annotations", 2],
  ["[crio.runtime.workloads.w.resources]\ncpuset = 1\n", "crio.runtime.workloads.w.resources.cpuset", 2],
  ['[crio.image]\npull_progress_timeout = "10"\n', "crio.image.pull_progress_timeout", 2],
  ["[crio.image]\npull_progress_timeout = 1.5\n", "crio.image.pull_progress_timeout", 2],
];

for (const [text, key, line] of WRONG_TYPES) {
  test(`a value of another type is refused: ${text.trim().replaceAll("\n", " ")}`, () => {
    const error = refusal(text);
    assert.equal(error.code, "ERR_CONFIG_TYPE");
    assert.equal(error.key, key);
    assert.equal(error.origin?.line, line);
  });
}

test("a text that is no TOML is refused", () => {
  const error = refusal("[crio]\nroot = \n");
  assert.equal(error.code, "ERR_CONFIG_SYNTAX");
  assert.deepEqual([error.origin?.file, error.origin?.line], [MAIN, 2]);
});

test("durations are texts or nanoseconds", () => {
  const read = (value: string): bigint =>
    parse(`[crio.image]\npull_progress_timeout = ${value}\n`).image.pull_progress_timeout.value;
  assert.equal(read('"1m30s"'), 90_000_000_000n);
  assert.equal(read("5"), 5n);
  assert.equal(read('"0"'), 0n);
});

const REFUSED: [text: string, key: string, message: RegExp][] = [
  [
    '[crio.runtime]\ndefault_runtime = "x"\n',
    "crio.runtime.default_runtime",
    /default_runtime set to "x", but no/,
  ],
  ["[crio.runtime]\nlog_size_max = 8191\n", "crio.runtime.log_size_max", />= 8192/],
  ["[crio.runtime]\nlog_size_max = 0\n", "crio.runtime.log_size_max", />= 8192/],
  ['[crio.runtime]\ncgroup_manager = "x"\n', "crio.runtime.cgroup_manager", /cgroup manager/],
  [
    '[crio.runtime]\nadditional_artifact_stores = ["/a", "b"]\n',
    "crio.runtime.additional_artifact_stores",
    /"b"/,
  ],
  ["[crio.runtime.workloads.w]\n", "crio.runtime.workloads.w", /annotation shouldn't be empty/],
  [
    '[crio.runtime.workloads.w]\nactivation_annotation = "a"\nallowed_annotations = ["x"]\n',
    "crio.runtime.workloads.w.allowed_annotations",
    /invalid allowed_annotation: x/,
  ],
  [
    '[crio.runtime.runtimes.crun]\nallowed_annotations = ["seccomp-profile.crio.io/POD"]\n',
    "crio.runtime.runtimes.crun.allowed_annotations",
    /invalid allowed_annotation/,
  ],
  [
    '[crio.runtime.runtimes.crun]\nruntime_type = "x"\n',
    "crio.runtime.runtimes.crun.runtime_type",
    /runtime_type/,
  ],
  ['[crio.runtime]\nconmon_cgroup = "x"\n', "crio.runtime.runtimes.crun.monitor_cgroup", /systemd slice/],
  [
    '[crio.runtime]\ncgroup_manager = "cgroupfs"\nconmon_cgroup = "a.slice"\n',
    "crio.runtime.runtimes.crun.monitor_cgroup",
    /'pod' or empty/,
  ],
  ['[crio.image]\nimage_volumes = "x"\n', "crio.image.image_volumes", /image volume type/],
  [
    '[crio.image]\nsignature_policy_dir = "p"\n',
    "crio.image.signature_policy_dir",
    /signature policy dir "p" is not/,
  ],
  ['[crio.image]\nnamespaced_auth_dir = ""\n', "crio.image.namespaced_auth_dir", /namespaced auth dir/],
  ['[crio.image]\npause_image = "A"\n', "crio.image.pause_image", /invalid pause image/],
  ['[crio.image]\nshort_name_mode = "permissive"\n', "crio.image.short_name_mode", /invalid short name mode/],
  ['[crio]\nlog_dir = "x"\n', "crio.log_dir", /absolute/],
  ["[crio.api]\nstream_enable_tls = true\n", "crio.api.stream_tls_cert", /cert path is empty/],
  [
    '[crio.api]\nstream_enable_tls = true\nstream_tls_cert = "/c"\n',
    "crio.api.stream_tls_key",
    /key path is empty/,
  ],
];

for (const [text, key, message] of REFUSED) {
  test(`a configuration that CRI-O does not start with is refused: ${text.trim().replaceAll("\n", " ")}`, () => {
    const error = refusal(text);
    assert.equal(error.code, "ERR_CONFIG_INVALID");
    assert.equal(error.key, key);
    assert.match(error.message, message);
  });
}

const DROPPED: [text: string, field: string][] = [
  ['runtime_type = "x"', "runtime_type"],
  ['runtime_type = "vm"\nruntime_path = "/usr/bin/kata"', "runtime_path"],
  ['runtime_config_path = "/x"', "runtime_config_path"],
  ['allowed_annotations = ["x"]', "allowed_annotations"],
  ['runtime_type = "pod"\nno_sync_log = true', "no_sync_log"],
  ["stream_websockets = true", "stream_websockets"],
  ['exec_cpu_affinity = "x"', "exec_cpu_affinity"],
];

for (const [text, field] of DROPPED) {
  test(`a handler that is not valid is dropped: ${text.replaceAll("\n", " ")}`, () => {
    const config = parse(`[crio.runtime.runtimes.h]\n${text}\n`);
    assert.deepEqual([...config.runtimes.keys()], ["crun"]);
    assert.equal(warning(config, "dropped-handler").key, `crio.runtime.runtimes.h.${field}`);
    const error = refusal(`[crio.runtime]\ndefault_runtime = "h"\n[crio.runtime.runtimes.h]\n${text}\n`);
    assert.equal(error.code, "ERR_CONFIG_INVALID");
  });
}

test("handlers get what they lack", () => {
  const config = parse(`[crio.runtime.runtimes.crun]
runtime_path = "/c"
runtime_root = "/r"
[crio.runtime.runtimes.a]
runtime_type = "vm"
inherit_default_runtime = true
container_create_timeout = 5
`);
  const a = config.runtimes.get("a")?.settings;
  assert.deepEqual(a?.runtime_path, config.runtimes.get("crun")?.settings.runtime_path);
  assert.equal(a?.runtime_type.value, "");
  assert.equal(a?.container_create_timeout.value, 30n);
  assert.equal(a?.container_min_memory.value, "12MiB");
  assert.equal(config.runtimes.get("crun")?.settings.container_create_timeout.value, 240n);
  assert.equal(warning(config, "replaced-value").key, "crio.runtime.runtimes.a.container_create_timeout");
});

test("former keys of the monitor win, except for virtual machines", () => {
  const config = parse(`[crio.runtime]
conmon = "/c"
conmon_cgroup = "pod"
conmon_env = ["A=1"]
[crio.runtime.runtimes.vm]
runtime_type = "vm"
monitor_path = "/m"
`);
  const crun = config.runtimes.get("crun")?.settings;
  assert.deepEqual(
    [crun?.monitor_path.value, crun?.monitor_cgroup.value, crun?.monitor_env.value],
    ["/c", "pod", ["A=1"]],
  );
  assert.equal(crun?.monitor_path.origin?.line, 2);
  assert.equal(config.runtimes.get("vm")?.settings.monitor_path.value, "/m");
  const own = parse(`[crio.runtime]
conmon = "/c"
[crio.runtime.runtimes.a]
monitor_path = "/c"
[crio.runtime.runtimes.b]
monitor_path = "/m"
`);
  assert.equal(own.runtimes.get("b")?.settings.monitor_path.value, "/c");
  assert.deepEqual(
    own.warnings.map(({ code, key, origin }) => [code, key, origin?.line]),
    [["replaced-value", "crio.runtime.runtimes.b.monitor_path", 6]],
  );
  const cgroupfs = parse('[crio.runtime]\ncgroup_manager = "cgroupfs"\n');
  assert.equal(cgroupfs.runtimes.get("crun")?.settings.monitor_cgroup.value, "");
});

test("values that take no effect are told", () => {
  const config = parse(`[crio.runtime]
ctr_stop_timeout = 5
default_runtime = ""
[crio.image]
insecure_registries = ["a"]
[crio.api]
grpc_max_send_msg_size = 0
[crio.network]
plugin_dir = "/p"
`);
  assert.equal(config.runtime.ctr_stop_timeout.value, 30n);
  assert.equal(config.runtime.default_runtime.value, "crun");
  assert.equal(config.api.grpc_max_send_msg_size.value, 83_886_080n);
  assert.deepEqual(config.network.plugin_dirs.value, ["/opt/cni/bin/", "/p"]);
  assert.deepEqual(
    config.warnings.map(({ code, key }) => [code, key]),
    [
      ["replaced-value", "crio.runtime.default_runtime"],
      ["replaced-value", "crio.runtime.ctr_stop_timeout"],
      ["no-effect", "crio.image.insecure_registries"],
      ["replaced-value", "crio.api.grpc_max_send_msg_size"],
    ],
  );
});

test("names that objects have anyway are ordinary names", () => {
  const config = parse(`[crio.runtime.runtimes.__proto__]
runtime_path = "/p"
[crio.runtime.runtimes.constructor]
[crio.runtime.runtimes.crun.default_annotations]
__proto__ = "x"
`);
  assert.deepEqual([...config.runtimes.keys()], ["crun", "__proto__", "constructor"]);
  assert.equal(config.runtimes.get("__proto__")?.settings.runtime_path.value, "/p");
  assert.deepEqual(
    [...(config.runtimes.get("crun")?.settings.default_annotations.value ?? [])],
    [["__proto__", "x"]],
  );
});

test("a hint is looked for only until a hundred things were told", () => {
  const keys = Array.from({ length: 150 }, (_, index) => `stream_por${index} = "a"`).join("\n");
  const { warnings } = parse(`[crio.api]\n${keys}\n`);
  assert.equal(warnings.length, 150);
  const hinted = warnings.filter((each) => each.code === "unknown-key" && each.hint !== undefined);
  assert.equal(hinted.length, 100);
});
