import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { describe, test } from "node:test";
import { loadContainerdConfig } from "../../../src/config/containerd/index.ts";
import { nodeFiles } from "../../../src/config/node-files.ts";

/** A folder with files by their paths on the node; a text that begins with `->` is the target of a link. */
async function withRoot(
  files: Record<string, string>,
  run: (root: string, outside: string) => Promise<void>,
): Promise<void> {
  const top = mkdtempSync(join(tmpdir(), "lading-node-"));
  const root = join(top, "root");
  try {
    mkdirSync(root);
    for (const [path, text] of Object.entries(files)) {
      const place = join(root, path);
      mkdirSync(dirname(place), { recursive: true });
      if (text.startsWith("->")) symlinkSync(text.slice(2).replaceAll("$TOP", top), place);
      else writeFileSync(place, text);
    }
    await run(root, top);
  } finally {
    rmSync(top, { recursive: true });
  }
}

const MAIN = "/etc/containerd/config.toml";
const profile = (text: string): string =>
  `version = 3\n[plugins."io.containerd.cri.v1.runtime"]\nunset_seccomp_profile = "${text}"\n`;

describe("loadContainerdConfig", () => {
  test("reads imports by path and by pattern, in order", async () => {
    const files = {
      [MAIN]: 'version = 3\nimports = ["conf.d/*/?.toml", "last.toml"]\nroot = "/r"\n',
      "/etc/containerd/conf.d/b/1.toml": profile("b"),
      "/etc/containerd/conf.d/a/2.toml": profile("a2"),
      "/etc/containerd/conf.d/a/1.toml": profile("a1"),
      "/etc/containerd/conf.d/a/10.toml": "not toml",
      "/etc/containerd/conf.d/file": "",
      "/etc/containerd/last.toml": 'version = 3\nimports = ["config.toml"]\n',
    };
    await withRoot(files, async (root) => {
      const config = await loadContainerdConfig({ root });
      assert.deepEqual(
        config.files.map(({ path }) => path.replace("/etc/containerd/", "")),
        ["config.toml", "conf.d/a/1.toml", "conf.d/a/2.toml", "conf.d/b/1.toml", "last.toml"],
      );
      assert.equal(config.unsetSeccompProfile.value, "b");
      assert.equal(config.unsetSeccompProfile.origin?.file, "/etc/containerd/conf.d/b/1.toml");
    });
  });

  test("an absolute import, and one through ..; none leaves the root", async () => {
    const files = {
      [MAIN]: 'version = 3\nimports = ["/opt/a.toml", "../../../../outside.toml"]\n',
      "/opt/a.toml": profile("a"),
      "/outside.toml": 'version = 3\nroot = "/inside"\n',
    };
    await withRoot(files, async (root, top) => {
      writeFileSync(join(top, "outside.toml"), 'version = 3\nroot = "/leaked"\n');
      const config = await loadContainerdConfig({ root });
      assert.equal(config.unsetSeccompProfile.value, "a");
      assert.equal(config.root.value, "/inside");
    });
  });

  test("links of files and folders are followed below the root, relative and absolute", async () => {
    const files = {
      [MAIN]: "->../../real/main.toml",
      "/real/main.toml": 'version = 3\nimports = ["conf.d/*.toml"]\n',
      "/etc/containerd/conf.d": "->/real/conf.d",
      "/real/conf.d/a.toml": "->../../../../../../up.toml",
      "/up.toml": profile("inside"),
    };
    await withRoot(files, async (root, top) => {
      writeFileSync(join(top, "up.toml"), profile("leaked"));
      const config = await loadContainerdConfig({ root });
      // A relative path is relative to the name that the file was asked for by.
      assert.equal(config.unsetSeccompProfile.value, "inside");
      assert.equal(config.unsetSeccompProfile.origin?.file, "/etc/containerd/conf.d/a.toml");
    });
  });

  test("a link to a place outside is a link to nothing", async () => {
    await withRoot({ [MAIN]: "->$TOP/leak.toml" }, async (root, top) => {
      writeFileSync(join(top, "leak.toml"), profile("leaked"));
      assert.deepEqual((await loadContainerdConfig({ root })).files, []);
      await assert.rejects(loadContainerdConfig({ root, path: MAIN }), { code: "ERR_CONFIG_FILE" });
    });
  });

  test("what is there and cannot be read is an error", async () => {
    const circle = { [MAIN]: "->b.toml", "/etc/containerd/b.toml": `->${MAIN}` };
    await withRoot(circle, async (root) => {
      await assert.rejects(loadContainerdConfig({ root }), { code: "ERR_CONFIG_FILE" });
    });
    await withRoot({ [`${MAIN}/x`]: "" }, async (root) => {
      await assert.rejects(loadContainerdConfig({ root }), { code: "ERR_CONFIG_FILE" });
    });
    await withRoot({ [MAIN]: 'imports = ["d/*"]', "/etc/containerd/d/e/f": "" }, async (root) => {
      await assert.rejects(loadContainerdConfig({ root }), { code: "ERR_CONFIG_FILE" });
    });
    await withRoot({ [MAIN]: 'imports = ["nope.toml"]' }, async (root) => {
      await assert.rejects(loadContainerdConfig({ root }), {
        code: "ERR_CONFIG_FILE",
        message: "open /etc/containerd/nope.toml: no such file or directory",
        origin: { file: MAIN, line: 1, column: 12 },
      });
    });
    await withRoot({ [MAIN]: "#".repeat(4 * 1024 * 1024 + 1) }, async (root) => {
      await assert.rejects(loadContainerdConfig({ root }), { code: "ERR_CONFIG_TOO_LARGE" });
    });
  });

  test("a pipe at the place of a file is not waited for", async () => {
    await withRoot({ "/etc/containerd/x": "" }, async (root) => {
      execFileSync("mkfifo", [join(root, MAIN)]);
      await assert.rejects(loadContainerdConfig({ root }), { code: "ERR_CONFIG_FILE" });
    });
  });

  test("an abort rejects with its reason", async () => {
    const reason = new Error("enough");
    await assert.rejects(
      loadContainerdConfig({ root: "/", signal: AbortSignal.abort(reason) }),
      (error) => error === reason,
    );
    const controller = new AbortController();
    const files = {
      read: async () => {
        controller.abort(reason);
        return 'imports = ["a.toml"]';
      },
      list: async () => [],
    };
    await assert.rejects(
      loadContainerdConfig({ root: "/", files, signal: controller.signal }),
      (error) => error === reason,
    );
  });

  test("imports without end are ended", async () => {
    let reads = 0;
    const files = {
      read: async () => `imports = ["${++reads}.toml"]`,
      list: async () => [],
    };
    await assert.rejects(loadContainerdConfig({ root: "/", files }), { code: "ERR_CONFIG_TOO_LARGE" });
    assert.ok(reads < 1100);
  });
});

describe("nodeFiles", () => {
  test("text that is no UTF-8, and paths that are none", async () => {
    await withRoot({ "/a": "" }, async (root) => {
      writeFileSync(join(root, "a"), Buffer.from([0xff, 0xfe]));
      const files = nodeFiles({ root });
      for (const path of ["/a", "a", "", "/a\0b"]) {
        await assert.rejects(files.read(path, {}), { code: "ERR_CONFIG_FILE" }, path);
      }
      assert.equal(await files.read("/a/b", {}), undefined);
      assert.equal(await files.list("/a", {}), undefined);
      assert.deepEqual(await files.list("/../..", {}), ["a"]);
    });
  });
});
