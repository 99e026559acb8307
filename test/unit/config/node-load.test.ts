import assert from "node:assert/strict";
import { posix } from "node:path";
import { describe, test } from "node:test";
import { type LoadNodeOptions, loadNode } from "../../../src/config/node/load.ts";
import { nodePolicy } from "../../../src/config/node/policy.ts";
import { nodePullSources } from "../../../src/config/node/pull-sources.ts";
import type { NodeConfig } from "../../../src/config/node.ts";
import { type NodeFiles, nodeFiles } from "../../../src/config/node-files.ts";
import { parseReference } from "../../../src/core/reference.ts";
import { type RootFiles, withRoot } from "./node-root.ts";

const CRIO = "/etc/crio/crio.conf";
const CONTAINERD = "/etc/containerd/config.toml";
const KUBELET = "/var/lib/kubelet/config.yaml";
const kubelet = (text: string): string =>
  `apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n${text}\n`;

/** Files in memory by path: a read that goes by them cannot have been of the disk. */
function memory(texts: Readonly<Record<string, string>>, asked: string[] = []): NodeFiles {
  const read = async (path: string): Promise<string | undefined> => {
    asked.push(path);
    return Object.hasOwn(texts, path) ? texts[path] : undefined;
  };
  return {
    read,
    async readBytes(path) {
      const text = await read(path);
      return text === undefined ? undefined : Buffer.from(text);
    },
    async list(folder) {
      asked.push(folder);
      const below = Object.keys(texts).filter((path) => path.startsWith(`${folder}/`));
      const names = below.map((path) => posix.relative(folder, path).split("/")[0] ?? "");
      return names.length === 0 ? undefined : [...new Set(names)];
    },
    isLink: async () => false,
  };
}

async function loaded(
  texts: Readonly<Record<string, string>>,
  options: Partial<LoadNodeOptions> = {},
): Promise<NodeConfig> {
  return loadNode({ root: "/this/root/is/not/there", files: memory(texts), ...options });
}

/** Codes of the warnings, each with its source, without those of the kubelet's command line. */
function codes({ warnings }: NodeConfig): string[] {
  return warnings
    .filter(({ source, code }) => !(source === "kubelet" && code === "not-exact"))
    .map(({ source, code }) => `${source} ${code}`);
}

describe("the runtime of a node", () => {
  test("is the one that has files, or programs", async () => {
    for (const [texts, kind] of [
      [{ [CRIO]: "" }, "cri-o"],
      [{ "/etc/crio/crio.conf.d/10-a.conf": "" }, "cri-o"],
      [{ [CONTAINERD]: "" }, "containerd"],
      [{ "/usr/bin/crio": "" }, "cri-o"],
      [{ "/usr/local/bin/containerd": "" }, "containerd"],
      [{ "/usr/bin/crio": "", "/usr/bin/containerd": "" }, "containerd"],
      // A program counts only where there are no files.
      [{ [CRIO]: "", "/usr/bin/containerd": "" }, "cri-o"],
    ] as const) {
      assert.equal((await loaded(texts)).runtime.kind, kind, Object.keys(texts).join());
    }
  });

  test("is the one that the kubelet's endpoint is named for", async () => {
    const both = { [CRIO]: "", [CONTAINERD]: "" };
    const at = (socket: string): Record<string, string> => ({
      ...both,
      [KUBELET]: kubelet(`containerRuntimeEndpoint: ${socket}`),
    });
    const crio = await loaded(at("unix:///var/run/crio/crio.sock"));
    assert.equal(crio.runtime.kind, "cri-o");
    assert.deepEqual(codes(crio), ["node other-runtime"]);
    const containerd = await loaded(at("unix:///run/containerd/containerd.sock"));
    assert.equal(containerd.runtime.kind, "containerd");
    assert.deepEqual(
      containerd.warnings.find(({ source }) => source === "node"),
      { source: "node", code: "other-runtime", runtime: "cri-o", file: CRIO },
    );
    const other = await loaded(at("unix:///run/k3s/containerd/containerd.sock"));
    assert.deepEqual(codes(other), ["node other-runtime", "node other-socket"]);
    await assert.rejects(loaded(at("unix:///run/x.sock")), { code: "ERR_CONFIG_FILE" });
    assert.equal((await loaded(at("unix:///run/x.sock"), { runtime: "cri-o" })).runtime.kind, "cri-o");
    // Without an endpoint of its own a kubelet uses containerd's.
    assert.equal((await loaded(both)).runtime.kind, "containerd");
  });

  test("is never guessed", async () => {
    await assert.rejects(loaded({}), { code: "ERR_CONFIG_FILE" });
    assert.equal((await loaded({}, { runtime: "containerd" })).runtime.kind, "containerd");
    assert.equal((await loaded({}, { runtime: "cri-o" })).runtime.kind, "cri-o");
  });

  test("is read from the files of its command", async () => {
    const crio = await loaded({ "/x.conf": '[crio.api]\nlisten = "/x"\n' }, { crio: { config: "/x.conf" } });
    assert.equal(crio.runtime.kind === "cri-o" && crio.runtime.config.api.listen.value, "/x");
    const ofEnv = await loaded({ "/x.conf": "" }, { env: { CONTAINER_CONFIG: "/x.conf" } });
    assert.equal(ofEnv.runtime.kind, "cri-o");
    const containerd = await loaded(
      { "/c.toml": 'version = 2\nroot = "/r"\n' },
      { containerd: { path: "/c.toml", release: "1.7" } },
    );
    assert.equal(containerd.runtime.kind === "containerd" && containerd.runtime.config.root.value, "/r");
    assert.equal(containerd.runtime.kind === "containerd" && containerd.runtime.config.release, "1.7");
  });
});

