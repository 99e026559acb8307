import assert from "node:assert/strict";
import { describe, test } from "node:test";
import {
  lookUpNodeCredentials,
  type NodeCredentialsOptions,
  nodeCredentials,
} from "../../../src/config/node/credentials.ts";
import { namespacedAuthPath } from "../../../src/config/node/runtime-credentials.ts";
import type { NodeConfig } from "../../../src/config/node.ts";
import { parsePullSecrets } from "../../../src/oci/credentials/pull-secret.ts";
import { containerdNode, crioNode, kubeletOf, type RootFiles, withRoot } from "./node-root.ts";

const SECRET = "s3cret-that-no-step-may-show";

/** A file of credentials, by key; each user is named for where it stands. */
function authFile(entries: Record<string, string>): string {
  const auths = Object.entries(entries).map(([key, user]) => [
    key,
    { auth: Buffer.from(`${user}:${SECRET}`).toString("base64") },
  ]);
  return JSON.stringify({ auths: Object.fromEntries(auths) });
}

function secrets(entries: Record<string, string>): ReturnType<typeof parsePullSecrets> {
  const text = Buffer.from(authFile(entries)).toString("base64");
  return parsePullSecrets([{ type: "kubernetes.io/dockerconfigjson", data: { ".dockerconfigjson": text } }]);
}

/** The user that is used, or the outcome; and no secret in what is told. */
async function userOf(node: NodeConfig, name: string, options: NodeCredentialsOptions = {}): Promise<string> {
  const lookup = await lookUpNodeCredentials(node, name, options);
  assert.ok(!JSON.stringify(lookup).includes(SECRET));
  assert.ok(!JSON.stringify(lookup).includes(Buffer.from(SECRET).toString("base64").slice(3, 12)));
  const slash = name.indexOf("/");
  const request = { repository: name.slice(slash + 1) };
  try {
    const credentials = await nodeCredentials(node, options)(name.slice(0, slash), request);
    const isKept = lookup.kind === "found" && lookup.toOtherHost;
    assert.equal(lookup.kind, credentials || isKept ? "found" : "none");
    return credentials && "username" in credentials ? String(credentials.username) : "none";
  } catch (error) {
    assert.ok(lookup.kind === "unknown" || lookup.kind === "failed", String(error));
    return lookup.kind;
  }
}

const GLOBAL = { "/etc/crio/crio.conf": '[crio.image]\nglobal_auth_file = "/x/../../g.json"\n' };

