/** The demo with `--cri`: its Pod on a real runtime, which reports and enforces what the demo computed. */
import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { after, before, describe, test } from "node:test";
import { promisify } from "node:util";
import { connectCri } from "../../src/cri/index.ts";
import { type Containerd, startContainerd, whyNoContainerd } from "./containerd.ts";
import { needs } from "./parts.ts";

describe("the demo on containerd", needs(whyNoContainerd()), () => {
  let containerd: Containerd;
  before(async () => {
    containerd = await startContainerd({ subnet: "203.0.113.0/24" });
  });
  after(() => containerd?.stop());

  test("it tells the story to its end, and leaves nothing behind", async () => {
    const args = ["--conditions=lading-source", "examples/demo.ts", "--cri", `unix://${containerd.socket}`];
    // It exits with an error as soon as a step is not as told.
    const { stdout } = await promisify(execFile)(process.execPath, args, { timeout: 60_000 });
    assert.match(stdout, /^10\. The same Pod on containerd /m);
    assert.match(stdout, /mkdirat +errno 13 in the container, as predicted/);
    assert.match(stdout, /every step went as told\.\n$/);

    const cri = await connectCri({ endpoint: containerd.socket });
    try {
      assert.deepEqual((await cri.runtime.listPodSandbox({})).items, []);
      assert.deepEqual((await cri.runtime.listContainers({})).containers, []);
      const { images } = await cri.image.listImages({});
      assert.deepEqual(
        images.filter(({ repoDigests }) => repoDigests.some((name) => name.includes("/team/app@"))),
        [],
      );
    } finally {
      await cri.close();
    }
  });
});
