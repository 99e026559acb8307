/**
 * A private containerd with runc and CNI: own root, state, socket, networks and images, nothing of the machine's.
 *
 * It needs root, Linux and the Debian packages containerd, runc, containernetworking-plugins and busybox-static.
 * It has a pause and a busybox image, which need no network, and reaches the registries that are named in plain HTTP.
 */
import { spawnSync } from "node:child_process";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connectCri } from "../../src/cri/index.ts";
import { buildBusyboxImage, buildPauseImage, layoutArchive } from "./images.ts";
import { type Daemon, missingPrograms, startDaemon, waitFor } from "./process.ts";

/** Options of {@link startContainerd}. */
export interface StartContainerdOptions {
  /** Registries on loopback that speak plain HTTP, as `HOST:PORT`. */
  registryHosts?: readonly string[];
  /** Addresses for pods. Default `192.0.2.0/24`, which is for documentation; give two instances two ranges. */
  subnet?: string;
}

/** A containerd that is ready. */
export interface Containerd {
  /** Path of its socket. */
  readonly socket: string;
  /** Folder of all its files; pods may log below `logs`. */
  readonly folder: string;
  /** Full name of an image with a shell and the busybox applets, which needs no pull. */
  readonly busybox: string;
  /** What it has logged. */
  log(): string;
  /** Kills it without warning and starts it anew on the same socket; pods and containers live on. */
  restart(): Promise<void>;
  /** What pods have left behind on this machine until now: mounts below the folder, and shims. */
  remains(): string[];
  /** Removes all pods, ends it with its shims and mounts, and removes its folder. Twice is the same as once. */
  stop(): Promise<void>;
}

const PAUSE = "localhost/lading/pause:1";
const BUSYBOX = "localhost/lading/busybox:1";
const CNI_BIN = "/usr/lib/cni";

/** Why no containerd can be started here; undefined if one can. */
export function whyNoContainerd(): string | undefined {
  if (process.platform !== "linux") return "needs Linux";
  if (process.getuid?.() !== 0) return "needs root";
  const missing = missingPrograms("containerd", "ctr", "runc", "busybox");
  if (!existsSync(join(CNI_BIN, "ptp"))) missing.push(`${CNI_BIN}/ptp`);
  return missing.length > 0 ? `not installed: ${missing.join(", ")}` : undefined;
}

/** Starts a containerd, waits until it and its network are ready, and gives it its images. */
export async function startContainerd(options: StartContainerdOptions = {}): Promise<Containerd> {
  const folder = await mkdtemp(join(tmpdir(), "lading-containerd-"));
  const socket = join(folder, "containerd.sock");
  const config = await writeConfig(folder, socket, options);
  const start = () => startDaemon("containerd", ["--config", config], join(folder, "containerd.log"));
  let daemon = start();
  const restart = async () => {
    await daemon.kill();
    daemon = start();
    await waitFor(daemon, () => whenReady(socket));
  };
  const stopOnce = async () => {
    // Only a containerd that runs can give back the networks of its pods.
    if (daemon.ended()) daemon = start();
    await waitFor(daemon, () => removePods(socket)).catch((error: unknown) => console.error(error));
    await daemon.stop();
    await cleanUp(folder, socket);
  };
  let stopped: Promise<void> | undefined;
  const stop = () => {
    stopped ??= stopOnce();
    return stopped;
  };
  const remains = () => [...mountsBelow(folder), ...shimsOf(socket).map((pid) => `shim ${pid}`)];
  try {
    await waitFor(daemon, () => whenReady(socket));
    await importImages(folder, socket, daemon);
  } catch (error) {
    await stop();
    throw error;
  }
  return { socket, folder, busybox: BUSYBOX, log: () => daemon.log(), restart, remains, stop };
}

async function whenReady(socket: string): Promise<void> {
  const cri = await connectCri({ endpoint: socket, connectTimeoutMs: 2000 });
  try {
    const { status } = await cri.runtime.status({}, { timeoutMs: 2000 });
    const waiting = status?.conditions.filter((condition) => !condition.status) ?? [];
    if (waiting.length > 0) throw new Error(waiting.map(({ type, message }) => `${type}: ${message}`).join());
  } finally {
    await cri.close();
  }
}

