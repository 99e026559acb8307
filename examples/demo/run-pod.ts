/** Runs the demo's Pod on a container runtime, and compares what the runtime reports with what was computed. */
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isDeepStrictEqual } from "node:util";
import {
  type CriConnection,
  connectCri,
  NamespaceMode,
  readContainerInfo,
  SecurityProfile_ProfileType,
} from "lading/cri";
import { evaluateSyscall, formatSeccomp, type LinuxSeccomp } from "lading/seccomp";
import { ARCHITECTURE, CALLS } from "./cast.ts";
import { expect, say, title } from "./print.ts";

/** What is run, and where. */
export interface RunPodOptions {
  endpoint: string;
  /** Reference by digest. */
  image: string;
  spec: LinuxSeccomp;
}

/** Pulls, starts, inspects, makes the system calls in the container, and removes everything. */
export async function runPod({ endpoint, image, spec }: RunPodOptions): Promise<void> {
  const cri = await connectCri({ endpoint });
  const folder = await mkdtemp(join(tmpdir(), "lading-demo-"));
  try {
    const { runtimeName, runtimeVersion } = cri.version;
    title(`10. The same Pod on ${runtimeName} ${runtimeVersion}`);
    const profile = join(folder, "profile.json");
    await writeFile(profile, formatSeccomp(spec));
    await cri.image.pullImage({ image: { image } });
    say("pulled", image);
    await inSandbox(cri, folder, (podSandboxId, sandboxConfig) =>
      inContainer(cri, { podSandboxId, sandboxConfig, image, profile }, (id) => compare(cri, id, spec)),
    );
    await cri.image.removeImage({ image: { image } });
  } finally {
    await cri.close();
    await rm(folder, { recursive: true, force: true });
  }
}

interface SandboxConfig {
  metadata: { name: string; namespace: string; uid: string; attempt: number };
  logDirectory: string;
  linux: { securityContext: { namespaceOptions: { network: NamespaceMode } } };
}

/** Runs a sandbox on the node's network, which needs no CNI, for as long as `use` takes. */
async function inSandbox(
  cri: CriConnection,
  logDirectory: string,
  use: (id: string, config: SandboxConfig) => Promise<void>,
): Promise<void> {
  const uid = crypto.randomUUID();
  const config = {
    metadata: { name: `lading-demo-${uid.slice(0, 8)}`, namespace: "default", uid, attempt: 0 },
    logDirectory,
    linux: { securityContext: { namespaceOptions: { network: NamespaceMode.NODE } } },
  };
  const { podSandboxId } = await cri.runtime.runPodSandbox({ config });
  try {
    await use(podSandboxId, config);
  } finally {
    await cri.runtime.stopPodSandbox({ podSandboxId });
    await cri.runtime.removePodSandbox({ podSandboxId });
  }
}

interface ContainerOptions {
  podSandboxId: string;
  sandboxConfig: SandboxConfig;
  image: string;
  /** Path of the seccomp profile. */
  profile: string;
}

async function inContainer(
  cri: CriConnection,
  { podSandboxId, sandboxConfig, image, profile }: ContainerOptions,
  use: (id: string) => Promise<void>,
): Promise<void> {
  const seccomp = { profileType: SecurityProfile_ProfileType.Localhost, localhostRef: profile };
  const { containerId } = await cri.runtime.createContainer({
    podSandboxId,
    sandboxConfig,
    config: {
      metadata: { name: "app", attempt: 0 },
      image: { image, userSpecifiedImage: image },
      logPath: "app.log",
      linux: { securityContext: { seccomp } },
    },
  });
  await cri.runtime.startContainer({ containerId });
  await use(containerId);
}

async function compare(cri: CriConnection, containerId: string, spec: LinuxSeccomp): Promise<void> {
  const status = await cri.runtime.containerStatus({ containerId, verbose: true });
  const linux = readContainerInfo(status).runtimeSpec?.["linux"] as { seccomp?: unknown } | undefined;
  const same = isDeepStrictEqual(linux?.seccomp, JSON.parse(formatSeccomp(spec)));
  expect(same, "the runtime reports the computed linux.seccomp");
  say("inspect", "linux.seccomp of the running container is the computed one, field by field");
  for (const { name, args } of CALLS) {
    const { exitCode } = await cri.runtime.execSync({ containerId, cmd: [`/probe/${name}`], timeout: 10n });
    const { errno = 0 } = evaluateSyscall(spec, { arch: ARCHITECTURE, name, args });
    expect(exitCode === errno, `${name} ends with errno ${errno}, not ${exitCode}`);
    say(name, `errno ${exitCode} in the container, as predicted`);
  }
}