describe("the command of a runtime", () => {
  const unit = (exec: string, more = ""): string => `[Service]\nExecStart=${exec}\n${more}`;
  const CRIO_UNIT = "/usr/lib/systemd/system/crio.service";
  const CONTAINERD_UNIT = "/etc/systemd/system/containerd.service";

  test("is that of CRI-O's unit with its variables, and on top of it what the caller says", async () => {
    const texts = {
      [CRIO]: '[crio.image]\nsignature_policy = "/file.json"\n',
      [CRIO_UNIT]: unit(
        "/usr/bin/crio $CRIO_OPTIONS --hooks-dir /a --hooks-dir=/b -d conf.d --selinux --enable-x y --log-journald=true",
        "EnvironmentFile=-/etc/sysconfig/crio\nEnvironment=CONTAINER_PAUSE_IMAGE=p.example/p HOME=/h\n",
      ),
      "/etc/sysconfig/crio": "CRIO_OPTIONS=--signature-policy /unit.json\n",
      "/conf.d/a": "[crio.runtime]\npids_limit = 7\n",
      "/h/.config/containers/registries.conf": '[[registry]]\nlocation = "of-home"\n',
    };
    const node = await loaded(texts);
    assert.ok(node.runtime.kind === "cri-o");
    const { image, runtime } = node.runtime.config;
    assert.deepEqual([image.signature_policy.value, image.signature_policy.from], ["/unit.json", "flag"]);
    assert.deepEqual([image.pause_image.value, image.pause_image.from], ["p.example/p", "environment"]);
    assert.deepEqual(runtime.hooks_dir.value, ["/a", "/b"]);
    assert.deepEqual([runtime.selinux.value, runtime.log_to_journald.value], [true, true]);
    assert.equal(runtime.pids_limit.value, 7n);
    assert.equal(node.runtime.registries.registries[0]?.prefix, "of-home");
    assert.deepEqual(codes(node), ["node not-exact"]);
    const doubt = node.warnings.find(({ source }) => source === "node");
    assert.ok(doubt && "reason" in doubt && doubt.reason.includes("--enable-x"));

    const changed = await loaded(texts, {
      env: { HOME: "/other" },
      crio: { configDir: "/none", flags: { "signature-policy": "/caller.json" } },
    });
    assert.ok(changed.runtime.kind === "cri-o");
    assert.equal(changed.runtime.config.image.signature_policy.value, "/caller.json");
    assert.deepEqual(changed.runtime.config.runtime.hooks_dir.value, ["/a", "/b"]);
    assert.notEqual(changed.runtime.config.runtime.pids_limit.value, 7n);
    assert.equal(changed.runtime.registries.registries.length, 0);
  });

  test("is that of containerd's unit", async () => {
    const texts = {
      "/c/own.toml": 'version = 2\nstate = "/file"\n',
      [CONTAINERD_UNIT]: unit("/usr/local/bin/containerd -c /c/own.toml --root=/r -a /run/x.sock -l debug"),
    };
    const { runtime } = await loaded(texts, { containerd: { flags: { state: "/caller" } } });
    assert.ok(runtime.kind === "containerd");
    const { root, state, socket, logLevel, files } = runtime.config;
    assert.deepEqual(
      [root.value, state.value, socket.value, logLevel.value],
      ["/r", "/caller", "/run/x.sock", "debug"],
    );
    assert.deepEqual(
      files.map(({ path }) => path),
      ["/c/own.toml"],
    );
    await assert.rejects(loaded({ [CONTAINERD_UNIT]: texts[CONTAINERD_UNIT] }, { runtime: "containerd" }), {
      code: "ERR_CONFIG_FILE",
    });
  });

  test("is not counted where it cannot be told, with a warning", async () => {
    for (const exec of ["/usr/bin/wrapper crio --selinux", "/usr/bin/crio wipe", "/usr/bin/crio --root"]) {
      const node = await loaded({ [CRIO]: "", [CRIO_UNIT]: unit(exec) });
      assert.deepEqual(codes(node), ["node not-exact"], exec);
      assert.equal(node.runtime.kind === "cri-o" && node.runtime.config.runtime.selinux.value, false);
    }
    const other = await loaded({ [CRIO]: "", [CONTAINERD_UNIT]: unit("/usr/bin/wrapper") });
    assert.deepEqual(codes(other), []);
  });

  test("of a kubelet has variables, too", async () => {
    const texts = {
      [CONTAINERD]: "",
      "/etc/systemd/system/kubelet.service": unit("/usr/bin/kubelet", "Environment=HOME=/k A=b\n"),
    };
    const node = await loaded(texts, { kubeletEnv: { A: "c" } });
    assert.deepEqual(node.kubeletEnv, { HOME: "/k", A: "c" });
  });
});

