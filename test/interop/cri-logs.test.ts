/** Logs that containerd writes: long lines, following while the file is rotated as the kubelet does it, and all files. */
import assert from "node:assert/strict";
import { renameSync, rmSync } from "node:fs";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { type CriConnection, connectCri, logText, readLogs } from "../../src/cri/index.ts";
import { type Containerd, startContainerd, whyNoContainerd } from "./containerd.ts";
import { needs } from "./parts.ts";

describe("logs of containerd", needs(whyNoContainerd()), () => {
  let containerd: Containerd;
  let cri: CriConnection;
  let podSandboxId: string;
  let logDirectory: string;

  before(async () => {
    containerd = await startContainerd({ subnet: "198.18.3.0/24" });
    cri = await connectCri({ endpoint: containerd.socket });
    logDirectory = join(containerd.folder, "logs");
    ({ podSandboxId } = await cri.runtime.runPodSandbox({ config: sandboxConfig() }));
  });
  after(async () => {
    await cri?.close();
    await containerd?.stop();
  });

  const sandboxConfig = () => ({
    metadata: { name: "logs", uid: "uid", namespace: "default" },
    logDirectory,
    linux: {},
  });

  async function run(name: string, script: string): Promise<string> {
    const config = {
      metadata: { name },
      image: { image: containerd.busybox },
      command: ["/bin/sh", "-c", script],
      logPath: `${name}.log`,
      linux: {},
    };
    const created = await cri.runtime.createContainer({
      podSandboxId,
      sandboxConfig: sandboxConfig(),
      config,
    });
    await cri.runtime.startContainer({ containerId: created.containerId });
    return created.containerId;
  }

  test("lines of both streams, a long one, and one without an end", async () => {
    const long = "x".repeat(40_000);
    const id = await run("lines", `echo one; echo zwei >&2; echo ${long}; printf 'no end'`);
    const lines: [string, string][] = [];
    for await (const line of readLogs(cri, id, { follow: true })) lines.push([line.stream, logText(line)]);
    assert.deepEqual(
      lines.filter(([stream]) => stream === "stdout").map(([, text]) => text),
      ["one", long, "no end"],
    );
    assert.deepEqual(
      lines.filter(([stream]) => stream === "stderr").map(([, text]) => text),
      ["zwei"],
    );
  });

  test("the last lines of one stream", async () => {
    const id = await run(
      "tail",
      "for i in 1 2 3 4 5; do echo out $i; echo err $i >&2; done; exec sleep 1000",
    );
    const path = join(logDirectory, "tail.log");
    while (!(await readFile(path, "utf8").catch(() => "")).includes("err 5")) await sleep(20);
    const lines: string[] = [];
    for await (const line of readLogs(cri, id, { tailLines: 4, streams: ["stderr"] }))
      lines.push(logText(line));
    assert.deepEqual(lines, ["err 2", "err 3", "err 4", "err 5"]);
  });

  test("following while the file is rotated loses and repeats nothing", async () => {
    const id = await run(
      "count",
      "i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done; sleep 0.2",
    );
    const path = join(logDirectory, "count.log");
    const followed: string[] = [];
    const following = (async () => {
      for await (const line of readLogs(cri, id, { follow: true, pollIntervalMs: 100 })) {
        followed.push(logText(line));
      }
    })();
    // As the kubelet does it: rename, have the runtime open a new file, compress what is older.
    const rotated: string[] = [];
    for (let turn = 0; turn < 4; turn++) {
      await sleep(50);
      const aside = `${path}.2026112${turn}-000000`;
      renameSync(path, aside);
      const reopened = await cri.runtime.reopenContainerLog({ containerId: id }).then(
        () => true,
        () => false,
      );
      // The container may have ended; the kubelet then renames back.
      if (!reopened) renameSync(aside, path);
      else rotated.push(aside);
      if (!reopened) break;
    }
    await following;
    const expected = Array.from({ length: 20000 }, (_, i) => `line ${i}`);
    assert.deepEqual(followed, expected);
    assert.ok(rotated.length > 0, "the container ended before the first rotation");
    for (const older of rotated.slice(0, -1)) {
      await writeFile(`${older}.gz`, gzipSync(await readFile(older)));
      rmSync(older);
    }
    const all: string[] = [];
    for await (const line of readLogs(cri, id, { includeRotated: true })) all.push(logText(line));
    assert.deepEqual(all, expected);
  });
});
