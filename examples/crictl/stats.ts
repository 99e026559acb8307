/** crictl stats, statsp: what containers and pods use. */
import { samplePodStats, sampleStats, watchStats } from "lading/cri";
import { onNode } from "./shared/node.ts";

await onNode(async ({ cri, run }) => {
  await run("busy", ["sleep", "1000"]);
  for (const usage of await sampleStats(cri, { intervalMs: 200 })) {
    console.log(usage.id.slice(0, 13), usage.name, `${usage.cpuPercent} %`, usage.memoryWorkingSetBytes);
  }
  const { pods, failures } = await samplePodStats(cri, { intervalMs: 200 });
  for (const usage of pods) console.log(usage.id.slice(0, 13), usage.name, `${usage.cpuPercent} %`);
  for (const failure of failures) console.log("not measured:", failure);

  // stats --watch
  let rounds = 0;
  for await (const usages of watchStats(cri, { intervalMs: 200 })) {
    console.log(usages.map(({ cpuPercent }) => `${cpuPercent} %`).join());
    if (++rounds === 2) break;
  }
});
