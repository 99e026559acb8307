/**
 * Verbose information as containerd and CRI-O put it into their answers: texts that hold JSON.
 *
 * It has what both are known to have (pid, sandbox, image, a short runtime specification), not all of it.
 *
 * @module
 */
import type { ContainerConfig, PodSandboxConfig } from "../../cri/index.ts";
import { PodSandboxState } from "../../cri/index.ts";
import { fullName, type StoredImage } from "./images.ts";
import { isAtLeast } from "./releases.ts";
import type { ContainerRecord, SandboxRecord } from "./state.ts";
import type { RuntimeWorld } from "./world.ts";

/** A map of texts. */
export type VerboseInfo = Record<string, string>;

/** What a runtime calls itself. */
export function versionOf({ flavor, release }: RuntimeWorld): { name: string; version: string } {
  const [, minor = ""] = release.split(".");
  if (flavor === "cri-o") return { name: "cri-o", version: `1.${minor}.0` };
  const versions = [
    ["0.37", "2.4.0"],
    ["0.36", "2.3.0"],
    ["0.34", "2.2.0"],
    ["0.32", "2.1.0"],
    ["0.31", "2.0.0"],
    ["0.26", "1.7.0"],
  ] as const;
  const version = versions.find(([since]) => isAtLeast(release, since))?.[1] ?? "1.6.0";
  return { name: "containerd", version: `v${version}` };
}

/** Information for Status. */
export function statusInfo(world: RuntimeWorld): VerboseInfo {
  if (world.flavor === "cri-o") {
    return { config: JSON.stringify({ sandboxImage: PAUSE, crio: { default_runtime: world.handlers[0] } }) };
  }
  const runtimes = Object.fromEntries(
    world.handlers.map((name) => [
      name,
      { runtimeType: "io.containerd.runc.v2", options: { SystemdCgroup: false } },
    ]),
  );
  return {
    config: JSON.stringify({
      containerd: { snapshotter: "overlayfs", defaultRuntimeName: world.handlers[0] ?? "", runtimes },
      sandboxImage: PAUSE,
    }),
    golang: JSON.stringify("go1.24"),
    cniconfig: JSON.stringify({
      PluginDirs: ["/opt/cni/bin"],
      PluginConfDir: "/etc/cni/net.d",
      Networks: [],
    }),
    lastCNILoadStatus: world.networkReady ? "OK" : "cni config load failed: no network config found",
  };
}

/** Information for PodSandboxStatus. */
export function sandboxInfo({ flavor }: RuntimeWorld, sandbox: SandboxRecord): VerboseInfo {
  const ready = sandbox.state === PodSandboxState.SANDBOX_READY;
  const runtimeSpec = {
    ociVersion: "1.2.1",
    process: { args: ["/pause"], cwd: "/", user: { uid: 65535, gid: 65535 } },
    hostname: sandbox.config.hostname,
    annotations: sandbox.config.annotations,
  };
  const pid = ready ? sandbox.pid : 0;
  if (flavor === "cri-o") return { info: JSON.stringify({ image: PAUSE, pid, runtimeSpec }) };
  return {
    info: JSON.stringify({
      pid,
      processStatus: ready ? "running" : "deleted",
      netNamespaceClosed: !ready,
      image: PAUSE,
      snapshotKey: sandbox.id,
      snapshotter: "overlayfs",
      runtimeHandler: sandbox.handler,
      runtimeType: "io.containerd.runc.v2",
      runtimeOptions: { systemd_cgroup: false },
      config: podConfig(sandbox.config),
      runtimeSpec,
      cniResult: {
        Interfaces: {
          eth0: {
            IPConfigs: sandbox.ips.map((IP) => ({ IP, Gateway: "" })),
            Sandbox: `/run/netns/${sandbox.id}`,
          },
        },
      },
    }),
  };
}

/** Information for ContainerStatus. */
export function containerInfo({ flavor }: RuntimeWorld, container: ContainerRecord): VerboseInfo {
  const { config, sandbox } = container;
  const privileged = config.linux?.securityContext?.privileged ?? false;
  const runtimeSpec = {
    ociVersion: "1.2.1",
    process: {
      terminal: config.tty,
      args: container.command,
      env: [...container.env].map(([name, value]) => `${name}=${Buffer.from(value).toString()}`),
      cwd: container.cwd,
    },
    hostname: sandbox.config.hostname,
    mounts: config.mounts.map(({ containerPath, hostPath, readonly }) => ({
      destination: containerPath,
      type: "bind",
      source: hostPath,
      options: ["rbind", readonly ? "ro" : "rw"],
    })),
    annotations: config.annotations,
  };
  const pid = container.process ? container.pid : 0;
  if (flavor === "cri-o") {
    return { info: JSON.stringify({ sandboxID: sandbox.id, pid, runtimeSpec, privileged }) };
  }
  return {
    info: JSON.stringify({
      sandboxID: sandbox.id,
      pid,
      removing: false,
      snapshotKey: container.id,
      snapshotter: "overlayfs",
      runtimeType: "io.containerd.runc.v2",
      runtimeOptions: { systemd_cgroup: false },
      config: containerConfig(config),
      runtimeSpec,
    }),
  };
}

/** Information for ImageStatus. */
export function imageInfo({ flavor }: RuntimeWorld, image: StoredImage): VerboseInfo {
  const { known } = image;
  const imageSpec = {
    architecture: "amd64",
    os: "linux",
    config: {
      ...(known.user === undefined ? {} : { User: known.user }),
      ...(known.env ? { Env: known.env } : {}),
      ...(known.entrypoint ? { Entrypoint: known.entrypoint } : {}),
      ...(known.cmd ? { Cmd: known.cmd } : {}),
      ...(known.workingDir === undefined ? {} : { WorkingDir: known.workingDir }),
      ...(known.labels ? { Labels: known.labels } : {}),
      ...(known.stopSignal === undefined ? {} : { StopSignal: known.stopSignal }),
    },
    rootfs: { type: "layers", diff_ids: [image.id] },
  };
  const rest = flavor === "cri-o" ? { labels: known.labels ?? {} } : { chainID: image.id };
  return { info: JSON.stringify({ ...rest, imageSpec }) };
}

/** The pause image by its full name. */
export const PAUSE: string = fullName("registry.k8s.io/pause:3.10") ?? "";

function podConfig({
  metadata,
  hostname,
  logDirectory,
  labels,
  annotations,
  linux,
}: PodSandboxConfig): object {
  return {
    metadata: {
      name: metadata?.name,
      uid: metadata?.uid,
      namespace: metadata?.namespace,
      attempt: metadata?.attempt,
    },
    hostname,
    log_directory: logDirectory,
    labels,
    annotations,
    linux: { cgroup_parent: linux?.cgroupParent ?? "" },
  };
}

function containerConfig(config: ContainerConfig): object {
  return {
    metadata: { name: config.metadata?.name, attempt: config.metadata?.attempt },
    image: { image: config.image?.image, user_specified_image: config.image?.userSpecifiedImage },
    command: config.command,
    args: config.args,
    working_dir: config.workingDir,
    envs: config.envs.map(({ key, value }) => ({ key, value: Buffer.from(value).toString() })),
    labels: config.labels,
    annotations: config.annotations,
    log_path: config.logPath,
    stdin: config.stdin,
    stdin_once: config.stdinOnce,
    tty: config.tty,
  };
}
