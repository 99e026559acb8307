/** crictl create, start, ps, inspect, update, stop, rm: the life of a container. */
import {
  createContainer,
  inspectContainer,
  listContainers,
  parseContainerConfig,
  podNameOf,
  readContainerInfo,
  removeContainer,
  removePod,
  runPod,
  startContainers,
  stopContainers,
  updateContainerResources,
} from "lading/cri";
import { onNode } from "./shared/node.ts";

await onNode(async ({ cri, image, folder }) => {
  const pod = {
    metadata: { name: "web", namespace: "default", uid: "0b5f" },
    logDirectory: folder,
    linux: {},
  };
  const podSandboxId = await runPod(cri, pod);
  const config = parseContainerConfig(
    JSON.stringify({
      metadata: { name: "main" },
      image: { image },
      command: ["sleep", "1000"],
      log_path: "main.log",
      linux: {},
    }),
  );
  const containerId = await createContainer(cri, podSandboxId, config, pod, { pull: "missing" });
  await startContainers(cri, [containerId]);

  for (const container of await listContainers(cri, { pod: podSandboxId, state: "running" })) {
    console.log(
      container.id.slice(0, 13),
      container.metadata?.name,
      podNameOf(container),
      container.imageRef,
    );
  }
  const status = await cri.runtime.containerStatus({ containerId, verbose: true });
  console.log("process on the node:", readContainerInfo(status).pid);
  console.log(Object.keys(inspectContainer(status)));

  await updateContainerResources(cri, containerId, { linux: { cpuShares: 512n } });
  await stopContainers(cri, [containerId], { graceSeconds: 5 });
  console.log(await removeContainer(cri, containerId, { removeLogs: true }));
  await removePod(cri, podSandboxId, { force: true });
});
