/**
 * What is predicted of a Pod by a copy of a node's files, and what its containerd then does with the Pod: image, handler,
 * capabilities and filter, field by field.
 */
import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { cp, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { release, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { after, before, describe, test } from "node:test";
import { loadNode } from "../../src/config/index.ts";
import { digestOf } from "../../src/core/digest.ts";
import { parseJson, toPlain } from "../../src/core/strict-json.ts";
import {
  type CriConnection,
  connectCri,
  readContainerInfo,
  SecurityProfile_ProfileType,
} from "../../src/cri/index.ts";
import { boundingSet } from "../../src/explain/capabilities.ts";
import {
  explainPod,
  type PodExplanation,
  recordExplanation,
  replayExplanation,
} from "../../src/explain/index.ts";
import { createRegistry, pushImage, type Registry } from "../../src/oci/index.ts";
import {
  explainSyscall,
  formatSeccomp,
  type LinuxSeccomp,
  parseProfile,
  toRuntimeSpec,
} from "../../src/seccomp/index.ts";
import { type Containerd, startContainerd, whyNoContainerd } from "./containerd.ts";
import { buildBusyboxImage, hostArchitecture } from "./images.ts";
import { needs } from "./parts.ts";
import { DENY_LIST } from "./profiles.ts";
import { type DockerRegistry, startDockerRegistry, whyNoDockerRegistry } from "./registry.ts";

const LOCAL = "profiles/deny.json";
const CALLS = ["mount", "unshare", "clone", "read", "bpf", "ptrace", "sethostname", "nanosleep"];

interface ActualSpec {
  linux: { seccomp?: LinuxSeccomp };
  process: { capabilities: { bounding: string[] } };
}

/** Capabilities of this process, which containerd has from it. */
const own = new Set(
  boundingSet({ privileged: true, capabilities: { add: [], drop: [] } }, []).filter((_, at) => {
    const mask =
      /^CapBnd:\s*([0-9a-f]+)$/m.exec(
        existsSync("/proc/self/status") ? readFileSync("/proc/self/status", "utf8") : "",
      )?.[1] ?? "0";
    return (BigInt(`0x${mask}`) >> BigInt(at)) % 2n === 1n;
  }),
);

function privileged(securityContext: Record<string, unknown>): boolean {
  return securityContext["privileged"] === true;
}

describe("a Pod on a node whose files were copied", needs(whyNoContainerd(), whyNoDockerRegistry()), () => {
  const cleanups: (() => Promise<unknown>)[] = [];
  let docker: DockerRegistry;
  let containerd: Containerd;
  let registry: Registry;
  let cri: CriConnection;
  let root: string;
  let image: string;
  let digest: string;
  let version: string;

  before(async () => {
    docker = await startDockerRegistry();
    cleanups.push(docker.stop);
    containerd = await startContainerd({ registryHosts: [docker.host], subnet: "198.51.100.0/24" });
    cleanups.push(containerd.stop);
    registry = createRegistry();
    cleanups.push(() => registry.close());
    cri = await connectCri({ endpoint: containerd.socket });
    cleanups.push(() => cri.close());
    image = `${docker.host}/team/app:v1`;
    const pushed = await pushImage(
      registry.repository(`${docker.host}/team/app`),
      await buildBusyboxImage(),
      "v1",
    );
    digest = pushed.digest;
    version = (await cri.runtime.version({})).runtimeVersion.replace(/^v/, "");

    root = await mkdtemp(join(tmpdir(), "lading-node-"));
    cleanups.push(() => rm(root, { recursive: true, force: true }));
    await mkdir(join(root, "etc/containerd"), { recursive: true });
    await cp(join(containerd.folder, "config.toml"), join(root, "etc/containerd/config.toml"));
    await cp(join(containerd.folder, "certs.d"), join(root, containerd.folder, "certs.d"), {
      recursive: true,
    });
    const profile = join(root, "var/lib/kubelet/seccomp", LOCAL);
    await mkdir(dirname(profile), { recursive: true });
    await writeFile(profile, DENY_LIST.text);
    await writeFile(join(containerd.folder, "deny.json"), DENY_LIST.text);
  });

  after(async () => {
    for (const cleanup of cleanups.reverse()) await cleanup();
  });

  const cases: readonly [what: string, securityContext: Record<string, unknown>][] = [
    ["without a profile", {}],
    ["with the runtime's own profile", { seccompProfile: { type: "RuntimeDefault" } }],
    [
      "with the runtime's own profile and other capabilities",
      {
        seccompProfile: { type: "RuntimeDefault" },
        capabilities: { add: ["SYS_ADMIN", "SYS_PTRACE"], drop: ["KILL"] },
      },
    ],
    ["with a profile of the node", { seccompProfile: { type: "Localhost", localhostProfile: LOCAL } }],
    ["privileged", { privileged: true, seccompProfile: { type: "RuntimeDefault" } }],
  ];

  for (const [at, [what, securityContext]] of cases.entries()) {
    test(what, async () => {
      const pod = {
        metadata: { name: `pod-${at}`, namespace: "default" },
        spec: { containers: [{ name: "app", image, securityContext }] },
      };
      const predicted = await predict(pod);
      assert.equal(predicted.kind, "runs", JSON.stringify(predicted.problems));
      const { spec, runtimeType, repoDigests } = await run(`pod-${at}`, securityContext);

      assert.deepEqual(repoDigests, [`${docker.host}/team/app@${predicted.images[0]?.digest}`]);
      assert.equal(predicted.images[0]?.digest, digest);
      assert.equal(predicted.handler.name, "runc");
      assert.equal(runtimeType, "io.containerd.runc.v2");

      const seccomp = predicted.containers[0]?.seccomp;
      assert.ok(seccomp);
      // Of all capabilities containerd gives those that it has itself, which in a container are not all.
      const possible = seccomp.capabilities.filter((each) => !privileged(securityContext) || own.has(each));
      assert.deepEqual(new Set(spec.process.capabilities.bounding), new Set(possible));
      const actual = spec.linux.seccomp ?? null;
      assert.equal(actual === null, seccomp.confinement === "unconfined");
      let filter: LinuxSeccomp | null = null;
      const options = { arch: hostArchitecture(), capabilities: seccomp.capabilities };
      if (seccomp.kind === "localhost") {
        assert.equal(seccomp.digest, digestOf(DENY_LIST.text));
        assert.equal(seccomp.profile, `/var/lib/kubelet/seccomp/${LOCAL}`);
        filter = toRuntimeSpec(parseProfile(DENY_LIST.text, { engine: "containerd" }), options);
        assert.ok(filter);
        assert.deepEqual(actual, toPlain(parseJson(formatSeccomp(filter))));
      } else if (actual !== null) {
        // No number of the built-in profile is too large for one.
        const text = JSON.stringify(actual, (_, value) =>
          typeof value === "bigint" ? Number(value) : value,
        );
        filter = toRuntimeSpec(parseProfile(text, { engine: "containerd" }), options);
      }
      for (const { name, kind } of seccomp.calls) {
        const { outcomes } = explainSyscall(filter, { arch: hostArchitecture(), name });
        const made = outcomes.filter(
          ({ action }) => action === "SCMP_ACT_ALLOW" || action === "SCMP_ACT_LOG",
        ).length;
        const told = made === outcomes.length ? "allowed" : made === 0 ? "blocked" : "depends";
        assert.equal(kind, told, name);
      }
    });
  }

  /** The prediction, which its replay must repeat. */
  async function predict(pod: object): Promise<PodExplanation> {
    const node = await loadNode({ root, runtime: "containerd", containerd: { release: version } });
    const options = {
      registry,
      calls: CALLS,
      kernel: release(),
      platform: { os: "linux", architecture: hostArchitecture() },
    };
    const trace = await explainPod(pod, node, options);
    const { recording } = await recordExplanation(pod, node, options);
    assert.deepEqual((await replayExplanation(recording)).explanation, trace);
    assert.equal(trace.images[0]?.pulls[0]?.answeredBy, `http://${docker.host}/v2`);
    return trace;
  }

  /** What containerd makes of the Pod, asked for it as a kubelet asks. */
  async function run(name: string, securityContext: Record<string, unknown>) {
    const {
      privileged = false,
      seccompProfile,
      capabilities,
    } = securityContext as {
      privileged?: boolean;
      seccompProfile?: { type: string };
      capabilities?: { add: string[]; drop: string[] };
    };
    await cri.image.pullImage({ image: { image } });
    const status = await cri.image.imageStatus({ image: { image } });
    const sandboxConfig = {
      metadata: { name, uid: name, namespace: "default" },
      logDirectory: join(containerd.folder, "logs"),
      linux: { securityContext: { privileged } },
    };
    const { podSandboxId } = await cri.runtime.runPodSandbox({ config: sandboxConfig, runtimeHandler: "" });
    const types = SecurityProfile_ProfileType;
    const seccomp =
      seccompProfile?.type === "Localhost"
        ? { profileType: types.Localhost, localhostRef: join(containerd.folder, "deny.json") }
        : { profileType: seccompProfile ? types.RuntimeDefault : types.Unconfined };
    const config = {
      metadata: { name: "app" },
      image: { image, userSpecifiedImage: image },
      command: ["/bin/sleep", "60"],
      logPath: `${name}.log`,
      linux: {
        securityContext: {
          privileged,
          seccomp,
          capabilities: {
            addCapabilities: capabilities?.add ?? [],
            dropCapabilities: capabilities?.drop ?? [],
          },
        },
      },
    };
    const { containerId } = await cri.runtime.createContainer({ podSandboxId, sandboxConfig, config });
    await cri.runtime.startContainer({ containerId });
    const info = readContainerInfo(await cri.runtime.containerStatus({ containerId, verbose: true }));
    const { info: sandboxInfo } = await cri.runtime.podSandboxStatus({ podSandboxId, verbose: true });
    const { runtimeType } = JSON.parse(sandboxInfo["info"] ?? "{}") as { runtimeType?: string };
    return {
      spec: info.runtimeSpec as unknown as ActualSpec,
      runtimeType,
      repoDigests: status.image?.repoDigests,
    };
  }

  test("the copy is all that is read: nothing of the machine", async () => {
    const text = await readFile(join(root, "etc/containerd/config.toml"), "utf8");
    await writeFile(join(root, "etc/containerd/config.toml"), text.replace("certs.d", "elsewhere"));
    const node = await loadNode({ root, runtime: "containerd", containerd: { release: version } });
    const trace = await explainPod({ spec: { containers: [{ name: "app", image }] } }, node, { registry });
    const [pull] = trace.images[0]?.pulls ?? [];
    assert.deepEqual(
      pull?.sources.attempts.map(({ kind }) => kind),
      ["upstream"],
    );
  });
});
