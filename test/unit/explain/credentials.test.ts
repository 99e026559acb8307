/** The credentials that a trace names are those that the node's daemons send, place by place. */
import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { namespacedAuthPath } from "../../../src/config/node/runtime-credentials.ts";
import type { NodeConfig } from "../../../src/config/node.ts";
import {
  explainPod,
  formatExplanation,
  recordExplanation,
  replayExplanation,
} from "../../../src/explain/index.ts";
import { containerdNode, crioNode, type RootFiles, withRoot } from "../config/node-root.ts";
import { fakeRegistries, podOf, pushImage } from "./place.ts";

const SECRET = "s3cret-that-no-trace-may-show";
const HOSTS = 'version = 2\n[plugins."io.containerd.grpc.v1.cri".registry]\nconfig_path = "/c"\n';
const OPEN = { "/etc/containers/policy.json": '{"default":[{"type":"insecureAcceptAnything"}]}' };

function authFile(...keys: readonly string[]): string {
  const auth = Buffer.from(`user:${SECRET}`).toString("base64");
  return JSON.stringify({ auths: Object.fromEntries(keys.map((key) => [key, { auth }])) });
}

/** What is found for each place that is asked, as it is told, or `none`; a recording tells the same. */
async function told(node: NodeConfig, image: string): Promise<Record<string, string>> {
  const { registry, store } = fakeRegistries();
  for (const name of ["quay.io/team/app", "registry-1.docker.io/library/app"]) {
    await pushImage(store(name), "1");
  }
  const pod = podOf(image);
  const trace = await explainPod(pod, node, { registry });
  const { recording } = await recordExplanation(pod, node, { registry });
  assert.deepEqual((await replayExplanation(recording)).explanation, JSON.parse(JSON.stringify(trace)));
  for (const text of [recording, JSON.stringify(trace), formatExplanation(trace, { all: true })]) {
    assert.ok(!text.includes(SECRET) && !text.includes(Buffer.from(SECRET).toString("base64").slice(3, 12)));
  }
  const attempts = trace.images[0]?.pulls[0]?.sources.attempts ?? [];
  return Object.fromEntries(
    attempts.map(({ url, credentials }) => {
      const found = credentials.filter(({ outcome }) => outcome === "found");
      const shown = found.map(({ what, why }) => `${what}: ${why}`).join("; ");
      return [new URL(url).host, shown === "" ? "none" : shown];
    }),
  );
}

describe("containerd", () => {
  const mirrored: RootFiles = {
    "/c/docker.io/hosts.toml": '[host."https://mirror.example"]\n',
    "/c/quay.io/hosts.toml": '[host."https://mirror.example"]\n',
  };

  test("sends a mirror what the kubelet has for the image, and not what it has for the mirror", async () => {
    const kubelet = { "/var/lib/kubelet/config.json": authFile("docker.io", "mirror.example") };
    await withRoot(
      { inside: { ...mirrored, ...kubelet, "/etc/containerd/config.toml": HOSTS } },
      async (root) => {
        for (const release of ["1.7", "2.0", "2.3"]) {
          const node = await containerdNode(root, { release });
          const file = "kubelet-file /var/lib/kubelet/config.json";
          assert.deepEqual(await told(node, "app:1"), {
            "mirror.example": `${file}: the entry "docker.io", with a user name, for docker.io, and sent to mirror.example`,
            "registry-1.docker.io": `${file}: the entry "docker.io", with a user name`,
          });
          assert.deepEqual(await told(node, "quay.io/team/app:1"), {
            "mirror.example": "none",
            "quay.io": "none",
          });
        }
      },
    );
  });

  test("has credentials of its own by the host that is asked, where the kubelet has none", async () => {
    const configs = `${HOSTS}[plugins."io.containerd.grpc.v1.cri".registry.configs."mirror.example".auth]\nusername = "user"\npassword = "${SECRET}"\n`;
    await withRoot({ inside: { ...mirrored, "/etc/containerd/config.toml": configs } }, async (root) => {
      const node = await containerdNode(root, { release: "1.7" });
      assert.deepEqual(await told(node, "quay.io/team/app:1"), {
        "mirror.example": 'containerd: the entry "mirror.example", with a user name',
        "quay.io": "none",
      });
      const newer = await containerdNode(root, { release: "2.3" });
      assert.deepEqual(await told(newer, "quay.io/team/app:1"), {
        "mirror.example": "none",
        "quay.io": "none",
      });
    });
  });
});

describe("CRI-O", () => {
  const kubelet = { "/var/lib/kubelet/config.json": authFile("docker.io", "mirror.example", "quay.io/team") };
  const own = { "/root/.docker/config.json": authFile("mirror.example", "quay.io") };
  const registries = `[aliases]
app = "quay.io/team/app"
[[registry]]
location = "quay.io"
[[registry.mirror]]
location = "mirror.example/quay"
[[registry]]
prefix = "old.example"
location = "quay.io"
`;
  const inside = { ...OPEN, ...kubelet, ...own, "/etc/containers/registries.conf": registries };

  test("sends what the kubelet has for the image to the image's own host, and has a mirror's itself", async () => {
    await withRoot({ inside }, async (root) => {
      assert.deepEqual(await told(await crioNode(root), "quay.io/team/app:1"), {
        "mirror.example": 'cri-o /root/.docker/config.json: the entry "mirror.example", with a user name',
        "quay.io": 'kubelet-file /var/lib/kubelet/config.json: the entry "quay.io/team", with a user name',
      });
      // A rewrite is another host than the image's.
      assert.deepEqual(await told(await crioNode(root), "old.example/team/app:1"), {
        "quay.io": 'cri-o /root/.docker/config.json: the entry "quay.io", with a user name',
      });
    });
  });

  test("sends what the kubelet has for Docker Hub to what a short name stands for", async () => {
    await withRoot({ inside }, async (root) => {
      assert.deepEqual(await told(await crioNode(root), "app:1"), {
        "mirror.example": 'cri-o /root/.docker/config.json: the entry "mirror.example", with a user name',
        "quay.io":
          'kubelet-file /var/lib/kubelet/config.json: the entry "docker.io", with a user name, for docker.io, and sent to quay.io',
      });
    });
  });

  test("finds the file of a namespace by the name in the Pod", async () => {
    const path = namespacedAuthPath("/etc/crio/auth", "shop", "app");
    const files = {
      ...inside,
      ...OPEN,
      [path]: authFile("mirror.example"),
      "/var/lib/kubelet/config.json": "{}",
    };
    await withRoot({ inside: files }, async (root) => {
      assert.deepEqual(await told(await crioNode(root), "app:1"), {
        "mirror.example": `cri-o ${path}: the entry "mirror.example", with a user name`,
        "quay.io": "none",
      });
    });
  });
});
