import assert from "node:assert/strict";
import { test } from "node:test";
import { nodeCniTemplate, nodeNetworks } from "../../../../src/config/cni/node-networks.ts";
import { containerdNode, crioNode, kubeletOf, withRoot } from "../node-root.ts";

const NETWORK = '{"name": "a", "plugins": [{"type": "ptp"}]}';
const CONFIG = `version = 3
[plugins.'io.containerd.cri.v1.runtime'.cni]
conf_dir = "/srv/cni"
max_conf_num = 2
conf_template = "/srv/template"
`;

test("containerd's folder, number and release count", async () => {
  const inside = {
    "etc/containerd/config.toml": CONFIG,
    "srv/cni/1.conflist": NETWORK,
    "srv/cni/2.conf": '{"name": "b", "type": "x"}',
    "srv/cni/3.conf": '{"name": "c", "type": "x"}',
    "srv/cni/a/1.conf": '{"type": "tuning"}',
    "etc/cni/net.d/0.conf": '{"name": "no", "type": "x"}',
  };
  await withRoot({ inside }, async (root) => {
    const types = async (release: string): Promise<string[][]> => {
      const { networks } = await nodeNetworks(await containerdNode(root, { release }));
      return networks.map(({ plugins }) => plugins.map(({ type }) => type));
    };
    assert.deepEqual(await types("2.1"), [["ptp", "tuning"], ["x"]]);
    assert.deepEqual(await types("2.0"), [["ptp"], ["x"]]);
  });
});

test("CRI-O's folder and default network count", async () => {
  const inside = {
    "etc/crio/crio.conf": '[crio.network]\nnetwork_dir = "/srv/cni"\ncni_default_network = "b"\n',
    "srv/cni/1.conflist": NETWORK,
    "srv/cni/2.conf": '{"name": "b", "type": "x"}',
  };
  await withRoot({ inside }, async (root) => {
    const { networks } = await nodeNetworks(await crioNode(root));
    assert.deepEqual(
      networks.map(({ name }) => name),
      ["b"],
    );
    assert.deepEqual(await nodeCniTemplate(await crioNode(root), { podCIDR: "10.0.0.0/24" }), {
      kind: "none",
      reason: "no-template",
    });
  });
});

test("the template is filled in where there is no network yet", async () => {
  const inside = { "etc/containerd/config.toml": CONFIG, "srv/template": "{{.PodCIDR}}" };
  await withRoot({ inside }, async (root) => {
    const node = await containerdNode(root);
    assert.deepEqual(await nodeCniTemplate(node), { kind: "none", reason: "no-pod-cidr" });
    const written = { kind: "written", path: "/srv/cni/10-containerd-net.conflist", text: "10.0.0.0/24" };
    assert.deepEqual(await nodeCniTemplate(node, { podCIDR: "10.0.0.0/24" }), written);
    const own = { ...node, kubelet: kubeletOf({ podCIDR: { value: "10.0.0.0/24" } }) };
    assert.deepEqual(await nodeCniTemplate(own), written);
  });
  const ready = { ...inside, "srv/cni/1.conflist": NETWORK };
  await withRoot({ inside: ready }, async (root) => {
    const node = await containerdNode(root);
    assert.deepEqual(await nodeCniTemplate(node, { podCIDR: "10.0.0.0/24" }), {
      kind: "none",
      reason: "has-networks",
    });
  });
});

test("a template that is missing, or outside of the root, is missed", async () => {
  for (const inside of [
    { "etc/containerd/config.toml": CONFIG },
    { "etc/containerd/config.toml": CONFIG, "srv/template": "->$TOP/srv/template" },
    { "etc/containerd/config.toml": CONFIG, "srv/template": "->../../srv/template2" },
    { "etc/containerd/config.toml": CONFIG.replace("/srv/template", "/../srv/template2") },
  ]) {
    const outside = { "srv/template": "outside", "srv/template2": "outside" };
    await withRoot({ inside, outside }, async (root) => {
      const node = await containerdNode(root);
      await assert.rejects(nodeCniTemplate(node, { podCIDR: "10.0.0.0/24" }), { code: "ERR_CONFIG_FILE" });
    });
  }
});
