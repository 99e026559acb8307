/** crictl port-forward: a port of a pod as a local one, and as a stream. */
import { dialPod, portForward } from "lading/cri";
import { onNode } from "./shared/node.ts";

await onNode(async ({ cri, runWeb }) => {
  const { podSandboxId, port } = await runWeb();
  const forwarding = await portForward(cri, podSandboxId, [`:${port}`]);
  const [forwarded] = forwarding.ports;
  console.log("listening at", forwarded?.addresses);
  const answer = await fetch(`http://127.0.0.1:${forwarded?.local}/`, { headers: { connection: "close" } });
  console.log(answer.status, await answer.text());
  await forwarding.close();

  const connection = await dialPod(cri, podSandboxId, port);
  connection.write("GET / HTTP/1.0\r\n\r\n");
  for await (const chunk of connection) process.stdout.write(chunk);
  connection.end();
});
