/** crictl metricdescs, metricsp: metrics of pods, as Prometheus reads them. */
import { toPrometheusText } from "lading/cri";
import { onNode } from "./shared/node.ts";

await onNode(async ({ cri, run }) => {
  await run("measured", ["sleep", "1000"]);
  const { descriptors } = await cri.runtime.listMetricDescriptors({});
  const { podMetrics } = await cri.runtime.listPodSandboxMetrics({});
  const { text, dropped } = toPrometheusText(descriptors, podMetrics);
  console.log(text);
  for (const each of dropped) console.log("left out:", each);
});
