/** crictl checkpoint: the state of a running container in an archive. */
import { join } from "node:path";
import { CriError } from "lading/cri";
import { onNode } from "./shared/node.ts";

await onNode(async ({ cri, run, folder }) => {
  const { containerId } = await run("counter", ["sleep", "1000"]);
  const location = join(folder, "checkpoint.tar");
  try {
    // The runtime's own limit is in seconds; the deadline of the call must not be shorter.
    await cri.runtime.checkpointContainer({ containerId, location, timeout: 30n }, { timeoutMs: 30_000 });
    console.log("written:", location);
  } catch (error) {
    if (!(error instanceof CriError && error.code === "ERR_CRI_UNIMPLEMENTED")) throw error;
    console.log("this runtime makes no checkpoints");
  }
});
