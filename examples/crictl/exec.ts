/** crictl exec: commands with their whole output, with streams, and in many containers at once. */
import { CriError, exec, execAll, execSync } from "lading/cri";
import { onNode } from "./shared/node.ts";

await onNode(async ({ cri, run }) => {
  const { containerId } = await run("shell", ["sleep", "1000"]);

  // exec --sync
  const { exitCode, stdout } = await execSync(cri, containerId, ["echo", "hello"], { timeoutSeconds: 10 });
  console.log(exitCode, Buffer.from(stdout).toString());

  // exec -i: what is written, and its end, reach the command; what it writes comes as a stream.
  const session = await exec(cri, containerId, ["cat"], { stdin: true });
  session.stdin.end("through the container and back\n");
  for await (const chunk of session.stdout) process.stdout.write(chunk);
  console.log(await session.exit, session.transport, session.protocol);

  // exec -it: a terminal has a size, and keys that leave the command alone.
  const terminal = await exec(cri, containerId, ["sh", "-c", "exit 3"], {
    stdin: true,
    tty: true,
    size: { width: 80, height: 24 },
    detachKeys: "ctrl-p,ctrl-q",
    stdout: "ignore",
  });
  console.log(await terminal.exit);

  // exec --name … COMMAND
  for (const outcome of await execAll(cri, { name: "^shell$" }, ["true"], { ignoreErrors: true })) {
    console.log(outcome.container.id.slice(0, 13), outcome.kind);
  }

  try {
    await execSync(cri, containerId, ["sleep", "60"], { timeoutSeconds: 1 });
  } catch (error) {
    if (!(error instanceof CriError)) throw error;
    console.log(error.code);
  }
});
