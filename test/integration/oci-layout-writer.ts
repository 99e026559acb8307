/**
 * A process that writes images into a layout until it is killed: `node oci-layout-writer.ts DIRECTORY NAME COUNT`. It
 * writes a line for each name that is there for good.
 */
import { copyImage, createLayout, memoryStore, pushImage } from "../../src/oci/index.ts";
import { imageOf, referrerOf } from "../unit/oci/stores/samples.ts";

const [directory = "", name = "", count = "0"] = process.argv.slice(2);
const layout = await createLayout(directory);
for (let turn = 0; turn < Number(count); turn++) {
  const source = memoryStore();
  // Every other layer is too large to be written at once.
  const filling = "x".repeat(turn % 2 === 0 ? 50_000 : 500_000);
  const graph = imageOf("amd64", `${name} ${turn} ${filling}`, "shared by all");
  await pushImage(source, graph, "v1");
  await copyImage(source, "v1", layout, `${name}-${turn}`);
  await pushImage(layout, referrerOf(graph.manifest.descriptor, "application/sig", `${name} ${turn}`));
  process.stdout.write(`${name}-${turn}\n`);
}