describe("a node with CRI-O", () => {
  test("has registries.conf and registries.d with the place of each entry", async () => {
    const texts = {
      [CRIO]: "",
      "/etc/containers/registries.conf":
        'unqualified-search-registries = ["a.example"]\n\n[[registry]]\nlocation = "quay.io"\n',
      "/etc/containers/registries.conf.d/x.conf":
        '[[registry]]\nprefix = "*.example.com"\nblocked = true\nblokced = true\n[aliases]\nx = "x.example/x"\n',
      "/etc/containers/registries.d/a.yaml": "default-docker:\n  lookaside: file:///s\ndefault_docker: {}\n",
    };
    const node = await loaded(texts);
    assert.ok(node.runtime.kind === "cri-o");
    const { registries, registriesOrigins, signatures } = node.runtime;
    assert.deepEqual(registries.registries.map(({ prefix }) => prefix).sort(), ["*.example.com", "quay.io"]);
    const [main, dropIn] = ["/etc/containers/registries.conf", "/etc/containers/registries.conf.d/x.conf"];
    assert.deepEqual(registriesOrigins, {
      registries: new Map([
        ["quay.io", { file: main, line: 3, column: 3 }],
        ["*.example.com", { file: dropIn, line: 1, column: 3 }],
      ]),
      aliases: new Map([["x", { file: dropIn, line: 6, column: 1 }]]),
      keys: new Map([["unqualified-search-registries", { file: main, line: 1, column: 33 }]]),
    });
    assert.deepEqual(signatures.files, ["/etc/containers/registries.d/a.yaml"]);
    assert.deepEqual(codes(node), ["registries.conf unknown-key", "registries.d unknown-key"]);
    assert.deepEqual(
      node.warnings.find(({ source }) => source === "registries.conf"),
      {
        source: "registries.conf",
        code: "unknown-key",
        key: "registry[0].blokced",
        origin: { file: dropIn, line: 4, column: 1 },
      },
    );
  });

  test("has the files of root's home, and none of this process", async () => {
    const texts = { [CRIO]: "", "/h/.config/containers/registries.conf": '[[registry]]\nlocation = "h"\n' };
    const ofHome = await loaded(texts, { env: { HOME: "/h" } });
    assert.equal(ofHome.runtime.kind === "cri-o" && ofHome.runtime.registries.registries.length, 1);
    const before = process.env["HOME"];
    process.env["HOME"] = "/h";
    try {
      const node = await loaded(texts);
      assert.equal(node.runtime.kind === "cri-o" && node.runtime.registries.registries.length, 0);
    } finally {
      process.env["HOME"] = before;
    }
  });

  test("is not read with files that are none", async () => {
    await assert.rejects(loaded({ [CRIO]: "=" }), { code: "ERR_CONFIG_SYNTAX" });
    await assert.rejects(loaded({ [CRIO]: "", "/etc/containers/registries.conf": "=" }), {
      code: "ERR_OCI_CONFIG_INVALID",
    });
    await assert.rejects(loaded({ [CRIO]: "", "/etc/containers/registries.d/a.yaml": "- 1" }), {
      code: "ERR_POLICY_REGISTRIES_D",
    });
    await assert.rejects(loaded({ [CRIO]: "", [KUBELET]: "a: [" }), { code: "ERR_CONFIG_SYNTAX" });
  });
});

