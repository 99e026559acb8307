/** Encrypted layers: a trace tells what the node has for them, and never that they are opened. */
import assert from "node:assert/strict";
import { generateKeyPairSync } from "node:crypto";
import { describe, test } from "node:test";
import { Ajv } from "ajv";
import { ConfigError } from "../../../src/config/errors.ts";
import type { NodeConfig } from "../../../src/config/node.ts";
import { nodeFiles } from "../../../src/config/node-files.ts";
import { digestOf } from "../../../src/core/digest.ts";
import { OCI_CONFIG, OCI_INDEX, OCI_LAYER_GZIP, OCI_MANIFEST } from "../../../src/core/media-types.ts";
import {
  diffNodes,
  explainPod,
  explanationSchema,
  formatExplanation,
  impact,
  type PodExplanation,
  recordExplanation,
  replayExplanation,
} from "../../../src/explain/index.ts";
import type { Store } from "../../../src/oci/store.ts";
import { parsePolicy } from "../../../src/policy/parse.ts";
import { mintCertificate } from "../../../src/testing/certificates.ts";
import { containerdNode, crioNode, type RootFiles, withRoot } from "../config/node-root.ts";
import { fakeRegistries, podOf, pushImage } from "./place.ts";

const validate = new Ajv({ strict: true }).compile(explanationSchema);
const PRIVATE = String(
  generateKeyPairSync("rsa", { modulusLength: 2048 }).privateKey.export({ type: "pkcs8", format: "pem" }),
);
const CERTIFICATE = mintCertificate({
  subject: "a",
  notBefore: Date.UTC(2026, 0),
  notAfter: Date.UTC(2027, 0),
});
const OPEN = { "/etc/containers/policy.json": '{"default":[{"type":"insecureAcceptAnything"}]}' };
const GZIP = `${OCI_LAYER_GZIP}+encrypted`;
const LAYER = digestOf("layer");

/** An image with a plain layer, and an encrypted one whose key is wrapped in these ways. */
async function pushEncrypted(store: Store, tag: string, schemes: readonly string[], mediaType = GZIP) {
  const annotations = schemes.map((scheme) => [`org.opencontainers.image.enc.keys.${scheme}`, "e30="]);
  const value = {
    schemaVersion: 2,
    mediaType: OCI_MANIFEST,
    config: { mediaType: OCI_CONFIG, digest: digestOf(tag), size: 1 },
    layers: [
      { mediaType: OCI_LAYER_GZIP, digest: digestOf("plain"), size: 5 },
      { mediaType, digest: LAYER, size: 5, annotations: Object.fromEntries(annotations) },
    ],
  };
  return await pushJson(store, OCI_MANIFEST, value, tag);
}

async function pushJson(store: Store, mediaType: string, value: object, tag: string) {
  const bytes = Buffer.from(JSON.stringify(value));
  const descriptor = { mediaType, digest: digestOf(bytes), size: bytes.byteLength };
  await store.push(descriptor, bytes);
  await store.tag(descriptor, tag);
  return descriptor;
}

interface Case {
  schemes?: readonly string[];
  mediaType?: string;
}

/** The trace of a Pod with an encrypted image and a plain one, held against its schema, text and recording. */
async function tracesOf(node: NodeConfig, { schemes = ["jwe"], mediaType = GZIP }: Case = {}) {
  const { registry, store } = fakeRegistries();
  await pushEncrypted(store("quay.io/a/encrypted"), "1", schemes, mediaType);
  await pushImage(store("quay.io/a/plain"), "1");
  const traces: PodExplanation[] = [];
  for (const image of ["quay.io/a/encrypted:1", "quay.io/a/plain:1"]) {
    const pod = podOf(image);
    const trace = await explainPod(pod, node, { registry });
    assert.ok(validate(JSON.parse(JSON.stringify(trace))), JSON.stringify(validate.errors));
    const { recording } = await recordExplanation(pod, node, { registry });
    assert.deepEqual((await replayExplanation(recording)).explanation, JSON.parse(JSON.stringify(trace)));
    for (const text of [recording, JSON.stringify(trace), formatExplanation(trace, { all: true })]) {
      assert.ok(!text.includes("PRIVATE") && !text.includes(PRIVATE.slice(40, 60)));
    }
    traces.push(trace);
  }
  const [encrypted, plain] = traces;
  assert.ok(encrypted && plain);
  return { encrypted, plain };
}

/** How both come out: `fails ErrImagePull: TEXT`, `undecided CODE: TEXT` or `runs`. */
function endOf(trace: PodExplanation): string {
  const [problem] = trace.problems;
  if (!problem) return trace.kind;
  assert.equal(trace.images[0]?.outcome.kind, problem.kind);
  return `${problem.kind} ${problem.kind === "fails" ? problem.reason : problem.code}: ${problem.message}`;
}

