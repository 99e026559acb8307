/** crictl attach: the streams of a container's own process. */
import { attach } from "lading/cri";
import { onNode } from "./shared/node.ts";

await onNode(async ({ cri, run }) => {
  const { containerId } = await run("echo", ["cat"], { stdin: true });
  const session = await attach(cri, containerId, { stdin: true });
  session.stdin.write("are you there?\n");
  for await (const chunk of session.stdout) {
    console.log("it says:", chunk.toString());
    break;
  }
  await session.close();
});
