/** crictl version, info, runtime-config, update-runtime-config: what runtime is this, and is it ready? */
import { CriError, readRuntimeFeatures, readRuntimeInfo } from "lading/cri";
import { onNode } from "./shared/node.ts";

await onNode(async ({ cri }) => {
  const version = await cri.runtime.version({});
  console.log(`${version.runtimeName} ${version.runtimeVersion}, CRI ${version.runtimeApiVersion}`);

  const answer = await cri.runtime.status({ verbose: true });
  for (const { type, status, reason, message } of answer.status?.conditions ?? []) {
    console.log(`${type}: ${status}`, reason, message);
  }
  console.log("told of itself:", Object.keys(readRuntimeInfo(answer).raw).join(", "));
  console.log("handlers:", readRuntimeFeatures(answer).handlers);

  // Older runtimes do not have every function; that is one code, however they say it.
  try {
    const { linux } = await cri.runtime.runtimeConfig({});
    console.log("cgroup driver:", linux?.cgroupDriver);
  } catch (error) {
    if (!(error instanceof CriError && error.code === "ERR_CRI_UNIMPLEMENTED")) throw error;
    console.log("cgroup driver: this runtime does not tell");
  }
  await cri.runtime.updateRuntimeConfig({ runtimeConfig: { networkConfig: { podCidr: "10.88.0.0/16" } } });
});
