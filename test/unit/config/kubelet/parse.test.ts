import assert from "node:assert/strict";
import { test } from "node:test";
import { ConfigError } from "../../../../src/config/errors.ts";
import {
  type KubeletFiles,
  type ParseKubeletConfigOptions,
  parseKubeletConfig,
} from "../../../../src/config/kubelet/parse.ts";
import type { KubeletConfig } from "../../../../src/config/kubelet/types.ts";

const HEAD = "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n";
const MAIN = "/var/lib/kubelet/config.yaml";

function main(body: string): KubeletFiles {
  return { main: { path: MAIN, text: HEAD + body } };
}

function withDropIns(body: string, ...dropIns: string[]): KubeletFiles {
  return {
    ...main(body),
    dropIns: dropIns.map((text, index) => ({ path: `/etc/kubelet.d/${index}.conf`, text: HEAD + text })),
  };
}

function words(...texts: string[]): ParseKubeletConfigOptions {
  return { command: texts.map((text) => ({ text })) };
}

async function refusal(
  files: KubeletFiles,
  options?: ParseKubeletConfigOptions,
): Promise<[code: string, key: string | undefined, line: number | undefined]> {
  try {
    await parseKubeletConfig(files, options);
  } catch (error) {
    assert.ok(error instanceof ConfigError, String(error));
    return [error.code, error.key, error.origin?.line];
  }
  assert.fail("not refused");
}

test("without files and flags everything is the kubelet's own", async () => {
  const config = await parseKubeletConfig({});
  assert.equal(config.release, "1.36");
  assert.deepEqual(config.files, []);
  assert.deepEqual(config.seccompDefault, { value: false });
  assert.deepEqual(config.seccompRoot, { value: "/var/lib/kubelet/seccomp" });
  assert.deepEqual(config.containerRuntimeEndpoint, { value: "unix:///run/containerd/containerd.sock" });
  assert.deepEqual(config.cgroupDriver, { value: "cgroupfs" });
  assert.deepEqual(config.maxPods, { value: 110 });
  assert.deepEqual(config.podPidsLimit, { value: -1n });
  assert.deepEqual(config.registryPullQPS, { value: 5 });
  assert.deepEqual(config.registryBurst, { value: 10 });
  assert.deepEqual(config.serializeImagePulls, { value: true });
  assert.deepEqual(config.maxParallelImagePulls, { value: undefined });
  assert.deepEqual(config.resolvConf, { value: "/etc/resolv.conf" });
  assert.deepEqual(config.imagePullCredentialsVerificationPolicy, { value: "NeverVerifyPreloadedImages" });
  assert.deepEqual(config.warnings, []);
  assert.equal("configFile" in config, false);
});

