/** The CRI client against containerd: a container's life, errors as containerd gives them, and its restart. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { after, before, describe, test } from "node:test";
import {
  ContainerState,
  type CriConnection,
  CriError,
  connectCri,
  readContainerInfo,
} from "../../src/cri/index.ts";
import { type Containerd, startContainerd, whyNoContainerd } from "./containerd.ts";
import { needs } from "./parts.ts";
import { waitUntil } from "./process.ts";

const ABSENT = "f".repeat(64);

describe("containerd", needs(whyNoContainerd()), () => {
  let containerd: Containerd;
  let cri: CriConnection;
  let containerId: string;

  before(async () => {
    containerd = await startContainerd({ subnet: "198.51.100.0/24" });
    cri = await connectCri({ endpoint: containerd.socket });
    const sandboxConfig = {
      metadata: { name: "pod", uid: "uid", namespace: "default" },
      logDirectory: join(containerd.folder, "logs"),
      linux: {},
    };
    const { podSandboxId } = await cri.runtime.runPodSandbox({ config: sandboxConfig });
    const config = {
      metadata: { name: "shell" },
      image: { image: containerd.busybox },
      command: ["/bin/sh", "-c", "echo started; exec sleep 1000"],
      labels: { unit: "π" },
      logPath: "shell.log",
      linux: {},
    };
    ({ containerId } = await cri.runtime.createContainer({ podSandboxId, sandboxConfig, config }));
    await cri.runtime.startContainer({ containerId });
  });
  after(async () => {
    await cri?.close();
    await containerd?.stop();
  });

  test("a command's output comes as bytes, with its exit code", async () => {
    const cmd = ["sh", "-c", "printf 'a\\000\\377'; printf 'grüße' >&2; exit 3"];
    const { stdout, stderr, exitCode } = await cri.runtime.execSync({ containerId, cmd });
    assert.deepEqual([...stdout], [0x61, 0x00, 0xff]);
    assert.equal(Buffer.from(stderr).toString(), "grüße");
    assert.equal(exitCode, 3);
    const log = join(containerd.folder, "logs", "shell.log");
    await waitUntil(() => assert.match(readFileSync(log, "utf8"), / stdout F started\n$/));
  });

  test("failures have the codes of their gRPC status", async () => {
    const failures: readonly [code: CriError["code"], call: () => Promise<unknown>][] = [
      ["ERR_CRI_NOT_FOUND", () => cri.runtime.containerStatus({ containerId: ABSENT })],
      ["ERR_CRI_NOT_FOUND", () => cri.runtime.podSandboxStatus({ podSandboxId: ABSENT })],
      [
        "ERR_CRI_DEADLINE_EXCEEDED",
        () => cri.runtime.execSync({ containerId, cmd: ["sleep", "100"], timeout: 1n }),
      ],
      [
        "ERR_CRI_DEADLINE_EXCEEDED",
        () => cri.runtime.execSync({ containerId, cmd: ["sleep", "100"] }, { timeoutMs: 200 }),
      ],
      ["ERR_CRI_UNKNOWN", () => cri.runtime.startContainer({ containerId })],
    ];
    for (const [code, call] of failures) {
      await assert.rejects(call(), (error) => {
        assert.ok(error instanceof CriError);
        assert.equal(error.code, code, error.message);
        return true;
      });
    }
  });

  test("an abort ends a call that waits, with its reason", async () => {
    const reason = new Error("enough");
    const controller = new AbortController();
    const call = cri.runtime.execSync({ containerId, cmd: ["sleep", "100"] }, { signal: controller.signal });
    setTimeout(() => controller.abort(reason), 100);
    await assert.rejects(call, (error) => error === reason);
  });

  test("containers and the connection outlive a restart of containerd", async () => {
    const before = readContainerInfo(await cri.runtime.containerStatus({ containerId, verbose: true }));
    assert.ok(before.pid && before.sandboxId);
    await containerd.restart();
    // The first call may still meet the old connection.
    await cri.runtime.version({}).catch((error: unknown) => assert.ok(error instanceof CriError));
    const answer = await cri.runtime.containerStatus({ containerId, verbose: true });
    assert.equal(answer.status?.state, ContainerState.CONTAINER_RUNNING);
    assert.deepEqual(answer.status?.labels, { unit: "π" });
    const { pid, sandboxId } = readContainerInfo(answer);
    assert.deepEqual({ pid, sandboxId }, { pid: before.pid, sandboxId: before.sandboxId });
    const { exitCode } = await cri.runtime.execSync({ containerId, cmd: ["true"] });
    assert.equal(exitCode, 0);
  });

  test("a container that was stopped keeps its end, until it is removed", async () => {
    await cri.runtime.stopContainer({ containerId, timeout: 0n });
    const { status } = await cri.runtime.containerStatus({ containerId });
    assert.deepEqual([status?.state, status?.exitCode], [ContainerState.CONTAINER_EXITED, 128 + 9]);
    assert.ok(status && status.finishedAt > status.startedAt && status.startedAt > status.createdAt);
    await cri.runtime.removeContainer({ containerId });
    assert.deepEqual((await cri.runtime.listContainers({})).containers, []);
    // As the CRI has it, what is not there can be removed.
    await cri.runtime.removeContainer({ containerId });
  });
});
