import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { nodeShortNames } from "../../../src/config/node/short-names.ts";
import type { NodeConfig } from "../../../src/config/node.ts";
import { formatReference } from "../../../src/core/reference.ts";
import { containerdNode, crioNode, withRoot } from "./node-root.ts";

const REGISTRIES = "/etc/containers/registries.conf";
const ALIASES = "/var/cache/containers/short-name-aliases.conf";
const SEARCH = 'unqualified-search-registries = ["a.example", "b.example"]\nshort-name-mode = "permissive"\n';

async function names(node: NodeConfig, name: string): Promise<string[]> {
  return (await nodeShortNames(node, name)).candidates.map(formatReference);
}

describe("nodeShortNames", () => {
  test("CRI-O's own mode decides, not that of registries.conf", async () => {
    await withRoot({ inside: { [REGISTRIES]: SEARCH } }, async (root) => {
      await assert.rejects(nodeShortNames(await crioNode(root), "busybox:1"), {
        code: "ERR_OCI_SHORT_NAME_AMBIGUOUS",
        message: "short name mode is enforcing, but image name busybox:1 returns ambiguous list",
      });
    });
    const disabled = '[crio.image]\nshort_name_mode = "disabled"\n';
    const enforcing = SEARCH.replace("permissive", "enforcing");
    await withRoot({ inside: { [REGISTRIES]: enforcing, "/etc/crio/crio.conf": disabled } }, async (root) => {
      const node = await crioNode(root);
      assert.deepEqual(await names(node, "busybox:1"), ["a.example/busybox:1", "b.example/busybox:1"]);
      assert.deepEqual(await names(node, "x/y"), ["a.example/x/y:latest", "b.example/x/y:latest"]);
    });
    await withRoot({ inside: {} }, async (root) => {
      await assert.rejects(nodeShortNames(await crioNode(root), "busybox"), { code: "ERR_OCI_NOT_FOUND" });
    });
  });

  test("aliases of users come before those of files, and both are the root's", async () => {
    const alias = (text: string): string => `[aliases]\nbusybox = "${text}"\nother = "o.example/o"\n`;
    const inside = {
      [REGISTRIES]: alias("conf.example/b"),
      [ALIASES]: "->../../../../aliases",
      "/aliases": '[aliases]\nbusybox = "user.example/b"\n',
    };
    const outside = { "/aliases": alias("leaked.example/b") };
    await withRoot({ inside, outside }, async (root) => {
      const node = await crioNode(root);
      const found = await nodeShortNames(node, "busybox:2");
      assert.deepEqual([found.by, found.origin], ["alias", ALIASES]);
      assert.deepEqual(found.candidates.map(formatReference), ["user.example/b:2"]);
      const other = await nodeShortNames(node, "other");
      assert.deepEqual(
        [other.origin, other.candidates.map(formatReference)],
        [REGISTRIES, ["o.example/o:latest"]],
      );
    });
    await withRoot({ inside: { [ALIASES]: "=" } }, async (root) => {
      await assert.rejects(nodeShortNames(await crioNode(root), "busybox"), {
        code: "ERR_OCI_CONFIG_INVALID",
      });
    });
  });

  test("a tag beside a digest is dropped by both runtimes", async () => {
    const digest = `sha256:${"a".repeat(64)}`;
    await withRoot({ inside: {} }, async (root) => {
      for (const node of [await crioNode(root), await containerdNode(root)]) {
        assert.deepEqual(await names(node, `quay.io/a:1@${digest}`), [`quay.io/a@${digest}`]);
        assert.deepEqual(await names(node, "quay.io/a"), ["quay.io/a:latest"]);
        await assert.rejects(nodeShortNames(node, "No Reference"), { code: "ERR_REFERENCE_INVALID" });
        const reason = new Error("stop");
        await assert.rejects(nodeShortNames(node, "a", { signal: AbortSignal.abort(reason) }), reason);
      }
    });
  });

  test("to containerd a short name is Docker Hub's", async () => {
    await withRoot({ inside: { [REGISTRIES]: SEARCH } }, async (root) => {
      const node = await containerdNode(root);
      assert.deepEqual(await names(node, "busybox"), ["docker.io/library/busybox:latest"]);
      assert.equal((await nodeShortNames(node, "busybox")).by, "docker-hub");
      assert.equal((await nodeShortNames(node, "quay.io/x")).by, "full-name");
    });
  });
});