test("each key of a file has its value and its place", async () => {
  const body = `seccompDefault: true
cgroupDriver: systemd
cgroupRoot: /pods
containerRuntimeEndpoint: unix:///run/crio/crio.sock
imageServiceEndpoint: unix:///run/images.sock
podCIDR: 10.0.0.0/24
maxPods: 250
podPidsLimit: 4096
allowedUnsafeSysctls: [net.core.somaxconn, "kernel.msg*"]
featureGates:
  ImageVolume: true
  UserNamespacesSupport: false
imagePullCredentialsVerificationPolicy: NeverVerifyAllowlistedImages
preloadedImagesVerificationAllowlist:
  - registry.example/base/*
registryPullQPS: 0
registryBurst: 20
serializeImagePulls: false
maxParallelImagePulls: 4
staticPodPath: /etc/kubernetes/manifests
staticPodURL: https://pods.example/
resolvConf: ""
clusterDomain: cluster.local
clusterDNS: [10.96.0.10, "fd00::a"]
userNamespaces:
  idsPerPod: 131072
`;
  const config = await parseKubeletConfig(main(body));
  const at = (line: number, column: number) => ({ file: MAIN, line, column });
  assert.deepEqual(config.files, [MAIN]);
  assert.deepEqual(config.seccompDefault, { value: true, origin: at(3, 17) });
  assert.deepEqual(config.cgroupDriver, { value: "systemd", origin: at(4, 15) });
  assert.deepEqual(config.cgroupRoot, { value: "/pods", origin: at(5, 13) });
  assert.deepEqual(config.containerRuntimeEndpoint, {
    value: "unix:///run/crio/crio.sock",
    origin: at(6, 27),
  });
  assert.deepEqual(config.imageServiceEndpoint, { value: "unix:///run/images.sock", origin: at(7, 23) });
  assert.deepEqual(config.podCIDR, { value: "10.0.0.0/24", origin: at(8, 10) });
  assert.deepEqual(config.maxPods, { value: 250, origin: at(9, 10) });
  assert.deepEqual(config.podPidsLimit, { value: 4096n, origin: at(10, 15) });
  assert.deepEqual(
    config.allowedUnsafeSysctls.map(({ value }) => value),
    ["net.core.somaxconn", "kernel.msg*"],
  );
  assert.deepEqual(
    [...config.featureGates].map(([name, { value, origin }]) => [name, value, origin?.line]),
    [
      ["ImageVolume", true, 13],
      ["UserNamespacesSupport", false, 14],
    ],
  );
  assert.deepEqual(config.imagePullCredentialsVerificationPolicy, {
    value: "NeverVerifyAllowlistedImages",
    origin: at(15, 41),
  });
  assert.deepEqual(config.preloadedImagesVerificationAllowlist, [
    { value: "registry.example/base/*", origin: at(17, 5) },
  ]);
  assert.deepEqual(config.registryPullQPS, { value: 0, origin: at(18, 18) });
  assert.deepEqual(config.registryBurst, { value: 20, origin: at(19, 16) });
  assert.deepEqual(config.serializeImagePulls, { value: false, origin: at(20, 22) });
  assert.deepEqual(config.maxParallelImagePulls, { value: 4, origin: at(21, 24) });
  assert.deepEqual(config.staticPodPath, { value: "/etc/kubernetes/manifests", origin: at(22, 16) });
  assert.deepEqual(config.staticPodURL, { value: "https://pods.example/", origin: at(23, 15) });
  assert.deepEqual(config.resolvConf, { value: "", origin: at(24, 13) });
  assert.deepEqual(config.clusterDomain, { value: "cluster.local", origin: at(25, 16) });
  assert.deepEqual(
    config.clusterDNS.map(({ value }) => value),
    ["10.96.0.10", "fd00::a"],
  );
  assert.deepEqual(config.userNamespacesIdsPerPod, { value: 131_072n, origin: at(28, 14) });
  assert.deepEqual(config.warnings, []);
});

test("zero, nothing and a negative limit leave the default", async () => {
  const body = `maxPods: 0\nregistryBurst: 0\npodPidsLimit: -7\ncgroupDriver: ""\ncontainerRuntimeEndpoint: ""
seccompDefault: null\nregistryPullQPS:\n`;
  const config = await parseKubeletConfig(main(body));
  assert.equal(config.maxPods.value, 110);
  assert.equal(config.registryBurst.value, 10);
  assert.equal(config.podPidsLimit.value, -1n);
  assert.equal(config.cgroupDriver.value, "cgroupfs");
  assert.equal(config.containerRuntimeEndpoint.value, "unix:///run/containerd/containerd.sock");
  assert.equal(config.seccompDefault.value, false);
  assert.equal(config.registryPullQPS.value, 5);
});

test("several pulls at once are not one after the other, unless a file says so", async () => {
  const several = await parseKubeletConfig(main("maxParallelImagePulls: 3\n"));
  assert.equal(several.serializeImagePulls.value, false);
  assert.equal(
    (await parseKubeletConfig(main("maxParallelImagePulls: 1\n"))).serializeImagePulls.value,
    true,
  );
  const both = main("maxParallelImagePulls: 3\nserializeImagePulls: true\n");
  assert.deepEqual(await refusal(both), ["ERR_CONFIG_INVALID", "maxParallelImagePulls", 3]);
});

