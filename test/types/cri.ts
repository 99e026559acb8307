/** Compile only: what the types of lading/cri admit and refuse. */
import type { CriConnection } from "../../src/cri/index.ts";

export async function cri({ runtime, image }: CriConnection): Promise<unknown[]> {
  const { runtimeName }: { runtimeName: string } = await runtime.version({});
  const { containers } = await runtime.listContainers({}, { timeoutMs: 5, signal: AbortSignal.timeout(1) });
  const times: bigint[] = containers.map(({ createdAt }) => createdAt);
  const events: string[] = [];
  for await (const event of runtime.getContainerEvents({})) events.push(event.containerId);
  await runtime.stopContainer({ containerId: "x", timeout: 5n });

  // @ts-expect-error a field that the request does not have
  await runtime.stopContainer({ container: "x" });
  // @ts-expect-error a number for an int64
  await runtime.stopContainer({ containerId: "x", timeout: 5 });
  // @ts-expect-error text for bytes
  await runtime.createContainer({ config: { envs: [{ key: "A", value: "b" }] } });
  // @ts-expect-error a misspelt field deep in the request
  await runtime.createContainer({ config: { linux: { securityContext: { secomp: {} } } } });
  // @ts-expect-error a stream is no promise
  await runtime.streamContainers({}).then();
  // @ts-expect-error an RPC of the other service
  await image.version({});
  // @ts-expect-error an option that calls do not have
  await image.listImages({}, { timeout: 5 });
  return [runtimeName, times, events];
}
