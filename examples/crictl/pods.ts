/** crictl runp, pods, inspectp, stopp, rmp: the life of a pod sandbox. */
import { inspectPodSandbox, listPods, parsePodSandboxConfig, removePod, runPod } from "lading/cri";
import { onNode } from "./shared/node.ts";

await onNode(async ({ cri, folder }) => {
  // JSON or YAML, in crictl's spelling or that of the interface; a key that nobody knows is an error.
  const config = parsePodSandboxConfig(`
metadata: { name: web, namespace: default, uid: web-1 }
log_directory: ${folder}
labels: { app: web }
linux: {}
`);
  const podSandboxId = await runPod(cri, config, { cleanUpOnError: true });

  for (const pod of await listPods(cri, { name: "^web$", namespace: "default", state: "ready", last: 5 })) {
    console.log(pod.id.slice(0, 13), pod.metadata?.namespace, pod.metadata?.name, pod.labels);
  }
  console.log(inspectPodSandbox(await cri.runtime.podSandboxStatus({ podSandboxId, verbose: true })));

  await cri.runtime.stopPodSandbox({ podSandboxId });
  console.log(await removePod(cri, podSandboxId));
});