test("words of YAML 1.1 are what they are to the kubelet", async () => {
  for (const [written, value] of [
    ["yes", true],
    ["On", true],
    ["y", true],
    ["no", false],
    ["OFF", false],
  ] as const) {
    assert.equal(
      (await parseKubeletConfig(main(`seccompDefault: ${written}\n`))).seccompDefault.value,
      value,
    );
  }
  assert.equal((await parseKubeletConfig(main("maxPods: 0x10\n"))).maxPods.value, 16);
  assert.equal((await parseKubeletConfig(main("maxPods: 010\n"))).maxPods.value, 8);
  assert.equal((await parseKubeletConfig(main("maxPods: 1_0\n"))).maxPods.value, 10);
  assert.equal((await parseKubeletConfig(main("maxPods: 12.0\n"))).maxPods.value, 12);
  for (const body of [
    'seccompDefault: "yes"\n',
    "maxPods: '110'\n",
    "cgroupDriver: on\n",
    "maxPods: 1.5\n",
  ]) {
    assert.equal((await refusal(main(body)))[0], "ERR_CONFIG_TYPE");
  }
});

test("a value of another type is refused, at any depth and whatever the key means", async () => {
  for (const [body, key] of [
    ["maxPods: [1]\n", "maxPods"],
    ["maxPods: 2147483648\n", "maxPods"],
    ["clusterDNS: 10.0.0.1\n", "clusterDNS"],
    ["clusterDNS: [1]\n", "clusterDNS[0]"],
    ["featureGates: {A: 'true'}\n", "featureGates.A"],
    ["authentication: {webhook: {enabled: 1}}\n", "authentication.webhook.enabled"],
    ["syncFrequency: 60\n", "syncFrequency"],
    ["syncFrequency: 1 minute\n", "syncFrequency"],
    ["evictionHard: {memory.available: 100}\n", 'evictionHard."memory.available"'],
    ["logging: {verbosity: -1}\n", "logging.verbosity"],
    ["userNamespaces: 65536\n", "userNamespaces"],
  ] as const) {
    assert.deepEqual(await refusal(main(body)), ["ERR_CONFIG_TYPE", key, 3], body);
  }
});

test("unknown and repeated keys of the main file are passed over, and told", async () => {
  const body =
    "seccompdefault: true\nmaxPods: 5\nmaxPods: 6\nauthentication:\n  anonymus: {}\n---\nmaxPods: 7\n";
  const config = await parseKubeletConfig(main(body));
  assert.equal(config.seccompDefault.value, false);
  assert.equal(config.maxPods.value, 6);
  const told = config.warnings.map((each) => [
    "key" in each ? each.key : "",
    each.code,
    "origin" in each ? each.origin?.line : 0,
  ]);
  assert.deepEqual(told.sort(), [
    ["", "ignored-document", 8],
    ["authentication.anonymus", "unknown-key", 7],
    ["maxPods", "duplicate-key", 5],
    ["seccompdefault", "unknown-key", 3],
  ]);
  const [hinted] = config.warnings.filter((each) => each.code === "unknown-key");
  assert.deepEqual(hinted && "hint" in hinted ? hinted.hint : "", 'did you mean "seccompDefault"?');
});

test("what is no configuration of version v1beta1 is refused", async () => {
  const of = (text: string): KubeletFiles => ({ main: { path: MAIN, text } });
  for (const [text, code] of [
    ["", "ERR_CONFIG_INVALID"],
    ["# nothing\n", "ERR_CONFIG_VERSION"],
    ["kind: KubeletConfiguration\n", "ERR_CONFIG_VERSION"],
    ["apiVersion: kubelet.config.k8s.io/v1beta1\n", "ERR_CONFIG_VERSION"],
    ["apiVersion: kubelet.config.k8s.io/v1alpha1\nkind: KubeletConfiguration\n", "ERR_CONFIG_VERSION"],
    ["apiVersion: kubelet.config.k8s.io/v1beta1\nkind: CredentialProviderConfig\n", "ERR_CONFIG_VERSION"],
    ["- a\n", "ERR_CONFIG_VERSION"],
    ["a: [\n", "ERR_CONFIG_SYNTAX"],
    ["a: *b\n", "ERR_CONFIG_SYNTAX"],
    ["a: !x b\n", "ERR_CONFIG_SYNTAX"],
    ["{a: b}\n", "ERR_CONFIG_SYNTAX"],
    [`${"[".repeat(60)}`, "ERR_CONFIG_SYNTAX"],
    [`# ${"x".repeat(1024 * 1024)}`, "ERR_CONFIG_TOO_LARGE"],
  ] as const) {
    assert.equal((await refusal(of(text)))[0], code, text.slice(0, 80));
  }
});