const MISSING = /^fails ErrImagePull: .*sha256:.*missing private key needed for decryption/;
const UNKNOWN = /^undecided ERR_EXPLAIN_ENCRYPTED: /;

describe("CRI-O", () => {
  const keys = (files: RootFiles): RootFiles => ({ ...OPEN, ...files });
  const conf = (path: string): RootFiles => ({
    "/etc/crio/crio.conf": `[crio.runtime]\ndecryption_keys_path = "${path}"\n`,
  });
  const rsa = keys({ "/etc/crio/keys/a.pem": PRIVATE });

  for (const [name, inside, options, expected] of [
    ["a private key, for JWE", rsa, {}, UNKNOWN],
    ["a private key, for PKCS #7", rsa, { schemes: ["pkcs7"] }, UNKNOWN],
    ["a private key, for one way of several", rsa, { schemes: ["pgp", "jwe"] }, UNKNOWN],
    ["a private key, for OpenPGP", rsa, { schemes: ["pgp"] }, MISSING],
    ["a private key, for no way at all", rsa, { schemes: [] }, MISSING],
    ["a private key elsewhere", keys({ ...conf("/k"), "/k/sub/a": PRIVATE }), {}, UNKNOWN],
    ["no folder", keys({}), {}, MISSING],
    ["no folder, for a key provider", keys({}), { schemes: ["provider.kms"] }, UNKNOWN],
    ["a certificate alone", keys({ "/etc/crio/keys/a.pem": CERTIFICATE.pem }), {}, MISSING],
    ["no path", keys(conf("")), {}, /^fails ErrImagePull: .*nothing on the node opens/],
    ["no path, for a key provider", keys(conf("")), { schemes: ["provider.kms"] }, /^fails ErrImagePull: /],
    ["a private key, for a type of layer that nobody knows", rsa, { mediaType: "x/y+encrypted" }, UNKNOWN],
  ] as const satisfies readonly (readonly [string, RootFiles, Case, RegExp])[]) {
    test(`with ${name}`, async () => {
      await withRoot({ inside }, async (root) => {
        const { encrypted, plain } = await tracesOf(await crioNode(root), options);
        assert.match(endOf(encrypted), expected);
        assert.equal(endOf(plain), "runs");
        assert.equal(plain.images[0]?.pulls[0]?.decryption, undefined);
        const [pull] = encrypted.images[0]?.pulls ?? [];
        assert.deepEqual(pull?.decryption?.layers, [
          { digest: LAYER, mediaType: GZIP, schemes: ["jwe"], ...layerOf(options) },
        ]);
        assert.equal(pull?.decryption?.outcome.kind, pull?.outcome.kind);
      });
    });
  }

  test("what is undecided goes on to the container, and what fails does not", async () => {
    await withRoot({ inside: rsa }, async (root) => {
      const { encrypted } = await tracesOf(await crioNode(root));
      assert.equal(encrypted.containers[0]?.outcome.kind, "undecided");
      assert.equal(encrypted.containers[0]?.seccomp?.kind, "none");
      assert.ok(encrypted.images[0]?.digest);
      assert.ok(encrypted.images[0]?.create);
    });
    await withRoot({ inside: OPEN }, async (root) => {
      const { encrypted } = await tracesOf(await crioNode(root));
      assert.equal(encrypted.containers[0]?.outcome.kind, "fails");
      assert.equal(encrypted.containers[0]?.seccomp, undefined);
      assert.equal(encrypted.images[0]?.create, undefined);
    });
  });

  test("keys are named with their folder and its place, in the text too", async () => {
    const providers = { OCICRYPT_KEYPROVIDER_CONFIG: "/etc/providers.json" };
    const inside = { ...rsa, ...conf("/etc/crio/keys"), "/etc/crio/keys/b.pem": CERTIFICATE.pem };
    await withRoot({ inside }, async (root) => {
      const { encrypted } = await tracesOf(await crioNode(root, { env: providers }));
      const { steps } = encrypted.images[0]?.pulls[0]?.decryption ?? {};
      assert.deepEqual(
        steps?.map(({ what, outcome, why }) => [what, outcome, why]),
        [
          ["keys /etc/crio/keys", "found", "/etc/crio/crio.conf:2"],
          ["/etc/crio/keys/a.pem", "private-key", "rsa"],
          ["/etc/crio/keys/b.pem", "certificate", ""],
          ["key providers /etc/providers.json", "not-run", "they are programs and services"],
        ],
      );
      const text = formatExplanation(encrypted);
      for (const part of [
        "1 encrypted layers: undecided",
        `${LAYER}, ${GZIP}, its key wrapped by jwe`,
        "/etc/crio/keys/a.pem: private-key, rsa",
      ]) {
        assert.ok(text.includes(part), `${part}\n${text}`);
      }
    });
  });

  test("a folder with a link fails every pull, and a file that may be no key leaves it open", async () => {
    const link = { ...rsa, "/etc/crio/keys/link": "->a.pem" };
    await withRoot({ inside: link }, async (root) => {
      const { encrypted, plain } = await tracesOf(await crioNode(root));
      for (const trace of [encrypted, plain]) {
        assert.match(
          endOf(trace),
          /^fails ErrImagePull: Symbolic links not supported .*\/etc\/crio\/keys\/link/,
        );
      }
      assert.deepEqual(plain.images[0]?.pulls[0]?.decryption?.layers, []);
      assert.match(formatExplanation(plain), /keys for encrypted layers: .*Symbolic links not supported/);
    });
    await withRoot({ inside: { ...OPEN, "/etc/crio/keys": "->/nowhere" } }, async (root) => {
      const { encrypted, plain } = await tracesOf(await crioNode(root));
      assert.match(endOf(encrypted), MISSING);
      assert.equal(endOf(plain), "runs");
    });
    for (const other of ["no key", Buffer.from([0x99, 1])]) {
      await withRoot({ inside: { ...rsa, "/etc/crio/keys/other": other } }, async (root) => {
        const { encrypted, plain } = await tracesOf(await crioNode(root), { schemes: ["pgp"] });
        for (const trace of [encrypted, plain]) assert.match(endOf(trace), UNKNOWN);
      });
    }
  });

  test("a folder that cannot be read leaves every pull open", async () => {
    await withRoot({ inside: rsa }, async (root) => {
      const files = nodeFiles({ root });
      const broken = {
        ...files,
        async list(path: string, options: object) {
          if (!path.startsWith("/etc/crio/keys")) return await files.list(path, options);
          throw new ConfigError("ERR_CONFIG_FILE", `${path}: EACCES`);
        },
      };
      const node = { ...(await crioNode(root)), files: broken };
      const { encrypted, plain } = await tracesOf(node);
      for (const trace of [encrypted, plain])
        assert.match(endOf(trace), /^undecided ERR_CONFIG_FILE: .*EACCES/);
    });
  });

  test("a folder that fails every pull goes before a registry that is down", async () => {
    await withRoot({ inside: { ...rsa, "/etc/crio/keys/link": "->a.pem" } }, async (root) => {
      const { registry, down } = fakeRegistries();
      down.add("quay.io");
      const trace = await explainPod(podOf("quay.io/a/plain:1"), await crioNode(root), { registry });
      assert.match(endOf(trace), /^fails ErrImagePull: Symbolic links/);
    });
  });

  test("the image of an index is looked at, and an abort ends it with its reason", async () => {
    await withRoot({ inside: OPEN }, async (root) => {
      const { registry, store } = fakeRegistries();
      const repository = store("quay.io/a/index");
      const platform = { os: "linux", architecture: "amd64" };
      const entry = { ...(await pushEncrypted(repository, "of-index", ["jwe"])), platform };
      await pushJson(
        repository,
        OCI_INDEX,
        { schemaVersion: 2, mediaType: OCI_INDEX, manifests: [entry] },
        "1",
      );
      for (const node of [await crioNode(root), await containerdNode(root)]) {
        const trace = await explainPod(podOf("quay.io/a/index:1"), node, { registry });
        assert.match(endOf(trace), MISSING);
        assert.equal(trace.images[0]?.pulls[0]?.decryption?.layers.length, 1);
      }
      const reason = new Error("stop");
      const files = nodeFiles({ root });
      const controller = new AbortController();
      const stopping = {
        ...files,
        async list(path: string, options: object) {
          if (path === "/etc/crio/keys") controller.abort(reason);
          return await files.list(path, options);
        },
      };
      const node = { ...(await crioNode(root)), files: stopping };
      const { signal } = controller;
      await assert.rejects(explainPod(podOf("quay.io/a/index:1"), node, { registry, signal }), reason);
    });
  });
});

