/** crictl logs: the last lines, those since a time, following over rotations, and the files that were rotated away. */
import { logText, parseSince, readLogs } from "lading/cri";
import { onNode } from "./shared/node.ts";

await onNode(async ({ cri, run }) => {
  const { containerId } = await run("logs", ["sh", "-c", "echo one; echo two; echo three"]);

  // logs -f: ends when the container does.
  for await (const line of readLogs(cri, containerId, { follow: true }))
    console.log(line.stream, logText(line));

  // logs --tail 2 --since 10m, and what `crictl logs` has no word for: rotated and compressed files as well.
  const options = {
    tailLines: 2,
    sinceNs: parseSince("10m", { nowNs: BigInt(Date.now()) * 1_000_000n }),
    includeRotated: true,
  };
  for await (const line of readLogs(cri, containerId, options)) console.log(line.timestamp, logText(line));
});