describe("credentials of the kubelet", () => {
  test("pull secrets come first, then the kubelet's own file, then the runtime's", async () => {
    const inside = {
      "/var/lib/kubelet/config.json": authFile({ "quay.io": "kubelet", "only.example": "kubelet" }),
      "/root/.config/containers/auth.json": authFile({ "quay.io": "runtime", "run.example": "runtime" }),
    };
    await withRoot({ inside }, async (root) => {
      const node = await crioNode(root);
      const pullSecrets = secrets({ "quay.io": "secret" });
      assert.equal(await userOf(node, "quay.io/a", { pullSecrets }), "secret");
      assert.equal(await userOf(node, "quay.io/a"), "kubelet");
      assert.equal(await userOf(node, "only.example/a", { pullSecrets }), "kubelet");
      assert.equal(await userOf(node, "run.example/a", { pullSecrets }), "runtime");
      assert.equal(await userOf(node, "else.example/a", { pullSecrets }), "none");
      const lookup = await lookUpNodeCredentials(node, "quay.io/a", { pullSecrets });
      assert.deepEqual(lookup, {
        kind: "found",
        first: { by: "pull-secret", key: "quay.io", outcome: "found", user: true },
        others: [
          {
            by: "kubelet-file",
            path: "/var/lib/kubelet/config.json",
            outcome: "found",
            key: "quay.io",
            user: true,
          },
        ],
        toOtherHost: false,
        steps: lookup.steps,
      });
    });
  });

  test("its file is the first of the root that can be read, links followed inside", async () => {
    const broken = { "/var/lib/kubelet/config.json": `{"auths":{"quay.io":{"auth":"!"}}}` };
    const inside = {
      ...broken,
      "/config.json": "->$TOP/config.json",
      "/.docker/config.json": "->../../k.json",
      "/k.json": authFile({ "quay.io": "inside" }),
      "/var/lib/kubelet/.dockercfg": '{"quay.io":{"username":"old","password":"p"}}',
    };
    const outside = {
      "/k.json": authFile({ "quay.io": "leaked" }),
      "/config.json": authFile({ "quay.io": "leaked" }),
    };
    await withRoot({ inside, outside }, async (root) => {
      const node = await containerdNode(root);
      assert.equal(await userOf(node, "quay.io/a"), "inside");
      const { steps } = await lookUpNodeCredentials(node, "quay.io/a");
      assert.deepEqual(
        steps.map((step) => ("path" in step ? `${step.path} ${step.outcome}` : step.by)),
        ["/var/lib/kubelet/config.json broken", "/config.json missing", "/.docker/config.json found"],
      );
    });
    const legacy = { ...inside, "/.docker/config.json": "[]" };
    await withRoot({ inside: legacy, outside }, async (root) => {
      assert.equal(await userOf(await containerdNode(root), "quay.io/a"), "old");
    });
  });

  test("its home folder and its own folder are where it says", async () => {
    const inside = {
      "/k/config.json": authFile({ "a.example": "own" }),
      "/h/.docker/config.json": authFile({ "a.example": "home" }),
    };
    await withRoot({ inside }, async (root) => {
      const kubelet = kubeletOf({ rootDir: { value: "/k" } });
      assert.equal(await userOf(await containerdNode(root, { kubelet }), "a.example/x"), "own");
      const node = { ...(await containerdNode(root)), kubeletEnv: { HOME: "/h" } };
      assert.equal(await userOf(node, "a.example/x"), "home");
      assert.equal(await userOf(await containerdNode(root), "a.example/x"), "none");
    });
  });

  test("programs of its providers are named, not run, and leave it open where nothing came before", async () => {
    const origin = { file: "/u", line: 1, column: 1 };
    const kubelet = kubeletOf({
      imageCredentialProviderConfig: { value: "/p.yaml", origin },
      imageCredentialProviderBinDir: { value: "/bin/p" },
    });
    const inside = { "/run/containers/0/auth.json": authFile({ "quay.io": "runtime" }) };
    await withRoot({ inside }, async (root) => {
      const node = await crioNode(root, { kubelet });
      assert.equal(await userOf(node, "quay.io/a"), "unknown");
      assert.equal(await userOf(node, "quay.io/a", { pullSecrets: secrets({ "quay.io": "s" }) }), "s");
      const { steps } = await lookUpNodeCredentials(node, "quay.io/a");
      assert.deepEqual(
        steps.find(({ by }) => by === "kubelet-provider"),
        { by: "kubelet-provider", path: "/p.yaml", folder: "/bin/p", outcome: "not-run", origin },
      );
      await assert.rejects(async () => nodeCredentials(node)("quay.io", { repository: "a" }), {
        code: "ERR_OCI_CREDENTIAL_HELPER",
      });
    });
  });
});