async function importImages(folder: string, socket: string, daemon: Daemon): Promise<void> {
  const images = [
    [PAUSE, await buildPauseImage()],
    [BUSYBOX, await buildBusyboxImage()],
  ] as const;
  for (const [name, image] of images) {
    const archive = join(folder, "image.tar");
    await writeFile(archive, await layoutArchive(image, name));
    const args = ["--address", socket, "--namespace", "k8s.io", "images", "import", archive];
    const { status, stderr } = spawnSync("ctr", args, { encoding: "utf8" });
    if (status !== 0) throw new Error(`cannot import ${name}: ${stderr}\n${daemon.log().slice(-4000)}`);
    await rm(archive);
  }
}

async function writeConfig(
  folder: string,
  socket: string,
  { registryHosts = [], subnet = "192.0.2.0/24" }: StartContainerdOptions,
): Promise<string> {
  for (const name of ["cni", "certs.d", "logs"]) await mkdir(join(folder, name));
  const network = {
    cniVersion: "0.4.0",
    name: "lading",
    plugins: [
      {
        type: "ptp",
        ipMasq: false,
        ipam: { type: "host-local", dataDir: join(folder, "ipam"), ranges: [[{ subnet }]] },
      },
    ],
  };
  await writeFile(join(folder, "cni", "10-lading.conflist"), JSON.stringify(network));
  for (const host of registryHosts) {
    await mkdir(join(folder, "certs.d", host));
    const hosts = `server = "http://${host}"\n[host."http://${host}"]\n  capabilities = ["pull", "resolve"]\n`;
    await writeFile(join(folder, "certs.d", host, "hosts.toml"), hosts);
  }
  const path = join(folder, "config.toml");
  await writeFile(path, configOf(folder, socket));
  return path;
}

function configOf(folder: string, socket: string): string {
  const cri = `plugins."io.containerd.grpc.v1.cri"`;
  return `version = 2
root = "${folder}/root"
state = "${folder}/state"
[grpc]
  address = "${socket}"
[plugins."io.containerd.internal.v1.opt"]
  path = "${folder}/opt"
[${cri}]
  sandbox_image = "${PAUSE}"
  disable_apparmor = true
  restrict_oom_score_adj = true
  stream_server_address = "127.0.0.1"
  stream_server_port = "0"
[${cri}.cni]
  bin_dir = "${CNI_BIN}"
  conf_dir = "${folder}/cni"
[${cri}.registry]
  config_path = "${folder}/certs.d"
[${cri}.containerd.runtimes.runc]
  runtime_type = "io.containerd.runc.v2"
[${cri}.containerd.runtimes.runc.options]
  SystemdCgroup = false
`;
}

/** Stops and removes every pod: their shims would outlive the runtime. */
async function removePods(socket: string): Promise<void> {
  const cri = await connectCri({ endpoint: socket, connectTimeoutMs: 2000 });
  try {
    const { items } = await cri.runtime.listPodSandbox({}, { timeoutMs: 5000 });
    for (const { id } of items) {
      await cri.runtime.stopPodSandbox({ podSandboxId: id }, { timeoutMs: 15_000 });
      await cri.runtime.removePodSandbox({ podSandboxId: id }, { timeoutMs: 15_000 });
    }
  } finally {
    await cri.close();
  }
}

/** Ends shims that are left, unmounts what is mounted below the folder, and removes it. */
async function cleanUp(folder: string, socket: string): Promise<void> {
  const end = Date.now() + 3000;
  // A shim takes a moment to go after its pod.
  while (shimsOf(socket).length > 0 && Date.now() < end) {
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  for (const shim of shimsOf(socket)) for (const pid of [...childrenOf(shim), shim]) kill(pid);
  for (const target of mountsBelow(folder)) spawnSync("umount", ["--lazy", target]);
  await rm(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
}

function kill(pid: number): void {
  try {
    process.kill(pid, "SIGKILL");
  } catch {
    // It has gone by itself.
  }
}

/** Process ids of the shims that belong to this containerd, which is named in their command line. */
function shimsOf(socket: string): number[] {
  return readdirSync("/proc")
    .filter((name) => /^[0-9]+$/.test(name))
    .map(Number)
    .filter((pid) => {
      const words = readProc(`/proc/${pid}/cmdline`).split("\0");
      return words[0]?.includes("containerd-shim") && words.includes(socket);
    });
}

function childrenOf(pid: number): number[] {
  return readProc(`/proc/${pid}/task/${pid}/children`).split(" ").filter(Boolean).map(Number);
}

/** Mount points below a folder, the innermost first. */
function mountsBelow(folder: string): string[] {
  return readProc("/proc/self/mounts")
    .split("\n")
    .map((line) => line.split(" ")[1] ?? "")
    .filter((target) => target.startsWith(`${folder}/`))
    .reverse();
}

/** A file of /proc; empty if its process has gone. */
function readProc(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
