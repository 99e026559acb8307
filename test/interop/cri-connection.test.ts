import assert from "node:assert/strict";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import {
  type CriDiagnosis,
  connectCri,
  diagnoseCri,
  discoverCri,
  iterateContainers,
  iterateImages,
  iteratePodSandboxes,
} from "../../src/cri/index.ts";
import { startContainerd, whyNoContainerd } from "./containerd.ts";
import { startDaemon, waitFor } from "./process.ts";

const missing = whyNoContainerd();
const skip = missing ?? false;

/** A containerd without pods, with these lines at the start of its configuration; it ends with the test. */
async function bareContainerd(
  t: TestContext,
  lines: string,
): Promise<{ socket: string; stop(): Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), "lading-bare-"));
  await mkdir(join(folder, "cni"));
  const socket = join(folder, "containerd.sock");
  const config = join(folder, "config.toml");
  const text = `version = 2
${lines}
root = "${folder}/root"
state = "${folder}/state"
[grpc]
  address = "${socket}"
[plugins."io.containerd.internal.v1.opt"]
  path = "${folder}/opt"
[plugins."io.containerd.grpc.v1.cri".cni]
  conf_dir = "${folder}/cni"
`;
  await writeFile(config, text);
  const daemon = startDaemon("containerd", ["--config", config], join(folder, "containerd.log"));
  t.after(async () => {
    await daemon.stop();
    await rm(folder, { recursive: true, force: true });
  });
  await waitFor(daemon, async () => {
    const { kind } = await diagnoseCri(socket);
    const early: CriDiagnosis["kind"][] = ["socket-absent", "no-listener", "initializing", "no-answer"];
    if (early.includes(kind)) throw new Error(kind);
  });
  return { socket, stop: () => daemon.stop() };
}

test("containerd without its CRI plugin, and after its end", { skip }, async (t) => {
  const disabled = await bareContainerd(t, 'disabled_plugins = ["io.containerd.grpc.v1.cri"]');
  const diagnosis = await diagnoseCri(disabled.socket);
  assert.equal(diagnosis.kind, "no-cri-service");
  await assert.rejects(connectCri({ endpoint: disabled.socket }), { code: "ERR_CRI_NO_SERVICE" });
  await disabled.stop();
  const { kind } = await diagnoseCri(disabled.socket);
  assert.ok(kind === "socket-absent" || kind === "no-listener", kind);
});

test("containerd without a CNI configuration", { skip }, async (t) => {
  const { socket } = await bareContainerd(t, "");
  const diagnosis = await diagnoseCri(socket);
  assert.equal(diagnosis.kind, "network-not-ready");
  assert.equal(diagnosis.kind === "network-not-ready" && diagnosis.reason, "NetworkPluginNotReady");
});

test("containerd is found, diagnosed, listed, and there again after a restart", { skip }, async (t) => {
  const containerd = await startContainerd({ subnet: "198.18.42.0/24" });
  t.after(() => containerd.stop());
  const { socket, busybox } = containerd;
  const diagnosis = await diagnoseCri(socket);
  assert.equal(diagnosis.kind, "ready", diagnosis.message);
  const readFile = async () => `image-endpoint: ${socket}\n`;
  const sockets = [join(containerd.folder, "absent.sock"), socket];
  const cri = await discoverCri({ env: {}, platform: "linux", readFile, sockets });
  t.after(() => cri.close());
  assert.equal(cri.version.runtimeName, "containerd");
  assert.equal(cri.discovery.imageOrigin, "file");
  assert.deepEqual(
    cri.discovery.attempts.map(({ error }) => error?.systemCode),
    ["ENOENT", undefined, undefined],
  );
  const tags: string[] = [];
  for await (const { repoTags } of iterateImages(cri)) tags.push(...repoTags);
  assert.ok(tags.includes(busybox));
  for await (const { id } of iteratePodSandboxes(cri)) assert.fail(id);
  for await (const { id } of iterateContainers(cri)) assert.fail(id);
  await containerd.restart();
  assert.equal((await cri.runtime.version({})).runtimeName, "containerd");
});
