import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { nodeProfiles } from "../../../src/config/node/file-access.ts";
import { nodeSeccomp } from "../../../src/config/node/seccomp.ts";
import { filterOfChoice } from "../../../src/seccomp/choice-filter.ts";
import { resolveSeccomp } from "../../../src/seccomp/resolve.ts";
import { containerdNode, crioNode, kubeletOf, withRoot } from "./node-root.ts";

const DENY = '{"defaultAction":"SCMP_ACT_ERRNO"}';
const LEAK = '{"defaultAction":"SCMP_ACT_LOG"}';
const HOST = { arch: "amd64", capabilities: [], kernel: "6.1.0" } as const;

describe("nodeSeccomp", () => {
  test("a Localhost profile is read below the kubelet's folder of the root", async () => {
    const inside = {
      "/k/seccomp/p.json": "->../../../../p",
      "/p": DENY,
      "/k/seccomp/out.json": "->$TOP/p",
    };
    const kubelet = kubeletOf({ seccompRoot: { value: "/k/seccomp" }, seccompDefault: { value: true } });
    await withRoot({ inside, outside: { "/p": LEAK, "/k/seccomp/p.json": LEAK } }, async (root) => {
      for (const node of [await crioNode(root, { kubelet }), await containerdNode(root, { kubelet })]) {
        const decided = nodeSeccomp(node, "");
        const filter = async (localhostProfile?: string): Promise<string> => {
          const seccompProfile =
            localhostProfile === undefined ? undefined : { type: "Localhost", localhostProfile };
          const choice = resolveSeccomp({
            ...decided,
            pod: {},
            container: { name: "c", securityContext: { seccompProfile } },
            imageAnnotations: {},
          });
          assert.notEqual(choice.kind, "ambiguous");
          if (choice.kind === "ambiguous") return "";
          const found = await filterOfChoice(choice, { ...HOST, readFile: nodeProfiles(node) });
          return found.kind === "filter" ? `${found.from} ${found.spec.defaultAction}` : found.kind;
        };
        assert.equal(await filter("p.json"), "file SCMP_ACT_ERRNO");
        assert.match(await filter(), /^built-in /);
        await assert.rejects(filter("out.json"), { code: "ERR_SECCOMP_PROFILE_REQUEST" });
        await assert.rejects(filter("none.json"), { code: "ERR_SECCOMP_PROFILE_REQUEST" });
      }
    });
  });

  test("CRI-O's own profiles are those of the root, by handler", async () => {
    const inside = {
      "/etc/crio/crio.conf":
        '[crio.runtime]\nseccomp_profile = "../../p"\n[crio.runtime.runtimes.h]\nseccomp_profile = "/x/../../h"\n',
      "/p": DENY,
      "/h": '{"defaultAction":"SCMP_ACT_KILL"}',
    };
    await withRoot({ inside, outside: { "/p": LEAK, "/h": LEAK } }, async (root) => {
      const node = await crioNode(root);
      const action = async (handler: string): Promise<unknown> => {
        const container = { name: "c", securityContext: { seccompProfile: { type: "RuntimeDefault" } } };
        const choice = resolveSeccomp({
          ...nodeSeccomp(node, handler),
          pod: {},
          container,
          imageAnnotations: {},
        });
        if (choice.kind === "ambiguous") return undefined;
        const found = await filterOfChoice(choice, { ...HOST, readFile: nodeProfiles(node) });
        return found.kind === "filter" ? found.spec.defaultAction : found.kind;
      };
      assert.equal(await action(""), "SCMP_ACT_ERRNO");
      assert.equal(await action("h"), "SCMP_ACT_KILL");
      assert.throws(() => nodeSeccomp(node, "other"), RangeError);
    });
  });

  test("containerd's setting and its handlers count", async () => {
    const text =
      'version = 3\n[plugins."io.containerd.cri.v1.runtime"]\nunset_seccomp_profile = "runtime/default"\n';
    await withRoot({ inside: { "/etc/containerd/config.toml": text } }, async (root) => {
      const node = await containerdNode(root);
      const expected = { kind: "containerd", unsetSeccompProfile: "runtime/default" };
      assert.deepEqual(nodeSeccomp(node, "").runtime, expected);
      assert.deepEqual(nodeSeccomp(node, "runc").runtime, expected);
      assert.throws(() => nodeSeccomp(node, "crun"), RangeError);
    });
  });
});
