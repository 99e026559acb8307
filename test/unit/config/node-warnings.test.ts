import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { loadContainerdConfig } from "../../../src/config/containerd/load.ts";
import { loadCrioNode } from "../../../src/config/crio/load.ts";
import { loadKubeletConfig } from "../../../src/config/kubelet/load.ts";
import { loadNode } from "../../../src/config/node/load.ts";
import { nodeFiles } from "../../../src/config/node-files.ts";
import type { NodeWarning } from "../../../src/config/node-warnings.ts";
import { loadStorageConf } from "../../../src/config/storage/load.ts";
import { withRoot } from "./node-root.ts";

const KUBELET = {
  "/var/lib/kubelet/config.yaml":
    "apiVersion: kubelet.config.k8s.io/v1beta1\nkind: KubeletConfiguration\nseccompDefalt: true\ncontainerRuntimeEndpoint: unix:///x.sock\n",
  "/etc/systemd/system/kubelet.service":
    '[Service]\nEnvironment="A=%q\nExecStart=/usr/bin/kubelet --config=/var/lib/kubelet/config.yaml\n',
};

/** Each reader's warnings are of a source of its own; those of daemons' units are of the node. */
function ofSource(warnings: readonly NodeWarning[], source: NodeWarning["source"]): object[] {
  return warnings.flatMap(({ source: own, ...warning }) => (own === source ? [warning] : []));
}

function filesOf(warnings: readonly NodeWarning[], source: NodeWarning["source"]): (string | undefined)[] {
  return warnings.flatMap((each) =>
    each.source === source && "origin" in each
      ? [`${each.code} ${each.origin?.file}:${each.origin?.line}`]
      : [],
  );
}

describe("the warnings of a node are those of all its readers", () => {
  test("with CRI-O", async () => {
    const inside = {
      ...KUBELET,
      "/etc/crio/crio.conf": '[crio.runtime]\nlog_levl = "debug"\nseccomp_profile = "/nowhere.json"\n',
      "/etc/containers/storage.conf":
        '[storage]\ndriver = "overlay"\ngraphrot = "/a"\n[storage.options.overlay]\nmountopts = "nodev"\n',
      "/etc/containers/registries.conf": "unqualified-search-registry = []\n",
      "/etc/containers/registries.d/a.yaml": "docker:\n  quay.io:\n    lookasid: file:///a\n",
      "/etc/systemd/system/crio.service":
        '[Service]\nEnvironment="A=1\nExecStart=/usr/bin/crio --log-levl debug\n',
      "/etc/containerd/config.toml": "version = 3\n",
    };
    await withRoot({ inside }, async (root) => {
      const files = nodeFiles({ root });
      const { warnings } = await loadNode({ root, runtime: "cri-o" });
      const crio = await loadCrioNode({ root, files });
      const storage = await loadStorageConf({ root, files });
      const kubelet = await loadKubeletConfig({ root, files });
      for (const own of [crio.config, storage, kubelet]) assert.ok(own.warnings.length > 1);
      assert.deepEqual(ofSource(warnings, "cri-o"), crio.config.warnings);
      assert.deepEqual(ofSource(warnings, "storage.conf"), storage.warnings);
      assert.deepEqual(ofSource(warnings, "kubelet"), kubelet.warnings);
      assert.deepEqual(filesOf(warnings, "storage.conf"), [
        "unknown-key /etc/containers/storage.conf:3",
        "unknown-key /etc/containers/storage.conf:5",
      ]);
      assert.deepEqual(filesOf(warnings, "registries.conf"), [
        "unknown-key /etc/containers/registries.conf:1",
      ]);
      assert.deepEqual(filesOf(warnings, "registries.d"), [
        "unknown-key /etc/containers/registries.d/a.yaml:3",
      ]);
      assert.deepEqual(filesOf(warnings, "node"), [
        "not-exact /etc/systemd/system/crio.service:2",
        "not-exact /etc/systemd/system/crio.service:3",
        "other-socket /var/lib/kubelet/config.yaml:4",
      ]);
      assert.ok(warnings.some(({ code }) => code === "other-runtime"));
    });
  });

  test("and of links that lead nowhere, each once", async () => {
    const inside = {
      "/etc/crio/crio.conf": "",
      "/etc/crio/crio.conf.d": "->/opt/crio.conf.d",
      "/etc/containers/registries.d": "->../../opt/registries.d",
    };
    await withRoot({ inside }, async (root) => {
      const { warnings } = await loadNode({ root });
      assert.deepEqual(ofSource(warnings, "node"), [
        { code: "dangling-link", path: "/etc/containers/registries.d" },
        { code: "dangling-link", path: "/etc/crio/crio.conf.d" },
      ]);
    });
  });

  test("with CRI-O, whose storage a caller knows", async () => {
    const inside = { "/etc/crio/crio.conf": "", "/etc/containers/storage.conf": "[storge]\n" };
    await withRoot({ inside }, async (root) => {
      const { warnings, runtime } = await loadNode({ root, crio: { storage: { root: "/a" } } });
      assert.deepEqual(ofSource(warnings, "storage.conf"), []);
      assert.ok(runtime.kind === "cri-o" && runtime.storage === undefined);
    });
  });

  test("with containerd", async () => {
    const images = '[plugins."io.containerd.cri.v1.images"';
    const inside = {
      ...KUBELET,
      "/etc/containerd/config.toml": `version = 3\nrot = "/a"\nimports = ["/none/*.toml"]\n${images}.registry]\nconfig_path = "/c"\n`,
      "/c/quay.io/hosts.toml": '[host."https://m.example"]\nskip_verfy = true\n',
      "/c/ghcr.io/hosts.toml": "[[",
      "/etc/systemd/system/containerd.service":
        '[Service]\nEnvironment="A=1\nExecStart=/usr/bin/containerd --log-levl debug\n',
      "/opt/containerd/image-verifier/bin/check": "",
    };
    await withRoot({ inside }, async (root) => {
      const files = nodeFiles({ root });
      const { warnings } = await loadNode({ root, runtime: "containerd" });
      const containerd = await loadContainerdConfig({ root, files });
      assert.ok(containerd.warnings.length > 1);
      assert.deepEqual(ofSource(warnings, "containerd"), containerd.warnings);
      assert.deepEqual(ofSource(warnings, "kubelet"), (await loadKubeletConfig({ root, files })).warnings);
      assert.deepEqual(filesOf(warnings, "hosts.toml"), [
        "broken-file /c/ghcr.io/hosts.toml:1",
        "unknown-key /c/quay.io/hosts.toml:2",
      ]);
      assert.deepEqual(filesOf(warnings, "node"), [
        "not-exact /etc/systemd/system/containerd.service:2",
        "not-exact /etc/systemd/system/containerd.service:3",
        "other-socket /var/lib/kubelet/config.yaml:4",
      ]);
      assert.ok(warnings.some(({ code }) => code === "image-verifiers"));
    });
  });
});