test("a file that begins as a JSON object is JSON", async () => {
  const text = `{"apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration",
  "größe": 1, "maxPods": 7}`;
  const config = await parseKubeletConfig({ main: { path: "/etc/kubelet.json", text } });
  assert.deepEqual(config.maxPods, { value: 7, origin: { file: "/etc/kubelet.json", line: 2, column: 26 } });
});

test("anchors and merge keys count in the order of the text", async () => {
  const body = "x: &x {maxPods: 5}\n<<: *x\npodPidsLimit: &n 7\nmaxParallelImagePulls: *n\n";
  const config = await parseKubeletConfig(main(body));
  assert.equal(config.maxPods.value, 5);
  assert.equal(config.maxParallelImagePulls.value, 7);
  const bomb = `a: &a [x, x, x, x, x, x, x, x, x, x]\n${["b", "c", "d", "e", "f", "g"]
    .map((name, index) => `${name}: &${name} [${`*${"abcdef"[index]}, `.repeat(10)}x]\n`)
    .join("")}`;
  assert.equal((await refusal(main(bomb)))[0], "ERR_CONFIG_SYNTAX");
  assert.equal((await refusal(main("a: &a [*a]\n")))[0], "ERR_CONFIG_SYNTAX");
});

test("drop-ins are merged: objects by key, lists and values as a whole, and null removes", async () => {
  const files = withDropIns(
    "featureGates: {A: true, B: true}\nclusterDNS: [1.1.1.1, 2.2.2.2]\nmaxPods: 50\nseccompDefault: true\n",
    "featureGates: {B: false, C: true}\nclusterDNS: [3.3.3.3]\n",
    "maxPods: null\nseccompDefault: null\nfeatureGates: {A: null}\n",
  );
  const config = await parseKubeletConfig(files);
  assert.deepEqual(config.files, [MAIN, "/etc/kubelet.d/0.conf", "/etc/kubelet.d/1.conf"]);
  assert.deepEqual(
    [...config.featureGates].map(([name, { value, origin }]) => [name, value, origin?.file]),
    [
      ["B", false, "/etc/kubelet.d/0.conf"],
      ["C", true, "/etc/kubelet.d/0.conf"],
    ],
  );
  assert.deepEqual(
    config.clusterDNS.map(({ value }) => value),
    ["3.3.3.3"],
  );
  assert.deepEqual(config.maxPods, { value: 110 });
  assert.deepEqual(config.seccompDefault, { value: false });
});

test("a drop-in's key counts in any letter case, an unknown one is told, a repeated one refused", async () => {
  const config = await parseKubeletConfig(withDropIns("maxPods: 50\n", "maxpods: 60\nunknown: 1\n"));
  assert.equal(config.maxPods.value, 60);
  assert.deepEqual(
    config.warnings.map((each) => [each.code, "key" in each ? each.key : ""]),
    [
      ["other-case", "maxpods"],
      ["unknown-key", "unknown"],
    ],
  );
  // Of two spellings the one counts whose letters come last.
  assert.equal((await parseKubeletConfig(withDropIns("maxPods: 50\n", "MAXPODS: 60\n"))).maxPods.value, 50);
  const twice = withDropIns("", "maxPods: 1\nmaxPods: 2\n");
  assert.deepEqual(await refusal(twice), ["ERR_CONFIG_SYNTAX", "maxPods", 4]);
  assert.equal((await refusal(withDropIns("", "maxPods: x\n")))[0], "ERR_CONFIG_TYPE");
  const bare = { dropIns: [{ path: "/d/a.conf", text: "maxPods: 1\n" }] };
  assert.equal((await refusal(bare))[0], "ERR_CONFIG_VERSION");
});

