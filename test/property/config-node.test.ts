import assert from "node:assert/strict";
import { posix } from "node:path";
import { test } from "node:test";
import fc from "fast-check";
import { lookUpNodeCredentials, nodeCredentials } from "../../src/config/node/credentials.ts";
import { nodeDecryption } from "../../src/config/node/decryption.ts";
import { nodeHandler } from "../../src/config/node/handler.ts";
import { keyPlace } from "../../src/config/node/key-place.ts";
import { loadNode } from "../../src/config/node/load.ts";
import { nodePolicy } from "../../src/config/node/policy.ts";
import { nodePullSources } from "../../src/config/node/pull-sources.ts";
import { nodeShortNames } from "../../src/config/node/short-names.ts";
import type { NodeFiles } from "../../src/config/node-files.ts";
import { parseTomlDocument } from "../../src/config/origin.ts";
import { isLadingError } from "../../src/core/errors.ts";
import { parseReference } from "../../src/core/reference.ts";
import { property } from "./runs.ts";

const SECRET = "pässw0rd-that-must-not-show";
const AUTH = Buffer.from(`user:${SECRET}`).toString("base64");

/** Files of nodes with what may stand in them; each text may be mutated. */
const FILES: Readonly<Record<string, readonly string[]>> = {
  "/etc/crio/crio.conf": [
    "",
    '[crio.image]\nglobal_auth_file = "/auth.json"\nsignature_policy = "/p.json"\nsignature_policy_dir = "/d"\n',
    '[crio.image]\nshort_name_mode = "disabled"\n[crio.runtime]\ndecryption_keys_path = "/keys"\n',
  ],
  "/etc/crio/crio.conf.d/a": ['[crio.runtime]\ndefault_runtime = "x"\n[crio.runtime.runtimes.x]\n'],
  "/etc/containerd/config.toml": [
    "",
    'version = 3\n[plugins."io.containerd.cri.v1.images".registry]\nconfig_path = "/c"\n',
    `version = 2\n[plugins."io.containerd.grpc.v1.cri".registry.configs."quay.io".auth]\nusername = "u"\npassword = "${SECRET}"\n`,
    'version = 2\n[plugins."io.containerd.grpc.v1.cri".registry.mirrors."*"]\nendpoint = ["https://m"]\n',
  ],
  "/c/quay.io/hosts.toml": ['server = "https://s"\n[host."https://m"]\nca = "x"\nnope = 1\n', "[host"],
  "/etc/containers/registries.conf": [
    'unqualified-search-registries = ["a", "b"]\n[[registry]]\nprefix = "*.io"\nlocation = "m"\nnope = 1\n[aliases]\nx = "y/z"\n',
    'credential-helpers = ["h", "containers-auth.json"]\n',
  ],
  "/etc/containers/registries.d/a.yaml": [
    "default-docker:\n  lookaside: file:///s\n",
    "docker: {a: {x: 1}}\n",
  ],
  "/var/lib/kubelet/kubeadm-flags.env": [
    'KUBELET_KUBEADM_ARGS="--image-credential-provider-config=/p.yaml"\n',
  ],
  "/etc/containers/policy.json": ['{"default":[{"type":"reject"}]}'],
  "/d/ns.json": ['{"default":[{"type":"insecureAcceptAnything"}]}'],
  "/p.json": ['{"default":[{"type":"reject"}]}', ""],
  "/auth.json": [`{"auths":{"quay.io":{"auth":"${AUTH}"}}}`, '{"credHelpers":{"quay.io":"h"}}'],
  "/var/lib/kubelet/config.json": [`{"auths":{"quay.io":{"auth":"${AUTH}"}}}`],
  "/run/containers/0/auth.json": [`{"auths":{"quay.io/a":{"auth":"${AUTH}"}}}`],
  "/var/lib/kubelet/config.yaml": [
    "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\nseccompDefault: true\n",
    "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\ncgroupDriver: systemd\n",
    "containerRuntimeEndpoint: unix:///run/crio/crio.sock\napiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\n",
  ],
  "/p.yaml": ["providers:\n- name: p\n  matchImages: [quay.io]\n", "providers: []\n"],
  "/keys/a": ["-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n", ""],
  "/var/cache/containers/short-name-aliases.conf": ['[aliases]\nx = "a/b"\n'],
};

/** A text as it is, or with a piece cut out or put in. */
function mutated(text: string): fc.Arbitrary<string> {
  const position = fc.nat({ max: text.length });
  const piece = fc.constantFrom("", "\n", "=", '"', "[", "]", "{", "\0", "é", "1", "x = 1\n", "- a\n");
  return fc.oneof(
    { weight: 3, arbitrary: fc.constant(text) },
    {
      weight: 1,
      arbitrary: fc
        .tuple(position, fc.nat({ max: 5 }), piece)
        .map(([at, cut, put]) => text.slice(0, at) + put + text.slice(at + cut)),
    },
  );
}

const nodes = fc
  .tuple(
    ...Object.entries(FILES).map(([path, texts]) =>
      fc.option(
        fc
          .constantFrom(...texts)
          .chain(mutated)
          .map((text) => [path, text] as const),
        { nil: undefined, freq: 3 },
      ),
    ),
  )
  .map((entries) => Object.fromEntries(entries.filter((each) => each !== undefined)));

