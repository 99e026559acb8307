import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { nodeCertificates } from "../../../src/config/node/file-access.ts";
import { nodePullSources } from "../../../src/config/node/pull-sources.ts";
import type { NodeConfig } from "../../../src/config/node.ts";
import { parseReference } from "../../../src/core/reference.ts";
import type { PullAttempt } from "../../../src/oci/mirrors/pull-sources.ts";
import { containerdNode, crioNode, withRoot } from "./node-root.ts";

const CONTAINERD = "/etc/containerd/config.toml";
const images = (text: string): string =>
  `version = 3\n[plugins."io.containerd.cri.v1.images".registry]\n${text}\n`;

async function attempts(node: NodeConfig, name: string): Promise<readonly PullAttempt[]> {
  const sources = await nodePullSources(node)(parseReference(name), {});
  return sources.kind === "allowed" ? sources.attempts : [];
}

async function urls(node: NodeConfig, name: string): Promise<string[]> {
  return (await attempts(node, name)).map(({ url }) => url);
}

describe("nodePullSources of CRI-O", () => {
  test("goes by registries.conf, drop-ins and links inside the root", async () => {
    const mirror = (host: string): string =>
      `[[registry]]\nlocation = "quay.io"\n[[registry.mirror]]\nlocation = "${host}"\n`;
    const inside = {
      "/etc/containers/registries.conf": "->../../../r/registries.conf",
      "/r/registries.conf": mirror("main.example"),
      "/etc/containers/registries.conf.d": "->/r/conf.d",
      "/r/conf.d/a.conf": "->$TOP/r/registries.conf",
      "/r/conf.d/b.conf": "->../../../r/b",
      "/r/b": '[[registry]]\nlocation = "blocked.example"\nblocked = true\n',
    };
    const outside = { "/r/registries.conf": mirror("leaked.example"), "/r/b": mirror("leaked.example") };
    await withRoot({ inside: { ...inside, "/r/conf.d/a.conf": "" }, outside }, async (root) => {
      const node = await crioNode(root);
      assert.deepEqual(await urls(node, "quay.io/a"), ["https://main.example/v2", "https://quay.io/v2"]);
      const blocked = await nodePullSources(node)(parseReference("blocked.example/a"), {});
      assert.equal(blocked.kind, "blocked");
      assert.deepEqual(await urls(node, "busybox"), ["https://registry-1.docker.io/v2"]);
    });
  });

  test("finds certificates in folders of the root, and reads them there", async () => {
    const inside = {
      "/etc/containers/certs.d/quay.io": "->/../certs",
      "/certs/ca.crt": "inside",
      "/certs/a.cert": "->$TOP/certs/ca.crt",
      "/certs/a.key": "->../../certs/ca.crt",
    };
    await withRoot(
      { inside, outside: { "/certs/ca.crt": "leaked", "/certs/b.crt": "leaked" } },
      async (root) => {
        const node = await crioNode(root);
        const [attempt] = await attempts(node, "quay.io/a");
        const folder = "/etc/containers/certs.d/quay.io";
        assert.deepEqual(attempt?.tls, {
          ca: [`${folder}/ca.crt`],
          client: [[`${folder}/a.cert`, `${folder}/a.key`]],
          skipVerify: false,
        });
        const read = nodeCertificates(node);
        for (const path of [`${folder}/ca.crt`, `${folder}/a.key`, "/../certs/ca.crt", "certs/ca.crt"]) {
          assert.equal(String(await read(path, {})), "inside", path);
        }
        for (const path of [`${folder}/a.cert`, "/certs", "/certs/ca.crt/x"]) {
          await assert.rejects(read(path, {}), { code: "ERR_OCI_CONFIG_INVALID" }, path);
        }
      },
    );
  });

  test("the folders are root's", async () => {
    const files = {
      "/root/.config/containers/certs.d/quay.io/r.crt": "",
      "/home/x/.config/containers/certs.d/quay.io/x.crt": "",
    };
    await withRoot({ inside: files }, async (root) => {
      const ca = async (env: Record<string, string>): Promise<unknown> =>
        (await attempts(await crioNode(root, { env }), "quay.io/a"))[0]?.tls.ca;
      assert.deepEqual(await ca({}), ["/root/.config/containers/certs.d/quay.io/r.crt"]);
      assert.deepEqual(await ca({ HOME: "/home/x" }), ["/home/x/.config/containers/certs.d/quay.io/x.crt"]);
    });
  });
});