test("defaults that depend on other values are settled before drop-ins", async () => {
  const parallel = withDropIns("", "maxParallelImagePulls: 5\n");
  assert.deepEqual(await refusal(parallel), ["ERR_CONFIG_INVALID", "maxParallelImagePulls", 3]);
  const settled = await parseKubeletConfig(
    withDropIns("maxParallelImagePulls: 5\n", "maxParallelImagePulls: 1\n"),
  );
  assert.equal(settled.serializeImagePulls.value, false);
  const off = "featureGates: {KubeletEnsureSecretPulledImages: false}\n";
  const key = "imagePullCredentialsVerificationPolicy";
  assert.equal((await refusal(withDropIns("", off)))[1], key);
  assert.equal((await parseKubeletConfig(main(off)))[key].value, "");
});

test("flags go before files, gates one by one", async () => {
  const files = main("maxPods: 50\nclusterDNS: [1.1.1.1]\nfeatureGates: {A: true, B: true}\n");
  const origin = { file: "/etc/default/kubelet", line: 1, column: 1 };
  const config = await parseKubeletConfig(files, {
    command: [
      { text: "--max-pods=60", origin },
      { text: "--cluster_dns" },
      { text: '2.2.2.2,"3.3.3.3"' },
      { text: "--cluster-dns=4.4.4.4" },
      { text: "--feature-gates=B=false, C=true" },
      { text: "--root-dir=/data//kubelet/" },
      { text: "--v=2" },
      { text: "-v" },
      { text: "3" },
      { text: "--image-credential-provider-config=/etc/p.yaml" },
      { text: "--image-credential-provider-bin-dir=/opt/p" },
      { text: "--hostname-override=n1" },
      { text: "--serialize-image-pulls=f" },
      { text: "--pod-max-pids=0x10" },
    ],
  });
  assert.deepEqual(config.maxPods, { value: 60, flag: "max-pods", origin });
  assert.deepEqual(
    config.clusterDNS.map(({ value }) => value),
    ["2.2.2.2", "3.3.3.3", "4.4.4.4"],
  );
  assert.deepEqual(
    [...config.featureGates].map(([name, { value }]) => [name, value]),
    [
      ["A", true],
      ["B", false],
      ["C", true],
    ],
  );
  assert.deepEqual(config.rootDir, { value: "/data/kubelet", flag: "root-dir" });
  assert.deepEqual(config.seccompRoot, { value: "/data/kubelet/seccomp", flag: "root-dir" });
  assert.equal(config.imageCredentialProviderConfig.value, "/etc/p.yaml");
  assert.equal(config.imageCredentialProviderBinDir.value, "/opt/p");
  assert.equal(config.hostnameOverride.value, "n1");
  assert.equal(config.serializeImagePulls.value, false);
  assert.equal(config.podPidsLimit.value, 16n);
  assert.deepEqual(
    config.warnings.map((each) =>
      each.code === "flag-wins" ? [each.key, each.flag, each.origin.line] : each.code,
    ),
    [
      ["clusterDNS", "cluster-dns", 4],
      ["maxPods", "max-pods", 3],
      ["featureGates.B", "feature-gates", 5],
    ],
  );
});

test("the default profile is asked for if a flag or a file says so", async () => {
  const seccomp = async (body: string, ...flags: string[]): Promise<KubeletConfig["seccompDefault"]> =>
    (await parseKubeletConfig(main(body), words(...flags))).seccompDefault;
  assert.equal((await seccomp("", "--seccomp-default")).value, true);
  assert.equal((await seccomp("seccompDefault: false\n", "--seccomp-default")).flag, "seccomp-default");
  const kept = await seccomp("seccompDefault: true\n", "--seccomp-default=false");
  assert.deepEqual(kept, { value: true, origin: { file: MAIN, line: 3, column: 17 } });
  assert.equal((await seccomp("", "--seccomp-default=false")).value, false);
});