describe("credentials for a mirror of an image", () => {
  const inside = {
    "/var/lib/kubelet/config.json": authFile({
      "own.example": "kubelet",
      "mirror.example": "kubelet-mirror",
    }),
    "/root/.docker/config.json": authFile({ "mirror.example": "runtime-mirror" }),
    "/etc/containerd/config.toml":
      'version = 2\n[plugins."io.containerd.grpc.v1.cri".registry.configs."mirror.example".auth]\nusername = "toml-mirror"\npassword = "p"\n',
  };
  const image = "own.example/a:1";
  const FROM_KUBELET = {
    by: "kubelet-file",
    path: "/var/lib/kubelet/config.json",
    outcome: "found",
    key: "own.example",
    user: true,
  };

  test("are what the runtime has for it, never what the kubelet has for the image's host", async () => {
    await withRoot({ inside }, async (root) => {
      const crio = await crioNode(root);
      assert.equal(await userOf(crio, "own.example/a", { image }), "kubelet");
      assert.equal(await userOf(crio, "mirror.example/copy/a", { image }), "runtime-mirror");
      assert.equal(await userOf(crio, "other.example/a", { image }), "none");
      // Without its name, the image is taken to be the mirror's own.
      assert.equal(await userOf(crio, "mirror.example/copy/a"), "kubelet-mirror");
      const containerd = await containerdNode(root, { release: "1.7" });
      assert.equal(await userOf(containerd, "own.example/a", { image }), "kubelet");
      // containerd has what the kubelet gave it, which is not for this host.
      assert.equal(await userOf(containerd, "mirror.example/copy/a", { image }), "none");
      assert.equal(await userOf(containerd, "mirror.example/a", { image: "free.example/a" }), "toml-mirror");
      await assert.rejects(lookUpNodeCredentials(crio, "own.example/a", { image: "No" }), {
        code: "ERR_REFERENCE_INVALID",
      });
    });
  });

  test("containerd sends what the kubelet gave it to whoever it asks, and is on its own only without", async () => {
    await withRoot({ inside }, async (root) => {
      for (const release of ["1.7", "2.0", "2.2", "2.3"]) {
        const node = await containerdNode(root, { release });
        const sent = await lookUpNodeCredentials(node, "mirror.example/copy/a", { image });
        assert.ok(sent.kind === "found");
        assert.deepEqual([sent.first, sent.toOtherHost], [FROM_KUBELET, true]);
        assert.ok(sent.steps.every(({ by }) => by === "kubelet-file"));
        const own = await lookUpNodeCredentials(node, "own.example/a", { image });
        assert.deepEqual(own.kind === "found" && [own.first, own.toOtherHost], [FROM_KUBELET, false]);
        // By the host that is asked, and never by what the kubelet has for that host.
        const free = await lookUpNodeCredentials(node, "mirror.example/a", { image: "free.example/a" });
        const isRead = release !== "2.3";
        assert.deepEqual(
          free.kind === "found" ? [free.first.by, free.toOtherHost] : free.kind,
          isRead ? ["containerd", false] : "none",
        );
      }
    });
  });

  test("CRI-O sends what the kubelet has for Docker Hub to what a short name stands for, and to no mirror", async () => {
    const hub = {
      ...inside,
      "/var/lib/kubelet/config.json": authFile({ "docker.io": "hub", "quay.io": "kubelet-quay" }),
      "/root/.docker/config.json": authFile({ "quay.io": "runtime-quay", "m.example": "runtime-mirror" }),
    };
    await withRoot({ inside: hub }, async (root) => {
      const node = await crioNode(root);
      const of = async (place: string, options: NodeCredentialsOptions): Promise<unknown> => {
        const found = await lookUpNodeCredentials(node, place, options);
        if (found.kind !== "found") return found.kind;
        return [found.first.by, "key" in found.first && found.first.key, found.toOtherHost];
      };
      const short = { image: "app:1", candidate: "quay.io/app" };
      const given = ["kubelet-file", "docker.io", true];
      assert.deepEqual(await of("quay.io/app", short), given);
      assert.deepEqual(await of("quay.io/app", { image: "app:1" }), given);
      assert.deepEqual(await of("m.example/app", short), ["cri-o", "m.example", false]);
      assert.deepEqual(await of("other.example/app", short), "none");
      const inFull = { image: "quay.io/app:1" };
      assert.deepEqual(await of("quay.io/app", inFull), ["kubelet-file", "quay.io", false]);
      // A rewrite inside of the host keeps what is for the host.
      assert.deepEqual(await of("quay.io/elsewhere/app", inFull), ["kubelet-file", "quay.io", false]);
      assert.deepEqual(await of("m.example/app", inFull), ["cri-o", "m.example", false]);
      // Nobody is sent by this library what is for another host.
      assert.equal(await userOf(node, "quay.io/app", short), "runtime-quay");
      assert.equal(await userOf(node, "m.example/app", short), "runtime-mirror");
      for (const each of [node, await containerdNode(root)]) {
        await assert.rejects(lookUpNodeCredentials(each, "quay.io/app", { candidate: "a/b:1" }), TypeError);
      }
    });
  });

  test("an entry of the kubelet's without user name is none: CRI-O then looks for itself, containerd does not", async () => {
    const nameless = JSON.stringify({ auths: { "own.example": { password: SECRET } } });
    const two = JSON.stringify({
      auths: {
        "own.example/a": { password: SECRET },
        "own.example": { username: "second", password: SECRET },
      },
    });
    const FIRST = { username: "first", password: SECRET };
    const configs = `version = 2\n[plugins."io.containerd.grpc.v1.cri".registry.configs."own.example".auth]\nusername = "toml"\n`;
    const rest = {
      "/root/.docker/config.json": authFile({ "own.example": "runtime" }),
      "/etc/containerd/config.toml": configs,
    };
    const users = async (node: NodeConfig): Promise<string[]> => {
      const found = await lookUpNodeCredentials(node, "own.example/a");
      return found.kind === "found" ? [found.first, ...found.others].map(({ by }) => by) : [found.kind];
    };
    await withRoot({ inside: { ...rest, "/var/lib/kubelet/config.json": nameless } }, async (root) => {
      assert.deepEqual(await users(await crioNode(root)), ["cri-o"]);
      assert.deepEqual(await users(await containerdNode(root, { release: "1.7" })), ["none"]);
      assert.equal(await userOf(await crioNode(root), "own.example/a"), "runtime");
      assert.equal(await userOf(await containerdNode(root, { release: "1.7" }), "own.example/a"), "none");
    });
    await withRoot({ inside: { ...rest, "/var/lib/kubelet/config.json": two } }, async (root) => {
      assert.deepEqual(await users(await crioNode(root)), ["cri-o", "kubelet-file"]);
      assert.deepEqual(await users(await containerdNode(root, { release: "1.7" })), ["kubelet-file"]);
    });
    const helper = JSON.stringify({ credHelpers: { "own.example": "h" } });
    for (const [kubelet, kind] of [
      [nameless, "unknown"],
      [JSON.stringify({ auths: { ...JSON.parse(two).auths, "own.example/a": FIRST } }), "found"],
    ] as const) {
      const files = { "/root/.docker/config.json": helper, "/var/lib/kubelet/config.json": kubelet };
      await withRoot({ inside: files }, async (root) => {
        assert.equal((await lookUpNodeCredentials(await crioNode(root), "own.example/a")).kind, kind);
      });
    }
    const broken = { "/root/.docker/config.json": "[", "/var/lib/kubelet/config.json": nameless };
    await withRoot({ inside: broken }, async (root) => {
      assert.equal(await userOf(await crioNode(root), "own.example/a"), "failed");
    });
  });

  test("the file of a namespace is by the image's own name", async () => {
    const path = namespacedAuthPath("/etc/crio/auth", "team", image);
    const files = { [path]: authFile({ "mirror.example": "namespace" }) };
    await withRoot({ inside: files }, async (root) => {
      const node = await crioNode(root);
      assert.equal(await userOf(node, "mirror.example/copy/a", { namespace: "team", image }), "namespace");
      assert.equal(await userOf(node, "mirror.example/copy/a", { namespace: "team" }), "none");
    });
  });

  test("do not depend on programs that are asked for the image", async () => {
    const kubelet = kubeletOf({ imageCredentialProviderConfig: { value: "/missing.yaml" } });
    await withRoot({ inside }, async (root) => {
      const crio = await crioNode(root, { kubelet });
      assert.equal(await userOf(crio, "mirror.example/a", { image: "free.example/a" }), "runtime-mirror");
      assert.equal(await userOf(crio, "free.example/a", { image: "free.example/a" }), "unknown");
      // What they would say containerd would use for every host.
      const containerd = await containerdNode(root, { kubelet, release: "1.7" });
      assert.equal(await userOf(containerd, "mirror.example/a", { image: "free.example/a" }), "unknown");
    });
  });
});

