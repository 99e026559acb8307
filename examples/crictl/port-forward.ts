/** crictl port-forward: a port of a pod as a local one, and as a stream. */
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { dialPod, portForward } from "lading/cri";
import { onNode } from "./shared/node.ts";

await onNode(async ({ cri, run }) => {
  // The runtime in this process connects to this process; a real one connects to the pod's own loopback.
  const server = createServer((_, response) => response.end("hello from the pod\n"));
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const { podSandboxId } = await run("web", ["sleep", "1000"]);
  try {
    const forwarding = await portForward(cri, podSandboxId, [`:${port}`]);
    const [forwarded] = forwarding.ports;
    console.log("listening at", forwarded?.addresses);
    const answer = await fetch(`http://127.0.0.1:${forwarded?.local}/`, { headers: { connection: "close" } });
    console.log(await answer.text());
    await forwarding.close();

    const connection = await dialPod(cri, podSandboxId, port);
    connection.write("GET / HTTP/1.0\r\n\r\n");
    for await (const chunk of connection) process.stdout.write(chunk);
  } finally {
    server.close();
  }
});