function layerOf({ schemes, mediaType }: Case): Case {
  return { ...(schemes ? { schemes: schemes.toSorted() } : {}), ...(mediaType ? { mediaType } : {}) };
}

describe("containerd", () => {
  const MAIN = "/etc/containerd/config.toml";
  const FOLDER = "/etc/containerd/ocicrypt/keys";
  const rsa = { [`${FOLDER}/a.pem`]: PRIVATE };
  const off = 'version = 3\n[plugins."io.containerd.cri.v1.images".image_decryption]\nkey_model = ""\n';
  const program = (path: string): RootFiles => ({
    [MAIN]: `version = 3\n[stream_processors."own"]\naccepts = ["${OCI_LAYER_GZIP}+encrypted"]\nreturns = "${OCI_LAYER_GZIP}"\npath = "${path}"\n[stream_processors."io.containerd.ocicrypt.decoder.v1.tar.gzip"]\naccepts = ["x"]\n`,
  });

  for (const [name, inside, options, expected] of [
    ["a private key", rsa, {}, UNKNOWN],
    ["a private key, for OpenPGP", rsa, { schemes: ["pgp"] }, MISSING],
    ["no folder", {}, {}, MISSING],
    ["no folder, for a key provider", {}, { schemes: ["provider.kms"] }, UNKNOWN],
    [
      "a type that no program takes",
      rsa,
      { mediaType: "application/vnd.oci.image.layer.v1.tar+zstd+encrypted" },
      /^fails ErrImagePull: .*nothing on the node opens .*zstd/,
    ],
    ["no key model", { ...rsa, [MAIN]: off }, {}, /^fails ErrImagePull: .*nothing on the node opens/],
    [
      "a link in the folder",
      { ...rsa, [`${FOLDER}/b`]: "->a.pem" },
      {},
      /^fails .*Symbolic links not supported/,
    ],
    ["a file that may be a key", { [`${FOLDER}/b`]: "key?" }, { schemes: ["pgp"] }, UNKNOWN],
    ["a program that nobody knows", program("/opt/open"), { schemes: ["pgp"] }, UNKNOWN],
    ["a decoder without folder", program("/opt/ctd-decoder"), {}, MISSING],
  ] as const satisfies readonly (readonly [string, RootFiles, Case, RegExp])[]) {
    test(`with ${name}`, async () => {
      await withRoot({ inside }, async (root) => {
        const { encrypted, plain } = await tracesOf(await containerdNode(root), options);
        assert.match(endOf(encrypted), expected);
        assert.equal(endOf(plain), "runs");
        assert.equal(plain.images[0]?.pulls[0]?.decryption, undefined);
      });
    });
  }

  test("keys that cannot be read leave encrypted images open, and matter to no other", async () => {
    await withRoot({ inside: rsa }, async (root) => {
      const files = nodeFiles({ root });
      const broken = {
        ...files,
        async list(path: string, options: object) {
          if (!path.startsWith(FOLDER)) return await files.list(path, options);
          throw new ConfigError("ERR_CONFIG_FILE", `${path}: EACCES`);
        },
      };
      const { encrypted, plain } = await tracesOf({ ...(await containerdNode(root)), files: broken });
      assert.match(endOf(encrypted), /^undecided ERR_CONFIG_FILE: /);
      assert.equal(endOf(plain), "runs");
    });
  });
});