describe("credential providers of the kubelet", () => {
  const provider = (name: string, pattern: string): string =>
    `- name: ${name}\n  matchImages: ["x.example", "${pattern}"]\n`;
  const kubelet = (path: string): ReturnType<typeof kubeletOf> =>
    kubeletOf({
      imageCredentialProviderConfig: { value: path },
      imageCredentialProviderBinDir: { value: "/bin/p" },
    });
  const config = `kind: CredentialProviderConfig\nproviders:\n${provider("ecr", "*.amazonaws.example/team")}`;

  test("count for the images of their patterns only", async () => {
    const inside = { "/p.yaml": "->../../../real.yaml", "/real.yaml": config };
    const outside = { "/real.yaml": `providers:\n${provider("leaked", "quay.io")}` };
    await withRoot({ inside, outside }, async (root) => {
      for (const path of ["/p.yaml", "p.yaml", "/x/../../p.yaml"]) {
        const node = await containerdNode(root, { kubelet: kubelet(path) });
        assert.equal(await userOf(node, "quay.io/a"), "none");
        assert.equal(await userOf(node, "a.amazonaws.example/team/x"), "unknown");
        assert.equal(await userOf(node, "a.b.amazonaws.example/team"), "none");
        assert.equal(await userOf(node, "a.amazonaws.example/other"), "none");
      }
      const node = await containerdNode(root, { kubelet: kubelet("/p.yaml") });
      const { steps } = await lookUpNodeCredentials(node, "a.amazonaws.example/team/x");
      assert.deepEqual(
        steps.find(({ by }) => by === "kubelet-provider"),
        {
          by: "kubelet-provider",
          path: "/p.yaml",
          folder: "/bin/p",
          name: "ecr",
          pattern: "*.amazonaws.example/team",
          outcome: "not-run",
          origin: { file: "/p.yaml", line: 3, column: 3 },
        },
      );
    });
  });

  test("are read out of a folder, too, where only some endings count", async () => {
    const inside = {
      "/p/a.yaml": config,
      "/p/b.json": JSON.stringify({ providers: [{ name: "b", matchImages: ["b.example"] }] }),
      "/p/c.txt": `providers:\n${provider("c", "c.example")}`,
    };
    await withRoot({ inside }, async (root) => {
      const node = await containerdNode(root, { kubelet: kubelet("/p") });
      assert.equal(await userOf(node, "b.example/a"), "unknown");
      assert.equal(await userOf(node, "x.example/a"), "unknown");
      assert.equal(await userOf(node, "c.example/a"), "none");
    });
  });

  test("leave everything open where their configuration cannot be read", async () => {
    for (const inside of [
      {},
      { "/p.yaml": "[" },
      { "/p.yaml": "providers: {}" },
      { "/p.yaml": "providers:\n- name: a\n" },
      { "/p.yaml": "providers:\n- name: a\n  matchImages: [[]]\n" },
      { "/p.yaml/readme.txt": "" },
      { "/p.yaml": Buffer.from([0xff]) },
    ] as RootFiles[]) {
      await withRoot({ inside }, async (root) => {
        const node = await containerdNode(root, { kubelet: kubelet("/p.yaml") });
        assert.equal(await userOf(node, "quay.io/a"), "unknown");
      });
    }
  });
});