describe("nodePullSources of containerd", () => {
  const hosts = (host: string): string => `[host."https://${host}"]\nca = "ca.crt"\nclient = "/abs.pem"\n`;

  test("reads hosts.toml inside the root, wherever config_path and links lead", async () => {
    const inside = {
      [CONTAINERD]: images('config_path = "/certs.d:/x/../../more.d:relative.d"'),
      "/certs.d/docker.io": "->../../../d",
      "/d/hosts.toml": hosts("one.example"),
      "/more.d/quay.io/hosts.toml": "->/../q.toml",
      "/q.toml": hosts("two.example"),
      "/more.d/ghcr.io/hosts.toml": "->$TOP/q.toml",
      "/relative.d/_default/hosts.toml": hosts("three.example"),
    };
    const leak = hosts("leaked.example");
    const outside = { "/d/hosts.toml": leak, "/q.toml": leak, "/more.d/quay.io/hosts.toml": leak };
    await withRoot({ inside, outside }, async (root) => {
      const node = await containerdNode(root);
      const [first, last] = await attempts(node, "busybox");
      assert.equal(first?.url, "https://one.example/v2");
      assert.deepEqual(first?.tls.ca, ["/certs.d/docker.io/ca.crt"]);
      assert.deepEqual(first?.tls.client, [["/abs.pem", ""]]);
      assert.equal(last?.url, "https://registry-1.docker.io/v2");
      assert.deepEqual(await urls(node, "quay.io/a"), ["https://two.example/v2", "https://quay.io/v2"]);
      // A file that a link leads out of the root is no file: the namespace's own host is asked.
      assert.deepEqual(await urls(node, "ghcr.io/a"), ["https://ghcr.io/v2"]);
      assert.deepEqual(await urls(node, "else.io/a"), ["https://three.example/v2", "https://else.io/v2"]);
    });
  });

  test("passes over a broken file, whose folder's certificates count then", async () => {
    const inside = {
      [CONTAINERD]: images('config_path = "/c"'),
      "/c/quay.io/hosts.toml": '[host."https://m.example"\n',
      "/c/quay.io/ca.crt": "",
    };
    await withRoot({ inside }, async (root) => {
      const found = await attempts(await containerdNode(root), "quay.io/a");
      assert.deepEqual(
        found.map(({ url, tls }) => [url, tls.ca]),
        [["https://quay.io/v2", ["/c/quay.io/ca.crt"]]],
      );
    });
  });

  test("goes by registry.mirrors where there are no folders", async () => {
    const text = images(
      '[plugins."io.containerd.cri.v1.images".registry.mirrors."*"]\nendpoint = ["https://m.example"]',
    );
    await withRoot(
      { inside: { [CONTAINERD]: text, "/etc/containerd/certs.d/quay.io/hosts.toml": hosts("no.example") } },
      async (root) => {
        const node = await containerdNode(root);
        assert.deepEqual(await urls(node, "quay.io/a"), ["https://m.example/v2", "https://quay.io/v2"]);
        const reason = new Error("stop");
        const signal = AbortSignal.abort(reason);
        await assert.rejects(async () => nodePullSources(node)(parseReference("a"), { signal }), reason);
      },
    );
  });

  test("has folders of its own from 2.2 on, and asks registries themselves before", async () => {
    const inside = { "/etc/containerd/certs.d/quay.io/hosts.toml": hosts("m.example") };
    await withRoot({ inside }, async (root) => {
      const at = async (release: string): Promise<string[]> =>
        urls(await containerdNode(root, { release }), "quay.io/a");
      assert.deepEqual(await at("2.2"), ["https://m.example/v2", "https://quay.io/v2"]);
      assert.deepEqual(await at("1.7"), ["https://quay.io/v2"]);
    });
  });
});