test("two nodes with other keys differ in their decisions, and in what they have", async () => {
  const { registry, store } = fakeRegistries();
  await pushEncrypted(store("quay.io/a/encrypted"), "1", ["jwe"]);
  await withRoot({ inside: { ...OPEN, "/etc/crio/keys/a.pem": PRIVATE } }, async (a) => {
    await withRoot({ inside: OPEN }, async (b) => {
      const nodes = [await crioNode(a), await crioNode(b)] as const;
      const { decisions, details } = await diffNodes(podOf("quay.io/a/encrypted:1"), ...nodes, { registry });
      const found = new Map(decisions.map(({ path, ...sides }) => [path, sides]));
      assert.deepEqual(found.get("kind"), { a: "undecided", b: "fails" });
      assert.deepEqual(found.get("images[0].outcome.kind"), { a: "undecided", b: "fails" });
      assert.ok(details.some(({ path }) => path === "images[0].pulls[0].decryption.steps[0].outcome"));
    });
  });
});

test("a change of policy is told of encrypted images by the policy alone", async () => {
  const { registry, store } = fakeRegistries();
  await pushEncrypted(store("quay.io/a/encrypted"), "1", ["jwe"]);
  const [open, closed] = ["insecureAcceptAnything", "reject"].map((type) =>
    parsePolicy(JSON.stringify({ default: [{ type }] })),
  );
  assert.ok(open && closed);
  await withRoot({ inside: OPEN }, async (root) => {
    const node = await crioNode(root);
    const report = await impact([podOf("quay.io/a/encrypted:1")], open, closed, { node, registry });
    assert.deepEqual(
      report.changes.map(({ kind }) => kind),
      ["fails-now"],
    );
  });
});