describe("credentials of CRI-O", () => {
  test("the file of the namespace goes before the global one, which goes before root's", async () => {
    const path = namespacedAuthPath("/etc/crio/auth", "team", "docker.io/library/busybox");
    // The hash is what sha256sum says of the name.
    const hash = "9d1e243a370d796821703defb72f477f8800c4321c055b247a9664a352d86046";
    assert.equal(path, `/etc/crio/auth/team-${hash}.json`);
    const inside = {
      ...GLOBAL,
      "/g.json": authFile({ "docker.io": "global" }),
      [path]: authFile({ "docker.io": "namespace" }),
      "/root/.docker/config.json": authFile({ "docker.io": "root", "quay.io": "root" }),
    };
    const outside = { "/g.json": authFile({ "docker.io": "leaked" }) };
    await withRoot({ inside, outside }, async (root) => {
      const node = await crioNode(root);
      const name = "docker.io/library/busybox";
      assert.equal(await userOf(node, name, { namespace: "team" }), "namespace");
      assert.equal(await userOf(node, name, { namespace: "team", image: "busybox:1" }), "namespace");
      assert.equal(await userOf(node, name, { namespace: "team", image: "quay.io/busybox" }), "global");
      assert.equal(await userOf(node, name, { namespace: "other" }), "global");
      assert.equal(await userOf(node, name), "global");
      // A file that is named is looked at alone.
      assert.equal(await userOf(node, "quay.io/a"), "none");
      await assert.rejects(lookUpNodeCredentials(node, name, { namespace: "../x" }), TypeError);
      await assert.rejects(lookUpNodeCredentials(node, `${name}:1`), TypeError);
    });
  });

  test("the file of a namespace that cannot be read fails the pull", async () => {
    const path = namespacedAuthPath("/etc/crio/auth", "team", "quay.io/a");
    for (const inside of [{ [`${path}/x`]: "" }, { [path]: "{" }] as RootFiles[]) {
      const files = { ...inside, "/root/.docker/config.json": authFile({ "quay.io": "root" }) };
      await withRoot({ inside: files }, async (root) => {
        const node = await crioNode(root);
        assert.equal(await userOf(node, "quay.io/a", { namespace: "team" }), "failed");
        await assert.rejects(
          async () => nodeCredentials(node, { namespace: "team" })("quay.io", { repository: "a" }),
          { code: "ERR_OCI_AUTH_FILE_INVALID" },
        );
        assert.equal(await userOf(node, "quay.io/a"), "root");
      });
    }
  });

  test("root's files are those of the root, with links and variables inside it", async () => {
    const inside = {
      "/run/containers/0/auth.json": "->../../../../../a.json",
      "/a.json": authFile({ "quay.io": "run" }),
      "/x/containers/auth.json": authFile({ "quay.io": "runtime-dir" }),
      "/home/y/.config/containers/auth.json": authFile({ "home.example": "home" }),
      "/root/.dockercfg": '{"old.example":{"auth":"b2xkOnA="}}',
    };
    const outside = { "/a.json": authFile({ "quay.io": "leaked" }) };
    await withRoot({ inside, outside }, async (root) => {
      const node = await crioNode(root);
      assert.equal(await userOf(node, "quay.io/a"), "run");
      assert.equal(await userOf(node, "old.example/a"), "old");
      assert.equal(await userOf(node, "home.example/a"), "none");
      const other = await crioNode(root, { env: { XDG_RUNTIME_DIR: "/x", HOME: "/home/y" } });
      assert.equal(await userOf(other, "quay.io/a"), "runtime-dir");
      assert.equal(await userOf(other, "home.example/a"), "home");
      const gone = await crioNode(root, { env: { XDG_RUNTIME_DIR: "/gone" } });
      assert.equal(await userOf(gone, "quay.io/a"), "none");
    });
  });

  test("helpers are named, and run only by who is given", async () => {
    const inside = {
      "/run/containers/0/auth.json": '{"credHelpers":{"h.example":"ecr-login"}}',
      "/root/.docker/config.json": authFile({ "h.example": "root", "quay.io": "root" }),
      "/etc/containers/registries.conf": 'credential-helpers = ["containers-auth.json", "last"]\n',
    };
    await withRoot({ inside }, async (root) => {
      const node = await crioNode(root);
      assert.equal(await userOf(node, "h.example/a"), "unknown");
      const { steps } = await lookUpNodeCredentials(node, "h.example/a");
      assert.deepEqual(
        steps.find((step) => step.by === "cri-o" && step.kind === "helper"),
        {
          by: "cri-o",
          of: "search",
          kind: "helper",
          helper: "ecr-login",
          server: "h.example",
          path: "/run/containers/0/auth.json",
          outcome: "not-run",
        },
      );
      // Found before the helper is asked that comes last; else it decides.
      assert.equal(await userOf(node, "quay.io/a"), "root");
      assert.equal(await userOf(node, "else.example/a"), "unknown");
      const asked: string[] = [];
      const answer = JSON.stringify({ Username: "helper", Secret: SECRET });
      const run: NodeCredentialsOptions["run"] = async ({ name, input }) => {
        asked.push(`${name} ${input}`);
        return { kind: "ended", exitCode: 0, stdout: Buffer.from(answer) };
      };
      assert.equal(await userOf(node, "h.example/a", { run }), "helper");
      assert.equal(await userOf(node, "else.example/a", { run }), "helper");
      assert.deepEqual([...new Set(asked)], ["ecr-login h.example", "last else.example"]);
      const missing = async (): Promise<{ kind: "missing" }> => ({ kind: "missing" });
      assert.equal(await userOf(node, "else.example/a", { run: missing }), "failed");
    });
  });
});

