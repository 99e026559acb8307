import assert from "node:assert/strict";
import { test } from "node:test";
import {
  type ConfigProblem,
  CriError,
  NamespaceMode,
  type ParseContainerConfigOptions,
  Protocol,
  parseContainerConfig,
  parsePodSandboxConfig,
  SecurityProfile_ProfileType,
  Signal,
} from "../../../../src/cri/index.ts";

/** The problems of a text that must be refused, as `path line:column`. */
function problemsOf(parse: () => unknown): string[] {
  let problems: string[] = [];
  assert.throws(parse, (error) => {
    assert.ok(error instanceof CriError, String(error));
    assert.equal(error.code, "ERR_CRI_CONFIG_INVALID");
    problems = (error.problems ?? []).map(({ path, line, column }) => `${path} ${line}:${column}`);
    assert.ok(problems.length > 0);
    return true;
  });
  return problems;
}

const POD = `
metadata: {name: web, namespace: shop, uid: u1, attempt: 2}
hostname: größe
log_directory: /var/log/pods/shop_web_u1
dns_config:
  servers: [192.0.2.53]
port_mappings:
- {protocol: SCTP, container_port: 80, host_port: "8080"}
labels: {app: "yes", 8080: http}
linux:
  cgroup_parent: /pods
  sysctls: {net.core.somaxconn: '1024'}
  security_context:
    run_as_user: {value: -9223372036854775808}
    supplemental_groups: [1, "9223372036854775807"]
    namespace_options: {network: NODE, pid: 1}
    seccomp: {profile_type: Localhost, localhost_ref: /p.json}
`;

test("a pod in YAML with the names of the contract", () => {
  const pod = parsePodSandboxConfig(POD);
  assert.equal(pod.metadata?.uid, "u1");
  assert.equal(pod.metadata?.attempt, 2);
  assert.equal(pod.hostname, "größe");
  assert.equal(pod.logDirectory, "/var/log/pods/shop_web_u1");
  assert.deepEqual(pod.dnsConfig?.servers, ["192.0.2.53"]);
  assert.equal(pod.portMappings[0]?.protocol, Protocol.SCTP);
  assert.equal(pod.portMappings[0]?.hostPort, 8080);
  assert.deepEqual({ ...pod.labels }, { app: "yes", 8080: "http" });
  const context = pod.linux?.securityContext;
  assert.equal(context?.runAsUser?.value, -(2n ** 63n));
  assert.deepEqual(context?.supplementalGroups, [1n, 2n ** 63n - 1n]);
  assert.equal(context?.namespaceOptions?.network, NamespaceMode.NODE);
  assert.equal(context?.namespaceOptions?.pid, NamespaceMode.CONTAINER);
  assert.equal(context?.namespaceOptions?.ipc, NamespaceMode.POD);
  assert.equal(context?.seccomp?.profileType, SecurityProfile_ProfileType.Localhost);
});

const CONTAINER = {
  metadata: { name: "app" },
  image: { image: "reg/app:1" },
  envs: [{ key: "A", value: "größe" }],
  mounts: [{ containerPath: "/x", hostPath: "/y", uidMappings: [{ hostId: 4294967295, length: 1 }] }],
  CDIDevices: [{ name: "v/c=d" }],
  stopSignal: "SIGTERM",
  workingDir: "/",
  stdin_once: true,
};

test("a container in JSON in lowerCamelCase", () => {
  const container = parseContainerConfig(JSON.stringify(CONTAINER));
  assert.equal(container.image?.image, "reg/app:1");
  assert.deepEqual(container.envs[0]?.value, new TextEncoder().encode("größe"));
  assert.equal(container.mounts[0]?.containerPath, "/x");
  assert.equal(container.mounts[0]?.uidMappings[0]?.hostId, 2 ** 32 - 1);
  assert.equal(container.CDIDevices[0]?.name, "v/c=d");
  assert.equal(container.stopSignal, Signal.SIGTERM);
  assert.equal(container.stdinOnce, true);
});

