/** crictl run: a pod and its container in one step, undone as a whole if a part of it fails. */
import { CriError, removePod, runContainer } from "lading/cri";
import { onNode } from "./shared/node.ts";

await onNode(async ({ cri, image, folder }) => {
  const pod = {
    metadata: { name: "job", namespace: "default", uid: "0b60" },
    logDirectory: folder,
    linux: {},
  };
  const container = {
    metadata: { name: "main" },
    image: { image },
    command: ["true"],
    logPath: "job.log",
    linux: {},
  };
  const made = await runContainer(cri, container, pod, { pull: "missing", cleanUpOnError: true });
  console.log("runs:", made);
  await removePod(cri, made.podSandboxId, { force: true });

  try {
    const broken = { ...container, command: ["/no/such/program"] };
    await runContainer(cri, broken, pod, { pull: "missing", cleanUpOnError: true, timeoutMs: 30_000 });
  } catch (error) {
    if (!(error instanceof CriError)) throw error;
    const { items } = await cri.runtime.listPodSandbox({});
    console.log(`${error.method} failed with ${error.code}; pods left: ${items.length}`);
  }
});
