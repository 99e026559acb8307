import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { nodePolicyFiles } from "../../../src/config/node/file-access.ts";
import { nodePolicy } from "../../../src/config/node/policy.ts";
import { containerdNode, crioNode, type RootFiles, withRoot } from "./node-root.ts";

const REJECT = '{"default":[{"type":"reject"}]}';
const ACCEPT = '{"default":[{"type":"insecureAcceptAnything"}]}';
const CRIO = "/etc/crio/crio.conf";
const image = (text: string): string => `[crio.image]\n${text}\n`;

/** What the policy of a namespace is like, in short. */
async function told(
  inside: RootFiles,
  namespace: string,
  { env = {}, outside = {} }: { env?: Record<string, string>; outside?: RootFiles } = {},
): Promise<unknown> {
  let found: unknown;
  await withRoot({ inside, outside }, async (root) => {
    const policy = await nodePolicy(await crioNode(root, { env }), namespace);
    assert.ok(policy.kind === "policy");
    const type = policy.policy.default[0]?.type;
    found = [policy.path, type, policy.checkedAtCreate, policy.candidates.map((each) => each.outcome).join()];
  });
  return found;
}

describe("nodePolicy", () => {
  test("a namespace's own policy counts first, then the option, then the system's", async () => {
    const files = {
      [CRIO]: image('signature_policy = "/p/own.json"'),
      "/etc/crio/policies/team.json": REJECT,
      "/p/own.json": ACCEPT,
      "/etc/containers/policy.json": REJECT,
    };
    assert.deepEqual(await told(files, "team"), [
      "/etc/crio/policies/team.json",
      "reject",
      true,
      "chosen,outranked,outranked,outranked,outranked",
    ]);
    assert.deepEqual(await told(files, "other"), [
      "/p/own.json",
      "insecureAcceptAnything",
      true,
      "missing,chosen,outranked,outranked,outranked",
    ]);
    assert.deepEqual(await told(files, ""), [
      "/p/own.json",
      "insecureAcceptAnything",
      true,
      "chosen,outranked,outranked,outranked",
    ]);
  });

  test("a link to nowhere is told, wherever it is on the way", async () => {
    for (const link of [
      { "/etc/crio/policies/team.json": "->/opt/team.json" },
      { "/etc/crio/policies": "->../../../opt/policies" },
      { "/etc/crio/policies": "->policies" },
      { "/etc/crio/policies/team.json": "->b.json", "/etc/crio/policies/b.json": "->/opt/team.json" },
    ] as RootFiles[]) {
      const files = { ...link, "/etc/containers/policy.json": ACCEPT };
      const outside = { "/opt/team.json": REJECT, "/opt/policies/team.json": REJECT };
      if (link["/etc/crio/policies"] === "->policies") {
        await assert.rejects(told(files, "team", { outside }), { code: "ERR_POLICY_FILE" });
        continue;
      }
      assert.deepEqual(await told(files, "team", { outside }), [
        "/etc/containers/policy.json",
        "insecureAcceptAnything",
        false,
        "dangling,missing,chosen,outranked",
      ]);
    }
    const linked = {
      "/etc/crio/policies": "->/opt",
      "/opt/x.json": ACCEPT,
      "/etc/containers/policy.json": REJECT,
    };
    assert.deepEqual(await told(linked, "team"), [
      "/etc/containers/policy.json",
      "reject",
      false,
      "missing,missing,chosen,outranked",
    ]);
  });

  test("the system's own policy is root's, and is not asked again when containers are made", async () => {
    const files = { "/etc/containers/policy.json": REJECT, "/usr/share/containers/policy.json": ACCEPT };
    assert.deepEqual(await told(files, ""), [
      "/etc/containers/policy.json",
      "reject",
      false,
      "missing,chosen,outranked",
    ]);
    const ofRoot = { ...files, "/root/.config/containers/policy.json": ACCEPT };
    assert.deepEqual(await told(ofRoot, ""), [
      "/root/.config/containers/policy.json",
      "insecureAcceptAnything",
      false,
      "chosen,outranked,outranked",
    ]);
    const named = { env: { CONTAINERS_POLICY_JSON: "/usr/share/containers/policy.json" } };
    assert.deepEqual(await told(files, "", named), [
      "/usr/share/containers/policy.json",
      "insecureAcceptAnything",
      false,
      "chosen",
    ]);
    const home = { env: { HOME: "/home/x" } };
    const elsewhere = { ...files, "/home/x/.config/containers/policy.json": ACCEPT };
    assert.deepEqual(
      ((await told(elsewhere, "", home)) as string[])[0],
      "/home/x/.config/containers/policy.json",
    );
  });

  test("each candidate says which option names it, and where", async () => {
    const main = image('signature_policy = "/p.json"\nsignature_policy_dir = "/q"');
    await withRoot({ inside: { [CRIO]: main, "/q/a.json": REJECT } }, async (root) => {
      const policy = await nodePolicy(await crioNode(root), "a");
      assert.ok(policy.kind === "policy");
      assert.deepEqual(policy.candidates.slice(0, 3), [
        {
          path: "/q/a.json",
          by: "signature_policy_dir",
          origin: { file: CRIO, line: 3, column: 24 },
          outcome: "chosen",
        },
        {
          path: "/p.json",
          by: "signature_policy",
          origin: { file: CRIO, line: 2, column: 20 },
          outcome: "outranked",
        },
        { path: "/root/.config/containers/policy.json", by: "system", outcome: "outranked" },
      ]);
    });
  });

  test("policies are found inside the root only, whatever paths and links say", async () => {
    const outside = { "/o.json": ACCEPT, "/policies/ns.json": ACCEPT };
    const system = { "/etc/containers/policy.json": REJECT };
    const over = await told(
      { ...system, "/o.json": REJECT, [CRIO]: image('signature_policy = "/x/../../o.json"') },
      "ns",
      { outside },
    );
    assert.deepEqual((over as string[])[1], "reject");
    const folder = await told(
      { ...system, [CRIO]: image('signature_policy_dir = "/../policies"'), "/policies/ns.json": REJECT },
      "ns",
      { outside },
    );
    assert.deepEqual((folder as string[]).slice(0, 2), ["/../policies/ns.json", "reject"]);
    const links = { "/etc/crio/policies": "->../../../policies", "/policies/ns.json": REJECT };
    assert.equal(((await told({ ...system, ...links }, "ns", { outside })) as string[])[1], "reject");
    const linkOut = { ...system, "/etc/crio/policies/ns.json": "->$TOP/o.json" };
    assert.equal(((await told(linkOut, "ns", { outside })) as string[])[0], "/etc/containers/policy.json");
  });

  test("no policy, a broken one and a folder that is a file are errors, never another policy", async () => {
    const system = { "/etc/containers/policy.json": ACCEPT };
    for (const [inside, code] of [
      [{}, "ERR_POLICY_FILE"],
      [{ ...system, [CRIO]: image('signature_policy = "/gone.json"') }, "ERR_POLICY_FILE"],
      [{ ...system, "/etc/crio/policies": "a file" }, "ERR_POLICY_FILE"],
      [{ ...system, "/etc/crio/policies/ns.json/x": "a folder" }, "ERR_POLICY_FILE"],
      [{ ...system, "/etc/crio/policies/ns.json": "{}" }, "ERR_POLICY_MISSING_KEY"],
    ] as const) {
      await withRoot({ inside }, async (root) => {
        const node = await crioNode(root);
        await assert.rejects(nodePolicy(node, "ns"), (error: Error & { code?: string }) => {
          assert.match(String(error.code), /^ERR_POLICY_/);
          if (code === "ERR_POLICY_FILE") assert.equal(error.code, code);
          return true;
        });
        await assert.rejects(nodePolicy(node, "../ns"), TypeError);
        const reason = new Error("stop");
        await assert.rejects(nodePolicy(node, "ns", { signal: AbortSignal.abort(reason) }), reason);
      });
    }
  });

  test("containerd has none", async () => {
    await withRoot({ inside: { "/etc/containers/policy.json": REJECT } }, async (root) => {
      assert.deepEqual(await nodePolicy(await containerdNode(root), "a"), {
        kind: "none",
        runtime: "containerd",
      });
    });
  });
});

test("files that a policy names are the node's", async () => {
  const inside = {
    "/k/key.gpg": Buffer.from([0xff, 1]),
    "/k/out": "->$TOP/k/key.gpg",
    "/k/up": "->../../k/key.gpg",
  };
  await withRoot({ inside, outside: { "/k/key.gpg": "leaked" } }, async (root) => {
    const read = nodePolicyFiles(await crioNode(root));
    for (const path of ["/k/key.gpg", "k/key.gpg", "/../k/key.gpg", "/k/up"]) {
      assert.deepEqual([...(await read(path, {}))], [0xff, 1], path);
    }
    for (const path of ["/k/out", "/k/none"]) await assert.rejects(read(path, {}), { code: "ENOENT" }, path);
    await assert.rejects(read("/k", {}), { code: "ERR_CONFIG_FILE" });
    await assert.rejects(read("/k/key.gpg/x", {}), { code: "ERR_CONFIG_FILE" });
  });
});