/** A container with something more, in YAML. */
const container = (more: string, options?: ParseContainerConfigOptions) =>
  parseContainerConfig(`metadata: {name: a}\nimage: {image: b}\n${more}`, options);

test("signals go by both of their names, and by number", () => {
  for (const name of ["SIGTERM", "SIGNAL_SIGTERM", "23"]) {
    assert.equal(container(`stop_signal: ${name}`).stopSignal, Signal.SIGTERM);
  }
  assert.equal(container("stop_signal: RUNTIME_DEFAULT").stopSignal, Signal.RUNTIME_DEFAULT);
  for (const name of ["sigterm", "TERM", "66", "-1", "1.0", "'23'", "toString", "SIGNAL_SIGNAL_SIGTERM"]) {
    assert.deepEqual(
      problemsOf(() => container(`stop_signal: ${name}`)),
      ["$['stop_signal'] 3:14"],
    );
  }
});

test("keys are taken in any case, once", () => {
  assert.equal(container("LOG_PATH: x").logPath, "x");
  assert.equal(container("LogPath: x").logPath, "x");
  assert.equal(container("cdi_devices: [{name: x}]").CDIDevices[0]?.name, "x");
  assert.deepEqual(
    problemsOf(() => container("log_path: x\nlogPath: x")),
    ["$['logPath'] 4:1"],
  );
  assert.deepEqual(
    problemsOf(() => container("log_path:\nlogPath: x")),
    ["$['logPath'] 4:1"],
  );
  assert.deepEqual(
    problemsOf(() => container("log_path: x\nlog_path: x")),
    ["$ 4:1"],
  );
  assert.deepEqual(
    problemsOf(() => parseContainerConfig('{"tty":true,"tty":true}')),
    ["$['tty'] 1:13"],
  );
});

test("every unknown key and every value that does not fit is named with its place", () => {
  const text = [
    "größe: 1",
    "linux:",
    "  securityContex: {}",
    "  security_context: {privilegd: true, privileged: 1}",
    "envs: [{key: A, value: 1}, {key: B, val: x}]",
    "constructor: 1",
  ];
  assert.deepEqual(
    problemsOf(() => container(text.join("\n"))),
    [
      "$['größe'] 3:1",
      "$['linux']['securityContex'] 5:3",
      "$['linux']['security_context']['privilegd'] 6:22",
      "$['linux']['security_context']['privileged'] 6:51",
      "$['envs'][0]['value'] 7:24",
      "$['envs'][1]['val'] 7:37",
      "$['constructor'] 8:1",
    ],
  );
  assert.deepEqual(
    problemsOf(() => parseContainerConfig('{\n "größe": 1,\n "tty": 1}')),
    ["$['größe'] 2:13", "$['tty'] 3:9"],
  );
});

test("unknown keys can be ignored, and are told then; other problems remain errors", () => {
  const told: ConfigProblem[] = [];
  const options = {
    unknownKeys: "ignore",
    onWarning: (problem: ConfigProblem) => told.push(problem),
  } as const;
  assert.equal(container("ttty: true\ntty: true", options).tty, true);
  assert.deepEqual(
    told.map(({ path, line, column }) => ({ path, line, column })),
    [{ path: "$['ttty']", line: 3, column: 1 }],
  );
  assert.equal(container("ttty: true", { unknownKeys: "ignore" }).tty, false);
  const many = Array.from({ length: 200 }, (_, i) => `k${i}: 1`).join("\n");
  assert.deepEqual(
    problemsOf(() => container(`${many}\ntty: 1`, options)),
    ["$['tty'] 203:6"],
  );
});

