/** crictl metricdescs, metricsp: metrics of pods, as Prometheus reads them. */
import { CriError, toPrometheusText } from "lading/cri";
import { onNode } from "./shared/node.ts";

await onNode(async ({ cri, run }) => {
  await run("measured", ["sleep", "1000"]);
  try {
    const { descriptors } = await cri.runtime.listMetricDescriptors({});
    const { podMetrics } = await cri.runtime.listPodSandboxMetrics({});
    const { text, dropped } = toPrometheusText(descriptors, podMetrics);
    console.log(text);
    for (const each of dropped) console.log("left out:", each);
  } catch (error) {
    if (!(error instanceof CriError && error.code === "ERR_CRI_UNIMPLEMENTED")) throw error;
    console.log("this runtime has no metrics");
  }
});
