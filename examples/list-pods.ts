/**
 * What runs on a node? Lists pods and their containers.
 *
 *   node --conditions=lading-source examples/list-pods.ts unix:///run/containerd/containerd.sock
 *
 * Without an endpoint it asks a runtime inside this process.
 */
import { type CriConnection, connectCri } from "lading/cri";
import { startFakeRuntime } from "lading/testing";

const [endpoint] = process.argv.slice(2);
if (endpoint === undefined) await demonstrate();
else await list(endpoint);

async function list(endpoint: string): Promise<void> {
  const cri = await connectCri({ endpoint });
  try {
    const { runtimeName, runtimeVersion } = cri.version;
    console.log(`${runtimeName} ${runtimeVersion}, CRI ${cri.apiVersion}`);
    await printPods(cri);
  } finally {
    await cri.close();
  }
}

async function printPods(cri: CriConnection): Promise<void> {
  const { items } = await cri.runtime.listPodSandbox({});
  for (const { id, metadata, createdAt } of items) {
    // Nanoseconds do not fit into a double: they are bigint all the way.
    const created = new Date(Number(createdAt / 1_000_000n)).toISOString();
    console.log(`${metadata?.namespace}/${metadata?.name}  ${id.slice(0, 13)}  ${created}`);
    const { containers } = await cri.runtime.listContainers({ filter: { podSandboxId: id } });
    for (const container of containers) console.log(`  ${container.metadata?.name}  ${container.imageRef}`);
  }
}

async function demonstrate(): Promise<void> {
  const pod = { id: "3f6c1d6b2a90", metadata: { name: "web", namespace: "default", uid: "u1", attempt: 0 } };
  const container = {
    id: "9b1e",
    podSandboxId: pod.id,
    metadata: { name: "nginx" },
    imageRef: "sha256:0c2f",
  };
  const runtime = await startFakeRuntime({
    runtime: {
      listPodSandbox: () => ({ items: [{ ...pod, createdAt: 1_763_683_200_000_000_000n }] }),
      listContainers: () => ({ containers: [container] }),
    },
  });
  try {
    await list(runtime.endpoint);
  } finally {
    await runtime.close();
  }
}