describe("a node with containerd", () => {
  const MAIN = 'version = 3\n[plugins."io.containerd.cri.v1.images".registry]\nconfig_path = "/c:/d"\n';

  test("has its folders of hosts, with what is wrong in them", async () => {
    const texts = {
      [CONTAINERD]: MAIN,
      "/c/docker.io/hosts.toml":
        'server = "https://s.example"\n[host."https://m.example"]\n  skip_verfy = true\n[host."https://n.example"]\n',
      "/c/quay.io/hosts.toml": '[host."https://m.example"]\n\ncapabilities = [\n',
      "/c/ghcr.io/hosts.toml": '[host."https://m.example"]\ncapabilities = ["pul"]\n',
      "/c/a.example/ca.crt": "",
      "/c/file": "",
      "/d/docker.io/hosts.toml": "",
    };
    const node = await loaded(texts);
    assert.ok(node.runtime.kind === "containerd");
    const { hosts } = node.runtime;
    assert.deepEqual(
      hosts.map(({ path, hosts }) => [path, hosts?.hosts.map(({ host }) => host)]),
      [
        ["/c/a.example", undefined],
        ["/c/docker.io", ["m.example", "n.example"]],
        ["/c/ghcr.io", undefined],
        ["/c/quay.io", undefined],
        ["/d/docker.io", undefined],
      ],
    );
    const file = "/c/docker.io/hosts.toml";
    assert.deepEqual(
      hosts[1]?.origins,
      new Map([
        ["https://m.example", { file, line: 2, column: 7 }],
        ["https://n.example", { file, line: 4, column: 7 }],
        ["server", { file, line: 1, column: 1 }],
      ]),
    );
    const own = node.warnings.filter(({ source }) => source === "hosts.toml");
    assert.deepEqual(own[0], {
      source: "hosts.toml",
      code: "unknown-key",
      key: 'host."https://m.example".skip_verfy',
      origin: { file, line: 3, column: 3 },
    });
    assert.deepEqual(
      own.slice(1).map((each) => [each.code, "origin" in each && each.origin?.file]),
      [
        ["broken-file", "/c/ghcr.io/hosts.toml"],
        ["broken-file", "/c/quay.io/hosts.toml"],
      ],
    );
    assert.ok(own[2] && "origin" in own[2] && (own[2].origin?.line ?? 0) >= 3);
  });

  test("warns of image verifiers, which nothing here foresees", async () => {
    const programs = { "/opt/containerd/image-verifier/bin/check": "" };
    const node = await loaded({ [CONTAINERD]: "version = 3\n", ...programs });
    assert.deepEqual(node.warnings.at(-1), {
      source: "node",
      code: "image-verifiers",
      folder: "/opt/containerd/image-verifier/bin",
      programs: ["check"],
    });
    const plugin = '[plugins."io.containerd.image-verifier.v1.bindir"]\nbin_dir = "../v"\n';
    const elsewhere = await loaded({ [CONTAINERD]: `version = 3\n${plugin}`, "/v/a": "", ...programs });
    assert.deepEqual(codes(elsewhere), ["node image-verifiers"]);
    const off = 'version = 3\ndisabled_plugins = ["io.containerd.image-verifier.v1.bindir"]\n';
    assert.deepEqual(codes(await loaded({ [CONTAINERD]: off, ...programs })), []);
    const old = { containerd: { release: "1.7" } };
    assert.deepEqual(codes(await loaded({ [CONTAINERD]: "version = 2\n", ...programs }, old)), []);
  });
});

describe("cgroups", () => {
  const runc = (driver: string): string =>
    `version = 2\n[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]\nruntime_type = "io.containerd.runc.v2"\n[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]\nSystemdCgroup = ${driver === "systemd"}\n`;
  const drivers = async (texts: Readonly<Record<string, string>>, release?: string): Promise<unknown> => {
    const { warnings } = await loaded(texts, { containerd: { release } });
    const found = warnings.find(({ code }) => code === "cgroup-driver");
    return found?.code === "cgroup-driver" ? [found.kubelet, found.runtime, found.origin?.line] : undefined;
  };

  test("of a kubelet and a runtime that disagree are told", async () => {
    const says = (driver: string): string => kubelet(`cgroupDriver: ${driver}`);
    for (const release of ["1.7", "2.2"]) {
      for (const other of ["systemd", "cgroupfs"]) {
        const own = other === "systemd" ? "cgroupfs" : "systemd";
        assert.deepEqual(await drivers({ [CONTAINERD]: runc(own), [KUBELET]: says(other) }, release), [
          other,
          own,
          3,
        ]);
        assert.equal(await drivers({ [CONTAINERD]: runc(own), [KUBELET]: says(own) }, release), undefined);
      }
    }
    const crio = '[crio.runtime]\ncgroup_manager = "cgroupfs"\nconmon_cgroup = "pod"\n';
    assert.deepEqual(await drivers({ [CRIO]: crio, [KUBELET]: says("systemd") }), ["systemd", "cgroupfs", 3]);
    assert.equal(await drivers({ [CRIO]: "", [KUBELET]: says("systemd") }), undefined);
  });

  test("of a kubelet that says nothing count where it does not ask the runtime", async () => {
    const texts = { [CONTAINERD]: runc("systemd"), [KUBELET]: kubelet("") };
    assert.deepEqual(await drivers(texts, "1.7"), ["cgroupfs", "systemd", undefined]);
    assert.equal(await drivers(texts, "2.0"), undefined);
    // Its configuration is not at hand.
    assert.equal(await drivers({ [CONTAINERD]: runc("systemd") }, "1.7"), undefined);
  });
});