const REFUSED_VALUES: readonly string[] = [
  "tty: yes",
  "tty: 'true'",
  "tty: 1",
  "tty: []",
  "command: x",
  "command: [yes]",
  "command: [1]",
  "command: [1.0]",
  "command: [010]",
  "command: [1_000]",
  "command: [0x1F]",
  "command: [.inf]",
  "command: [1.]",
  "command: [-.5e-3]",
  "command: [null]",
  "command: [~]",
  "command: {}",
  "command: [!!binary aGk=]",
  "command: [!foo x]",
  "command: [!!int 1]",
  "labels: {a: 1}",
  "labels: {a: true}",
  "labels: {a: null}",
  "labels: {yes: a}",
  "labels: {010: a}",
  "labels: {[a]: b}",
  "labels: []",
  "linux: []",
  "linux: x",
  "linux: {resources: {cpu_quota: 9223372036854775808}}",
  "linux: {resources: {cpu_quota: 1.5}}",
  "linux: {resources: {cpu_quota: 1e3}}",
  "linux: {resources: {cpu_quota: 010}}",
  "linux: {resources: {cpu_quota: '1.0'}}",
  "linux: {resources: {cpu_quota: ''}}",
  `linux: {resources: {cpu_quota: ${"9".repeat(10_000)}}}`,
  "linux: {resources: {hugepage_limits: [{limit: -1}]}}",
  "linux: {resources: {hugepage_limits: [{limit: 18446744073709551616}]}}",
  "linux: {security_context: {run_as_user: 1000}}",
  "envs: [{value: !!binary 'a-b'}]",
  "metadata: {name: c}",
  "a: *nothing",
  "a: &x [*x]",
  "<<: 1",
  "<<: [1]",
  "--- {}",
  "... \n--- {}",
  "a:\n\tb: c",
  "? {a: b}\n: c",
  "%FOO bar",
];

for (const more of REFUSED_VALUES) {
  test(`no configuration: ${more.slice(0, 80)}`, () => {
    problemsOf(() => container(more));
  });
}

test("what YAML can say", () => {
  const words = [
    "'yes'",
    "x y",
    "-c",
    "192.0.2.53",
    "1.2.3",
    "12:30:45",
    "2001-01-01",
    "-",
    "1a",
    "0xg",
    "_1",
  ];
  assert.deepEqual(
    container(`command: [${words.map((word) => (word === "-" ? "'-'" : word)).join(", ")}]`).command,
    ["yes", ...words.slice(1)],
  );
  assert.deepEqual(container("command:\n- |\n  a\n  b\n- >-\n  c\n  d\n- !!str 5").command, [
    "a\nb\n",
    "c d",
    "5",
  ]);
  assert.deepEqual(container("envs: [{key: A, value: !!binary /w==}]").envs[0]?.value, Uint8Array.of(255));
  assert.equal(container("tty: True\nlog_path: ~").tty, true);
  assert.equal(container("linux: {resources: {cpu_quota: +5}}").linux?.resources?.cpuQuota, 5n);
  assert.equal(
    container("linux: {resources: {hugepage_limits: [{limit: 18446744073709551615}]}}").linux?.resources
      ?.hugepageLimits[0]?.limit,
    2n ** 64n - 1n,
  );
  const labels = "labels: &l {a: b, c: d}\nannotations: {<<: *l, a: e}";
  assert.deepEqual({ ...container(labels).annotations }, { a: "e", c: "d" });
  assert.deepEqual({ ...container("labels: {__proto__: x}").labels }, JSON.parse('{"__proto__":"x"}'));
  assert.deepEqual(container("command:\n- |\n  ]\n- ']'\n- a]b").command, ["]\n", "]", "a]b"]);
  assert.deepEqual({ ...container("labels: {'<<': x}").labels }, { "<<": "x" });
  const two = "labels: {<<: [{a: '1'}, {a: '2', b: '3'}]}";
  assert.deepEqual({ ...container(two).labels }, { a: "1", b: "3" });
});

test("what is required is required", () => {
  const pod = (text: string) => problemsOf(() => parsePodSandboxConfig(text));
  assert.deepEqual(pod("{}"), ["$ 1:1", "$ 1:1"]);
  assert.deepEqual(pod("metadata: {name: a}"), ["$ 1:1"]);
  assert.deepEqual(pod("metadata: {name: a, namespace: ''}"), ["$ 1:1"]);
  const some = (text: string) => problemsOf(() => parseContainerConfig(text));
  assert.deepEqual(some('{"metadata": {"name": "a"}}'), ["$ 1:1"]);
  assert.deepEqual(some('{"metadata": {"name": "a"}, "image": {"imageRef": "b"}}'), ["$ 1:1"]);
  assert.deepEqual(some('{"metadata": null, "image": {"image": "b"}}'), ["$ 1:1"]);
  for (const text of ["", " \n", "# nothing", "null", "[]", "x", '"x"', "{", "{}}", "{'a': 1}"]) some(text);
});