function memory(texts: Readonly<Record<string, string>>, asked: string[]): NodeFiles {
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
      const below = Object.keys(texts).filter((path) => path.startsWith(folder === "/" ? "/" : `${folder}/`));
      const names = below.map((path) => posix.relative(folder, path).split("/")[0] ?? "");
      return names.length === 0 ? undefined : [...new Set(names)];
    },
    isLink: async () => false,
  };
}

/** What a promise gives, unless it is refused as it should be. */
async function answerOf<T>(promise: Promise<T>): Promise<T | undefined> {
  try {
    return await promise;
  } catch (error) {
    assert.ok(isLadingError(error), error instanceof Error ? error.stack : String(error));
    assert.ok(!error.message.includes(SECRET) && !error.message.includes(AUTH), error.message);
    return undefined;
  }
}

test("a node and its answers throw lading's errors only, ask for absolute paths only, and tell no secret", async () => {
  await fc.assert(
    fc.asyncProperty(nodes, fc.constantFrom("cri-o", "containerd", undefined), async (texts, runtime) => {
      const asked: string[] = [];
      const files = memory(texts, asked);
      const node = await answerOf(
        loadNode({ root: "/not/there", files, runtime, containerd: { release: "2.2" } }),
      );
      if (!node) return;
      const policy = await answerOf(nodePolicy(node, "ns"));
      if (policy?.kind === "policy") {
        assert.equal(policy.candidates.filter(({ outcome }) => outcome === "chosen").length, 1);
        assert.ok(Object.hasOwn(texts, policy.path));
      }
      const lookup = await answerOf(lookUpNodeCredentials(node, "quay.io/a", { namespace: "ns" }));
      const told = JSON.stringify([lookup, node.warnings]);
      assert.ok(!told.includes(SECRET) && !told.includes(AUTH), told);
      const request = { repository: "a" };
      const credentials = await answerOf(
        (async () => nodeCredentials(node, { namespace: "ns" })("quay.io", request))(),
      );
      assert.equal(credentials !== undefined, lookup?.kind === "found");
      const reference = parseReference("quay.io/a");
      await answerOf((async () => nodePullSources(node)(reference, {}))());
      await answerOf(nodeShortNames(node, "x"));
      await answerOf(nodeDecryption(node));
      nodeHandler(node, {});
      for (const path of asked) assert.equal(path, posix.resolve("/", path));
    }),
    property,
  );
});

test("credentials are told for any image and candidate, and given for the image's own host alone", async () => {
  const hosts = ["quay.io", "docker.io", "m.example"];
  const images = fc.oneof(
    fc.constantFrom("a", "team/a:1", ...hosts.map((host) => `${host}/a`)),
    fc.string({ unit: "binary", maxLength: 12 }),
  );
  const entry = (host: string): [string, object] => [host, { username: host, password: SECRET }];
  const auths = { auths: Object.fromEntries(hosts.map(entry)) };
  const texts = {
    "/var/lib/kubelet/config.json": JSON.stringify(auths),
    "/etc/crio/crio.conf": "",
    "/etc/containerd/config.toml": "",
  };
  const files = memory(texts, []);
  const nodes = [
    await loadNode({ root: "/not/there", files, runtime: "cri-o" }),
    await loadNode({ root: "/not/there", files, runtime: "containerd" }),
  ];
  await fc.assert(
    fc.asyncProperty(images, fc.constantFrom(...hosts), fc.constantFrom(...hosts), async (image, at, of) => {
      const options = { image, candidate: `${of}/a` };
      for (const node of nodes) {
        const lookup = await answerOf(lookUpNodeCredentials(node, `${at}/a`, options));
        const given = await answerOf((async () => nodeCredentials(node, options)(at, { repository: "a" }))());
        assert.ok(!JSON.stringify(lookup ?? null).includes(SECRET));
        if (given) assert.equal("username" in given && given.username, at);
        if (lookup?.kind !== "found") continue;
        assert.equal(lookup.toOtherHost, given === undefined);
        if (node.runtime.kind === "cri-o") assert.equal(at, of);
      }
    }),
    property,
  );
});

test("the place of a key is one of the document, whatever the key is", () => {
  const text = 'a = 1\n[host."https://x"]\nb = 2\n[[registry]]\nc = 3\n';
  const document = parseTomlDocument("/f", text);
  const keys = fc.oneof(
    fc.string({ unit: "binary" }),
    fc.array(fc.constantFrom("host", ".", '"', "[0]", "registry", '"https://x"', "\\", "b", "]"), {
      maxLength: 8,
    }),
  );
  fc.assert(
    fc.property(keys, (key) => {
      const { file, line, column } = keyPlace(document, Array.isArray(key) ? key.join("") : key);
      assert.equal(file, "/f");
      assert.ok(line >= 1 && line <= 6 && column >= 1);
    }),
    property,
  );
  assert.equal(keyPlace(document, 'host."https://x".b').line, 3);
  assert.equal(keyPlace(document, "registry[0].c").line, 5);
});