describe("loadNode", () => {
  test("reads by the files that it is given, and asks them for absolute paths only", async () => {
    const asked: string[] = [];
    for (const texts of [{ [CRIO]: "" }, { [CONTAINERD]: "" }]) {
      await loadNode({ root: "/not/there", files: memory(texts, asked) });
    }
    assert.ok(asked.length > 10);
    assert.deepEqual(
      asked.filter((path) => !path.startsWith("/") || path.includes("not/there")),
      [],
    );
  });

  test("an abort ends it with its reason, before and while it reads", async () => {
    const reason = new Error("stop");
    await assert.rejects(loaded({ [CRIO]: "" }, { signal: AbortSignal.abort(reason) }), reason);
    for (const at of [1, 5, 9, 12]) {
      const ending = new AbortController();
      let reads = 0;
      const files = memory({ [CRIO]: "" });
      const slow: NodeFiles = {
        ...files,
        async read(path, options) {
          if (++reads === at) ending.abort(reason);
          options.signal?.throwIfAborted();
          return files.read(path, options);
        },
      };
      await assert.rejects(loadNode({ root: "/x", files: slow, signal: ending.signal }), reason, `${at}`);
    }
  });

  test("a copied /etc is read inside itself, through every link", async () => {
    const text = (folder: string): string => `[crio.runtime]\nnamespaces_dir = "/${folder}"\n`;
    const inside: RootFiles = {
      [CRIO]: "->../../../../crio.conf",
      "/crio.conf": text("inside"),
      "/etc/crio/crio.conf.d/a": "->/../../a.conf",
      "/a.conf": '[crio.image]\nsignature_policy_dir = "/../../policies"\n',
      "/policies/ns.json": "->../../../policies/real.json",
      "/policies/real.json": '{"default":[{"type":"reject"}]}',
      "/etc/containers/registries.conf": "->../../../../r.conf",
      "/r.conf": '[[registry]]\nlocation = "quay.io"\nblocked = true\n',
      "/etc/containers/registries.d/x.yaml": "->../../../../../x.yaml",
      "/x.yaml": "default-docker:\n  lookaside: file:///inside\n",
      [KUBELET]: "->../../../../k.yaml",
      "/k.yaml": kubelet("containerRuntimeEndpoint: unix:///run/crio/crio.sock\nseccompDefault: true"),
    };
    const outside: RootFiles = {
      "/crio.conf": text("leaked"),
      "/a.conf": '[crio.image]\nsignature_policy_dir = "/leaked"\n',
      "/policies/real.json": '{"default":[{"type":"insecureAcceptAnything"}]}',
      "/policies/ns.json": '{"default":[{"type":"insecureAcceptAnything"}]}',
      "/r.conf": "",
      "/x.yaml": "default-docker:\n  lookaside: file:///leaked\n",
      "/k.yaml": kubelet("seccompDefault: false"),
    };
    await withRoot({ inside, outside }, async (root) => {
      for (const files of [undefined, nodeFiles({ root })]) {
        const node = await loadNode({ root, files });
        assert.ok(node.runtime.kind === "cri-o");
        assert.equal(node.runtime.config.runtime.namespaces_dir.value, "/inside");
        assert.equal(node.kubelet.seccompDefault.value, true);
        assert.equal(node.runtime.signatures.config.defaultDocker?.lookaside, "file:///inside");
        const policy = await nodePolicy(node, "ns");
        assert.equal(policy.kind === "policy" && policy.policy.default[0]?.type, "reject");
        assert.equal((await nodePullSources(node)(parseReference("quay.io/a"), {})).kind, "blocked");
      }
    });
  });
});