describe("credentials of containerd", () => {
  const MAIN = "/etc/containerd/config.toml";
  const text = `version = 2
[plugins."io.containerd.grpc.v1.cri".registry.configs."registry-1.docker.io".auth]
username = "hub"
password = "${SECRET}"
[plugins."io.containerd.grpc.v1.cri".registry.configs."a.example:5000".auth]
identitytoken = "${SECRET}"
[plugins."io.containerd.grpc.v1.cri".registry.configs."b.example".auth]
auth = "no base64"
`;

  test("its table is by host, up to the release that has none", async () => {
    await withRoot({ inside: { [MAIN]: text } }, async (root) => {
      const node = await containerdNode(root, { release: "1.7" });
      assert.equal(await userOf(node, "docker.io/library/busybox"), "hub");
      assert.equal(await userOf(node, "a.example/x"), "none");
      assert.equal(await userOf(node, "b.example/x"), "failed");
      const found = await lookUpNodeCredentials(node, "a.example:5000/x");
      assert.deepEqual(found.steps.at(-1), {
        by: "containerd",
        key: "a.example:5000",
        origin: { file: MAIN, line: 5, column: Number(text.split("\n")[4]?.indexOf("auth]")) + 1 },
        outcome: "found",
        user: false,
      });
      const newer = await containerdNode(root, { release: "2.3" });
      assert.equal(await userOf(newer, "docker.io/library/busybox"), "none");
      const { steps } = await lookUpNodeCredentials(newer, "docker.io/library/busybox");
      assert.equal(steps.at(-1)?.outcome, "not-read");
      assert.equal(await userOf(await containerdNode(root, { release: "2.2" }), "docker.io/x"), "hub");
    });
  });

  test("an abort ends the look-up with its reason", async () => {
    await withRoot({ inside: { [MAIN]: text } }, async (root) => {
      const reason = new Error("stop");
      const signal = AbortSignal.abort(reason);
      for (const node of [await containerdNode(root), await crioNode(root)]) {
        await assert.rejects(lookUpNodeCredentials(node, "docker.io/x", { signal }), reason);
        await assert.rejects(
          async () => nodeCredentials(node)("docker.io", { repository: "x", signal }),
          reason,
        );
      }
    });
  });
});