test("a command line that the kubelet does not take is refused", async () => {
  for (const flags of [
    ["--no-such-flag"],
    ["--max-pods=x"],
    ["--max-pods=2147483648"],
    ["--max-pods"],
    ["--seccomp-default=maybe"],
    ["--feature-gates=A"],
    ["--feature-gates=A=maybe"],
    ['--cluster-dns=a"b'],
    ["--seccomp-default", "true"],
    ["run"],
    ["-"],
    ["-x"],
    ["--", "more"],
    ["--container-runtime-endpoint="],
  ]) {
    assert.equal((await refusal({}, words(...flags)))[0], "ERR_CONFIG_INVALID", flags.join(" "));
  }
  assert.equal((await parseKubeletConfig({}, words("--seccomp-default", "--"))).seccompDefault.value, true);
});

test("values are refused that the kubelet does not start with", async () => {
  for (const [body, key] of [
    ["maxPods: -1\n", "maxPods"],
    ["registryPullQPS: -1\n", "registryPullQPS"],
    ["registryBurst: -1\n", "registryBurst"],
    ["maxParallelImagePulls: 0\n", "maxParallelImagePulls"],
    ["imagePullCredentialsVerificationPolicy: Sometimes\n", "imagePullCredentialsVerificationPolicy"],
    ["preloadedImagesVerificationAllowlist: [a]\n", "preloadedImagesVerificationAllowlist"],
    ["userNamespaces: {idsPerPod: 1000}\n", "userNamespaces.idsPerPod"],
    ["userNamespaces: {idsPerPod: 0}\n", "userNamespaces.idsPerPod"],
    ["port: 65536\n", "port"],
    ["oomScoreAdj: 1001\n", "oomScoreAdj"],
    ["imageGCLowThresholdPercent: 85\n", "imageGCLowThresholdPercent"],
    ["imageGCHighThresholdPercent: 101\n", "imageGCHighThresholdPercent"],
    ["containerLogMaxFiles: 1\n", "containerLogMaxFiles"],
    ["containerLogMonitorInterval: 1s\n", "containerLogMonitorInterval"],
    ["topologyManagerPolicy: best\n", "topologyManagerPolicy"],
    ["hairpinMode: some\n", "hairpinMode"],
    ["runOnce: true\n", "runOnce"],
    ["podLogsDir: logs\n", "podLogsDir"],
  ] as const) {
    assert.deepEqual((await refusal(main(body))).slice(0, 2), ["ERR_CONFIG_INVALID", key], body);
  }
});

test("what a release does not have is passed over, and its default is none", async () => {
  const body = "imagePullCredentialsVerificationPolicy: AlwaysVerify\n";
  const config = await parseKubeletConfig(main(body), { release: "1.32" });
  assert.equal(config.imagePullCredentialsVerificationPolicy.value, "");
  assert.deepEqual(
    config.warnings.map((each) => each.code),
    ["unknown-key"],
  );
  assert.deepEqual((await refusal(main(body), { release: "v1.33.1" }))[0], "ERR_CONFIG_INVALID");
  const on = `${body}featureGates: {KubeletEnsureSecretPulledImages: true}\n`;
  const asked = await parseKubeletConfig(main(on), { release: "1.33" });
  assert.equal(asked.imagePullCredentialsVerificationPolicy.value, "AlwaysVerify");
  for (const release of ["1.29", "2.0", "", "1.x", "1.300000"]) {
    await assert.rejects(parseKubeletConfig({}, { release }), RangeError, release);
  }
});

test("relative paths of the main file begin at its folder", async () => {
  const config = await parseKubeletConfig(main("staticPodPath: manifests\nresolvConf: ../resolv.conf\n"));
  assert.equal(config.staticPodPath.value, "/var/lib/kubelet/manifests");
  assert.equal(config.resolvConf.value, "/var/lib/resolv.conf");
});

test("of very many unknown keys all are told, and of the first ones what they may mean", {
  timeout: 60_000,
}, async () => {
  const keys = Array.from({ length: 40_000 }, (_, index) => `"seccompDefaul${index}":1`);
  const text = `{"apiVersion":"kubelet.config.k8s.io/v1beta1","kind":"KubeletConfiguration",${keys.join()}}`;
  const { warnings } = await parseKubeletConfig({ main: { path: MAIN, text } });
  assert.equal(warnings.length, 40_000);
  assert.equal(warnings.filter((each) => "hint" in each).length, 100);
});
