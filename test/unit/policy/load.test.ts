import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { PolicyError } from "../../../src/policy/errors.ts";
import { loadPolicy, loadPolicyFiles, loadPolicyForNamespace } from "../../../src/policy/load.ts";
import type { ReadPolicyFile } from "../../../src/policy/trust-files.ts";

const REJECT = '{"default":[{"type":"reject"}]}';

async function withFiles(files: Record<string, string>, run: (root: string) => Promise<void>): Promise<void> {
  const root = await mkdtemp(join(tmpdir(), "lading-policy-"));
  try {
    for (const [name, text] of Object.entries(files)) {
      await mkdir(join(root, name, ".."), { recursive: true });
      await writeFile(join(root, name), text);
    }
    await run(root);
  } finally {
    await rm(root, { recursive: true });
  }
}

test("the first file that exists decides, and its path is told", async () => {
  await withFiles(
    { "etc/containers/policy.json": REJECT, "usr/share/containers/policy.json": "{" },
    async (root) => {
      const { path, policy } = await loadPolicy({ root, env: {} });
      assert.equal(path, join(root, "etc/containers/policy.json"));
      assert.deepEqual(policy.default, [{ type: "reject" }]);
    },
  );
});

test("a file that is named must be there and be good", async () => {
  await withFiles({ "a.json": REJECT, "b.json": "{", "etc/containers/policy.json": REJECT }, async (root) => {
    assert.equal(
      (await loadPolicy({ path: join(root, "a.json"), root, env: {} })).path,
      join(root, "a.json"),
    );
    await assert.rejects(loadPolicy({ path: join(root, "c.json"), root, env: {} }), {
      code: "ERR_POLICY_FILE",
    });
    const env = { CONTAINERS_POLICY_JSON: join(root, "c.json") };
    await assert.rejects(loadPolicy({ root, env }), { code: "ERR_POLICY_FILE" });
    await assert.rejects(loadPolicy({ path: join(root, "b.json"), env: {} }), (error) => {
      assert.ok(error instanceof PolicyError);
      assert.equal(error.code, "ERR_POLICY_SYNTAX");
      assert.ok(error.message.startsWith(`invalid policy in "${join(root, "b.json")}": `));
      assert.equal(error.position?.path, "$");
      return true;
    });
  });
});

test("a broken or unreadable user file is not passed over", async () => {
  await withFiles({ "x/containers/policy.json": "{", "etc/containers/policy.json": REJECT }, async (root) => {
    await assert.rejects(loadPolicy({ root, env: { XDG_CONFIG_HOME: join(root, "x") } }), {
      code: "ERR_POLICY_SYNTAX",
    });
  });
  await withFiles(
    { "y/containers/policy.json/x": "", "etc/containers/policy.json": REJECT },
    async (root) => {
      // A directory in the file's place.
      await assert.rejects(
        loadPolicy({ root, env: { HOME: "/nowhere", XDG_CONFIG_HOME: join(root, "y") } }),
        {
          code: "ERR_POLICY_FILE",
        },
      );
    },
  );
});

test("no file at all is an error that lists where it was looked for, never an empty policy", async () => {
  await withFiles({}, async (root) => {
    await assert.rejects(loadPolicy({ root, env: { HOME: "/nowhere" } }), (error) => {
      assert.ok(error instanceof PolicyError);
      assert.equal(error.code, "ERR_POLICY_FILE");
      assert.ok(error.message.includes('searched paths: ["/nowhere/.config/containers/policy.json" '));
      return true;
    });
  });
});

test("a namespace's policy replaces the global one, and must be good", async () => {
  const files = { "policies/team.json": REJECT, "policies/bad.json": "{", "global.json": REJECT };
  await withFiles(files, async (root) => {
    const options = {
      signaturePolicyDir: join(root, "policies"),
      signaturePolicy: join(root, "global.json"),
      env: {},
    };
    assert.equal((await loadPolicyForNamespace("team", options)).path, join(root, "policies/team.json"));
    assert.equal((await loadPolicyForNamespace("other", options)).path, join(root, "global.json"));
    assert.equal((await loadPolicyForNamespace("", options)).path, join(root, "global.json"));
    await assert.rejects(loadPolicyForNamespace("bad", options), { code: "ERR_POLICY_SYNTAX" });
    for (const namespace of ["../global", "a/b", "..", "A", "a.b", "a\0"]) {
      await assert.rejects(loadPolicyForNamespace(namespace, options), TypeError);
    }
  });
});

test("files that a policy names: bounded, and below a root if one is given", async () => {
  await withFiles({ "keys/a.pem": "key", "keys/big": "x".repeat(4 * 1024 * 1024 + 1) }, async (root) => {
    const read = loadPolicyFiles(root);
    assert.equal(Buffer.from(await read("/keys/a.pem", {})).toString(), "key");
    assert.equal(Buffer.from(await loadPolicyFiles()(join(root, "keys/a.pem"), {})).toString(), "key");
    await assert.rejects(read("/keys/none", {}), { code: "ENOENT" });
    await assert.rejects(read("/keys/big", {}), { code: "ERR_POLICY_FILE" });
    const reason = new Error("enough");
    await assert.rejects(
      read("/keys/a.pem", { signal: AbortSignal.abort(reason) }),
      (error) => error === reason,
    );
  });
});

test("an abort comes out as it is", async () => {
  const reason = new Error("enough");
  await assert.rejects(
    loadPolicy({ env: {}, signal: AbortSignal.abort(reason) }),
    (error) => error === reason,
  );
});

test("a reader that gives no bytes is not taken for a file that does not exist", async () => {
  for (const content of [undefined, null, "", REJECT]) {
    const readFile = (async (path: string) =>
      /first|home/.test(path) ? content : Buffer.from(REJECT)) as unknown as ReadPolicyFile;
    const options = { readFile, env: { HOME: "/home/user" } };
    await assert.rejects(loadPolicy(options), { code: "ERR_POLICY_FILE" });
    await assert.rejects(loadPolicyForNamespace("first", { ...options, env: {} }), {
      code: "ERR_POLICY_FILE",
    });
    assert.equal((await loadPolicyForNamespace("second", { ...options, env: {} })).policy.default.length, 1);
  }
});
