/** crictl events: as the runtime sends them, and as a watch that loses nothing. */
import { ContainerState, CriError, removePod, watchContainers } from "lading/cri";
import { onNode } from "./shared/node.ts";

await onNode(async ({ cri, run }) => {
  const signal = AbortSignal.timeout(10_000);
  // Runtimes without events are asked again and again instead.
  const watch = watchContainers(cri, { poll: { intervalMs: 500 }, signal });
  const first = await watch.next();
  console.log(first.value?.kind, "of", first.value?.view.pods.size, "pods");
  const { podSandboxId, containerId } = await run("short", ["true"]);
  for await (const { kind, view } of watch) {
    console.log(kind, view.containers.get(containerId)?.state);
    if (view.containers.get(containerId)?.state === ContainerState.CONTAINER_EXITED) break;
  }

  // The bare stream, as crictl prints it: nothing of before, and an end without a word where events are off.
  const events = cri.runtime.getContainerEvents({}, { signal });
  try {
    const [{ value }] = await Promise.all([events.next(), removePod(cri, podSandboxId, { force: true })]);
    console.log(value?.containerEventType, value?.containerId.slice(0, 13));
  } catch (error) {
    if (!(error instanceof CriError && error.code === "ERR_CRI_UNIMPLEMENTED")) throw error;
    console.log("this runtime sends no events");
  } finally {
    await events.return?.();
  }
});