test("a pod without a uid gets one", () => {
  const text = "metadata: {name: a, namespace: b}";
  const [one, two] = [parsePodSandboxConfig(text), parsePodSandboxConfig(text)];
  assert.match(one.metadata?.uid ?? "", /^[0-9a-f]{8}-[0-9a-f]{4}-4/);
  assert.notEqual(one.metadata?.uid, two.metadata?.uid);
  assert.equal(parsePodSandboxConfig(text, { newUid: () => "mine" }).metadata?.uid, "mine");
});

test("a pod for Linux without a cgroup is allowed, and told", () => {
  const told: string[] = [];
  const onWarning = ({ path, line, column }: ConfigProblem) => told.push(`${path} ${line}:${column}`);
  parsePodSandboxConfig("metadata: {name: a, namespace: b}\nlinux: {}", { onWarning });
  assert.deepEqual(told, ["$['linux'] 2:1"]);
  parsePodSandboxConfig(POD, { onWarning });
  assert.equal(told.length, 1);
});

test("bytes, a byte order mark and lone surrogates", () => {
  const text = JSON.stringify(CONTAINER);
  assert.equal(parseContainerConfig(new TextEncoder().encode(text)).tty, false);
  assert.equal(parseContainerConfig(`\ufeff${text}`).workingDir, "/");
  problemsOf(() => parseContainerConfig(Uint8Array.of(0x7b, 0xff, 0x7d)));
  problemsOf(() => container("log_path: '\ud800'"));
  assert.throws(() => container("", { maxBytes: -1 }), RangeError);
  problemsOf(() => container("", { maxBytes: 10 }));
  problemsOf(() =>
    container("#größe", {
      maxBytes: Buffer.byteLength("metadata: {name: a}\nimage: {image: b}\n#größe") - 1,
    }),
  );
  assert.ok(
    container("#größe", { maxBytes: Buffer.byteLength("metadata: {name: a}\nimage: {image: b}\n#größe") }),
  );
});

test("neither depth nor aliases nor merge keys make a small text a large one", { timeout: 60_000 }, () => {
  const started = performance.now();
  problemsOf(() => container(`command: ${"[".repeat(50_000)}`));
  problemsOf(() => container(`command: ${"[".repeat(500)}${"]".repeat(500)}`));
  for (const bracket of ["]", "}", "[", "a: {"])
    problemsOf(() => parseContainerConfig(bracket.repeat(200_000)));
  problemsOf(() => parseContainerConfig(`{"a":${"[".repeat(50_000)}`));
  const ids = `[${"{length: 1},".repeat(2000)}]`;
  const mount = `{uidMappings: *ids, gidMappings: *ids}`;
  const bomb = `a: &ids ${ids}\nb: &m [${`${mount},`.repeat(5000)}]\nmounts: *m`;
  problemsOf(() => container(bomb, { unknownKeys: "ignore" }));
  const wide = Array.from({ length: 1000 }, (_, i) => `k${i}: x`).join(", ");
  problemsOf(() =>
    container(`a: &w {${wide}}\nlabels: {<<: [${"*w,".repeat(2000)}]}`, { unknownKeys: "ignore" }),
  );
  const keys = Array.from({ length: 60_000 }, (_, i) => `k${i}: x`).join("\n");
  problemsOf(() => container(keys));
  assert.ok(performance.now() - started < 30_000);
});

test("nesting of blocks is refused before the library goes as deep", () => {
  for (const part of ["- ", "? "]) {
    assert.throws(() => parsePodSandboxConfig(part.repeat(20_000)), /nested too deep/);
  }
});
